"""Participants: who they are to the trial, by code. No name, no arm."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from api.routes.subjects import participant_id, site_code, subject
from trial.access.permissions import Permission
from trial.conduct.departures import EndReason, EndStudy, EndTreatment, StudyEndKind, end_study, end_treatment
from trial.conduct.deviations import RecordDeviation, record_deviation
from trial.conduct.participant_readers import participants_of
from trial.conduct.participants import Participant, ParticipantStatus, RegisterParticipant, register_participant
from trial.conduct.replacements import RecordReplacement, StandIn, record_replacement, stand_ins
from trial.conduct.sites import find_site
from trial.database.session import TrialSession

router = APIRouter()

_READERS = permission(Permission.SCREENING_READ, Permission.VISIT_READ)


class ParticipantSummary(BaseModel):
    code: str
    site: str
    status: ParticipantStatus
    assessed_on: date
    consented_on: date | None
    eligibility_signed_at: datetime | None
    randomized_at: datetime | None
    randomization_number: str | None = Field(description="Tells nothing of the treatment.")
    stands_in_for: str | None = Field(description="The participant who left and whom this one replaces.")
    replaced_by: str | None = Field(description="Who stands in for this participant.")


class NewParticipant(BaseModel):
    site: str = Field(description="The site's code.")
    sex: str = Field(description="CDISC C66731")
    birth_year: int = Field(ge=1900, le=2100)
    race: str = Field(default="NOT REPORTED", description="CDISC C74457")
    ethnicity: str = Field(default="NOT REPORTED", description="CDISC C66790")
    replaces: str | None = Field(
        default=None,
        max_length=16,
        description="The code of one who left, where the protocol replaces those who leave.",
    )


class NewReplacement(BaseModel):
    replaces: str | None = Field(
        default=None, max_length=16, description="The code of the one who left; null takes the record back."
    )
    reason: str | None = Field(default=None, min_length=3, max_length=2000, description="For a change.")


class TreatmentEnding(BaseModel):
    ended_on: date
    reason: EndReason
    detail: str | None = None


class StudyEnding(TreatmentEnding):
    kind: StudyEndKind
    died_on: date | None = None


class NewDeviation(BaseModel):
    category: str = Field(description="A kind of the protocol's list.")
    description: str = Field(min_length=3, max_length=2000)
    happened_on: date
    important: bool = False


class DeviationSummary(BaseModel):
    number: int
    category: str
    importance: str
    happened_on: date


@router.get("/trials/{trial}/participants", openapi_extra=_READERS)
def list_participants(
    here: Here, session: Write, status: Annotated[list[ParticipantStatus] | None, Query()] = None
) -> list[ParticipantSummary]:
    """Those whom you may see, by code. ``site`` narrows to one site."""
    site_id = here.site.id if here.site else None
    found = participants_of(session, here.actor, here.trial.id, statuses=status, site_id=site_id)
    standing = stand_ins(session, here.trial.id)
    return [_summary(here, one, standing) for one in found]


@router.post("/trials/{trial}/participants", status_code=201, openapi_extra=permission(Permission.SCREENING_WRITE))
def register_new_participant(here: Here, session: Write, body: NewParticipant) -> ParticipantSummary:
    """Somebody who is assessed for eligibility; the system gives the code."""
    site = find_site(session, here.trial.id, body.site)
    told = body.model_dump(exclude={"site", "replaces"})
    command = command_of(RegisterParticipant, trial_id=here.trial.id, site_id=site.id, **told)
    made = register_participant(session, here.actor, command)
    if body.replaces is not None:
        record_replacement(
            session, here.actor, command_of(RecordReplacement, participant_id=made.id, replaces=body.replaces)
        )
    return summary_of(session, here, made)


@router.get("/trials/{trial}/participants/{code}", openapi_extra=_READERS)
def read_participant(here: Here, session: Write, code: str) -> ParticipantSummary:
    """One participant."""
    return summary_of(session, here, subject(session, here, code))


@router.post(
    "/trials/{trial}/participants/{code}/replacement",
    status_code=201,
    openapi_extra=permission(Permission.SCREENING_WRITE),
)
def record_stand_in(here: Here, session: Write, code: str, body: NewReplacement) -> ParticipantSummary:
    """For whom the participant stands in, before randomization. Nothing passes from the one to the other."""
    one = participant_id(session, here, code)
    record_replacement(session, here.actor, command_of(RecordReplacement, participant_id=one, **body.model_dump()))
    return summary_of(session, here, subject(session, here, code))


@router.post(
    "/trials/{trial}/participants/{code}/treatment-end",
    status_code=201,
    openapi_extra=permission(Permission.VISIT_WRITE),
)
def end_participant_treatment(here: Here, session: Write, code: str, body: TreatmentEnding) -> ParticipantSummary:
    """No more study treatment; follow-up goes on."""
    one = participant_id(session, here, code)
    end_treatment(session, here.actor, command_of(EndTreatment, participant_id=one, **body.model_dump()))
    return summary_of(session, here, subject(session, here, code))


@router.post(
    "/trials/{trial}/participants/{code}/study-end", status_code=201, openapi_extra=permission(Permission.VISIT_WRITE)
)
def end_participant_study(here: Here, session: Write, code: str, body: StudyEnding) -> ParticipantSummary:
    """The participant leaves the study."""
    one = participant_id(session, here, code)
    end_study(session, here.actor, command_of(EndStudy, participant_id=one, **body.model_dump()))
    return summary_of(session, here, subject(session, here, code))


@router.post(
    "/trials/{trial}/participants/{code}/deviations", status_code=201, openapi_extra=permission(Permission.VISIT_WRITE)
)
def add_deviation(here: Here, session: Write, code: str, body: NewDeviation) -> DeviationSummary:
    """A protocol deviation; its importance follows the protocol and may only be raised."""
    command = command_of(RecordDeviation, participant_id=participant_id(session, here, code), **body.model_dump())
    return DeviationSummary.model_validate(record_deviation(session, here.actor, command), from_attributes=True)


def summary_of(session: TrialSession, here: Place, one: Participant) -> ParticipantSummary:
    return _summary(here, one, stand_ins(session, here.trial.id))


def _summary(here: Place, one: Participant, standing: Sequence[StandIn]) -> ParticipantSummary:
    told = {
        "site": site_code(here, one.site_id),
        "stands_in_for": next((pair.replaced for pair in standing if pair.participant_id == one.id), None),
        "replaced_by": next((pair.participant for pair in standing if pair.replaced_id == one.id), None),
    }
    fields = ParticipantSummary.model_fields.keys() - told.keys()
    return ParticipantSummary(**told, **{name: getattr(one, name) for name in fields})
