"""Receipts that came back after a restored backup: which wait at a site, and whose each one is.

Invariants
1. A site sees its own receipts, and of each what stands on it but the kit: no place in a list, and no arm.
2. Whose a receipt is, is chosen among those who were registered at the site since it was given; nobody types a code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, WorkRow, home_worklist
from api.pages.render import instant_words, page
from api.pages.site.commands import command_of
from api.pages.site.subjects import list_url, subject_url
from api.pages.site.words import counted, term_words
from api.permissions import permission
from randomization.ledger.linked_receipts import (
    LinkReceipt,
    can_link,
    could_be,
    link_receipt,
    receipt_for_linking,
    receipts_for,
)
from randomization.ledger.reseated_seats import ReceiptWaits, ReseatedSeat, seat_waiting_for
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook
from trial.conduct.participants import Participant, get_participant
from trial.conduct.sites import Site
from trial.database.session import TrialSession
from trial.protocol.schema.allocation import MAIN_STAGE

router = APIRouter()

_PATH = "/t/{trial}/receipts"
_ONE = _PATH + "/{receipt}/participant"
_READERS = permission(Permission.PARTICIPANT_RANDOMIZE, Permission.LIST_DESIGN, Permission.LIST_CONFIRM)
_LINKS = permission(Permission.PARTICIPANT_RANDOMIZE)
_DONE = {
    "taken": "The receipts are back in their places. Each participant is now randomized again on their own page: that signs for"
    " the receipt and takes no new slot.",
    "linked": "It is recorded whose the receipt is. Randomize the participant on their page: they get its number, slot and kit.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One receipt that waits. ``link`` is where its participant is chosen, ``home`` the participant's page where one is known."""

    seat: ReseatedSeat
    site: Site
    at: str
    whose: str
    home: str
    link: str


@router.get(_PATH, openapi_extra=_READERS)
def list_returned_receipts(request: Request, here: Here, session: Write, done: str = "") -> Response:
    takes, confirms = here.may(Permission.LIST_DESIGN), here.may(Permission.LIST_CONFIRM)
    return page(
        request, "site/returned_receipts.html", here=here, lines=_lines(session, here), done=_DONE.get(done, ""),
        lists_url=here.url("allocation-lists") if takes or confirms else "",
        take_url=here.url("receipts", "take") if takes else "",
    )  # fmt: skip


@router.get(_ONE, openapi_extra=_LINKS)
def show_linking(request: Request, here: Here, session: Write, receipt: str) -> Response:
    return _linking_page(request, session, here, receipt, FormState())


@router.post(_ONE, openapi_extra=_LINKS)
def link_one_receipt(request: Request, here: Here, session: Write, posted: Posted, receipt: str) -> Response:
    with reshown(session, posted, lambda state, status: _linking_page(request, session, here, receipt, state, status)):
        chosen = {
            one.code: one for one in could_be(session, receipt_for_linking(session, here.actor, here.trial.id, receipt))
        }
        one = chosen.get(str(posted.get("participant", "")))
        command = command_of(
            LinkReceipt,
            trial_id=here.trial.id,
            number=receipt,
            participant_id=one.id if one else None,
            **picked(posted, "reason", "idempotency_key"),
        )
        link_receipt(session, here.actor, command)
    return see(list_url(here, "receipts"), done="linked")


def receipt_notice(
    session: TrialSession, here: Place, book: Casebook, stage: str = MAIN_STAGE
) -> tuple[str, str, str] | None:
    """What a receipt means for a participant who is to be randomized: title, sentence, and where one goes; mostly nothing."""
    try:
        seat = seat_waiting_for(session, book.participant, stage)
    except ReceiptWaits as waits:
        return "A receipt waits", waits.sentence, list_url(here, "receipts")
    if seat is None:
        return None
    sentence = (
        f"This participant was randomized before the database was restored: receipt {seat.number}. To randomize now signs"
        " for that receipt. It takes no new slot, and number and kit stay the same."
    )
    return "Randomized before", sentence, ""


def _lines(session: TrialSession, here: Place) -> list[Line]:
    sites = {site.id: site for site in here.sites}
    found = [one for one in receipts_for(session, here.actor, here.trial.id) if one.site_id in sites]
    return [
        _line(session, here, one, sites[one.site_id])
        for one in found
        if here.site is None or one.site_id == here.site.id
    ]


def _line(session: TrialSession, here: Place, seat: ReseatedSeat, site: Site) -> Line:
    mine = may(here.actor, Permission.PARTICIPANT_RANDOMIZE, here.trial.id, site.id)
    whose = get_participant(session, seat.participant_id).code if seat.participant_id else ""
    link = list_url(here, "receipts", seat.number, "participant") if mine and can_link(session, seat) else ""
    home = subject_url(here, whose) if mine and whose else ""
    return Line(seat, site, instant_words(seat.randomized_at, site.zone), whose, home, link)


def _linking_page(
    request: Request, session: TrialSession, here: Place, number: str, state: FormState, status: int = 200
) -> Response:
    seat = receipt_for_linking(session, here.actor, here.trial.id, number)
    site = next(site for site in here.sites if site.id == seat.site_id)
    options = [(one.code, _who(one, site)) for one in could_be(session, seat)] if can_link(session, seat) else []
    return page(
        request, "site/link_receipt.html", status=status, here=here, state=state, line=_line(session, here, seat, site),
        options=options, url=list_url(here, "receipts", number, "participant"), back=list_url(here, "receipts"),
    )  # fmt: skip


def _who(one: Participant, site: Site) -> str:
    """Enough to know somebody by beside the paper: nobody should have to remember codes."""
    registered = instant_words(one.recorded_at, site.zone)
    return f"{one.code}: {term_words('C66731', one.sex).lower()}, born {one.birth_year}, registered {registered}"


@home_worklist(Permission.PARTICIPANT_RANDOMIZE)
def receipts_to_answer(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Receipts of the reader's sites: those whose participant is to be named, and those to be signed for by randomizing."""
    found = [line for line in _lines(session, here) if line.link or line.home]
    unknown = [line for line in found if not line.whose]
    known = [line for line in found if line.whose]
    url, label = list_url(here, "receipts"), "receipt that came back"
    many = "receipts that came back"
    yield WorkRow(
        len(unknown),
        counted(len(unknown), label, many),
        url,
        "say whose it is; nobody new is randomized before",
        "warning",
    )
    codes = ", ".join(line.whose for line in known[:3])
    yield WorkRow(len(known), counted(len(known), label, many), url, f"randomize again: {codes}", "warning")
