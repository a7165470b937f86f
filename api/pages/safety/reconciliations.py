"""Reconciliation with the sponsor's safety database: a listing comes in, what differs stands side by side, each is answered."""

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Request, UploadFile
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, WorkRow, home_worklist
from api.pages.render import page
from api.pages.site.commands import FormIncomplete, command_of
from api.pages.site.words import counted
from api.permissions import permission
from reports.documents.sae_listing import harmless
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.safety.listings import COLUMNS, PRESENT
from trial.safety.reconciliation import (
    AnswerDifference,
    DifferenceNotFound,
    ListingDifference,
    Resolution,
    UploadListing,
    answer_difference,
    differences_of,
    listing_for,
    listings_for,
    our_listing,
    upload_listing,
)

router = APIRouter()

_PAGE = "/t/{trial}/safety/reconciliation"
_MONITOR = permission(Permission.SUSAR_ASSESS)
_SAID = {"compared": "The listing is compared with what is recorded.", "answered": "The answer is kept."}
RESOLUTIONS = [
    (Resolution.HERE_CORRECTED.value, "Corrected here"),
    (Resolution.THERE_CORRECTED.value, "Corrected in the safety database"),
    (Resolution.EXPLAINED.value, "Both stand, and here is why"),
]
MOST_BYTES = 1_000_000


@router.get(_PAGE, openapi_extra=_MONITOR)
def list_listings(request: Request, here: Here, session: Write) -> Response:
    return _listings_page(request, here, session, FormState())


def _listings_page(
    request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200
) -> Response:
    return page(
        request, "safety/cases/reconciliation.html", status=status, here=here, state=state, columns=COLUMNS,
        listings=listings_for(session, here.actor, here.trial.id), url=here.url("safety", "reconciliation"),
    )  # fmt: skip


@router.post(_PAGE, openapi_extra=_MONITOR)
def upload(
    request: Request, here: Here, session: Write, posted: Posted, listing: Annotated[UploadFile | None, File()] = None
) -> Response:
    with reshown(session, posted, lambda state, status: _listings_page(request, here, session, state, status)):
        name, content = _read(listing)
        command = command_of(
            UploadListing,
            trial_id=here.trial.id,
            name=name,
            content=content,
            idempotency_key=posted.get("idempotency_key", ""),
        )
        made = upload_listing(session, here.actor, command)
    return see(here.url("safety", "reconciliation", made.id), done="compared")


def _read(listing: UploadFile | None) -> tuple[str, str]:
    """Name and text of the file. Raises ``FormIncomplete``."""
    if listing is None or not listing.filename:
        raise FormIncomplete("Choose the file of the listing.", fields={"listing": "Choose a CSV file."})
    try:
        return listing.filename[-120:], listing.file.read(MOST_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormIncomplete(
            "The file is not UTF-8 text. Save it as CSV in UTF-8.", fields={"listing": "Save it as CSV in UTF-8."}
        ) from None


@router.get(f"{_PAGE}/ours.csv", openapi_extra=_MONITOR)
def download_ours(here: Here, session: Write) -> Response:
    """Our own side, in the columns that a listing has."""
    return _csv(our_listing(session, here.actor, here.trial.id), f"{here.trial.code}-serious-events.csv")


def _csv(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@router.get(f"{_PAGE}/{{listing_id}}", openapi_extra=_MONITOR)
def show_listing(request: Request, here: Here, session: Write, listing_id: UUID, done: str = "") -> Response:
    return page(
        request, "safety/cases/listing.html", here=here, said=_SAID.get(done, ""), words=dict(RESOLUTIONS),
        listing=listing_for(session, here.actor, here.trial.id, listing_id), present=PRESENT,
        differences=differences_of(session, listing_id), url=here.url("safety", "reconciliation", listing_id),
    )  # fmt: skip


@router.get(f"{_PAGE}/{{listing_id}}/differences.csv", openapi_extra=_MONITOR)
def download_differences(here: Here, session: Write, listing_id: UUID) -> Response:
    """Every difference with its answer, to file."""
    listing = listing_for(session, here.actor, here.trial.id, listing_id)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("participant", "event", "field", "here", "there", "resolution", "answer", "answered_by"))
    for one, answer in differences_of(session, listing.id):
        told = (answer.resolution.value, answer.answer, answer.printed_name) if answer else ("", "", "")
        writer.writerow(
            [harmless(str(cell)) for cell in (one.participant, one.event, one.field, one.ours, one.theirs, *told)]
        )
    return _csv(out.getvalue(), f"{here.trial.code}-reconciliation-{listing.number}.csv")


@router.get(f"{_PAGE}/{{listing_id}}/{{difference_id}}", openapi_extra=_MONITOR)
def show_difference(request: Request, here: Here, session: Write, listing_id: UUID, difference_id: UUID) -> Response:
    return _difference_page(request, here, session, listing_id, difference_id, FormState())


@router.post(f"{_PAGE}/{{listing_id}}/{{difference_id}}", openapi_extra=_MONITOR)
def answer(
    request: Request, here: Here, session: Write, posted: Posted, listing_id: UUID, difference_id: UUID
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _difference_page(request, here, session, listing_id, difference_id, state, status)

    with reshown(session, posted, again):
        found = _difference(session, here, listing_id, difference_id)
        command = command_of(AnswerDifference, difference_id=found.id, **picked(posted, "resolution", "answer"))
        answer_difference(session, here.actor, command)
    return see(here.url("safety", "reconciliation", listing_id), done="answered")


def _difference(session: TrialSession, here: Place, listing_id: UUID, difference_id: UUID) -> ListingDifference:
    """Raises ``ListingNotFound``, ``DifferenceNotFound``, ``NotPermitted``."""
    listing = listing_for(session, here.actor, here.trial.id, listing_id)
    found = session.get(ListingDifference, difference_id)
    if found is None or found.listing_id != listing.id:
        raise DifferenceNotFound("There is no such difference in this listing. Choose one from its page.")
    return found


def _difference_page(
    request: Request,
    here: Place,
    session: TrialSession,
    listing_id: UUID,
    difference_id: UUID,
    state: FormState,
    status: int = 200,
) -> Response:
    found = _difference(session, here, listing_id, difference_id)
    url = here.url("safety", "reconciliation", listing_id)
    facts: list[Any] = [
        ("Case", f"{found.participant}, event {found.event}"),
        ("Field", found.field.replace("_", " ")),
        ("Here", found.ours or "Nothing"),
        ("In the safety database", found.theirs or "Nothing"),
    ]
    return page(
        request, "safety/cases/difference.html", status=status, here=here, state=state, facts=facts, back=url,
        url=f"{url}/{difference_id}", resolutions=RESOLUTIONS,
    )  # fmt: skip


@home_worklist(Permission.SUSAR_ASSESS)
def differences_to_answer(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    waiting = sum(left for _, _, left in listings_for(session, here.actor, here.trial.id))
    words = counted(waiting, "difference with the safety database", "differences with the safety database")
    yield WorkRow(waiting, words, here.url("safety", "reconciliation"), "", "warning")
