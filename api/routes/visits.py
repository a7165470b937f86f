"""Visits of one participant: the schedule as it stands, what took place, what was missed."""

from datetime import date

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.pages.site.dossiers import sees_doses
from api.permissions import permission
from api.places import Here
from api.routes.subjects import participant_id
from trial.access.permissions import Permission
from trial.conduct.casebooks import open_casebook
from trial.conduct.forms import FormAnswers
from trial.conduct.schedules import VisitStanding
from trial.conduct.visits import MissVisit, RecordVisit, VisitRecord, VisitState, miss_visit, record_visit, visits_for

router = APIRouter()

_PATH = "/trials/{trial}/participants/{code}/visits"


class VisitSummary(BaseModel):
    visit: str
    name: str
    standing: VisitStanding
    opens: date | None
    planned: date | None
    closes: date | None
    happened_on: date | None


class RecordedVisit(BaseModel):
    visit: str
    standing: VisitStanding
    happened_on: date | None
    in_window: bool | None


class VisitFacts(BaseModel):
    happened_on: date
    forms: dict[str, FormAnswers] = Field(default_factory=dict, description="Answers by form and field.")
    reason: str | None = Field(default=None, description="For a correction.")


class Missed(BaseModel):
    reason: str = Field(min_length=3, max_length=500)


@router.get(_PATH, openapi_extra=permission(Permission.VISIT_READ))
def list_visits(here: Here, session: Write, code: str) -> list[VisitSummary]:
    """The whole schedule, in the protocol's order; dose visits only for those who may know of them."""
    one = participant_id(session, here, code)
    doses = sees_doses(here, open_casebook(session, one))
    found = visits_for(session, here.actor, one)
    return [_summary(state) for state in found if doses or state.planned.visit.dose is None]


@router.put(f"{_PATH}/{{visit}}", openapi_extra=permission(Permission.VISIT_WRITE))
def record_one_visit(here: Here, session: Write, code: str, visit: str, body: VisitFacts) -> RecordedVisit:
    """A visit after randomization took place, with the forms filled in at it."""
    command = command_of(
        RecordVisit, participant_id=participant_id(session, here, code), visit=visit, **body.model_dump()
    )
    return _recorded(record_visit(session, here.actor, command))


@router.put(f"{_PATH}/{{visit}}/missed", openapi_extra=permission(Permission.VISIT_WRITE))
def record_missed_visit(here: Here, session: Write, code: str, visit: str, body: Missed) -> RecordedVisit:
    """A visit did not take place, and why."""
    command = command_of(MissVisit, participant_id=participant_id(session, here, code), visit=visit, reason=body.reason)
    return _recorded(miss_visit(session, here.actor, command))


def _summary(state: VisitState) -> VisitSummary:
    dates, record = state.planned.dates, state.record
    return VisitSummary(
        visit=state.planned.visit.code,
        name=state.planned.visit.name,
        standing=state.standing,
        opens=dates.opens if dates else None,
        planned=dates.planned if dates else None,
        closes=dates.closes if dates else None,
        happened_on=record.happened_on if record else None,
    )


def _recorded(record: VisitRecord) -> RecordedVisit:
    return RecordedVisit.model_validate(record, from_attributes=True)
