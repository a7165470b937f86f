"""Serious cases: their clocks, the register of their reports, the narrative, and the case for a safety database.

Everything is blinded. The regulator's copy, and what became of a report, are no routes: they are the safety officer's own
acts on pages.
"""

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from reports.datasets.safety_case import safety_case_json, safety_case_schema
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.safety.adverse_events import AdverseEvent
from trial.safety.cases import case_of, check_may_read_case, find_case_event
from trial.safety.expedited_reports import ExpeditedReport, Stage, reports_of
from trial.safety.narratives import CaseNarrative, WriteNarrative, narratives_of, write_narrative
from trial.safety.watch import WatchedDue, watched_for

router = APIRouter()

_SAFETY = "/trials/{trial}/safety"
_CASE = "/trials/{trial}/participants/{code}/adverse-events/{number}"


class Clock(BaseModel):
    """One report that falls due."""

    participant: str
    number: int
    site: str
    clock: str = Field(description="The protocol's name of the clock.")
    report: str
    jurisdiction: str
    day_zero: date
    due_at: datetime
    dealt_with_at: datetime | None
    stood_down_at: datetime | None
    overdue: bool
    provisional: bool = Field(description="The sponsor has not said yet whether the event was expected.")
    basis: str | None

    @classmethod
    def of(cls, one: WatchedDue, now: datetime) -> "Clock":
        return cls(
            participant=one.case.participant,
            number=one.case.event.number,
            site=one.case.site.code,
            clock=one.due.clock_id,
            report=one.due.report,
            jurisdiction=one.due.jurisdiction,
            day_zero=one.due.day_zero,
            due_at=one.due.due_at,
            dealt_with_at=one.due.sent_at,
            stood_down_at=one.due.stood_down_at,
            overdue=one.due.is_overdue(now),
            provisional=one.case.provisional,
            basis=one.due.basis,
        )


class ReportSummary(BaseModel):
    """A report that was dealt with: sent, or filed because there was no active treatment. Which of the two is sealed."""

    jurisdiction: str
    number: int
    stage: Stage
    follow_up: int | None
    due_at: datetime | None
    dealt_with_at: datetime
    printed_name: str

    @classmethod
    def of(cls, one: ExpeditedReport) -> "ReportSummary":
        return cls.model_validate(one, from_attributes=True)


class Narrative(BaseModel):
    version: int
    text: str
    reason: str
    printed_name: str
    recorded_at: datetime

    @classmethod
    def of(cls, one: CaseNarrative) -> "Narrative":
        return cls.model_validate(one, from_attributes=True)


class NewNarrative(BaseModel):
    text: str = Field(min_length=3, max_length=20000, description="No name, no guess of the treatment.")
    after: int = Field(default=0, ge=0, description="The version on which this one is written; 0 for the first.")
    reason: str = Field(default="", max_length=2000, description="Needed from the second version on.")


@router.get(f"{_SAFETY}/clocks", openapi_extra=permission(Permission.SAE_CLOCK_READ))
def list_clocks_of_cases(here: Here, session: Write) -> list[Clock]:
    """The clocks that you may see: open ones first, the first due first. A site sees its own reports to the sponsor."""
    now = session.now()
    return [Clock.of(one, now) for one in watched_for(session, here.actor, here.trial.id)]


@router.get(f"{_SAFETY}/case-schema", openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def read_case_schema() -> dict[str, Any]:
    """The JSON Schema of a case."""
    return safety_case_schema()


@router.get(f"{_CASE}/case", openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def read_case(here: Here, session: Write, code: str, number: int) -> Response:
    """The case, blinded, as the schema has it; the same bytes until something is recorded."""
    case = case_of(session, here.actor, _event(session, here, code, number).id)
    return Response(safety_case_json(case), media_type="application/json")


@router.get(f"{_CASE}/reports", openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def list_reports(here: Here, session: Write, code: str, number: int) -> list[ReportSummary]:
    """The register of what was dealt with for authorities, oldest first."""
    return [ReportSummary.of(one) for one in reports_of(session, _event(session, here, code, number).id)]


@router.get(f"{_CASE}/narratives", openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def list_narratives(here: Here, session: Write, code: str, number: int) -> list[Narrative]:
    """Every version, oldest first."""
    return [Narrative.of(one) for one in narratives_of(session, _event(session, here, code, number).id)]


@router.post(f"{_CASE}/narratives", status_code=201, openapi_extra=permission(Permission.SUSAR_ASSESS))
def add_narrative(here: Here, session: Write, code: str, number: int, body: NewNarrative) -> Narrative:
    """A first or a further version; the earlier ones stay."""
    event = _event(session, here, code, number)
    command = command_of(WriteNarrative, event_id=event.id, **body.model_dump())
    return Narrative.of(write_narrative(session, here.actor, command))


def _event(session: TrialSession, here: Place, code: str, number: int) -> AdverseEvent:
    """Raises ``EventNotFound``, ``NotPermitted``."""
    event = find_case_event(session, here.trial.id, code, number)
    check_may_read_case(here.actor, event)
    return event
