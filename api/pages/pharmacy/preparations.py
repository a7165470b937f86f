"""The unblinded pharmacist's pages: what to prepare today, the worksheet, the second person's check.

Every page here is marked as unblinded, on screen and on paper.
"""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here
from api.pages.pharmacy.agenda import preparations_today
from api.pages.pharmacy.worksheet_papers import bag_rows, drawing_steps, order_rows, people_rows, product_rows
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import list_url
from api.permissions import permission
from api.places import Place
from randomization.pharmacy.lots import RecordLot, record_lot
from randomization.pharmacy.preparations import (
    Preparation,
    PreparationStatus,
    PrepareDose,
    VerifyPreparation,
    get_preparation,
    prepare_dose,
    read_worksheet,
    verify_preparation,
)
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.sites import get_site
from trial.database.session import TrialSession

router = APIRouter()

_PHARMACY = permission(Permission.PHARMACY_PREPARE, Permission.PHARMACY_VERIFY)


@router.get("/t/{trial}/preparations", openapi_extra=_PHARMACY)
def list_preparations(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _list_page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/preparations", openapi_extra=permission(Permission.PHARMACY_PREPARE))
def prepare(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _list_page(request, session, here, state, status)):
        command = command_of(
            PrepareDose, order_id=posted.get("order_id", ""), idempotency_key=posted.get("idempotency_key", "")
        )
        worksheet = prepare_dose(session, here.actor, command)
    return see(list_url(here, "preparations", worksheet.preparation_id), done="prepared")


@router.get("/t/{trial}/preparations/{preparation_id}", openapi_extra=_PHARMACY)
def show_worksheet(request: Request, here: Here, session: Write, preparation_id: UUID, done: str = "") -> Response:
    return _worksheet_page(request, session, here, preparation_id, FormState(), done=done)


@router.post("/t/{trial}/preparations/{preparation_id}/verify", openapi_extra=permission(Permission.PHARMACY_VERIFY))
def verify(request: Request, here: Here, session: Write, posted: Posted, preparation_id: UUID) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _worksheet_page(request, session, here, preparation_id, state, status)

    with reshown(session, posted, again):
        command = command_of(
            VerifyPreparation, preparation_id=preparation_id, idempotency_key=posted.get("idempotency_key", "")
        )
        verify_preparation(session, here.actor, command)
    return see(list_url(here, "preparations"), done="checked")


@router.post("/t/{trial}/preparations/{preparation_id}/lot", openapi_extra=permission(Permission.PHARMACY_PREPARE))
def record_drawn_lot(request: Request, here: Here, session: Write, posted: Posted, preparation_id: UUID) -> Response:
    """Only where no kit says lot and expiry."""

    def again(state: FormState, status: int) -> Response:
        return _worksheet_page(request, session, here, preparation_id, state, status)

    with reshown(session, posted, again):
        command = command_of(
            RecordLot,
            preparation_id=preparation_id,
            expires_on=date_text(posted, "expires_on"),
            **picked(posted, "lot"),
        )
        record_lot(session, here.actor, command)
    return see(list_url(here, "preparations", preparation_id), done="lot")


_DONE = {
    "prepared": "The preparation is recorded. A second person checks it.",
    "checked": "The check is recorded.",
    "lot": "Lot and expiry are recorded.",
}


def _list_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    return page(
        request, "pharmacy/preparations.html", status=status, unblinded=True, here=here, state=state,
        found=preparations_today(session, here), done=_DONE.get(done, ""), url=list_url(here, "preparations"),
        me=here.actor.account_id,
    )  # fmt: skip


def _worksheet_page(
    request: Request,
    session: TrialSession,
    here: Place,
    preparation_id: UUID,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    sheet = read_worksheet(session, here.actor, preparation_id)
    made = get_preparation(session, preparation_id)
    zone = get_site(session, made.site_id).zone
    return page(
        request, "pharmacy/worksheet.html", status=status, unblinded=True, here=here, state=state, sheet=sheet, made=made,
        parts=(
            ("Order", order_rows(sheet)), ("Product", product_rows(sheet)), ("Bag", bag_rows(sheet, zone)),
            ("People", people_rows(session, made, zone)),
        ),
        steps=drawing_steps(sheet), pdf_url=list_url(here, "preparations", preparation_id, "worksheet.pdf"),
        label_url=list_url(here, "preparations", preparation_id, "label.pdf"),
        may_check=here.may(Permission.PHARMACY_VERIFY) and made.prepared_by != here.actor.account_id,
        back=list_url(here, "preparations"), done=_DONE.get(done, ""),
        url=list_url(here, "preparations", preparation_id, "verify"),
        lot_url=list_url(here, "preparations", preparation_id, "lot"),
        may_record_lot=_may_record_lot(here, made),
    )  # fmt: skip


def _may_record_lot(here: Place, made: Preparation) -> bool:
    waits = made.kit_id is None and made.status is PreparationStatus.PREPARED
    return waits and may(here.actor, Permission.PHARMACY_PREPARE, made.trial_id, made.site_id)
