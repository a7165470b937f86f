"""Recruitment over JSON: what is closed, paused and released, and the sponsor's signed decisions on it."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Called, Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import KeyHeader, SignedBody, key_of
from randomization.ledger.planned_numbers import ChangePlannedNumber, change_planned_number, numbers_of
from trial.access.permissions import Permission
from trial.conduct.recruitment import (
    DecideOnCohort,
    DecideOnSite,
    close_site,
    pause_cohort,
    paused_cohorts,
    reopen_site,
    resume_cohort,
)
from trial.conduct.sites import find_site, sites_of
from trial.conduct.trials import Lever, lever_is_open
from trial.oversight.harm_pauses import (
    HarmPause,
    HarmPauseNotFound,
    ReleaseHarmPause,
    release_harm_pause,
    standing_pauses,
)

router = APIRouter()

_RECRUITMENT = "/trials/{trial}/recruitment"
_DECIDES = permission(Permission.OVERSIGHT_DECIDE)


class Reasoned(SignedBody):
    reason: str = Field(min_length=3, max_length=4000)


class SiteDecision(Reasoned):
    recruits: bool = Field(description="False closes the site for recruitment, true reopens it.")


class CohortDecision(Reasoned):
    levels: dict[str, str] = Field(description="Factors to levels, all or some.", min_length=1, max_length=20)
    site: str | None = Field(default=None, max_length=16, description="A site's code; every site without it.")
    randomized: bool = Field(description="False pauses the cohort, true resumes one exactly as it was paused.")


class PlannedNumber(Reasoned):
    planned_participants: int = Field(ge=2, le=100_000, description="No fewer than are randomized already.")


class PlannedNumberDecision(BaseModel):
    number: int
    was: int
    planned: int


class SiteStanding(BaseModel):
    site: str
    recruits: bool


class CohortStanding(BaseModel):
    scope: str
    site_id: UUID | None
    levels: dict[str, str]


class HarmPauseSummary(BaseModel):
    id: UUID
    rule: str
    text: str
    observed: int
    at_risk: int


class Standing(BaseModel):
    """How recruitment stands. ``harm_pauses`` are those that nobody has released."""

    planned_participants: int = Field(description="As the sponsor decided last; replacements come on top.")
    designed_participants: int = Field(description="When the trial was made; looks and information rest on it.")
    randomized: int
    replacements: int = Field(description="Of those randomized, how many stand in for somebody who left.")
    randomizing_open: bool
    sites: list[SiteStanding]
    paused_cohorts: list[CohortStanding]
    harm_pauses: list[HarmPauseSummary]


@router.get(_RECRUITMENT, openapi_extra=_DECIDES)
def show_standing(here: Here, session: Write) -> Standing:
    """What is open, closed and paused now."""
    trial = here.trial
    numbers = numbers_of(session, trial)
    return Standing(
        planned_participants=numbers.planned,
        designed_participants=numbers.designed,
        randomized=numbers.randomized,
        replacements=numbers.replacements,
        randomizing_open=lever_is_open(trial, Lever.RANDOMIZING),
        sites=[
            SiteStanding(site=one.code, recruits=one.activated_on is not None and one.closed_on is None)
            for one in sites_of(session, trial.id)
        ],
        paused_cohorts=[
            CohortStanding(scope=scope, site_id=site_id, levels=dict(levels))
            for scope, site_id, levels in paused_cohorts(session, trial.id)
        ],
        harm_pauses=[
            HarmPauseSummary.model_validate(one, from_attributes=True) for one in standing_pauses(session, trial.id)
        ],
    )


@router.post(
    "/trials/{trial}/sites/{site}/recruitment", status_code=201, openapi_extra=permission(Permission.SITE_ACTIVATE)
)
def decide_on_a_site(
    here: Here, caller: Called, session: Write, site: str, body: SiteDecision, key: KeyHeader = None
) -> SiteStanding:
    """Close a site for recruitment, or reopen it. Those who are in the trial go on."""
    proof = body.prove(caller)
    found = find_site(session, here.trial.id, site)
    command = command_of(DecideOnSite, site_id=found.id, reason=body.reason, idempotency_key=key_of(key, body))
    (reopen_site if body.recruits else close_site)(session, here.actor, proof, command)
    return SiteStanding(site=found.code, recruits=body.recruits)


@router.post(f"{_RECRUITMENT}/cohorts", status_code=201, openapi_extra=_DECIDES)
def decide_on_a_cohort(
    here: Here, caller: Called, session: Write, body: CohortDecision, key: KeyHeader = None
) -> CohortStanding:
    """Pause a cohort, or resume it."""
    proof = body.prove(caller)
    command = command_of(
        DecideOnCohort,
        trial_id=here.trial.id,
        levels=body.levels,
        site=body.site,
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    made = (resume_cohort if body.randomized else pause_cohort)(session, here.actor, proof, command)
    return CohortStanding(scope=made.scope, site_id=made.site_id, levels=made.levels)


@router.post(f"{_RECRUITMENT}/planned-number", status_code=201, openapi_extra=_DECIDES)
def decide_on_the_planned_number(
    here: Here, caller: Called, session: Write, body: PlannedNumber, key: KeyHeader = None
) -> PlannedNumberDecision:
    """Raise or lower how many are randomized, replacements not counted. Looks stay where the design has them."""
    proof = body.prove(caller)
    command = command_of(
        ChangePlannedNumber,
        trial_id=here.trial.id,
        planned_participants=body.planned_participants,
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    made = change_planned_number(session, here.actor, proof, command)
    return PlannedNumberDecision.model_validate(made, from_attributes=True)


@router.post(f"{_RECRUITMENT}/harm-pauses/{{pause_id}}/release", status_code=201, openapi_extra=_DECIDES)
def release_a_harm_pause(
    here: Here, caller: Called, session: Write, pause_id: UUID, body: Reasoned, key: KeyHeader = None
) -> HarmPauseSummary:
    """Randomizing goes on where no other pause stands."""
    proof = body.prove(caller)
    pause = session.get(HarmPause, pause_id)
    if pause is None or pause.trial_id != here.trial.id:
        raise HarmPauseNotFound("There is no such pause. Ask for the trial's recruitment to see those that stand.")
    command = command_of(ReleaseHarmPause, pause_id=pause.id, reason=body.reason, idempotency_key=key_of(key, body))
    release_harm_pause(session, here.actor, proof, command)
    return HarmPauseSummary.model_validate(pause, from_attributes=True)
