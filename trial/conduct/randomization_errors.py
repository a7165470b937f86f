"""Randomization errors: what went wrong at a site with an allocation, marked with a reason and never put right.

Four kinds, after Yelland et al. (Clinical Trials 2015; 12: 418-423): the wrong stratum was used, somebody was randomized
who should not have been, another kit was given than the assigned one, one person was randomized twice.

Invariants
1. An allocation stays as it was made: its slot is neither given back nor used again, and everybody randomized stays in
   follow-up and in the analysis by intention to treat.
2. The stratum as used stays beside the corrected one. Each error is numbered within its participant and never removed.
3. Nothing here can name an arm: a kit given by mistake is a number.

What it does not do: touch kits. ``randomization.ledger.wrong_kits`` does, and leaves its mark here.
"""

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import CheckConstraint, UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.baseline import CorrectFactor, correct_factor
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.factors import factor_values, factors_of
from trial.conduct.participants import ParticipantRecord, check_not_future, check_randomized, find_participant
from trial.database.columns import choice, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput


class RandomizationErrorKind(StrEnum):
    WRONG_STRATUM = "wrong_stratum"
    IN_ERROR = "in_error"
    WRONG_KIT = "wrong_kit"
    DUPLICATE = "duplicate"


class AlreadyMarked(Conflict):
    code = "randomization_error.already_marked"


class SameParticipant(InvalidInput):
    code = "randomization_error.same_participant"


class StratumWasRight(InvalidInput):
    code = "randomization_error.stratum_was_right"


class Marking(BaseModel):
    """What every mark tells; ``found_on`` is the day at the site on which the error was found.

    With an ``idempotency_key`` the same request sent again gives the mark that it made.
    """

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)
    found_on: date
    idempotency_key: str | None = None


class MarkWrongStratum(Marking):
    factor: str = Bounded(max_length=48)
    value: str = Bounded(max_length=64)


class MarkRandomizedInError(Marking):
    pass


class MarkDuplicate(Marking):
    """``same_person_as`` is the other participant code of the same person."""

    same_person_as: str = Bounded(min_length=1, max_length=32)


class RandomizationErrorMark(ParticipantRecord, table=True):
    __tablename__ = "randomization_error"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("participant_id", "number"),
        CheckConstraint(
            "(kind = 'wrong_stratum') = (factor IS NOT NULL AND as_used IS NOT NULL AND corrected IS NOT NULL)"
            " AND (kind = 'wrong_kit') = (kit_given IS NOT NULL) AND (kind = 'duplicate') = (same_person_as IS NOT NULL)",
            name="told_by_kind",
        ),
    )

    number: int
    kind: RandomizationErrorKind = choice(RandomizationErrorKind)
    reason: str = prose()
    found_on: date
    factor: str | None = Field(default=None, max_length=48)
    as_used: str | None = Field(default=None, max_length=64)
    corrected: str | None = Field(default=None, max_length=64)
    kit_given: str | None = Field(default=None, max_length=16)
    same_person_as: UUID | None = Field(default=None, foreign_key="trial.participant.id")


def mark_wrong_stratum(session: TrialSession, actor: Actor, command: MarkWrongStratum) -> RandomizationErrorMark:
    """A factor was other than recorded when the stratum was taken. Both values are kept.

    Raises ``NotRandomized``, ``NoSuchLevel``, ``NotInProtocol``, ``StratumWasRight``, ``DateInFuture``.
    """
    return marked_once(session, actor, command, lambda: _mark_wrong_stratum(session, actor, command))


def _mark_wrong_stratum(session: TrialSession, actor: Actor, command: MarkWrongStratum) -> RandomizationErrorMark:
    correction = CorrectFactor(
        participant_id=command.participant_id, factor=command.factor, value=command.value, reason=command.reason
    )
    casebook = begin_marking(session, actor, command)
    stands = {one.factor: one.corrected or one.value for one in factors_of(session, command.participant_id)}
    if stands.get(command.factor) == command.value:
        raise StratumWasRight(
            f"{casebook.protocol.factor(command.factor).label} is recorded as {command.value} already. Choose the level"
            " that it should have been."
        )
    used = factor_values(session, command.participant_id)
    stored = correct_factor(session, actor, correction)
    _declare_again(session, actor, command)
    return leave_mark(
        session,
        casebook,
        command,
        RandomizationErrorKind.WRONG_STRATUM,
        factor=stored.factor,
        as_used=used[stored.factor],
        corrected=stored.corrected,
    )


def mark_randomized_in_error(
    session: TrialSession, actor: Actor, command: MarkRandomizedInError
) -> RandomizationErrorMark:
    """Somebody was randomized who should not have been. Raises ``NotRandomized``, ``AlreadyMarked``, ``DateInFuture``."""
    return marked_once(session, actor, command, lambda: _mark_in_error(session, actor, command))


def _mark_in_error(session: TrialSession, actor: Actor, command: MarkRandomizedInError) -> RandomizationErrorMark:
    casebook = begin_marking(session, actor, command)
    _check_first(session, casebook, RandomizationErrorKind.IN_ERROR)
    return leave_mark(session, casebook, command, RandomizationErrorKind.IN_ERROR)


def mark_duplicate(session: TrialSession, actor: Actor, command: MarkDuplicate) -> RandomizationErrorMark:
    """One person holds two participant codes. Which one is analysed is for the analysis plan, before the arms are known.

    Raises ``NotRandomized``, ``ParticipantNotFound``, ``SameParticipant``, ``AlreadyMarked``, ``DateInFuture``.
    """
    return marked_once(session, actor, command, lambda: _mark_duplicate(session, actor, command))


def _mark_duplicate(session: TrialSession, actor: Actor, command: MarkDuplicate) -> RandomizationErrorMark:
    casebook = begin_marking(session, actor, command)
    other = find_participant(session, casebook.trial.id, command.same_person_as)
    if other.id == casebook.participant.id:
        raise SameParticipant("Give the other code of the same person.", fields={"same_person_as": "Another code."})
    _check_first(session, casebook, RandomizationErrorKind.DUPLICATE)
    return leave_mark(session, casebook, command, RandomizationErrorKind.DUPLICATE, same_person_as=other.id)


def errors_of(session: TrialSession, participant_id: UUID) -> list[RandomizationErrorMark]:
    """A participant's randomization errors, by number. For services; ``errors_for`` asks who reads."""
    found = select(RandomizationErrorMark).where(RandomizationErrorMark.participant_id == participant_id)
    return list(session.exec(found.order_by(col(RandomizationErrorMark.number))))


def errors_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[RandomizationErrorMark]:
    """The same for a reader. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    return errors_of(session, participant_id)


def marked_once(
    session: TrialSession, actor: Actor, told: Marking, mark: Callable[[], RandomizationErrorMark]
) -> RandomizationErrorMark:
    """``mark``, or what the command's key was answered with. Raises ``KeyUsedForAnother``, ``KeyMalformed``."""
    _declare_again(session, actor, told)
    if told.idempotency_key is None:
        return mark()
    action = Action.RANDOMIZATION_ERROR_MARKED
    made = exactly_once(session, actor, action, told.idempotency_key, told, lambda: mark().id)
    return session.get_one(RandomizationErrorMark, made)


def leave_mark(
    session: TrialSession, casebook: Casebook, told: Marking, kind: RandomizationErrorKind, **facts: Any
) -> RandomizationErrorMark:
    """The mark of one error; the caller has checked and authorized it."""
    last = session.exec(
        select(func.max(RandomizationErrorMark.number)).where(
            RandomizationErrorMark.participant_id == casebook.participant.id
        )
    ).one()
    mark = RandomizationErrorMark(
        **casebook.stamp(session),
        number=(last or 0) + 1,
        kind=kind,
        reason=told.reason,
        found_on=told.found_on,
        **facts,
    )
    session.add(mark)
    session.flush()
    return mark


def begin_marking(session: TrialSession, actor: Actor, told: Marking) -> Casebook:
    """The casebook of somebody randomized, to mark an error in. Raises ``NotRandomized``, ``DateInFuture``."""
    casebook = _declare_again(session, actor, told)
    check_randomized(casebook.participant)
    check_not_future(told.found_on, casebook.today, "found_on")
    return casebook


def _declare_again(session: TrialSession, actor: Actor, told: Marking) -> Casebook:
    return open_for(session, actor, Action.RANDOMIZATION_ERROR_MARKED, told.participant_id, reason=told.reason)


def _check_first(session: TrialSession, casebook: Casebook, kind: RandomizationErrorKind) -> None:
    if any(mark.kind is kind for mark in errors_of(session, casebook.participant.id)):
        raise AlreadyMarked(f"{casebook.participant.code} bears this mark already. It stays as it was made.")
