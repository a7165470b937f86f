"""Files attached to an adverse event: a discharge summary, a letter, a picture.

Invariants
1. A file is a PDF, a PNG or a JPEG by its content, whatever its name says, and of bounded size.
2. Its bytes are kept once, under their SHA-256 (``trial.database.blobs``), and never changed.
3. Nothing is deleted: a file is withdrawn with a reason, and from then on nobody is given its bytes.
4. Who may see every version of an event may see its files; they can say more than the form does.

What it does not do: look inside. That a letter must not name the treatment is said where it is uploaded.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.blobs import read_blob, sha256_of, store_blob
from trial.database.columns import instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.safety.adverse_events import AdverseEvent, get_event, versions_of
from trial.safety.reading import EventWithheld, may_see_history

MAX_BYTES: Final = 10 * 1024 * 1024
SIGNATURES: Final[Mapping[str, tuple[bytes, str]]] = {
    "application/pdf": (b"%PDF-", "pdf"),
    "image/png": (b"\x89PNG\r\n\x1a\n", "png"),
    "image/jpeg": (b"\xff\xd8\xff", "jpg"),
}
"""How the content of each kind begins, and the ending of its name."""
_UNWANTED: Final = re.compile(r"[^\w .,()-]+")


class AttachmentNotFound(NotFound):
    code = "attachment.not_found"


class AttachmentKindUnknown(InvalidInput):
    code = "attachment.kind_unknown"


class AttachmentTooLarge(InvalidInput):
    code = "attachment.too_large"


class AttachmentEmpty(InvalidInput):
    code = "attachment.empty"


class AttachedAlready(Conflict):
    code = "attachment.attached_already"


class AttachmentWithdrawn(Conflict):
    code = "attachment.withdrawn"


class AttachFile(BaseModel):
    """``sha256`` is of the content that comes beside the command."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    event_id: UUID
    file_name: str = Bounded(min_length=1, max_length=255)
    description: str = Bounded(min_length=3, max_length=500)
    sha256: str = Bounded(pattern="^[0-9a-f]{64}$")


class WithdrawAttachment(BaseModel):
    model_config = ConfigDict(frozen=True)

    attachment_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)


class EventAttachment(ParticipantRecord, table=True):
    """``file_name`` is cleaned and ends as its content is."""

    __tablename__ = "event_attachment"
    __table_args__ = in_schema("trial", UniqueConstraint("event_id", "number"))

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    number: int
    file_name: str = Field(max_length=120)
    media_type: str = Field(max_length=40)
    size: int
    sha256: str = Field(max_length=64)
    description: str = prose()
    attached_by: str = Field(max_length=80)
    printed_name: str = Field(max_length=120)
    withdrawn_at: datetime | None = instant(default=None)
    withdrawn_by: str | None = Field(default=None, max_length=80)
    withdrawal_reason: str | None = prose(default=None)


def media_type_of(content: bytes) -> str:
    """What the bytes are, by how they begin. Raises ``AttachmentKindUnknown``, ``AttachmentTooLarge``, ``AttachmentEmpty``."""
    if not content:
        raise AttachmentEmpty("The file is empty. Choose another.", fields={"file": "Choose a file."})
    check_size(len(content))
    for media_type, (beginning, _) in SIGNATURES.items():
        if content.startswith(beginning):
            return media_type
    raise AttachmentKindUnknown(
        "Attach a PDF, a PNG or a JPEG: the content of this file is none of them, whatever its name says.",
        fields={"file": "Attach a PDF, a PNG or a JPEG."},
    )


def check_size(size: int) -> None:
    """Raise ``AttachmentTooLarge``."""
    if size > MAX_BYTES:
        most = MAX_BYTES // (1024 * 1024)
        raise AttachmentTooLarge(
            f"A file has at most {most} MB. Scan it with fewer dots, or attach its pages one by one.",
            fields={"file": f"At most {most} MB."},
        )


def clean_name(name: str, media_type: str) -> str:
    """The last part of the name, of harmless letters, with the ending of its content."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    kept = " ".join(_UNWANTED.sub(" ", stem).split()).strip(". ")[:100]
    return f"{kept or 'file'}.{SIGNATURES[media_type][1]}"


def attach_file(session: TrialSession, actor: Actor, command: AttachFile, content: bytes) -> EventAttachment:
    """Keep a file with its event. Raises what ``media_type_of`` raises, ``AttachedAlready``, ``EventWithheld``."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.FILE_ATTACHED, event.participant_id)
    _check_sees(session, actor, event)
    made = exactly_once(
        session,
        actor,
        Action.FILE_ATTACHED,
        command.idempotency_key,
        command,
        lambda: _attach(session, actor, casebook, event, command, content).id,
    )
    return get_attachment(session, made)


def _attach(
    session: TrialSession, actor: Actor, casebook: Casebook, event: AdverseEvent, command: AttachFile, content: bytes
) -> EventAttachment:
    media_type = media_type_of(content)
    if sha256_of(content) != command.sha256:
        raise InvalidInput("The file changed on its way. Send it again.", fields={"file": "Send it again."})
    known = _attachments_of(session, event.id)
    if any(one.sha256 == command.sha256 and one.withdrawn_at is None for one in known):
        raise AttachedAlready("The same file is attached to this event already.")
    attachment = EventAttachment(
        **casebook.stamp(session),
        event_id=event.id,
        number=len(known) + 1,
        file_name=clean_name(command.file_name, media_type),
        media_type=media_type,
        size=len(content),
        sha256=store_blob(session, content),
        description=command.description,
        attached_by=actor.name,
        printed_name=actor.display_name,
    )
    session.add(attachment)
    session.flush()
    return attachment


def withdraw_attachment(session: TrialSession, actor: Actor, command: WithdrawAttachment) -> EventAttachment:
    """Give its bytes to nobody any more. Raises ``AttachmentWithdrawn``, ``EventWithheld``."""
    attachment = get_attachment(session, command.attachment_id)
    casebook = open_for(session, actor, Action.ATTACHMENT_WITHDRAWN, attachment.participant_id, reason=command.reason)
    session.refresh(attachment)
    _check_sees(session, actor, get_event(session, attachment.event_id))
    _check_offered(attachment)
    attachment.withdrawn_at, attachment.withdrawn_by = casebook.now, actor.name
    attachment.withdrawal_reason = command.reason
    session.add(attachment)
    session.flush()
    return attachment


def attachments_for(session: TrialSession, actor: Actor, event_id: UUID) -> list[EventAttachment]:
    """The event's files, withdrawn ones among them. Raises ``EventNotFound``, ``EventWithheld``."""
    _check_sees(session, actor, get_event(session, event_id))
    return _attachments_of(session, event_id)


def read_attachment(session: TrialSession, actor: Actor, attachment_id: UUID) -> tuple[EventAttachment, bytes]:
    """The file and its bytes. Raises ``AttachmentNotFound``, ``AttachmentWithdrawn``, ``EventWithheld``."""
    attachment = get_attachment(session, attachment_id)
    _check_sees(session, actor, get_event(session, attachment.event_id))
    _check_offered(attachment)
    return attachment, read_blob(session, attachment.sha256)


def get_attachment(session: TrialSession, attachment_id: UUID) -> EventAttachment:
    """Raises ``AttachmentNotFound``."""
    found = session.get(EventAttachment, attachment_id)
    if found is None:
        raise AttachmentNotFound("There is no such file. Choose one from the page of its event.")
    return found


def _check_offered(attachment: EventAttachment) -> None:
    if attachment.withdrawn_at is not None:
        raise AttachmentWithdrawn("This file was withdrawn, and its content is shown to nobody.")


def _check_sees(session: TrialSession, actor: Actor, event: AdverseEvent) -> None:
    if not may_see_history(actor, event, versions_of(session, event.id)):
        raise EventWithheld(
            "What is recorded of this event can reveal the treatment, so it is withheld from your role."
        )


def _attachments_of(session: TrialSession, event_id: UUID) -> list[EventAttachment]:
    found = select(EventAttachment).where(EventAttachment.event_id == event_id)
    return list(session.exec(found.order_by(col(EventAttachment.number))))
