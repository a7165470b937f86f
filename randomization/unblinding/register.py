"""The register of unblindings: who, when, of whom, why; never the arm.

Invariants
1. Each way to an arm writes an entry in the transaction in which it reveals.
2. An entry never changes. What it meant for the trial is assessed beside it.
3. An emergency, an accident and a SUSAR alert the medical monitor and wait for an assessment; scheduled work does not.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.participants import Participant
from trial.database.columns import choice, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.protocol.versions import newest_active_version


class UnblindingKind(StrEnum):
    EMERGENCY = "emergency"
    SUSAR = "susar"
    CLOSED_FRAME = "closed_frame"
    CLOSED_DOCUMENT = "closed_document"
    CODE_DECODED = "code_decoded"
    END_OF_TRIAL = "end_of_trial"
    SIMULATOR = "simulator"
    ENVELOPES = "envelopes"
    PAPER = "paper"
    ACCIDENT = "accident"


NEEDS_ASSESSMENT: Final = frozenset(
    {UnblindingKind.EMERGENCY, UnblindingKind.SUSAR, UnblindingKind.PAPER, UnblindingKind.ACCIDENT}
)


class UnblindingReason(StrEnum):
    """Why an investigator breaks the code of one participant."""

    MEDICAL_NEED = "medical_need"
    OVERDOSE = "overdose"
    PREGNANCY = "pregnancy"
    SURGERY = "surgery"
    ACCIDENTAL_EXPOSURE = "accidental_exposure"
    OTHER = "other"


class UnblindingNotFound(NotFound):
    code = "unblinding.not_found"


class AlreadyAssessed(Conflict):
    code = "unblinding.already_assessed"


class AssessmentNotDue(Conflict):
    code = "unblinding.assessment_not_due"


class AssessImpact(BaseModel):
    model_config = ConfigDict(frozen=True)

    unblinding_id: UUID
    impact: str = Bounded(min_length=3, max_length=4000)
    bias_possible: bool


class Unblinding(TrialRecord, table=True):
    """``opened_by`` as the audit writes an actor; ``note`` in the person's own words."""

    __tablename__ = "unblinding"
    __table_args__ = in_schema("trial")

    kind: UnblindingKind = choice(UnblindingKind)
    participant_id: UUID | None = Field(default=None, foreign_key="trial.participant.id")
    site_id: UUID | None = Field(default=None, foreign_key="trial.site.id")
    reason: UnblindingReason | None = choice(UnblindingReason, default=None, nullable=True)
    note: str = prose()
    opened_by: str = Field(max_length=80)
    printed_name: str = Field(max_length=120)
    opened_at: datetime = instant()


class UnblindingAssessment(TrialRecord, table=True):
    """What an unblinding meant for the trial."""

    __tablename__ = "unblinding_assessment"
    __table_args__ = in_schema("trial")

    unblinding_id: UUID = Field(foreign_key="trial.unblinding.id", unique=True)
    impact: str = prose()
    bias_possible: bool
    assessed_by: UUID = Field(foreign_key="access.account.id")


def enter(
    session: TrialSession,
    actor: Actor,
    kind: UnblindingKind,
    trial_id: UUID,
    note: str,
    *,
    participant: Participant | None = None,
    reason: UnblindingReason | None = None,
    version_id: UUID | None = None,
) -> Unblinding:
    """An entry, and the alert where the kind asks for one. Called by the ways to an arm, once authorized."""
    entry = Unblinding(
        **session.stamp(),
        trial_id=trial_id,
        protocol_version_id=version_id or newest_active_version(session, trial_id).id,
        kind=kind,
        participant_id=participant.id if participant else None,
        site_id=participant.site_id if participant else None,
        reason=reason,
        note=note,
        opened_by=actor.name,
        printed_name=actor.display_name,
        opened_at=session.now(),
    )
    session.add(entry)
    if kind in NEEDS_ASSESSMENT and participant is not None:
        raise_alert(
            session,
            AlertKind.CODE_BROKEN,
            "medical_monitor",
            f"The code of {participant.code} was broken ({kind.value}). Assess what it means for the trial.",
            trial_id=trial_id,
        )
    session.flush()
    return entry


def assess_impact(session: TrialSession, actor: Actor, command: AssessImpact) -> UnblindingAssessment:
    """What an unblinding meant. Raises ``UnblindingNotFound``, ``AssessmentNotDue``, ``AlreadyAssessed``."""
    entry = session.get(Unblinding, command.unblinding_id, with_for_update={"key_share": True}, populate_existing=True)
    if entry is None:
        raise UnblindingNotFound("There is no such entry. Choose one from the register of unblindings.")
    authorize(session, actor, Action.UNBLINDING_ASSESSED, trial_id=entry.trial_id)
    if entry.kind not in NEEDS_ASSESSMENT:
        raise AssessmentNotDue("This was scheduled work, which is not assessed. Choose an entry that waits for it.")
    if assessment_of(session, entry.id) is not None:
        raise AlreadyAssessed("This unblinding has been assessed already. Read the assessment in the register.")
    assessment = UnblindingAssessment(
        **session.stamp(),
        trial_id=entry.trial_id,
        protocol_version_id=entry.protocol_version_id,
        **command.model_dump(),
        assessed_by=actor.account_id,
    )
    session.add(assessment)
    session.flush()
    return assessment


def assessment_of(session: TrialSession, unblinding_id: UUID) -> UnblindingAssessment | None:
    found = select(UnblindingAssessment).where(UnblindingAssessment.unblinding_id == unblinding_id)
    return session.exec(found).first()


def register_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[Unblinding]:
    """Every entry of the trial, oldest first. Raises ``NotPermitted``."""
    check_may(actor, Permission.UNBLINDING_REGISTER_READ, trial_id)
    return list(
        session.exec(
            select(Unblinding)
            .where(Unblinding.trial_id == trial_id)
            .order_by(col(Unblinding.opened_at), col(Unblinding.id))
        )
    )


def assessments_due(session: TrialSession, actor: Actor, trial_id: UUID) -> list[Unblinding]:
    """The entries that still wait for an assessment, oldest first. Raises ``NotPermitted``."""
    return [
        entry
        for entry in register_for(session, actor, trial_id)
        if entry.kind in NEEDS_ASSESSMENT and assessment_of(session, entry.id) is None
    ]
