"""Departures: the end of treatment and the end of the study, which are two things.

Invariants
1. Somebody who stops treatment stays in the study: follow-up goes on (treatment policy).
2. Treatment ends once: completed, discontinued, or never started. The study ends once: completed, withdrawn, lost, died.
3. To leave the study while on treatment ends the treatment too, on the same day.
"""

from datetime import date
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.consents import ConsentWithdrawal, WithdrawalScope, check_consented
from trial.conduct.participants import (
    BEFORE_RANDOMIZATION,
    ParticipantRecord,
    ParticipantStatus,
    Step,
    can_take,
    check_active,
    check_can_take,
    check_not_future,
    take_step,
)
from trial.conduct.screening import NotEnrolledKind, ScreeningFailure
from trial.database.columns import choice, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput


class TreatmentEndKind(StrEnum):
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"
    NOT_STARTED = "not_started"


class StudyEndKind(StrEnum):
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    LOST = "lost"
    DIED = "died"


class EndReason(StrEnum):
    """Why, in words that reports translate to the controlled terms of disposition."""

    COMPLETED = "completed"
    ADVERSE_EVENT = "adverse_event"
    LACK_OF_EFFICACY = "lack_of_efficacy"
    PARTICIPANT_DECISION = "participant_decision"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    PHYSICIAN_DECISION = "physician_decision"
    PROTOCOL_DEVIATION = "protocol_deviation"
    PREGNANCY = "pregnancy"
    LOGISTICS = "logistics"
    LOST_TO_FOLLOW_UP = "lost_to_follow_up"
    DEATH = "death"
    OTHER = "other"


_STEP_OF: Final = {
    StudyEndKind.COMPLETED: Step.COMPLETE,
    StudyEndKind.WITHDRAWN: Step.WITHDRAW,
    StudyEndKind.LOST: Step.LOSE,
    StudyEndKind.DIED: Step.DIE,
}


class TreatmentNotComplete(InvalidInput):
    code = "treatment.not_complete"


class ScopeNotPossible(Conflict):
    code = "consent.scope_not_possible"


class EndTreatment(BaseModel):
    """Treatment by infusions is completed by the last of them; ``completed`` is for treatment given otherwise."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    ended_on: date
    reason: EndReason
    detail: str | None = None


class EndStudy(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    kind: StudyEndKind
    ended_on: date
    reason: EndReason
    detail: str | None = None
    died_on: date | None = None

    @model_validator(mode="after")
    def _a_death_has_a_date(self) -> Self:
        if (self.kind is StudyEndKind.DIED) != (self.died_on is not None):
            raise ValueError("give died_on for a death, and only then")
        return self


class WithdrawConsent(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    withdrawn_on: date
    scope: WithdrawalScope
    remark: str | None = None


class TreatmentEnd(ParticipantRecord, table=True):
    __tablename__ = "treatment_end"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id"))

    ended_on: date
    kind: TreatmentEndKind = choice(TreatmentEndKind)
    reason: EndReason = choice(EndReason)
    detail: str | None = prose(default=None)


class StudyEnd(ParticipantRecord, table=True):
    __tablename__ = "study_end"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id"))

    ended_on: date
    kind: StudyEndKind = choice(StudyEndKind)
    reason: EndReason = choice(EndReason)
    detail: str | None = prose(default=None)
    died_on: date | None = Field(default=None)


def end_treatment(session: TrialSession, actor: Actor, command: EndTreatment) -> TreatmentEnd:
    """No more study treatment; follow-up goes on.

    Raises ``NotRandomized``, ``ParticipantHasLeft``, ``StepNotPossible``, ``TreatmentNotComplete``, ``DateInFuture``.
    """
    casebook = open_for(session, actor, Action.TREATMENT_ENDED, command.participant_id)
    check_not_future(command.ended_on, casebook.today, "ended_on")
    check_can_take(casebook.participant, Step.END_TREATMENT)
    if command.reason is EndReason.COMPLETED and casebook.protocol.infusions is not None:
        raise TreatmentNotComplete(
            "Not every infusion is recorded, so treatment is not completed. Record them, or give the reason for ending.",
            fields={"reason": "Choose why treatment ended early."},
        )
    ended = note_treatment_end(session, casebook, command.ended_on, command.reason, command.detail)
    session.flush()
    return ended


def note_treatment_end(
    session: TrialSession, casebook: Casebook, on: date, reason: EndReason, detail: str | None = None
) -> TreatmentEnd:
    """The end of treatment where another record shows it; the participant moves to follow-up."""
    ended = _treatment_end(session, casebook, on, reason, detail)
    take_step(session, casebook.participant, Step.END_TREATMENT)
    return ended


def _treatment_end(
    session: TrialSession, casebook: Casebook, on: date, reason: EndReason, detail: str | None
) -> TreatmentEnd:
    kind = TreatmentEndKind.DISCONTINUED
    if casebook.participant.first_dose_at is None:
        kind = TreatmentEndKind.NOT_STARTED
    elif reason is EndReason.COMPLETED:
        kind = TreatmentEndKind.COMPLETED
    ended = TreatmentEnd(**casebook.stamp(session), ended_on=on, kind=kind, reason=reason, detail=detail)
    session.add(ended)
    return ended


def end_study(session: TrialSession, actor: Actor, command: EndStudy) -> StudyEnd:
    """The participant leaves the study: after the last visit, by withdrawal, lost, or by death.

    Raises ``ParticipantHasLeft``, ``StepNotPossible``, ``DateInFuture``.
    """
    casebook = open_for(session, actor, Action.STUDY_ENDED, command.participant_id)
    check_not_future(command.ended_on, casebook.today, "ended_on")
    check_not_future(command.died_on or command.ended_on, casebook.today, "died_on")
    ended = _leave(session, casebook, command)
    session.flush()
    return ended


def _leave(session: TrialSession, casebook: Casebook, command: EndStudy) -> StudyEnd:
    participant = casebook.participant
    check_can_take(participant, _STEP_OF[command.kind])
    if participant.status in (ParticipantStatus.RANDOMIZED, ParticipantStatus.ON_TREATMENT):
        _treatment_end(session, casebook, command.ended_on, command.reason, command.detail)
    take_step(session, participant, _STEP_OF[command.kind])
    participant.left_on = command.ended_on
    ended = StudyEnd(**casebook.stamp(session), **command.model_dump(exclude={"participant_id"}))
    session.add(ended)
    return ended


def withdraw_consent(session: TrialSession, actor: Actor, command: WithdrawConsent) -> ConsentWithdrawal:
    """Consent taken back, with all that follows: the end of treatment, of the study, or of screening.

    What was recorded until then stays. Raises ``ConsentMissing``, ``ParticipantHasLeft``, ``ScopeNotPossible``.
    """
    of_treatment = command.scope is WithdrawalScope.TREATMENT
    action = Action.TREATMENT_ENDED if of_treatment else Action.STUDY_ENDED
    casebook = open_for(session, actor, action, command.participant_id)
    check_active(casebook.participant)
    check_consented(casebook.participant)
    check_not_future(command.withdrawn_on, casebook.today, "withdrawn_on")
    withdrawal = ConsentWithdrawal(**casebook.stamp(session), **command.model_dump(exclude={"participant_id"}))
    session.add(withdrawal)
    if of_treatment:
        _stop_treatment(session, casebook, command)
    elif casebook.participant.status in BEFORE_RANDOMIZATION:
        _decline(session, casebook, command)
    else:
        _leave(session, casebook, _as_end(command))
    session.flush()
    return withdrawal


def _stop_treatment(session: TrialSession, casebook: Casebook, command: WithdrawConsent) -> None:
    if not can_take(casebook.participant, Step.END_TREATMENT):
        raise ScopeNotPossible(
            f"{casebook.participant.code} is not on treatment, so there is no treatment to withdraw from."
        )
    note_treatment_end(session, casebook, command.withdrawn_on, EndReason.CONSENT_WITHDRAWN, command.remark)


def _decline(session: TrialSession, casebook: Casebook, command: WithdrawConsent) -> None:
    take_step(session, casebook.participant, Step.DECLINE)
    casebook.participant.left_on = command.withdrawn_on
    session.add(
        ScreeningFailure(
            **casebook.stamp(session),
            kind=NotEnrolledKind.DECLINED,
            reason=command.remark or "Consent withdrawn",
            criteria=[],
            failed_on=casebook.today,
        )
    )


def _as_end(command: WithdrawConsent) -> EndStudy:
    return EndStudy(
        participant_id=command.participant_id,
        kind=StudyEndKind.WITHDRAWN,
        ended_on=command.withdrawn_on,
        reason=EndReason.CONSENT_WITHDRAWN,
        detail=command.remark,
    )


def departures_for(
    session: TrialSession, actor: Actor, participant_id: UUID
) -> tuple[TreatmentEnd | None, StudyEnd | None]:
    """How treatment and study ended, as far as they did. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    treatment = session.exec(select(TreatmentEnd).where(TreatmentEnd.participant_id == participant_id)).first()
    study = session.exec(select(StudyEnd).where(StudyEnd.participant_id == participant_id)).first()
    return treatment, study
