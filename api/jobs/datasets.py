"""Locked datasets, built from a lock's snapshot by the worker: the other place where treatments meet a report.

Invariants
1. A naive or dummy dataset is built without any treatment; an unblinded one only after the lists were opened.
2. An unblinded dataset's files are sealed one by one, under their own hashes; outside the seal there are their hashes alone.
3. The same lock and mode give the same bytes, so a job that runs twice keeps one dataset.
"""

from __future__ import annotations

from uuid import UUID

import polars as pl
from procrastinate import JobContext
from pydantic import BaseModel, ConfigDict
from sqlmodel import select

from api.installation import Installation
from api.jobs.contexts import anchor_of_snapshot, person_who_asked, report_context
from api.jobs.queue import defer, tasks
from api.product import product_version
from randomization.unblinding.documents import DocumentKind, SealDocument, seal_document
from randomization.unblinding.opening import check_opened, true_frame, true_further_frame
from reports.datasets.manifest import MANIFEST
from reports.datasets.package import build_package
from trial.access.actions import PERMISSION_OF, Action
from trial.access.actors import Actor, system_actor
from trial.access.policies import check_may
from trial.database.session import Database, TrialSession
from trial.locks.datasets import (
    PULLED,
    DatasetMode,
    DatasetWithoutLock,
    LockedDataset,
    RecordDataset,
    describe_files,
    record_dataset,
)
from trial.locks.lock import DataLock, get_lock
from trial.locks.snapshots import Snapshot, get_snapshot, load_snapshot
from trial.protocol.versions import newest_active_version, protocol_of

BUILDER = system_actor("worker")


class BuildDataset(BaseModel):
    model_config = ConfigDict(frozen=True)

    lock_id: UUID
    mode: DatasetMode


def ask_for_dataset(session: TrialSession, actor: Actor, command: BuildDataset) -> None:
    """Queue the build of a lock's dataset. Raises ``NotPermitted``, ``DatasetWithoutLock``, ``ListsNotOpened``."""
    lock = get_lock(session, command.lock_id)
    _check_may_ask(session, actor, lock, command.mode)
    _snapshot_id(lock)
    ids = {"lock_id": lock.id, "mode": command.mode.value, "asked_by": actor.account_id}
    defer(session, "build_dataset", ids)


def _check_may_ask(session: TrialSession, actor: Actor, lock: DataLock, mode: DatasetMode) -> None:
    check_may(actor, str(PERMISSION_OF[PULLED[mode]]), lock.trial_id)
    if mode is DatasetMode.UNBLINDED:
        check_may(actor, str(PERMISSION_OF[Action.DATASET_UNBLINDED]), lock.trial_id)
        check_opened(session, lock.trial_id)


def _snapshot_id(lock: DataLock) -> UUID:
    if lock.snapshot_id is None:
        raise DatasetWithoutLock("The lock has only one signature. Build the dataset when the second is given.")
    return lock.snapshot_id


@tasks.task(name="build_dataset", pass_context=True)
def build_dataset(context: JobContext, *, lock_id: str, mode: str, asked_by: str) -> None:
    """One dataset of one lock."""
    installation: Installation = context.additional_context["installation"]
    wanted = DatasetMode(mode)
    with installation.database.reading() as session:
        lock = get_lock(session, UUID(lock_id))
        snapshot = get_snapshot(session, _snapshot_id(lock))
        if _is_built(session, lock, wanted, snapshot):
            return
    _build(installation, lock, snapshot, wanted, UUID(asked_by))


def _is_built(session: TrialSession, lock: DataLock, mode: DatasetMode, snapshot: Snapshot) -> bool:
    found = select(LockedDataset.id).where(
        LockedDataset.lock_id == lock.id,
        LockedDataset.mode == mode,
        LockedDataset.snapshot_sha256 == snapshot.sha256,
        LockedDataset.code_version == product_version(),
    )
    return session.exec(found).first() is not None


def _build(installation: Installation, lock: DataLock, snapshot: Snapshot, mode: DatasetMode, asked_by: UUID) -> None:
    pack = _pack(installation, lock, snapshot, mode, asked_by)
    files = describe_files(pack)
    if mode is DatasetMode.UNBLINDED:
        _seal(installation.database, asked_by, lock, pack)
    with installation.database.transaction() as session:
        command = RecordDataset(
            lock_id=lock.id, mode=mode, manifest=MANIFEST, files=files, code_version=product_version()
        )
        record_dataset(session, BUILDER, command, None if mode is DatasetMode.UNBLINDED else pack)


def _pack(
    installation: Installation, lock: DataLock, snapshot: Snapshot, mode: DatasetMode, asked_by: UUID
) -> dict[str, bytes]:
    """The files by path. What they were made from is let go with the end of this function."""
    anchor = anchor_of_snapshot(installation, snapshot)
    with installation.database.transaction() as session:
        actor = person_who_asked(session, asked_by)
        _check_may_ask(session, actor, lock, mode)
        frames = load_snapshot(session, snapshot.id)
        context = report_context(session, snapshot, anchor)
        treatments = _treatments(session, actor, lock, mode)
        further = _further(session, actor, lock, mode)
    return build_package(frames, context, mode.value, treatments, further=further)


def _treatments(session: TrialSession, actor: Actor, lock: DataLock, mode: DatasetMode) -> pl.DataFrame | None:
    if mode is not DatasetMode.UNBLINDED:
        return None
    return true_frame(session, actor, lock.trial_id, f"Unblinded dataset of stage {lock.stage}")


def _further(session: TrialSession, actor: Actor, lock: DataLock, mode: DatasetMode) -> pl.DataFrame | None:
    """What was randomized again, in a trial whose protocol has further stages."""
    stages = protocol_of(newest_active_version(session, lock.trial_id)).randomization.further
    if mode is not DatasetMode.UNBLINDED or not stages:
        return None
    return true_further_frame(session, actor, lock.trial_id, f"Further randomizations, dataset of stage {lock.stage}")


def _seal(database: Database, asked_by: UUID, lock: DataLock, pack: dict[str, bytes]) -> None:
    """File by file, each in a transaction of its own and then let go: together they would fill the memory.

    A file that is sealed already, by a job that did not come to its end, is not sealed twice.
    """
    for path in list(pack):
        with database.transaction() as session:
            command = SealDocument(
                trial_id=lock.trial_id,
                kind=DocumentKind.UNBLINDED_PACK,
                name=f"{lock.stage}: {path}",
                content=pack.pop(path),
            )
            seal_document(session, person_who_asked(session, asked_by), command)
