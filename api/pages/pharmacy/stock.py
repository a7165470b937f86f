"""Kits at a site, masked: the shelf, shipments to receive, a kit to hand out. Numbers and totals, never an arm."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see, several
from api.pages.forms import FormState
from api.pages.frame import Here, site_words
from api.pages.pharmacy.shelves import handles, numbers_kits, stock_sites, stock_trail
from api.pages.render import page
from api.pages.site.commands import command_of, whole_number
from api.pages.site.subjects import list_url, opened, subject_url, trail
from api.pages.site.words import Kind, said
from api.permissions import permission
from api.places import Place
from randomization.kits.accountability import accountability_of
from randomization.kits.dispensing import DispenseKit, SetAsideKit, dispense_kit, expected_kit, set_aside_kit
from randomization.kits.kits import Kit, KitStatus, check_has_kits
from randomization.kits.replacements import ReplaceKit, replace_kit
from randomization.kits.returns import TakeBackKit, kits_with, take_back_kit
from randomization.kits.shipments import (
    ReceiveKits,
    Shipment,
    ShipmentNotFound,
    ShipmentStatus,
    kits_in,
    receive_kits,
    shipments_to,
)
from randomization.kits.stock import stock_of
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession

router = APIRouter()

_ACCOUNT = permission(Permission.KIT_ACCOUNT)
_RECEIVE = permission(Permission.KIT_RECEIVE)
_DISPENSE = permission(Permission.KIT_DISPENSE)
_KINDS: dict[KitStatus, Kind] = {
    KitStatus.IN_TRANSIT: "waiting",
    KitStatus.AVAILABLE: "done",
    KitStatus.ASSIGNED: "active",
    KitStatus.DISPENSED: "plain",
    KitStatus.RETURNED: "waiting",
    KitStatus.QUARANTINED: "warning",
    KitStatus.REJECTED: "danger",
    KitStatus.SENT_BACK: "waiting",
    KitStatus.AT_DEPOT: "plain",
    KitStatus.DESTROYED: "plain",
    KitStatus.LOST: "danger",
}


@router.get("/t/{trial}/stock", openapi_extra=_ACCOUNT)
def show_stock(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _stock_page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/stock/set-aside", openapi_extra=_RECEIVE)
def set_aside(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _stock_page(request, session, here, state, status)):
        command = command_of(
            SetAsideKit, trial_id=here.trial.id, lost=posted.get("lost") == "yes", **picked(posted, "number", "reason")
        )
        set_aside_kit(session, here.actor, command)
    return see(list_url(here, "stock"), done="set-aside")


@router.get("/t/{trial}/stock/shipments/{shipment_id}", openapi_extra=_RECEIVE)
def show_shipment(request: Request, here: Here, session: Write, shipment_id: UUID) -> Response:
    return _shipment_page(request, session, here, shipment_id, FormState())


@router.post("/t/{trial}/stock/shipments/{shipment_id}", openapi_extra=_RECEIVE)
def receive(request: Request, here: Here, session: Write, posted: Posted, shipment_id: UUID) -> Response:
    with reshown(
        session, posted, lambda state, status: _shipment_page(request, session, here, shipment_id, state, status)
    ):
        command = command_of(
            ReceiveKits,
            shipment_id=shipment_id,
            lost=tuple(several(posted, "lost")),
            quarantined=tuple(several(posted, "quarantined")),
            idempotency_key=posted.get("idempotency_key", ""),
        )
        receive_kits(session, here.actor, command)
    return see(list_url(here, "stock"), done="received")


@router.get("/t/{trial}/participants/{code}/kit/replace", openapi_extra=_DISPENSE)
def show_replacing(request: Request, here: Here, session: Write, code: str) -> Response:
    return _replacing_page(request, session, here, code, FormState())


@router.post("/t/{trial}/participants/{code}/kit/replace", openapi_extra=_DISPENSE)
def replace(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _replacing_page(request, session, here, code, state, status)):
        command = command_of(
            ReplaceKit,
            participant_id=opened(session, here, code).participant.id,
            **picked(posted, "number", "reason", "idempotency_key"),
        )
        made = replace_kit(session, here.actor, command)
    return see(subject_url(here, code, "kit"), replaced=made.kit_number)


@router.get("/t/{trial}/participants/{code}/kit/return", openapi_extra=_RECEIVE)
def show_taking_back(request: Request, here: Here, session: Write, code: str) -> Response:
    return _taking_back_page(request, session, here, code, FormState())


@router.post("/t/{trial}/participants/{code}/kit/return", openapi_extra=_RECEIVE)
def take_back(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _taking_back_page(request, session, here, code, state, status)):
        command = command_of(
            TakeBackKit,
            participant_id=opened(session, here, code).participant.id,
            units=whole_number(posted.get("units")),
            **picked(posted, "number", "remark", "idempotency_key"),
        )
        take_back_kit(session, here.actor, command)
    return see(list_url(here, "stock"), done="returned")


@router.get("/t/{trial}/participants/{code}/kit", openapi_extra=_DISPENSE)
def show_dispensing(
    request: Request, here: Here, session: Write, code: str, done: str = "", replaced: str = ""
) -> Response:
    said_done = f"Kit {done} is handed out." if done.isdigit() else ""
    said_replaced = f"Kit {replaced} stands in for it from now on." if replaced.isdigit() else ""
    return _dispensing_page(request, session, here, code, FormState(), done=said_done or said_replaced)


@router.post("/t/{trial}/participants/{code}/kit", openapi_extra=_DISPENSE)
def dispense(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _dispensing_page(request, session, here, code, state, status)):
        command = command_of(
            DispenseKit,
            participant_id=opened(session, here, code).participant.id,
            idempotency_key=posted.get("idempotency_key", ""),
            **picked(posted, "visit", "number"),
        )
        given = dispense_kit(session, here.actor, command)
    return see(subject_url(here, code, "kit"), done=given.kit_number)


_DONE = {
    "received": "The shipment is received.",
    "set-aside": "The kit is set aside.",
    "returned": "The kit is recorded as returned.",
}


def _stock_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    shelves = [
        (
            site_words(site),
            stock_of(session, here.actor, site.id),
            accountability_of(session, here.actor, site.id),
            [one for one in shipments_to(session, here.actor, site.id) if one.status is ShipmentStatus.SENT],
        )
        for site in stock_sites(here)
    ]
    return page(
        request, "pharmacy/stock.html", status=status, here=here, state=state, shelves=shelves, said=said, kinds=_KINDS,
        statuses=list(KitStatus), done=_DONE.get(done, ""), url=list_url(here, "stock", "set-aside"), P=Permission,
        subject_url=subject_url, list_url=list_url, handles=handles(here),
        has_kits=numbers_kits(session, here.trial.id),
    )  # fmt: skip


def _shipment_page(
    request: Request, session: TrialSession, here: Place, shipment_id: UUID, state: FormState, status: int = 200
) -> Response:
    shipment = _shipment(session, here, shipment_id)
    kits = [(kit.number, kit.number) for kit in kits_in(session, shipment.id)]
    return page(
        request, "pharmacy/shipment.html", status=status, here=here, state=state, shipment=shipment, kits=kits,
        trail=stock_trail(here), back=list_url(here, "stock"),
        labels_url=list_url(here, "stock", "shipments", shipment_id, "labels.pdf"),
        url=list_url(here, "stock", "shipments", shipment_id), is_open=shipment.status is ShipmentStatus.SENT,
    )  # fmt: skip


def _shipment(session: TrialSession, here: Place, shipment_id: UUID) -> Shipment:
    """Only one to a site of the caller's. Raises ``ShipmentNotFound``."""
    for site in stock_sites(here):
        for one in shipments_to(session, here.actor, site.id):
            if one.id == shipment_id:
                return one
    raise ShipmentNotFound("There is no such shipment to your site. Choose one from the site's stock.")


def _dispensing_page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    book = _book(session, here, code)
    names = {visit.code: visit.name for visit in book.protocol.visits}
    return page(
        request, "pharmacy/dispense.html", status=status, here=here, book=book, state=state, trail=trail(here, book),
        visits=[(one, names.get(one, one)) for one in book.protocol.supply.dispensed_at], back=subject_url(here, code),
        kit=expected_kit(session, book.participant.id) if book.participant.randomized_at else "",
        done=done, url=subject_url(here, code, "kit"), replace_url=subject_url(here, code, "kit", "replace"),
        return_url=subject_url(here, code, "kit", "return"), held=_numbers(kits_with(session, book.participant.id)),
        may_return=here.may(Permission.KIT_RECEIVE),
    )  # fmt: skip


def _book(session: TrialSession, here: Place, code: str) -> Casebook:
    """Somebody who can have a kit. Raises ``NoKitsInTrial`` besides."""
    book = opened(session, here, code)
    check_has_kits(book.protocol)
    return book


def _numbers(kits: list[Kit]) -> list[tuple[str, str]]:
    return [(kit.number, kit.number) for kit in kits]


def _replacing_page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = _book(session, here, code)
    return page(
        request, "pharmacy/replace.html", status=status, here=here, book=book, state=state,
        trail=[*trail(here, book), ("Kit", subject_url(here, code, "kit"))], back=subject_url(here, code, "kit"),
        url=subject_url(here, code, "kit", "replace"),
        kit=expected_kit(session, book.participant.id) if book.participant.randomized_at else "",
    )  # fmt: skip


def _taking_back_page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = _book(session, here, code)
    return page(
        request, "pharmacy/take_back.html", status=status, here=here, book=book, state=state,
        trail=[*trail(here, book), ("Kit", subject_url(here, code, "kit"))], back=subject_url(here, code, "kit"),
        url=subject_url(here, code, "kit", "return"), held=_numbers(kits_with(session, book.participant.id)),
        per_kit=book.protocol.supply.units_per_kit,
    )  # fmt: skip
