"""Papers that hold arms: closed reports, unblinded packs and regulator's copies of a SUSAR, kept sealed.

Invariants
1. The bytes, their hash and their exact length stand only under seal; what is stored is padded to 64 KiB steps.
2. Each opening is entered in the register, with who and when.
"""

import hashlib
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, col, select

from randomization.holders import data_key_of, find_data_key, make_data_key
from randomization.sealing import DataKey, Place, SealedValue, open_blob, seal_blob
from randomization.unblinding.register import UnblindingKind, enter
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.trials import Trial
from trial.database.columns import choice
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession, strongroom
from trial.errors import NotFound


class DocumentKind(StrEnum):
    CLOSED_REPORT = "closed_report"
    UNBLINDED_PACK = "unblinded_pack"
    REGULATOR_COPY = "regulator_copy"


_SEALED: Final = {
    DocumentKind.CLOSED_REPORT: Action.CLOSED_REPORT_BUILT,
    DocumentKind.UNBLINDED_PACK: Action.DATASET_UNBLINDED,
    DocumentKind.REGULATOR_COPY: Action.SUSAR_UNBLINDED,
}
_OPENED: Final = {
    DocumentKind.CLOSED_REPORT: Action.CLOSED_DOCUMENT_OPENED,
    DocumentKind.UNBLINDED_PACK: Action.UNBLINDED_PACK_OPENED,
    DocumentKind.REGULATOR_COPY: Action.REGULATOR_COPY_OPENED,
}


class DocumentNotFound(NotFound):
    code = "document.not_found"


class SealDocument(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    kind: DocumentKind
    name: str = Bounded(min_length=1, max_length=120)
    content: bytes = Bounded(min_length=1, repr=False)


class SealedDocument(Record, table=True):
    """``sha256`` names the bytes; it stands here, under the same role as they, since a guess could be tried on it."""

    __tablename__ = "document"
    __table_args__ = in_schema(
        "sealed", UniqueConstraint("trial_id", "sha256"), digest=("content",), secret=("sha256",)
    )

    trial_id: UUID = Field(foreign_key="trial.trial.id")
    kind: DocumentKind = choice(DocumentKind)
    name: str = Field(max_length=120)
    sha256: str = Field(max_length=64, repr=False)
    content: bytes = Field(sa_type=LargeBinary, repr=False)


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    name: str
    content: bytes = field(repr=False)


def seal_document(session: TrialSession, actor: Actor, command: SealDocument) -> UUID:
    """Keep a paper under seal; the same bytes again are no second one. Raises ``NotPermitted``."""
    authorize(session, actor, _SEALED[command.kind], trial_id=command.trial_id)
    session.exec(select(Trial.id).where(Trial.id == command.trial_id).with_for_update(key_share=True)).one()
    sha256 = hashlib.sha256(command.content).hexdigest()
    with strongroom(session):
        known = session.exec(
            select(SealedDocument.id).where(
                SealedDocument.trial_id == command.trial_id, col(SealedDocument.sha256) == sha256
            )
        ).first()
        return known or _store(session, command, sha256).id


def _store(session: TrialSession, command: SealDocument, sha256: str) -> SealedDocument:
    holder = _holder(command.trial_id)
    key = find_data_key(session, holder) or make_data_key(session, command.trial_id, holder)
    stamp = session.stamp()
    document = SealedDocument(
        **stamp,
        trial_id=command.trial_id,
        kind=command.kind,
        name=command.name,
        sha256=sha256,
        # Compressed first: a dataset shrinks to a tenth, and with it what the audit has to digest.
        content=seal_blob(key, _place(stamp["id"]), zlib.compress(command.content), session.entropy).token,
    )
    session.add(document)
    return document


def open_document(session: TrialSession, actor: Actor, document_id: UUID) -> OpenedDocument:
    """The bytes of a paper, for who may read its kind; entered in the register.

    Raises ``DocumentNotFound``, ``NotPermitted``, and what a seal raises.
    """
    with strongroom(session):
        document = session.get(SealedDocument, document_id)
    if document is None:
        raise DocumentNotFound("There is no such sealed document. Choose one from the meeting or the packs.")
    authorize(session, actor, _OPENED[document.kind], trial_id=document.trial_id, reason=document.name)
    enter(session, actor, UnblindingKind.CLOSED_DOCUMENT, document.trial_id, f"Opened: {document.name}")
    with strongroom(session):
        content = _opened(data_key_of(session, _holder(document.trial_id)), document)
    return OpenedDocument(document.name, content)


def _opened(key: DataKey, document: SealedDocument) -> bytes:
    return zlib.decompress(open_blob(key, _place(document.id), SealedValue(bytes(document.content))))


def find_document(session: TrialSession, trial_id: UUID, sha256: str) -> UUID | None:
    """The sealed document with these bytes. For doors that know a paper by its hash."""
    with strongroom(session):
        return session.exec(
            select(SealedDocument.id).where(SealedDocument.trial_id == trial_id, col(SealedDocument.sha256) == sha256)
        ).first()


def _holder(trial_id: UUID) -> str:
    return f"documents:{trial_id}"


def _place(document_id: UUID) -> Place:
    return Place("document", part=str(document_id))
