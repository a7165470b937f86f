"""Trials as their own people see them: what kind, which versions and sites, and how the levers stand."""

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Called, Write
from api.permissions import self_service
from api.places import Here, trials_of
from trial.conduct.trials import Lever, Trial, lever_is_open
from trial.protocol.versions import ProtocolVersion, versions_of

router = APIRouter()


class TrialSummary(BaseModel):
    code: str
    title: str
    kind: str = Field(description="real, practice or simulated; it never changes.")
    started_at: datetime | None
    locked_at: datetime | None

    @classmethod
    def of(cls, trial: Trial) -> "TrialSummary":
        return cls.model_validate(trial, from_attributes=True)


class SiteSummary(BaseModel):
    code: str
    name: str
    country: str = Field(description="ISO 3166-1 alpha-3")
    zone: str
    activated_on: date | None
    closed_on: date | None


class VersionSummary(BaseModel):
    label: str
    sha256: str = Field(description="Over the version's text as it was stored.")
    activated_at: datetime | None


class TrialDetail(TrialSummary):
    planned_participants: int
    randomizing_open: bool
    dosing_open: bool
    follow_up_open: bool
    sites: list[SiteSummary] = Field(description="The sites that your roles reach.")
    versions: list[VersionSummary]


@router.get("/trials", openapi_extra=self_service())
def list_trials(caller: Called, session: Write) -> list[TrialSummary]:
    """The trials in which you hold a role today."""
    return [TrialSummary.of(trial) for trial in trials_of(session, caller.actor)]


@router.get("/trials/{trial}", openapi_extra=self_service())
def read_trial(here: Here, session: Write) -> TrialDetail:
    """One trial."""
    return TrialDetail(
        **TrialSummary.of(here.trial).model_dump(),
        planned_participants=here.trial.planned_participants,
        randomizing_open=lever_is_open(here.trial, Lever.RANDOMIZING),
        dosing_open=here.trial.dosing_open,
        follow_up_open=here.trial.follow_up_open,
        sites=[SiteSummary.model_validate(site, from_attributes=True) for site in here.sites],
        versions=[_version(version) for version in versions_of(session, here.trial.id)],
    )


def _version(version: ProtocolVersion) -> VersionSummary:
    return VersionSummary.model_validate(version, from_attributes=True)
