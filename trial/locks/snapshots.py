"""Snapshots: what was known at a cut-off, as typed, sorted tables under the names of their own hashes.

Invariants
1. A snapshot holds the tables of ``SNAPSHOT_TABLES`` and nothing else; it cannot hold an arm, because it is read under the
   blinded role, by queries that name no sealed table.
2. All tables are read in one repeatable-read transaction: they show one instant of the trial, and only rows recorded up to
   the cut-off. A later change of the live tables changes no snapshot.
3. The same facts give the same bytes: rows in the order of the sort key, one fixed encoding without a date or a name of
   the machine. The snapshot's hash is over the listing of its tables' hashes.
4. Each table is checked against its hash when it is loaded, and against its declared shape.
"""

import hashlib
import io
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, Engine, text
from sqlmodel import Field

from trial.conduct.trials import Trial
from trial.database.blobs import read_blob, store_blob
from trial.database.columns import document, instant
from trial.database.records import TrialRecord, in_schema
from trial.database.session import BLINDED_ROLE, TrialSession
from trial.errors import NotFound, Unavailable
from trial.locks.snapshot_reading import SnapshotReader
from trial.locks.snapshot_tables import SNAPSHOT_TABLES
from trial.protocol.versions import ProtocolVersion

ENCODING: Final = "arrow-ipc/1"
_SET_ROLE = text("SELECT set_config('role', :role, true)")


class SnapshotNotFound(NotFound):
    code = "snapshot.not_found"


class SnapshotDamaged(Unavailable):
    code = "snapshot.damaged"


class Snapshot(TrialRecord, table=True):
    """``tables`` maps each table's name to the SHA-256 of its bytes; ``rows`` to its number of rows."""

    __tablename__ = "snapshot"
    __table_args__ = in_schema("trial")

    cut_off_at: datetime = instant()
    scope: str = Field(max_length=48)
    encoding: str = Field(max_length=16)
    tables: dict[str, Any] = document()
    rows: dict[str, Any] = document()
    sha256: str = Field(max_length=64)


def take_snapshot(
    session: TrialSession,
    trial: Trial,
    version: ProtocolVersion,
    cut_off_at: datetime,
    scope: str,
    visits: Collection[str] | None,
) -> Snapshot:
    """Freeze what is committed now; part of a cut-off. ``visits`` are those in scope, ``None`` for all."""
    frames = read_tables(session, trial, version, cut_off_at, scope, visits)
    tables = {name: store_blob(session, encode(frame)) for name, frame in frames.items()}
    snapshot = Snapshot(
        **session.stamp(),
        trial_id=trial.id,
        protocol_version_id=version.id,
        cut_off_at=cut_off_at,
        scope=scope,
        encoding=ENCODING,
        tables=tables,
        rows={name: frame.height for name, frame in frames.items()},
        sha256=listing_hash(tables),
    )
    session.add(snapshot)
    session.flush()
    return snapshot


def read_tables(
    session: TrialSession,
    trial: Trial,
    version: ProtocolVersion,
    cut_off_at: datetime,
    scope: str,
    visits: Collection[str] | None,
) -> dict[str, pl.DataFrame]:
    """The live tables as frames, from one consistent view of the database."""
    with _consistent_view(session) as connection:
        reader = SnapshotReader(connection, trial, version, cut_off_at, scope, visits)
        return {name: shaped(name, reader.rows_of(name)) for name in SNAPSHOT_TABLES}


def _consistent_view(session: TrialSession) -> Connection:
    """A connection of its own, blinded, that sees one instant and can write nothing. Closing it ends it."""
    engine = session.get_bind()
    assert isinstance(engine, Engine), "sessions are bound to the engine"
    connection = engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    connection.execute(_SET_ROLE, {"role": BLINDED_ROLE})
    return connection


def shaped(name: str, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows as the table ``name``: its columns, its types, its order."""
    shape = SNAPSHOT_TABLES[name]
    frame = pl.DataFrame(rows, schema=dict(shape.columns), orient="row", strict=True)
    return frame.sort(*shape.sorted_by, nulls_last=True, maintain_order=True).rechunk()


def encode(frame: pl.DataFrame) -> bytes:
    """The frame as an Arrow file: the oldest layout, in which equal values have equal bytes."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="zstd", compat_level=pl.CompatLevel.oldest())
    return buffer.getvalue()


def decode(name: str, content: bytes) -> pl.DataFrame:
    """The table that ``encode`` wrote. Raises ``SnapshotDamaged`` where its shape is not the declared one."""
    frame = pl.read_ipc(io.BytesIO(content))
    if dict(frame.schema) != SNAPSHOT_TABLES[name].columns:
        raise SnapshotDamaged(
            f"The table {name} of this snapshot has another shape than this version of Equipoise reads."
            " Read it with the version that took it."
        )
    return frame


def listing_hash(tables: Mapping[str, str]) -> str:
    """SHA-256 over one line ``hash  name`` for each table, in order of the names, as ``sha256sum`` writes them."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(tables.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def get_snapshot(session: TrialSession, snapshot_id: UUID) -> Snapshot:
    """Raises ``SnapshotNotFound``."""
    found = session.get(Snapshot, snapshot_id)
    if found is None:
        raise SnapshotNotFound("There is no such snapshot. Take a cut-off, or choose one from the list.")
    return found


def load_snapshot(session: TrialSession, snapshot_id: UUID) -> dict[str, pl.DataFrame]:
    """Every table, checked. Raises ``SnapshotNotFound``, ``SnapshotDamaged``, ``BlobNotFound``, ``BlobDamaged``."""
    snapshot = get_snapshot(session, snapshot_id)
    if listing_hash(snapshot.tables) != snapshot.sha256 or set(snapshot.tables) != set(SNAPSHOT_TABLES):
        raise SnapshotDamaged(
            "The snapshot's listing is not the one that was taken. Restore it from a backup; do not report from it."
        )
    return {name: decode(name, read_blob(session, snapshot.tables[name])) for name in SNAPSHOT_TABLES}
