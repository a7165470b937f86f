"""Screening: the forms before randomization, and how screening ends for those who are not enrolled.

Invariants
1. Nothing is recorded here without a consent that stands, nor after randomization.
2. Who is not enrolled is not eligible, declined, or left out for another reason; each with its reason in words.
"""

from datetime import date
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import open_casebook, open_for
from trial.conduct.consents import check_consented
from trial.conduct.factors import note_factors
from trial.conduct.forms import FormAnswers, FormNotExpected, FormRecord, recorded_forms, write_forms
from trial.conduct.participants import (
    ParticipantRecord,
    Step,
    check_before_randomization,
    check_not_future,
    take_step,
)
from trial.conduct.visits import WRITTEN_AT_VISITS, note_visit
from trial.database.columns import choice, document, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession


class NotEnrolledKind(StrEnum):
    NOT_ELIGIBLE = "not_eligible"
    DECLINED = "declined"
    OTHER = "other"


_STEP_OF: Final = {
    NotEnrolledKind.NOT_ELIGIBLE: Step.FIND_NOT_ELIGIBLE,
    NotEnrolledKind.DECLINED: Step.DECLINE,
    NotEnrolledKind.OTHER: Step.NOT_ENROL,
}


class RecordScreening(BaseModel):
    """Answers by form and field. A form that is recorded again needs a ``reason``."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    visit: str
    performed_on: date
    forms: dict[str, FormAnswers] = Bounded(min_length=1)
    reason: str | None = None


class FailScreening(BaseModel):
    """``criteria`` names those that were not met (inclusion) or were present (exclusion), where that is the reason."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    kind: NotEnrolledKind
    reason: str = Bounded(min_length=2, max_length=500)
    criteria: tuple[str, ...] = ()


class ScreeningFailure(ParticipantRecord, table=True):
    __tablename__ = "screening_failure"
    __table_args__ = in_schema("trial")

    participant_id: UUID = Field(foreign_key="trial.participant.id", unique=True)
    kind: NotEnrolledKind = choice(NotEnrolledKind)
    reason: str = prose()
    criteria: list[str] = document(default_factory=list)
    failed_on: date


def record_screening(session: TrialSession, actor: Actor, command: RecordScreening) -> list[FormRecord]:
    """Forms of a visit of the screening period.

    Raises ``ConsentMissing``, ``AlreadyRandomized``, ``ParticipantHasLeft``, ``FormNotExpected``, ``AnswersRefused``,
    ``CorrectionNeedsReason``, ``DateInFuture``.
    """
    return write_before_randomization(session, actor, Action.SCREENING_RECORDED, command)


def write_before_randomization(
    session: TrialSession, actor: Actor, action: Action, command: RecordScreening
) -> list[FormRecord]:
    """What screening and baseline have in common: forms, the visit that they show, the factors that they hold."""
    casebook = open_for(session, actor, action, command.participant_id, reason=command.reason)
    check_before_randomization(casebook.participant)
    check_consented(casebook.participant)
    check_not_future(command.performed_on, casebook.today, "performed_on")
    visit = casebook.protocol.visit(command.visit)
    if visit.period != "screening":
        raise FormNotExpected(f"{visit.name} comes after randomization. Record it as a visit.")
    known = recorded_forms(session, casebook.participant.id, visit.code)
    written = write_forms(
        session,
        casebook,
        visit,
        command.forms,
        command.performed_on,
        domains=WRITTEN_AT_VISITS,
        known=known,
        reason=command.reason,
    )
    note_factors(session, casebook, written)
    if not known:
        note_visit(session, casebook, visit, command.performed_on)
    session.flush()
    return written


def fail_screening(session: TrialSession, actor: Actor, command: FailScreening) -> ScreeningFailure:
    """The participant is not enrolled. Raises ``AlreadyRandomized``, ``ParticipantHasLeft``, ``NotInProtocol``."""
    casebook = open_for(session, actor, Action.SCREENING_FAILED, command.participant_id)
    check_before_randomization(casebook.participant)
    for criterion in command.criteria:
        casebook.protocol.criterion(criterion)
    take_step(session, casebook.participant, _STEP_OF[command.kind])
    casebook.participant.left_on = casebook.today
    failure = ScreeningFailure(
        **casebook.stamp(session),
        kind=command.kind,
        reason=command.reason,
        criteria=list(command.criteria),
        failed_on=casebook.today,
    )
    session.add(failure)
    session.flush()
    return failure


def screening_failure_for(session: TrialSession, actor: Actor, participant_id: UUID) -> ScreeningFailure | None:
    """Why a participant was not enrolled, if so. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.SCREENING_READ, casebook.trial.id, casebook.site.id)
    return session.exec(select(ScreeningFailure).where(ScreeningFailure.participant_id == participant_id)).first()
