"""Receipts taken back after a restored backup: pasted as lines or uploaded as the sites keep them.

Invariants
1. All that are given together are taken, or none is.
2. A receipt proves itself: who gives it decides nothing, and learns neither its place nor an arm.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Services, Write
from api.jobs.anchors import ask_for_anchor
from api.jobs.restores import check_declared
from api.pages.answers import SeveralFiles, UploadedFile, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place
from api.pages.render import page
from api.pages.site.commands import command_of
from api.permissions import permission
from api.receipt_files import lines_in, lines_in_text
from randomization.ledger.receipts import ReceiptUnreadable
from randomization.ledger.reseating import TakeReceipts, hand_in_receipts
from trial.access.permissions import Permission

router = APIRouter()

_PATH = "/t/{trial}/receipts/take"
_MAY = permission(Permission.LIST_DESIGN)


@router.get(_PATH, openapi_extra=_MAY)
def show_taking(request: Request, here: Here, session: Write) -> Response:  # noqa: ARG001 - every page has its transaction
    return _form(request, here, FormState())


@router.post(_PATH, openapi_extra=_MAY)
def take_receipts_back(
    request: Request, here: Here, services: Services, session: Write, given: SeveralFiles
) -> Response:
    posted, files = given
    with reshown(session, posted, lambda state, status: _form(request, here, state, status)):
        check_declared(session, services.settings.anchor_path)
        command = command_of(
            TakeReceipts, trial_id=here.trial.id, lines=_lines(posted, files), **picked(posted, "idempotency_key")
        )
        hand_in_receipts(session, here.actor, command)
        ask_for_anchor(session, "receipts taken back", here.trial.id)
    return see(here.url("receipts"), done="taken")


def _lines(posted: dict[str, Any], files: list[UploadedFile]) -> tuple[str, ...]:
    """Each line once: one that was pasted may stand in a file too. Raises ``ReceiptUnreadable``."""
    pasted = lines_in_text(str(posted.get("lines", "")), "what was pasted")
    uploaded = [line for file in files for line in lines_in(file.content, file.name)]
    found = tuple(dict.fromkeys([*pasted, *uploaded]))
    if not found:
        raise ReceiptUnreadable(
            "There is no receipt in what was given.",
            fields={
                "lines": "Give the whole line that begins with EQ1, as the receipt prints it, or the receipts as files."
            },
        )
    return found


def _form(request: Request, here: Place, state: FormState, status: int = 200) -> Response:
    return page(
        request, "statistician/take_receipts.html", status=status, here=here, state=state,
        url=here.url("receipts", "take"), back=here.url("receipts"),
    )  # fmt: skip
