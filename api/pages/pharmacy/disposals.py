"""Kits that leave the site for good: sent back to the depot, or destroyed by one person and witnessed by another."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see, several
from api.pages.forms import FormState
from api.pages.frame import Here, site_words
from api.pages.pharmacy.shelves import chosen_site, handles, name_of, stock_sites, stock_trail
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import list_url
from api.pages.site.words import said
from api.permissions import permission
from api.places import Place
from randomization.kits.destruction import (
    DESTROYER_MEANING,
    REFUSAL_MEANING,
    WITNESS_MEANING,
    DestroyKits,
    Destruction,
    DestructionNotFound,
    WitnessDestruction,
    destroy_kits,
    destructions_of,
    witness_destruction,
    witness_of,
)
from randomization.kits.kits import KitStatus, kits_of_status
from randomization.kits.returns import SendBackKits, depot_returns_of, send_back_kits
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()

_ACCOUNT = permission(Permission.KIT_ACCOUNT)
_HANDLE = permission(Permission.KIT_RECEIVE)
_DESTRUCTIONS = "/t/{trial}/stock/destructions"
_DONE = {
    "sent": "The return is recorded. Put its list into the parcel.",
    "destroyed": "The destruction is signed. It waits for its witness.",
    "witnessed": "The witness's signature is recorded.",
}


@router.get("/t/{trial}/stock/returns", openapi_extra=_ACCOUNT)
def list_returns(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _returns_page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/stock/returns", openapi_extra=_HANDLE)
def send_back(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _returns_page(request, session, here, state, status)):
        command = command_of(
            SendBackKits,
            site_id=chosen_site(here).id,
            numbers=tuple(several(posted, "numbers")),
            **picked(posted, "reason", "idempotency_key"),
        )
        send_back_kits(session, here.actor, command)
    return see(list_url(here, "stock", "returns"), done="sent")


@router.get(_DESTRUCTIONS, openapi_extra=_ACCOUNT)
def list_destructions(request: Request, here: Here, session: Write, done: str = "") -> Response:
    found = [
        (
            site_words(site),
            site.zone,
            [(one, witness_of(session, one.id)) for one in destructions_of(session, here.actor, site.id)],
        )
        for site in stock_sites(here)
    ]
    return page(
        request, "pharmacy/destructions.html", here=here, found=found, done=_DONE.get(done, ""), handles=handles(here),
        trail=stock_trail(here), new_url=list_url(here, "stock", "destroy"),
        one_url=lambda one: list_url(here, "stock", "destructions", one.id),
    )  # fmt: skip


@router.get("/t/{trial}/stock/destroy", openapi_extra=_HANDLE)
def show_destroying(request: Request, here: Here, session: Write) -> Response:
    return _destroy_page(request, session, here, FormState())


@router.post("/t/{trial}/stock/destroy", openapi_extra=_HANDLE)
def destroy(request: Request, here: Here, caller: Called, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _destroy_page(request, session, here, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            DestroyKits,
            site_id=chosen_site(here).id,
            numbers=tuple(several(posted, "numbers")),
            **picked(posted, "method", "idempotency_key"),
        )
        destroy_kits(session, here.actor, proof, command)
    return see(list_url(here, "stock", "destructions"), done="destroyed")


@router.get(f"{_DESTRUCTIONS}/{{destruction_id}}", openapi_extra=_ACCOUNT)
def show_destruction(request: Request, here: Here, session: Write, destruction_id: UUID) -> Response:
    return _destruction_page(request, session, here, destruction_id, FormState())


@router.post(f"{_DESTRUCTIONS}/{{destruction_id}}", openapi_extra=_ACCOUNT)
def witness(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, destruction_id: UUID
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _destruction_page(request, session, here, destruction_id, state, status)

    with reshown(session, posted, again):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            WitnessDestruction,
            destruction_id=_destruction(session, here, destruction_id).id,
            seen={"yes": True, "no": False}.get(str(posted.get("seen"))),
            **picked(posted, "remark", "idempotency_key"),
        )
        witness_destruction(session, here.actor, proof, command)
    return see(list_url(here, "stock", "destructions"), done="witnessed")


def _choices(session: TrialSession, here: Place, *statuses: KitStatus) -> list[tuple[str, str]]:
    if here.site is None:
        return []
    kits = kits_of_status(session, here.site.id, statuses)
    return [(kit.number, f"{kit.number}, {said(kit.status.value).lower()}") for kit in kits]


def _returns_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    found = [
        (site_words(site), site.zone, depot_returns_of(session, here.actor, site.id)) for site in stock_sites(here)
    ]
    return page(
        request, "pharmacy/returns.html", status=status, here=here, state=state, found=found, done=_DONE.get(done, ""),
        kits=_choices(session, here, KitStatus.RETURNED, KitStatus.REJECTED, KitStatus.AVAILABLE), handles=handles(here),
        trail=stock_trail(here), url=list_url(here, "stock", "returns"),
    )  # fmt: skip


def _destroy_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200
) -> Response:
    return page(
        request, "pharmacy/destroy.html", status=status, here=here, state=state, handles=handles(here),
        kits=_choices(session, here, KitStatus.RETURNED, KitStatus.REJECTED), meaning=DESTROYER_MEANING,
        needs_code=here.caller.needs_code, back=list_url(here, "stock", "destructions"),
        trail=[*stock_trail(here), ("Destructions", list_url(here, "stock", "destructions"))],
        url=list_url(here, "stock", "destroy"),
    )  # fmt: skip


def _destruction(session: TrialSession, here: Place, destruction_id: UUID) -> Destruction:
    """Only one at a site of the caller's. Raises ``DestructionNotFound``."""
    for site in stock_sites(here):
        for one in destructions_of(session, here.actor, site.id):
            if one.id == destruction_id:
                return one
    raise DestructionNotFound("There is no such destruction at your site. Choose one from the list.")


def _destruction_page(
    request: Request, session: TrialSession, here: Place, destruction_id: UUID, state: FormState, status: int = 200
) -> Response:
    one = _destruction(session, here, destruction_id)
    seen = witness_of(session, one.id)
    zone = next(site.zone for site in stock_sites(here) if site.id == one.site_id)
    return page(
        request, "pharmacy/destruction.html", status=status, here=here, state=state, one=one, witness=seen, zone=zone,
        destroyed_by=name_of(session, one.destroyed_by), witnessed_by=name_of(session, seen.witnessed_by) if seen else "",
        may_witness=seen is None and one.destroyed_by != here.actor.account_id, needs_code=here.caller.needs_code,
        answers=[("yes", WITNESS_MEANING), ("no", REFUSAL_MEANING)], back=list_url(here, "stock", "destructions"),
        trail=[*stock_trail(here), ("Destructions", list_url(here, "stock", "destructions"))],
        url=list_url(here, "stock", "destructions", one.id),
    )  # fmt: skip
