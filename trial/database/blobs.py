"""Bytes under the name of their own SHA-256: snapshots' tables, open reports, dataset files, attachments.

Invariants
1. A blob's name is the SHA-256 of its bytes; the same bytes are kept once.
2. A blob is never changed or removed: triggers refuse both.
3. Bytes are checked against their name each time they are read.

What it does not do: hold anything that tells an arm. Sealed bytes belong to the strongroom.
"""

import hashlib
from typing import Final

from sqlalchemy import LargeBinary, text
from sqlmodel import Field, select

from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import NotFound, Unavailable

_STORE: Final = text(
    "INSERT INTO trial.blob (id, recorded_at, sha256, size, content)"
    " VALUES (:id, :recorded_at, :sha256, :size, :content) ON CONFLICT (sha256) DO NOTHING"
)


class BlobNotFound(NotFound):
    code = "blob.not_found"


class BlobDamaged(Unavailable):
    code = "blob.damaged"


class Blob(Record, table=True):
    __tablename__ = "blob"
    __table_args__ = in_schema(
        "trial",
        unaudited="its name is the hash of its bytes; audited records name it, and triggers refuse any change",
    )

    sha256: str = Field(max_length=64, unique=True)
    size: int
    content: bytes = Field(sa_type=LargeBinary, repr=False)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def store_blob(session: TrialSession, content: bytes) -> str:
    """Keep ``content``; return the name under which it is read. The same bytes again are no new blob."""
    name = sha256_of(content)
    session.execute(_STORE, {**session.stamp(), "sha256": name, "size": len(content), "content": content})
    return name


def read_blob(session: TrialSession, sha256: str) -> bytes:
    """The bytes of this name. Raises ``BlobNotFound``, ``BlobDamaged``."""
    content = session.exec(select(Blob.content).where(Blob.sha256 == sha256)).first()
    if content is None:
        raise BlobNotFound("There are no such bytes here. Build the document or the snapshot again.")
    if sha256_of(content) != sha256:
        raise BlobDamaged(
            "The stored bytes are not the ones that were stored. Restore them from a backup; do not use them."
        )
    return bytes(content)
