"""Screening forms and eligibility: what is recorded, the criteria answered, the investigator's signature."""

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Called, Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import KeyHeader, SignedBody, key_of, participant_id
from trial.access.permissions import Permission
from trial.conduct.baseline import RecordBaseline, record_baseline
from trial.conduct.casebooks import open_casebook
from trial.conduct.eligibility import (
    AssessEligibility,
    EligibilityAssessment,
    SignEligibility,
    assess_eligibility,
    assessments_for,
    sign_eligibility,
)
from trial.conduct.forms import FormAnswers
from trial.conduct.screening import RecordScreening, record_screening

router = APIRouter()

_ONE = "/trials/{trial}/participants/{code}"


class ScreeningForms(BaseModel):
    visit: str = Field(description="A visit of the screening period.")
    performed_on: date
    forms: dict[str, FormAnswers] = Field(min_length=1, description="Answers by form and field.")
    reason: str | None = Field(default=None, description="For a correction.")


class RecordedForm(BaseModel):
    visit: str
    form: str
    performed_on: date
    recorded_at: datetime


class CriteriaAnswers(BaseModel):
    answers: dict[str, bool] = Field(default_factory=dict, description="Only criteria without a machine check.")


class Assessment(BaseModel):
    assessed_on: date
    eligible: bool
    answers: dict[str, bool | None] = Field(description="Whether each criterion's words are true; null is unknown.")
    recorded_at: datetime

    @classmethod
    def of(cls, made: EligibilityAssessment) -> "Assessment":
        return cls.model_validate(made, from_attributes=True)


@router.post(f"{_ONE}/screening", status_code=201, openapi_extra=permission(Permission.SCREENING_WRITE))
def record_screening_forms(here: Here, session: Write, code: str, body: ScreeningForms) -> list[RecordedForm]:
    """Forms of a visit before randomization, with the stratification factors that they hold."""
    one = participant_id(session, here, code)
    protocol = open_casebook(session, one).protocol
    if any(factor.recorded_at.form in body.forms for factor in protocol.factors):
        written = record_baseline(
            session, here.actor, command_of(RecordBaseline, participant_id=one, **body.model_dump())
        )
    else:
        written = record_screening(
            session, here.actor, command_of(RecordScreening, participant_id=one, **body.model_dump())
        )
    return [RecordedForm.model_validate(record, from_attributes=True) for record in written]


@router.get(f"{_ONE}/eligibility", openapi_extra=permission(Permission.SCREENING_READ))
def list_assessments(here: Here, session: Write, code: str) -> list[Assessment]:
    """Every assessment, the latest first."""
    found = assessments_for(session, here.actor, participant_id(session, here, code))
    return [Assessment.of(one) for one in found]


@router.post(f"{_ONE}/eligibility", status_code=201, openapi_extra=permission(Permission.SCREENING_WRITE))
def assess_participant(here: Here, session: Write, code: str, body: CriteriaAnswers) -> Assessment:
    """Answer the criteria; machine checks answer their own from what is recorded."""
    command = command_of(AssessEligibility, participant_id=participant_id(session, here, code), answers=body.answers)
    return Assessment.of(assess_eligibility(session, here.actor, command))


@router.post(f"{_ONE}/eligibility/signature", status_code=201, openapi_extra=permission(Permission.ELIGIBILITY_SIGN))
def sign_assessment(
    here: Here, caller: Called, session: Write, code: str, body: SignedBody, key: KeyHeader = None
) -> Assessment:
    """The investigator's signature on the latest assessment."""
    proof = body.prove(caller)
    command = command_of(
        SignEligibility, participant_id=participant_id(session, here, code), idempotency_key=key_of(key, body)
    )
    return Assessment.of(sign_eligibility(session, here.actor, proof, command))
