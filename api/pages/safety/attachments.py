"""Files of an adverse event: attaching, taking away to read, withdrawing."""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, Uploaded, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.safety.downloads import as_attachment
from api.pages.safety.single import SeenEvent, seen_event
from api.pages.site.commands import command_of
from api.pages.site.subjects import list_url, subject_url
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.database.blobs import sha256_of
from trial.database.session import TrialSession
from trial.safety.attachments import (
    MAX_BYTES,
    AttachFile,
    AttachmentNotFound,
    EventAttachment,
    WithdrawAttachment,
    attach_file,
    attachments_for,
    read_attachment,
    withdraw_attachment,
)

router = APIRouter()

_FILES = "/t/{trial}/adverse-events/{code}/{number}/files"
_FILE = _FILES + "/{attachment_id}"
_MAY_REPORT = permission(Permission.ADVERSE_EVENT_REPORT)


@router.get(_FILES, openapi_extra=_MAY_REPORT)
def show_attaching(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _attach_page(request, session, here, code, number, FormState())


@router.post(_FILES, openapi_extra=_MAY_REPORT)
def attach(request: Request, here: Here, session: Write, uploaded: Uploaded, code: str, number: int) -> Response:
    posted, file = uploaded

    def again(state: FormState, status: int) -> Response:
        return _attach_page(request, session, here, code, number, state, status)

    with reshown(session, posted, again):
        command = command_of(
            AttachFile,
            idempotency_key=posted.get("idempotency_key", ""),
            event_id=seen_event(session, here, code, number).record.id,
            file_name=file.name,
            description=posted.get("description"),
            sha256=sha256_of(file.content),
        )
        attach_file(session, here.actor, command, file.content)
    return see(list_url(here, "adverse-events", code, number), done="attached")


@router.get(_FILE, openapi_extra=permission(Permission.ADVERSE_EVENT_READ))
def download_attachment(here: Here, session: Write, code: str, number: int, attachment_id: UUID) -> Response:
    _listed(session, here, seen_event(session, here, code, number), attachment_id)
    return as_attachment(*read_attachment(session, here.actor, attachment_id))


@router.get(f"{_FILE}/withdraw", openapi_extra=_MAY_REPORT)
def show_withdrawal(
    request: Request, here: Here, session: Write, code: str, number: int, attachment_id: UUID
) -> Response:
    return _withdraw_page(request, session, here, code, number, attachment_id, FormState())


@router.post(f"{_FILE}/withdraw", openapi_extra=_MAY_REPORT)
def withdraw(
    request: Request, here: Here, session: Write, posted: Posted, code: str, number: int, attachment_id: UUID
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _withdraw_page(request, session, here, code, number, attachment_id, state, status)

    with reshown(session, posted, again):
        _listed(session, here, seen_event(session, here, code, number), attachment_id)
        command = command_of(WithdrawAttachment, attachment_id=attachment_id, reason=posted.get("reason"))
        withdraw_attachment(session, here.actor, command)
    return see(list_url(here, "adverse-events", code, number), done="withdrawn")


def _listed(session: TrialSession, here: Place, seen: SeenEvent, attachment_id: UUID) -> EventAttachment:
    """The file, where it is one of this event's. Raises ``AttachmentNotFound``, ``EventWithheld``."""
    for one in attachments_for(session, here.actor, seen.record.id):
        if one.id == attachment_id:
            return one
    raise AttachmentNotFound("This event has no such file. Choose one from its page.")


def _attach_page(
    request: Request, session: TrialSession, here: Place, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    seen = seen_event(session, here, code, number)
    attachments_for(session, here.actor, seen.record.id)
    return page(
        request, "safety/attach.html", status=status, here=here, seen=seen, state=state,
        most=MAX_BYTES // (1024 * 1024), **_addresses(here, seen, "files"),
    )  # fmt: skip


def _withdraw_page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    number: int,
    attachment_id: UUID,
    state: FormState,
    status: int = 200,
) -> Response:
    seen = seen_event(session, here, code, number)
    file = _listed(session, here, seen, attachment_id)
    return page(
        request, "safety/withdraw_file.html", status=status, here=here, seen=seen, file=file, state=state,
        **_addresses(here, seen, "files", quote(str(attachment_id)), "withdraw"),
    )  # fmt: skip


def _addresses(here: Place, seen: SeenEvent, *step: str) -> dict[str, Any]:
    code, number = seen.view.participant, seen.view.number
    back = list_url(here, "adverse-events", code, number)
    events = ("Adverse events", list_url(here, "adverse-events"))
    return {
        "trail": [events, (code, subject_url(here, code)), (f"Event {number}", back)],
        "back": back,
        "url": list_url(here, "adverse-events", code, number, *step),
    }
