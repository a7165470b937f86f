"""Outcomes: answers to instruments by item and code, and the scores that follow from them."""

from datetime import date
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import participant_id
from trial.access.permissions import Permission
from trial.conduct.outcomes import ItemAnswers, Outcome, RecordOutcomes, outcomes_for, record_outcomes

router = APIRouter()

_PATH = "/trials/{trial}/participants/{code}/outcomes"


class OutcomeSummary(BaseModel):
    visit: str
    instrument: str
    instrument_version: str
    repeat: int
    answered_on: date
    scores: list[dict[str, Any]] = Field(description="For each domain: domain, raw, score, unit, missing_reason.")

    @classmethod
    def of(cls, outcome: Outcome) -> "OutcomeSummary":
        return cls.model_validate(outcome, from_attributes=True)


class NewOutcomes(BaseModel):
    visit: str
    answered_on: date
    answers: dict[str, ItemAnswers] = Field(min_length=1, description="Response codes by instrument and item.")
    repeat: int | None = Field(default=None, ge=1, le=60, description="Only to correct an administration.")
    reason: str | None = None


@router.get(_PATH, openapi_extra=permission(Permission.EFFICACY_READ, Permission.ADVERSE_EVENT_READ))
def list_outcomes(here: Here, session: Write, code: str) -> list[OutcomeSummary]:
    """Those of the domains that you may read, in the order of the visits."""
    found = outcomes_for(session, here.actor, participant_id(session, here, code))
    return [OutcomeSummary.of(one) for one in found]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.EFFICACY_WRITE, Permission.VISIT_WRITE))
def record_new_outcomes(here: Here, session: Write, code: str, body: NewOutcomes) -> list[OutcomeSummary]:
    """One administration of one or more instruments; scores are computed, never sent."""
    command = command_of(RecordOutcomes, participant_id=participant_id(session, here, code), **body.model_dump())
    return [OutcomeSummary.of(one) for one in record_outcomes(session, here.actor, command)]
