"""Overdoses, medication errors and pregnancies: reported, followed up until what is awaited is known."""

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from api.dependencies import Write
from api.pages.safety.sealed_words import words_under_seal
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of, participant_id
from randomization.pharmacy.accounts import MOST_LETTERS
from trial.access.permissions import Permission
from trial.partial_dates import PartialDateText
from trial.safety.situation_facts import SituationFacts, SituationKind
from trial.safety.situation_reading import SituationView, situation_for, situations_for
from trial.safety.special_situations import (
    FollowUpSituation,
    ReportSituation,
    follow_up_situation,
    report_situation,
    versions_of_situation,
)

router = APIRouter()

_TRIAL = "/trials/{trial}/special-situations"
_ONE = "/trials/{trial}/participants/{code}/special-situations"
_MAY_REPORT = permission(Permission.ADVERSE_EVENT_REPORT)
_MAY_LOOK = permission(Permission.ADVERSE_EVENT_READ, Permission.ADVERSE_EVENT_REPORT)


class SituationReportSummary(BaseModel):
    number: int
    words: str = Field(description="Empty where they are under seal.")
    under_seal: bool
    received_at: datetime
    printed_name: str


class SituationSummary(BaseModel):
    """Facts, event and reports are null or empty where ``withheld``."""

    participant: str
    number: int
    kind: SituationKind
    happened: str
    reported_at: datetime
    next_due_on: date | None
    closed: bool
    own: bool
    withheld: bool
    event: int | None
    facts: dict[str, Any] | None
    reports: list[SituationReportSummary]

    @classmethod
    def of(cls, view: SituationView) -> "SituationSummary":
        told = {name: getattr(view, name) for name in cls.model_fields if name not in {"facts", "reports"}}
        facts = None if view.facts is None else view.facts.model_dump(mode="json", exclude_none=True)
        reports = [SituationReportSummary.model_validate(one, from_attributes=True) for one in view.reports]
        return cls(**told, facts=facts, reports=reports)


class _Said(Keyed):
    facts: SituationFacts
    words: str = Field(default="", max_length=4000)
    sealed_words: str = Field(
        default="", max_length=MOST_LETTERS, description="For who knows treatments: kept under seal, instead of words."
    )
    event: int | None = Field(default=None, ge=1, description="The adverse event that came of it.")


class NewSituation(_Said):
    happened: PartialDateText
    aware_at: AwareDatetime = Field(description="When the site heard of it.")


class SituationFollowUp(_Said):
    received_at: AwareDatetime = Field(description="When the site heard of it.")


@router.get(_TRIAL, openapi_extra=_MAY_LOOK)
def list_special_situations(here: Here, session: Write) -> list[SituationSummary]:
    """Those that you may see, by participant and number."""
    return [SituationSummary.of(view) for view in situations_for(session, here.actor, here.trial.id)]


@router.post(_ONE, status_code=201, openapi_extra=_MAY_REPORT)
def report_special_situation(
    here: Here, session: Write, code: str, body: NewSituation, key: KeyHeader = None
) -> SituationSummary:
    """Whoever meets a participant may report; words of who knows treatments go under seal."""
    one = participant_id(session, here, code)
    command = command_of(
        ReportSituation,
        participant_id=one,
        idempotency_key=key_of(key, body),
        under_seal=bool(body.sealed_words),
        **body.model_dump(exclude={"idempotency_key", "sealed_words"}),
    )
    known = {view.id for view in situations_for(session, here.actor, here.trial.id, participant_id=one)}
    situation = report_situation(session, here.actor, command)
    if situation.id not in known:
        words_under_seal(session, here.actor, situation.id, body.sealed_words)
    return SituationSummary.of(situation_for(session, here.actor, here.trial.id, one, situation.number))


@router.put(f"{_ONE}/{{number}}", openapi_extra=_MAY_REPORT)
def follow_up_special_situation(
    here: Here, session: Write, code: str, number: int, body: SituationFollowUp, key: KeyHeader = None
) -> SituationSummary:
    """The facts as they now are, all of them, and what was heard."""
    one = participant_id(session, here, code)
    view = situation_for(session, here.actor, here.trial.id, one, number)
    view.check_shown()
    command = command_of(
        FollowUpSituation,
        situation_id=view.id,
        idempotency_key=key_of(key, body),
        under_seal=bool(body.sealed_words),
        **body.model_dump(exclude={"idempotency_key", "sealed_words"}),
    )
    before = len(versions_of_situation(session, view.id))
    follow_up_situation(session, here.actor, command)
    after = len(versions_of_situation(session, view.id))
    if after > before:
        words_under_seal(session, here.actor, view.id, body.sealed_words, after)
    return SituationSummary.of(situation_for(session, here.actor, here.trial.id, one, number))
