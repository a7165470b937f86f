"""Replacement participants: who stands in for somebody who has left, where the protocol replaces those who leave.

Invariants
1. Replaced is only who was randomized and has left the study as the protocol's rule says; each once, and no more than its
   number. Whoever records takes the trial's counter of participants first, so that both hold when two press at once.
2. Nothing passes from the one to the other: the stand-in is screened like everybody, has a number of their own and takes
   the next slot of their own stratum. The one who left stays in every analysis as randomized.
3. The latest record about a newcomer holds. Once their screening has ended without randomization it holds no more, and
   the one who left may be replaced by another.
4. Records are added while the newcomer is not randomized, and never changed. None knows an arm.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import CheckConstraint, UniqueConstraint, func, text
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.forms import CorrectionNeedsReason
from trial.conduct.participant_readers import may_see
from trial.conduct.participants import (
    Participant,
    ParticipantNotFound,
    ParticipantRecord,
    ParticipantStatus,
    check_before_randomization,
    find_participant,
)
from trial.database.columns import prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import Replacements

_LEFT: Final = (ParticipantStatus.WITHDRAWN, ParticipantStatus.LOST, ParticipantStatus.DIED)
_RULE_WORDS: Final = {
    "before_first_dose": "left the study before the first dose",
    "before_completion": "left the study before its end",
}
_ONE_AT_A_TIME: Final = text("SELECT id FROM trial.participant_counter WHERE trial_id = :trial FOR NO KEY UPDATE")
_STANDING: Final = text(
    "SELECT r.participant_id, p.code AS participant, r.replaced_id, gone.code AS replaced,"
    " p.randomized_at IS NOT NULL AS is_randomized"
    " FROM (SELECT DISTINCT ON (participant_id) participant_id, replaced_id FROM trial.participant_replacement"
    " WHERE trial_id = :trial ORDER BY participant_id, number DESC) AS r"
    " JOIN trial.participant AS p ON p.id = r.participant_id JOIN trial.participant AS gone ON gone.id = r.replaced_id"
    " WHERE p.randomized_at IS NOT NULL OR p.status IN ('screening', 'eligible') ORDER BY p.code"
)


class NobodyReplaced(Conflict):
    code = "replacement.not_in_protocol"


class WhomUnknown(InvalidInput):
    code = "replacement.whom_unknown"


class NotReplaceable(Conflict):
    code = "replacement.not_replaceable"


class ReplacedAlready(Conflict):
    code = "replacement.replaced_already"


class ReplacementsUsedUp(Conflict):
    code = "replacement.used_up"


class RecordReplacement(BaseModel):
    """``replaces`` is the code of the one who left, or nothing to take an earlier record back; a change needs a reason."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    replaces: str | None = Bounded(default=None, max_length=16)
    reason: str | None = Bounded(default=None, min_length=3, max_length=2000)


class ParticipantReplacement(ParticipantRecord, table=True):
    """``participant_id`` stands in for ``replaced_id``; nobody there: the record before was taken back."""

    __tablename__ = "participant_replacement"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("participant_id", "number"),
        CheckConstraint("replaced_id IS DISTINCT FROM participant_id", name="another_participant"),
        CheckConstraint(
            "(number = 1) = (reason IS NULL) AND (number > 1 OR replaced_id IS NOT NULL)", name="change_has_reason"
        ),
    )

    number: int
    replaced_id: UUID | None = Field(default=None, foreign_key="trial.participant.id")
    reason: str | None = prose(default=None)


@dataclass(frozen=True, slots=True)
class StandIn:
    """A newcomer and whom they replace, each by id and code."""

    participant_id: UUID
    participant: str
    replaced_id: UUID
    replaced: str
    is_randomized: bool


def record_replacement(session: TrialSession, actor: Actor, command: RecordReplacement) -> ParticipantReplacement:
    """Say for whom the newcomer stands in, or change it.

    Raises ``AlreadyRandomized``, ``ParticipantHasLeft``, ``NobodyReplaced``, ``WhomUnknown``, ``NotReplaceable``,
    ``ReplacedAlready``, ``ReplacementsUsedUp``, ``CorrectionNeedsReason``.
    """
    casebook = open_for(session, actor, Action.REPLACEMENT_RECORDED, command.participant_id, reason=command.reason)
    check_before_randomization(casebook.participant)
    session.execute(_ONE_AT_A_TIME, {"trial": casebook.trial.id})
    last = _last_number(session, casebook.participant)
    if last and command.reason is None:
        raise CorrectionNeedsReason(
            f"It is recorded already whom {casebook.participant.code} stands in for. Give the reason for the change.",
            fields={"reason": "Give the reason for the change."},
        )
    gone = _whom(session, casebook, command.replaces) if command.replaces or not last else None
    made = ParticipantReplacement(
        **casebook.stamp(session),
        number=last + 1,
        replaced_id=gone.id if gone else None,
        reason=command.reason if last else None,
    )
    session.add(made)
    session.flush()
    return made


def _last_number(session: TrialSession, participant: Participant) -> int:
    last = select(func.max(ParticipantReplacement.number)).where(
        ParticipantReplacement.participant_id == participant.id
    )
    return session.exec(last).one() or 0


def _whom(session: TrialSession, casebook: Casebook, code: str | None) -> Participant:
    """The one who is replaced, checked against the rule, the others' replacements, and the protocol's number."""
    rule = _rule_of(casebook.protocol)
    gone = _find(session, casebook, (code or "").strip().upper())
    others = [one for one in stand_ins(session, casebook.trial.id) if one.participant_id != casebook.participant.id]
    taken = next((one for one in others if one.replaced_id == gone.id), None)
    if taken is not None:
        raise ReplacedAlready(f"{gone.code} is replaced already, by {taken.participant}. Nobody is replaced twice.")
    if not _has_left(gone, rule):
        raise NotReplaceable(
            f"{gone.code} cannot be replaced: the protocol replaces those who were randomized and"
            f" {_RULE_WORDS[rule.when]}. Check the code, or record first how {gone.code} left."
        )
    if len(others) >= rule.at_most:
        raise ReplacementsUsedUp(
            f"The protocol replaces at most {rule.at_most}, and as many are replaced. Ask the sponsor."
        )
    return gone


def _find(session: TrialSession, casebook: Casebook, code: str) -> Participant:
    try:
        return find_participant(session, casebook.trial.id, code)
    except ParticipantNotFound as unknown:
        sentence = "Give the code of the participant who left, such as P-0012."
        raise WhomUnknown(sentence, fields={"replaces": sentence}) from unknown


def _rule_of(protocol: Protocol) -> Replacements:
    rule = protocol.randomization.replacements
    if rule is None:
        raise NobodyReplaced(
            "The protocol in force at this site replaces nobody who leaves. Register the participant like everybody else."
        )
    return rule


def _has_left(participant: Participant, rule: Replacements) -> bool:
    if participant.randomized_at is None or participant.status not in _LEFT:
        return False
    return rule.when == "before_completion" or participant.first_dose_at is None


def needs_reason(session: TrialSession, participant: Participant) -> bool:
    """Whether something is recorded already about the participant, be it taken back."""
    return _last_number(session, participant) > 0


def stand_ins(session: TrialSession, trial_id: UUID) -> list[StandIn]:
    """Every replacement that holds, by the newcomer's code."""
    return [StandIn(**row._mapping) for row in session.execute(_STANDING, {"trial": trial_id})]  # noqa: SLF001 - SQLAlchemy's name for it


def stand_ins_about(session: TrialSession, participant: Participant) -> tuple[StandIn | None, StandIn | None]:
    """Whom the participant stands in for, and by whom the participant is replaced."""
    found = stand_ins(session, participant.trial_id)
    return (
        next((one for one in found if one.participant_id == participant.id), None),
        next((one for one in found if one.replaced_id == participant.id), None),
    )


def replaceable(session: TrialSession, actor: Actor, trial_id: UUID, protocol: Protocol) -> list[str]:
    """The codes of those who may be replaced now, as far as ``actor`` may see them; nobody where there is no rule."""
    rule = protocol.randomization.replacements
    if rule is None:
        return []
    taken = {one.replaced_id for one in stand_ins(session, trial_id)}
    wanted = select(Participant).where(Participant.trial_id == trial_id).order_by(Participant.code)
    return [
        one.code
        for one in session.exec(wanted.where(Participant.status.in_(_LEFT)))  # type: ignore[attr-defined]  # a column
        if _has_left(one, rule) and one.id not in taken and may_see(actor, one)
    ]
