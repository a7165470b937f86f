"""Files of an adverse event: attached, listed, pulled, withdrawn."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import Write
from api.pages.safety.downloads import as_attachment
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.adverse_events import event_id_of
from api.routes.subjects import Keyed, KeyHeader, key_of
from trial.access.permissions import Permission
from trial.database.blobs import sha256_of
from trial.safety.attachments import (
    MAX_BYTES,
    AttachFile,
    AttachmentNotFound,
    WithdrawAttachment,
    attach_file,
    attachments_for,
    get_attachment,
    read_attachment,
    withdraw_attachment,
)

router = APIRouter()

_FILES = "/trials/{trial}/participants/{code}/adverse-events/{number}/files"
_MAY_REPORT = permission(Permission.ADVERSE_EVENT_REPORT)
_MAY_READ = permission(Permission.ADVERSE_EVENT_READ)


class AttachmentSummary(BaseModel):
    id: UUID
    number: int
    file_name: str
    media_type: str
    size: int = Field(description="In bytes.")
    sha256: str
    description: str
    printed_name: str
    recorded_at: datetime
    withdrawn_at: datetime | None
    withdrawal_reason: str | None


class Withdrawal(BaseModel):
    reason: str = Field(min_length=3, max_length=2000)


@router.get(_FILES, openapi_extra=_MAY_READ)
def list_attachments(here: Here, session: Write, code: str, number: int) -> list[AttachmentSummary]:
    """The event's files, withdrawn ones among them."""
    found = attachments_for(session, here.actor, event_id_of(session, here, code, number))
    return [AttachmentSummary.model_validate(one, from_attributes=True) for one in found]


@router.post(_FILES, status_code=201, openapi_extra=_MAY_REPORT)
def attach_to_event(
    here: Here,
    session: Write,
    code: str,
    number: int,
    file: Annotated[UploadFile, File(description="A PDF, PNG or JPEG that does not name the treatment.")],
    description: Annotated[str, Form(min_length=3, max_length=500)],
    key: KeyHeader = None,
) -> AttachmentSummary:
    """A discharge summary, a letter, a picture: known by its content, kept under its SHA-256."""
    content = file.file.read(MAX_BYTES + 1)
    command = command_of(
        AttachFile,
        idempotency_key=key_of(key, Keyed()),
        event_id=event_id_of(session, here, code, number),
        file_name=(file.filename or "file")[:255],
        description=description,
        sha256=sha256_of(content),
    )
    return AttachmentSummary.model_validate(attach_file(session, here.actor, command, content), from_attributes=True)


@router.get(f"{_FILES}/{{attachment_id}}", openapi_extra=_MAY_READ, response_class=Response)
def pull_attachment(here: Here, session: Write, code: str, number: int, attachment_id: UUID) -> Response:
    """The bytes. A file that was withdrawn is given to nobody."""
    _check_of_event(here, session, code, number, attachment_id)
    return as_attachment(*read_attachment(session, here.actor, attachment_id))


@router.post(f"{_FILES}/{{attachment_id}}/withdrawal", status_code=201, openapi_extra=_MAY_REPORT)
def withdraw_from_event(
    here: Here, session: Write, code: str, number: int, attachment_id: UUID, body: Withdrawal
) -> AttachmentSummary:
    """Nothing is deleted: the file stays in the list with its reason."""
    _check_of_event(here, session, code, number, attachment_id)
    command = command_of(WithdrawAttachment, attachment_id=attachment_id, reason=body.reason)
    return AttachmentSummary.model_validate(withdraw_attachment(session, here.actor, command), from_attributes=True)


def _check_of_event(here: Here, session: Write, code: str, number: int, attachment_id: UUID) -> None:
    event_id = event_id_of(session, here, code, number)
    if get_attachment(session, attachment_id).event_id != event_id:
        raise AttachmentNotFound("This event has no such file. List its files first.")
