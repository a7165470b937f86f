"""The register of unblindings: who, when, of whom, why; never the arm.

The emergency break of a code is no route: it is a person's act on a page, which shows the arm once.
"""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from randomization.unblinding.physicians import CodeHandover, handovers_in, shown_to
from randomization.unblinding.register import (
    AssessImpact,
    Unblinding,
    UnblindingKind,
    UnblindingReason,
    assess_impact,
    register_for,
)
from trial.access.permissions import Permission
from trial.conduct.participants import get_participant
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/trials/{trial}/unblindings"


class RegisterEntry(BaseModel):
    id: UUID
    kind: UnblindingKind
    participant: str | None
    reason: UnblindingReason | None
    opened_by: str = Field(description="The person's printed name.")
    shown_to: str = Field(description="In words; never what was shown.")
    opened_at: datetime


class Impact(BaseModel):
    impact: str = Field(min_length=3, max_length=4000)
    bias_possible: bool


class ImpactSummary(Impact):
    unblinding_id: UUID
    recorded_at: datetime


@router.get(_PATH, openapi_extra=permission(Permission.UNBLINDING_REGISTER_READ))
def list_unblindings(here: Here, session: Write) -> list[RegisterEntry]:
    """Every entry, oldest first."""
    handovers = handovers_in(session, here.trial.id)
    return [_entry(session, one, handovers.get(one.id)) for one in register_for(session, here.actor, here.trial.id)]


@router.post(
    f"{_PATH}/{{unblinding_id}}/impact",
    status_code=201,
    openapi_extra=permission(Permission.UNBLINDING_ASSESS_IMPACT),
)
def assess_unblinding(here: Here, session: Write, unblinding_id: UUID, body: Impact) -> ImpactSummary:
    """What an unblinding meant for the trial."""
    made = assess_impact(
        session, here.actor, command_of(AssessImpact, unblinding_id=unblinding_id, **body.model_dump())
    )
    return ImpactSummary.model_validate(made, from_attributes=True)


def _entry(session: TrialSession, one: Unblinding, handover: CodeHandover | None) -> RegisterEntry:
    code = get_participant(session, one.participant_id).code if one.participant_id else None
    return RegisterEntry(
        id=one.id,
        kind=one.kind,
        participant=code,
        reason=one.reason,
        opened_by=one.printed_name,
        shown_to=shown_to(one, handover),
        opened_at=one.opened_at,
    )
