"""Storage excursions and quarantine, by kit number: what happened, and one verdict for every kit that stood there."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here, site_words
from api.pages.pharmacy.shelves import chosen_site, handles, name_of, numbers_in, stock_sites, stock_trail
from api.pages.render import page
from api.pages.site.commands import command_of, local_instant, number
from api.pages.site.subjects import list_url
from api.permissions import permission
from api.places import Place
from randomization.kits.excursions import (
    DecideExcursion,
    DecideKit,
    ExcursionNotFound,
    RecordExcursion,
    StorageExcursion,
    Verdict,
    decide_excursion,
    decide_kit,
    excursions_of,
    record_excursion,
    verdict_on,
)
from randomization.kits.kits import KitStatus, kits_of_status
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()

_ACCOUNT = permission(Permission.KIT_ACCOUNT)
_HANDLE = permission(Permission.KIT_RECEIVE)
_PATH = "/t/{trial}/stock/excursions"
VERDICTS = [
    (Verdict.RELEASED.value, "Release", "The kits go back to the shelf, or to the participant they were promised to"),
    (Verdict.REJECTED.value, "Reject", "The kits are never used again"),
]
_DONE = {
    "recorded": "The excursion is recorded. Its kits are in quarantine.",
    "decided": "The verdict is recorded.",
}


@router.get(_PATH, openapi_extra=_ACCOUNT)
def list_excursions(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _list_page(request, session, here, FormState(), done=done)


@router.post(_PATH, openapi_extra=_HANDLE)
def record(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _list_page(request, session, here, state, status)):
        site = chosen_site(here)
        began, ended = (
            local_instant(date_text(posted, name), str(posted.get(f"{name}_clock", "")), site.zone)
            for name in ("began_at", "ended_at")
        )
        command = command_of(
            RecordExcursion,
            site_id=site.id,
            began_at=began,
            ended_at=ended,
            lowest_c=number(posted.get("lowest_c")),
            highest_c=number(posted.get("highest_c")),
            numbers=numbers_in(posted.get("numbers")),
            **picked(posted, "what", "idempotency_key"),
        )
        record_excursion(session, here.actor, command)
    return see(list_url(here, "stock", "excursions"), done="recorded")


@router.get(f"{_PATH}/{{excursion_id}}", openapi_extra=_ACCOUNT)
def show_excursion(request: Request, here: Here, session: Write, excursion_id: UUID) -> Response:
    return _one_page(request, session, here, excursion_id, FormState())


@router.post(f"{_PATH}/{{excursion_id}}", openapi_extra=_HANDLE)
def decide(request: Request, here: Here, session: Write, posted: Posted, excursion_id: UUID) -> Response:
    with reshown(session, posted, lambda state, status: _one_page(request, session, here, excursion_id, state, status)):
        command = command_of(
            DecideExcursion,
            excursion_id=_excursion(session, here, excursion_id).id,
            **picked(posted, "verdict", "reason", "idempotency_key"),
        )
        decide_excursion(session, here.actor, command)
    return see(list_url(here, "stock", "excursions"), done="decided")


@router.get("/t/{trial}/stock/quarantine", openapi_extra=_HANDLE)
def show_quarantine(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _quarantine_page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/stock/quarantine", openapi_extra=_HANDLE)
def decide_one(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _quarantine_page(request, session, here, state, status)):
        command = command_of(
            DecideKit, trial_id=here.trial.id, **picked(posted, "number", "verdict", "reason", "idempotency_key")
        )
        decide_kit(session, here.actor, command)
    return see(list_url(here, "stock", "quarantine"), done="decided")


def _excursion(session: TrialSession, here: Place, excursion_id: UUID) -> StorageExcursion:
    """Only one at a site of the caller's. Raises ``ExcursionNotFound``."""
    for site in stock_sites(here):
        for one in excursions_of(session, here.actor, site.id):
            if one.id == excursion_id:
                return one
    raise ExcursionNotFound("There is no such excursion at your site. Choose one from the list.")


def _list_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    found = [
        (
            site_words(site),
            site.zone,
            [(one, verdict_on(session, one.id)) for one in excursions_of(session, here.actor, site.id)],
        )
        for site in stock_sites(here)
    ]
    return page(
        request, "pharmacy/excursions.html", status=status, here=here, state=state, found=found, done=_DONE.get(done, ""),
        handles=handles(here), url=list_url(here, "stock", "excursions"), trail=stock_trail(here),
        quarantine_url=list_url(here, "stock", "quarantine"),
    )  # fmt: skip


def _one_page(
    request: Request, session: TrialSession, here: Place, excursion_id: UUID, state: FormState, status: int = 200
) -> Response:
    one = _excursion(session, here, excursion_id)
    verdict = verdict_on(session, one.id)
    zone = next(site.zone for site in stock_sites(here) if site.id == one.site_id)
    return page(
        request, "pharmacy/excursion.html", status=status, here=here, state=state, one=one, verdict=verdict, zone=zone,
        recorded_by=name_of(session, one.recorded_by), decided_by=name_of(session, verdict.decided_by) if verdict else "",
        handles=handles(here), verdicts=VERDICTS, back=list_url(here, "stock", "excursions"),
        trail=[*stock_trail(here), ("Excursions", list_url(here, "stock", "excursions"))],
        url=list_url(here, "stock", "excursions", one.id),
    )  # fmt: skip


def _quarantine_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    kits = kits_of_status(session, here.site.id, {KitStatus.QUARANTINED}) if here.site else []
    return page(
        request, "pharmacy/quarantine.html", status=status, here=here, state=state, verdicts=VERDICTS,
        kits=[kit.number for kit in kits], done=_DONE.get(done, ""), trail=stock_trail(here),
        back=list_url(here, "stock"), handles=handles(here),
        url=list_url(here, "stock", "quarantine"),
    )  # fmt: skip
