"""Consent of one participant: given, given again, taken back."""

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import participant_id
from trial.access.permissions import Permission
from trial.conduct.consents import RecordConsent, WithdrawalScope, consents_for, record_consent
from trial.conduct.departures import WithdrawConsent, withdraw_consent

router = APIRouter()

_PATH = "/trials/{trial}/participants/{code}/consents"


class ConsentSummary(BaseModel):
    given_on: date
    document_version: str
    copy_given: bool
    again: bool = Field(description="Whether it followed an earlier one, after an amendment.")
    recorded_at: datetime


class NewConsent(BaseModel):
    given_on: date
    document_version: str = Field(min_length=1, max_length=40)
    copy_given: bool = True


class NewWithdrawal(BaseModel):
    withdrawn_on: date
    scope: WithdrawalScope
    remark: str | None = None


class WithdrawalSummary(BaseModel):
    withdrawn_on: date
    scope: WithdrawalScope


@router.get(_PATH, openapi_extra=permission(Permission.SCREENING_READ))
def list_consents(here: Here, session: Write, code: str) -> list[ConsentSummary]:
    """Oldest first."""
    found = consents_for(session, here.actor, participant_id(session, here, code))
    return [ConsentSummary.model_validate(one, from_attributes=True) for one in found]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.SCREENING_WRITE))
def record_new_consent(here: Here, session: Write, code: str, body: NewConsent) -> ConsentSummary:
    """A first consent, or one given again under an amended protocol."""
    command = command_of(RecordConsent, participant_id=participant_id(session, here, code), **body.model_dump())
    return ConsentSummary.model_validate(record_consent(session, here.actor, command), from_attributes=True)


@router.post(
    "/trials/{trial}/participants/{code}/withdrawals", status_code=201, openapi_extra=permission(Permission.VISIT_WRITE)
)
def record_withdrawal(here: Here, session: Write, code: str, body: NewWithdrawal) -> WithdrawalSummary:
    """Consent taken back, with all that follows from it."""
    command = command_of(WithdrawConsent, participant_id=participant_id(session, here, code), **body.model_dump())
    return WithdrawalSummary.model_validate(withdraw_consent(session, here.actor, command), from_attributes=True)
