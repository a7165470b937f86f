"""Outcomes: an instrument's answers at a visit, scored at once as the protocol describes.

Invariants
1. What a participant answers is entered by the participant, or from paper by the efficacy assessor; what a clinician
   rates, by the site; what the infusion team rates stands with the infusion, never here.
2. Scores are computed from the answers, never typed, and kept with the instrument's version.
3. An administration is numbered within its visit; to enter one again is a correction, and needs a reason.
4. An answer that somebody must look at the same day becomes a query that names no value.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, bindparam
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor, ActorKind
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, begin, open_casebook
from trial.conduct.consents import check_consented
from trial.conduct.forms import CorrectionNeedsReason
from trial.conduct.instruments import alerts, score_instrument
from trial.conduct.participants import ParticipantRecord, check_not_future, check_randomized, check_was_active
from trial.conduct.queries import READERS, DataDomain, query_from_check
from trial.conduct.trials import Lever, check_lever_open
from trial.database.columns import choice, document
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotPermitted
from trial.protocol.schema import Instrument, Visit

ItemAnswers = dict[str, int | None]


class EnteredBy(StrEnum):
    PARTICIPANT = "participant"
    ASSESSOR = "assessor"
    CLINICIAN = "clinician"


class InstrumentNotExpected(InvalidInput):
    code = "outcome.instrument_not_expected"


class MixedRaters(InvalidInput):
    code = "outcome.mixed_raters"


class OutcomeAlreadyRecorded(Conflict):
    code = "outcome.already_recorded"


class NotYourAnswers(NotPermitted):
    code = "outcome.not_your_answers"


class RecordOutcomes(BaseModel):
    """Answers by instrument and item. ``repeat`` is given only to correct an administration already entered."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    visit: str
    answered_on: date
    answers: dict[str, ItemAnswers] = Bounded(min_length=1)
    repeat: int | None = Bounded(default=None, ge=1, le=60)
    reason: str | None = None


class Outcome(ParticipantRecord, table=True):
    """``scores`` holds, for each domain: domain, raw, score, unit, missing_reason."""

    __tablename__ = "outcome"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "visit", "instrument", "repeat"))

    visit: str = Field(max_length=48)
    instrument: str = Field(max_length=48)
    instrument_version: str = Field(max_length=48)
    repeat: int
    domain: DataDomain = choice(DataDomain)
    entered_by: EnteredBy = choice(EnteredBy)
    answered_on: date
    answers: dict[str, Any] = document()
    scores: list[dict[str, Any]] = document()


_AT_VISIT: Final = select(Outcome).where(
    Outcome.participant_id == bindparam("participant_id"), Outcome.visit == bindparam("visit")
)
# Who completes an instrument decides whose data they are, and which act enters them.
_DOMAIN_OF: Final = {
    "participant": DataDomain.EFFICACY,
    "assessor": DataDomain.EFFICACY,
    "clinician": DataDomain.SAFETY,
}


def record_outcomes(session: TrialSession, actor: Actor, command: RecordOutcomes) -> list[Outcome]:
    """One administration of one or more instruments at a visit.

    Raises ``InstrumentNotExpected``, ``MixedRaters``, ``UnknownItem``, ``AnswerOutOfRange``, ``OutcomeAlreadyRecorded``,
    ``CorrectionNeedsReason``, ``ConsentMissing``, ``NotRandomized``, ``LeverClosed``, ``DateInFuture``,
    ``NotYourAnswers``.
    """
    casebook = open_casebook(session, command.participant_id, to_write=True)
    visit = casebook.protocol.visit(command.visit)
    instruments = [_expected(casebook, visit, name) for name in command.answers]
    domain = _one_domain(instruments)
    begin(session, actor, _action(actor, casebook, instruments, domain), casebook, reason=command.reason)
    _check_state(casebook, visit, command)
    known = _stored(session, casebook, visit.code)
    written = [_enter(session, actor, casebook, visit, instrument, command, known) for instrument in instruments]
    session.flush()
    return written


def _expected(casebook: Casebook, visit: Visit, name: str) -> Instrument:
    instrument = casebook.protocol.instrument(name)
    if name not in visit.instrument_ids:
        raise InstrumentNotExpected(
            f"{instrument.name} is not part of {visit.name}. That visit has: {', '.join(visit.instrument_ids)}."
        )
    if instrument.completed_by not in _DOMAIN_OF:
        raise InstrumentNotExpected(f"{instrument.name} is rated in the infusion. Record it there.")
    return instrument


def _one_domain(instruments: Iterable[Instrument]) -> DataDomain:
    domains = {_DOMAIN_OF[instrument.completed_by] for instrument in instruments}
    if len(domains) > 1:
        raise MixedRaters("These instruments are completed by different people. Send them one by one.")
    return domains.pop()


def _action(actor: Actor, casebook: Casebook, instruments: Iterable[Instrument], domain: DataDomain) -> Action:
    if actor.kind is ActorKind.PARTICIPANT:
        own = actor.key == str(casebook.participant.id)
        if not own or any(instrument.completed_by != "participant" for instrument in instruments):
            raise NotYourAnswers("This link is for your own questionnaires only. Ask the site for a new link.")
        return Action.PARTICIPANT_ANSWERED
    return Action.OUTCOME_RECORDED if domain is DataDomain.EFFICACY else Action.RATING_RECORDED


def _check_state(casebook: Casebook, visit: Visit, command: RecordOutcomes) -> None:
    check_was_active(casebook.participant, command.answered_on)
    check_consented(casebook.participant)
    check_not_future(command.answered_on, casebook.today, "answered_on")
    if visit.period != "screening":
        check_randomized(casebook.participant)
        check_lever_open(casebook.trial, Lever.FOLLOW_UP)


def _enter(
    session: TrialSession,
    actor: Actor,
    casebook: Casebook,
    visit: Visit,
    instrument: Instrument,
    command: RecordOutcomes,
    known: dict[tuple[str, int], Outcome],
) -> Outcome:
    answers = command.answers[instrument.id]
    scores = [asdict(score) for score in score_instrument(instrument, answers)]
    answered = {item: answer for item, answer in answers.items() if answer is not None}
    domain = _DOMAIN_OF[instrument.completed_by]
    for alert in alerts(instrument, answers):
        query_from_check(session, casebook, DataDomain.SAFETY, alert.sentence, visit=visit.code, subject=instrument.id)
    outcome = _to_correct(instrument, command, known)
    if outcome is None:
        outcome = Outcome(
            **casebook.stamp(session),
            visit=visit.code,
            instrument=instrument.id,
            instrument_version=instrument.version,
            repeat=_next_repeat(visit, instrument, known),
            domain=domain,
            entered_by=_entered_by(actor, domain),
            answered_on=command.answered_on,
            answers=answered,
            scores=scores,
        )
    else:
        outcome.answers, outcome.scores, outcome.answered_on = answered, scores, command.answered_on
    session.add(outcome)
    return outcome


def _entered_by(actor: Actor, domain: DataDomain) -> EnteredBy:
    if actor.kind is ActorKind.PARTICIPANT:
        return EnteredBy.PARTICIPANT
    return EnteredBy.ASSESSOR if domain is DataDomain.EFFICACY else EnteredBy.CLINICIAN


def _to_correct(
    instrument: Instrument, command: RecordOutcomes, known: dict[tuple[str, int], Outcome]
) -> Outcome | None:
    if command.repeat is None:
        return None
    found = known.get((instrument.id, command.repeat))
    if found is not None and not command.reason:
        raise CorrectionNeedsReason(
            f"{instrument.name} is entered already. To correct it, give the reason.",
            fields={"reason": "A correction needs a reason."},
        )
    return found


def _next_repeat(visit: Visit, instrument: Instrument, known: dict[tuple[str, int], Outcome]) -> int:
    done = sum(name == instrument.id for name, _ in known)
    times = next(expected.times for expected in visit.instruments if expected.id == instrument.id)
    if done >= times:
        raise OutcomeAlreadyRecorded(
            f"{instrument.name} is entered already for {visit.name}. To correct it, say which one and why."
        )
    return done + 1


def _stored(session: TrialSession, casebook: Casebook, visit: str) -> dict[tuple[str, int], Outcome]:
    found = session.exec(_AT_VISIT, params={"participant_id": casebook.participant.id, "visit": visit})
    return {(outcome.instrument, outcome.repeat): outcome for outcome in found}


def outcomes_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[Outcome]:
    """The outcomes whose domains ``actor`` may read, in order of the visits."""
    casebook = open_casebook(session, participant_id)
    readable = [
        domain
        for domain in set(_DOMAIN_OF.values())
        if may(actor, READERS[domain], casebook.trial.id, casebook.site.id)
    ]
    found = session.exec(
        select(Outcome).where(Outcome.participant_id == participant_id, col(Outcome.domain).in_(readable))
    )
    order = {code: place for place, code in enumerate(casebook.protocol.visit_codes)}
    return sorted(
        found,
        key=lambda outcome: (order.get(outcome.visit, len(order)), outcome.instrument, outcome.repeat),
    )
