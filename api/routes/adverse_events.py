"""Adverse events: reported, followed up, judged, signed. Detail that can reveal an arm is withheld from its readers."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from api.dependencies import Called, Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from api.routes.subjects import Keyed, KeyHeader, SignedBody, key_of, participant_id
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.safety.adverse_events import (
    EventFacts,
    EventNotFound,
    EventVersion,
    ReportAdverseEvent,
    UpdateAdverseEvent,
    changes_between,
    report_adverse_event,
    update_adverse_event,
)
from trial.safety.causality import AssessAdverseEvent, assess_adverse_event
from trial.safety.reading import EventView, events_for, versions_for
from trial.safety.serious import SignSae, sign_sae

router = APIRouter()

_TRIAL = "/trials/{trial}/adverse-events"
_ONE = "/trials/{trial}/participants/{code}/adverse-events"


class EventSummary(BaseModel):
    participant: str
    number: int
    serious: bool
    onset: str
    ended: str | None
    outcome: str
    term: str | None = Field(description="Null where the detail is withheld from you.")
    grade: int | None = Field(description="The worst grade of its course.")
    severity: str | None
    recurrence_of: int | None
    causality: str | None
    withheld: bool
    reported_at: datetime

    @classmethod
    def of(cls, view: EventView) -> "EventSummary":
        return cls.model_validate(view, from_attributes=True)


class ReportedEvent(BaseModel):
    participant: str
    number: int
    serious: bool
    reported_at: datetime


class NewEvent(Keyed):
    facts: EventFacts
    aware_at: AwareDatetime = Field(description="When the site heard of it.")
    sponsor_received_at: AwareDatetime | None = None
    confirmed_after_consent: bool = Field(default=False, description="A partial onset lies after consent all the same.")
    confirmed_another: bool = Field(default=False, description="It is another event than the one that looks the same.")


class ChangedEvent(BaseModel):
    """A follow-up adds to the course of the event; a correction puts right what was recorded wrongly."""

    facts: EventFacts
    reason: str = Field(min_length=3, max_length=2000)
    kind: Literal["follow_up", "correction"] = "follow_up"
    received_at: AwareDatetime | None = Field(default=None, description="When the site heard of it, if before now.")
    confirmed_after_consent: bool = False


class FactChanged(BaseModel):
    name: str
    before: Any
    after: Any


class VersionSummary(BaseModel):
    """One submission: all facts, and what it tells differently from the one before."""

    number: int
    kind: str
    received_at: datetime
    recorded_at: datetime
    submitted_by: str
    reason: str
    confirmed: list[str]
    facts: dict[str, Any]
    changes: list[FactChanged]


class Judgement(BaseModel):
    causality: str = Field(description="A category of the protocol's scale.")
    relations: dict[str, str] = Field(
        default_factory=dict, description="A category for each component beside the study treatment."
    )
    expected: bool | None = Field(default=None, description="The sponsor's to say.")
    narrative: str = ""
    reason: str | None = None


class BothJudgements(BaseModel):
    investigator: str | None
    sponsor: str | None
    expected: bool | None
    investigator_relations: dict[str, str]
    sponsor_relations: dict[str, str]


class SignatureSummary(BaseModel):
    printed_name: str
    meaning: str
    signed_at: datetime
    record_hash: str


@router.get(_TRIAL, openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def list_trial_events(here: Here, session: Write) -> list[EventSummary]:
    """The events that you may see, by participant and number."""
    return [EventSummary.of(view) for view in events_for(session, here.actor, here.trial.id)]


@router.post(_ONE, status_code=201, openapi_extra=permission(Permission.ADVERSE_EVENT_REPORT))
def report_event(here: Here, session: Write, code: str, body: NewEvent, key: KeyHeader = None) -> ReportedEvent:
    """Whoever meets a participant may report; a serious event alerts the medical monitor."""
    command = command_of(
        ReportAdverseEvent,
        participant_id=participant_id(session, here, code),
        idempotency_key=key_of(key, body),
        **body.model_dump(exclude={"idempotency_key"}),
    )
    event = report_adverse_event(session, here.actor, command)
    return ReportedEvent(
        participant=code, number=event.number, serious=bool(event.serious), reported_at=event.recorded_at
    )


@router.put(f"{_ONE}/{{number}}", openapi_extra=permission(Permission.ADVERSE_EVENT_REPORT))
def follow_up_event(here: Here, session: Write, code: str, number: int, body: ChangedEvent) -> ReportedEvent:
    """The facts as they now are, all of them, and why they changed."""
    command = command_of(UpdateAdverseEvent, event_id=event_id_of(session, here, code, number), **body.model_dump())
    event = update_adverse_event(session, here.actor, command)
    return ReportedEvent(
        participant=code, number=event.number, serious=bool(event.serious), reported_at=event.recorded_at
    )


@router.get(f"{_ONE}/{{number}}/versions", openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def list_event_versions(here: Here, session: Write, code: str, number: int) -> list[VersionSummary]:
    """Every submission of the event, the first report first."""
    versions = versions_for(session, here.actor, event_id_of(session, here, code, number))
    before: dict[str, Any] | None = None
    found = []
    for version in versions:
        changed = [] if before is None else changes_between(before, version.facts)
        found.append(_version_summary(version, [FactChanged(**asdict(one)) for one in changed]))
        before = version.facts
    return found


@router.post(
    f"{_ONE}/{{number}}/assessments", status_code=201, openapi_extra=permission(Permission.ADVERSE_EVENT_ASSESS)
)
def judge_event(here: Here, session: Write, code: str, number: int, body: Judgement) -> BothJudgements:
    """Causality, for the side that your role stands for."""
    command = command_of(AssessAdverseEvent, event_id=event_id_of(session, here, code, number), **body.model_dump())
    return BothJudgements.model_validate(assess_adverse_event(session, here.actor, command), from_attributes=True)


@router.post(f"{_ONE}/{{number}}/signature", status_code=201, openapi_extra=permission(Permission.SAE_SIGN))
def sign_event(
    here: Here, caller: Called, session: Write, code: str, number: int, body: SignedBody, key: KeyHeader = None
) -> SignatureSummary:
    """The investigator's signature on a serious event as it stands."""
    proof = body.prove(caller)
    command = command_of(SignSae, event_id=event_id_of(session, here, code, number), idempotency_key=key_of(key, body))
    return SignatureSummary.model_validate(sign_sae(session, here.actor, proof, command), from_attributes=True)


def _version_summary(version: EventVersion, changes: list[FactChanged]) -> VersionSummary:
    told = {name: getattr(version, name) for name in VersionSummary.model_fields if name != "changes"}
    return VersionSummary(**{**told, "submitted_by": version.printed_name or version.submitted_by}, changes=changes)


def event_id_of(session: TrialSession, here: Place, code: str, number: int) -> UUID:
    """By the participant's code and the event's number. Raises ``EventNotFound``."""
    one = participant_id(session, here, code)
    for view in events_for(session, here.actor, here.trial.id, participant_id=one):
        if view.number == number:
            return view.id
    raise EventNotFound(f"{code} has no event {number} that you may see.")
