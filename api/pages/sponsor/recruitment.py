"""Recruitment as a whole, by site and by cohort: what is planned, closed or paused, and the forms of the sponsor's decisions."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, register_way
from api.pages.render import page
from api.permissions import permission
from randomization.ledger.planned_numbers import changes_of, numbers_of
from trial.access.accounts import accounts_by_id
from trial.access.permissions import Permission
from trial.conduct.recruitment import (
    MEANING,
    DecideOnCohort,
    DecideOnSite,
    close_site,
    decisions_on_recruitment,
    pause_cohort,
    paused_cohorts,
    reopen_site,
    resume_cohort,
)
from trial.conduct.sites import Site, SiteNotFound, get_site, sites_of
from trial.database.session import TrialSession
from trial.errors import NotFound
from trial.oversight.harm_pauses import MEANING as RELEASE_MEANING
from trial.oversight.harm_pauses import (
    HarmPause,
    HarmPauseNotFound,
    ReleaseHarmPause,
    pauses_of,
    release_harm_pause,
)
from trial.protocol.schema import Protocol
from trial.protocol.versions import protocol_of, versions_of

router = APIRouter()
register_way(Way("Recruitment", "recruitment", (Permission.OVERSIGHT_DECIDE,), order=16))

_DECIDES = permission(Permission.OVERSIGHT_DECIDE)
_SITES = permission(Permission.SITE_ACTIVATE)
SAID = {
    "closed": "The site is closed for recruitment. Those who are in the trial go on.",
    "reopened": "The site recruits again.",
    "paused": "The cohort is paused: nobody of it is randomized.",
    "resumed": "The cohort is randomized again.",
    "planned": "The planned number is changed.",
    "released": "The pause is released. Randomizing goes on where no other pause stands.",
}


class CohortNotFound(NotFound):
    code = "cohort.not_found"


@router.get("/t/{trial}/recruitment", openapi_extra=_DECIDES)
def show_recruitment(request: Request, here: Here, session: Write, done: str = "") -> Response:
    decisions = decisions_on_recruitment(session, here.trial.id)
    pauses = pauses_of(session, here.trial.id)
    releasers = [release.released_by for _, release in pauses if release is not None]
    changes = changes_of(session, here.trial.id)
    deciders = [*(one.decided_by for one in decisions), *(one.decided_by for one in changes)]
    return page(
        request,
        "sponsor/recruitment.html",
        here=here,
        said=SAID.get(done, ""),
        sites=sites_of(session, here.trial.id),
        paused=[scope for scope, _, _ in paused_cohorts(session, here.trial.id)],
        latest={one.scope: one.number for one in decisions},
        decisions=decisions[::-1],
        people=accounts_by_id(session, [*deciders, *releasers]),
        pauses=pauses,
        numbers=numbers_of(session, here.trial),
        changes=changes[::-1],
    )


@router.get("/t/{trial}/sites/{site_id}/recruitment", openapi_extra=_SITES)
def show_site_decision(request: Request, here: Here, session: Write, site_id: UUID) -> Response:
    return _site_page(request, here, _site(session, here, site_id), FormState())


@router.post("/t/{trial}/sites/{site_id}/recruitment", openapi_extra=_SITES)
def decide_on_site(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, site_id: UUID
) -> Response:
    site = _site(session, here, site_id)
    closes = site.closed_on is None
    with reshown(session, posted, lambda state, status: _site_page(request, here, site, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = DecideOnSite(site_id=site.id, **picked(posted, "reason", "idempotency_key"))
        (close_site if closes else reopen_site)(session, here.actor, proof, command)
    return see(here.url("recruitment"), done="closed" if closes else "reopened")


def _site(session: TrialSession, here: Place, site_id: UUID) -> Site:
    site = get_site(session, site_id)
    if site.trial_id != here.trial.id:
        raise SiteNotFound("There is no such site. Choose one from the trial's list of sites.")
    return site


def _site_page(request: Request, here: Place, site: Site, state: FormState, status: int = 200) -> Response:
    return page(request, "sponsor/site_recruitment.html", status=status, site=site, **_signing(here, state))


@router.get("/t/{trial}/recruitment/pause", openapi_extra=_DECIDES)
def show_pause(request: Request, here: Here, session: Write) -> Response:
    return _pause_page(request, here, session, FormState())


@router.post("/t/{trial}/recruitment/pause", openapi_extra=_DECIDES)
def pause_one_cohort(request: Request, here: Here, caller: Called, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _pause_page(request, here, session, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        names = [factor.name for factor in _protocol(session, here).factors]
        command = DecideOnCohort(
            trial_id=here.trial.id,
            levels={name: posted[f"level_{name}"] for name in names if posted.get(f"level_{name}")},
            **picked(posted, "site", "reason", "idempotency_key"),
        )
        pause_cohort(session, here.actor, proof, command)
    return see(here.url("recruitment"), done="paused")


def _pause_page(request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200) -> Response:
    factors = [
        (f"level_{one.name}", one.label, [(level.code, level.label) for level in one.levels])
        for one in _protocol(session, here).factors
    ]
    sites = [(site.code, f"{site.name} ({site.code})") for site in sites_of(session, here.trial.id)]
    context = _signing(here, state)
    return page(request, "sponsor/pause_cohort.html", status=status, factors=factors, sites=sites, **context)


@router.get("/t/{trial}/recruitment/harm/{pause_id}", openapi_extra=_DECIDES)
def show_release(request: Request, here: Here, session: Write, pause_id: UUID) -> Response:
    return _release_page(request, here, session, pause_id, FormState())


@router.post("/t/{trial}/recruitment/harm/{pause_id}", openapi_extra=_DECIDES)
def release_pause(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, pause_id: UUID
) -> Response:
    with reshown(session, posted, lambda state, status: _release_page(request, here, session, pause_id, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        pause = _pause(session, here, pause_id)
        command = ReleaseHarmPause(pause_id=pause.id, **picked(posted, "reason", "idempotency_key"))
        release_harm_pause(session, here.actor, proof, command)
    return see(here.url("recruitment"), done="released")


def _pause(session: TrialSession, here: Place, pause_id: UUID) -> HarmPause:
    found = session.get(HarmPause, pause_id)
    if found is None or found.trial_id != here.trial.id:
        raise HarmPauseNotFound("There is no such pause. Choose one from the page on recruitment.")
    return found


def _release_page(
    request: Request, here: Place, session: TrialSession, pause_id: UUID, state: FormState, status: int = 200
) -> Response:
    context = {**_signing(here, state), "meaning": RELEASE_MEANING, "pause": _pause(session, here, pause_id)}
    return page(request, "sponsor/release_harm_pause.html", status=status, **context)


@router.get("/t/{trial}/recruitment/{number}/resume", openapi_extra=_DECIDES)
def show_resume(request: Request, here: Here, session: Write, number: int) -> Response:
    return _resume_page(request, here, session, number, FormState())


@router.post("/t/{trial}/recruitment/{number}/resume", openapi_extra=_DECIDES)
def resume_one_cohort(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, number: int
) -> Response:
    with reshown(session, posted, lambda state, status: _resume_page(request, here, session, number, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        paused = _decision(session, here, number)
        site = get_site(session, paused.site_id).code if paused.site_id else None
        command = DecideOnCohort(
            trial_id=here.trial.id, levels=paused.levels, site=site, **picked(posted, "reason", "idempotency_key")
        )
        resume_cohort(session, here.actor, proof, command)
    return see(here.url("recruitment"), done="resumed")


def _resume_page(
    request: Request, here: Place, session: TrialSession, number: int, state: FormState, status: int = 200
) -> Response:
    paused = _decision(session, here, number)
    return page(request, "sponsor/resume_cohort.html", status=status, paused=paused, **_signing(here, state))


def _decision(session: TrialSession, here: Place, number: int) -> Any:
    for one in decisions_on_recruitment(session, here.trial.id):
        if one.number == number and one.levels:
            return one
    raise CohortNotFound("There is no such decision on a cohort. Choose one from the list.")


def _signing(here: Place, state: FormState) -> dict[str, Any]:
    return {"here": here, "state": state, "meaning": MEANING, "needs_code": here.caller.needs_code}


def _protocol(session: TrialSession, here: Place) -> Protocol:
    return protocol_of(versions_of(session, here.trial.id)[-1])
