"""Locked datasets: built once from a lock's snapshot, named by their hashes, pulled by people who are recorded.

Invariants
1. A dataset belongs to a lock and has one mode: naive (no treatment), dummy (invented arms that say so) or unblinded.
2. Its files and its manifest are named by the SHA-256 of their bytes. The same build again is the same dataset.
3. An unblinded dataset's bytes are sealed in the strongroom: here are only its hashes.
4. Each mode has its own permission, and each pull leaves a record of who pulled what, and when.

What it does not do: build files (``reports/datasets``) or open arms.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import PERMISSION_OF, Action
from trial.access.actors import Actor
from trial.access.policies import authorize, may
from trial.database.blobs import read_blob, sha256_of, store_blob
from trial.database.columns import choice, document
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound
from trial.locks.lock import get_lock
from trial.locks.snapshots import get_snapshot


class DatasetMode(StrEnum):
    NAIVE = "naive"
    DUMMY = "dummy"
    UNBLINDED = "unblinded"


# Components begin with a letter or a digit: no path climbs, hides or is absolute.
_PATH: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$"
PULLED: Final[Mapping[DatasetMode, Action]] = {
    DatasetMode.NAIVE: Action.DATASET_PULLED,
    DatasetMode.DUMMY: Action.DUMMY_DATASET_PULLED,
    DatasetMode.UNBLINDED: Action.UNBLINDED_DATASET_PULLED,
}


class DatasetNotFound(NotFound):
    code = "dataset.not_found"


class DatasetFileNotFound(NotFound):
    code = "dataset.file_not_found"


class DatasetWithoutLock(Conflict):
    code = "dataset.without_lock"


class DatasetIsSealed(Conflict):
    code = "dataset.is_sealed"


class DatasetFilesWrong(InvalidInput):
    code = "dataset.files_wrong"


class DatasetFile(BaseModel):
    model_config = ConfigDict(frozen=True)

    path: str = Bounded(min_length=1, max_length=200, pattern=_PATH)
    sha256: str = Bounded(pattern=r"^[0-9a-f]{64}$")
    size: int = Bounded(ge=0)


class RecordDataset(BaseModel):
    """``files`` lists every file; ``manifest`` is the path of the one that names the others."""

    model_config = ConfigDict(frozen=True)

    lock_id: UUID
    mode: DatasetMode
    manifest: str
    files: tuple[DatasetFile, ...] = Bounded(min_length=1)
    code_version: str = Bounded(min_length=1, max_length=64)


class LockedDataset(TrialRecord, table=True):
    __tablename__ = "locked_dataset"
    __table_args__ = in_schema("trial", UniqueConstraint("lock_id", "mode", "manifest_sha256"))

    lock_id: UUID = Field(foreign_key="trial.data_lock.id", index=True)
    snapshot_sha256: str = Field(max_length=64)
    mode: DatasetMode = choice(DatasetMode)
    manifest_path: str = Field(max_length=200)
    manifest_sha256: str = Field(max_length=64)
    files: list[dict[str, Any]] = document()
    code_version: str = Field(max_length=64)
    built_by: str = Field(max_length=80)

    def listing(self) -> tuple[DatasetFile, ...]:
        """The files, by path."""
        return tuple(DatasetFile.model_validate(file) for file in self.files)


class DatasetPull(TrialRecord, table=True):
    """That somebody pulled a dataset."""

    __tablename__ = "dataset_pull"
    __table_args__ = in_schema("trial")

    dataset_id: UUID = Field(foreign_key="trial.locked_dataset.id", index=True)
    pulled_by: str = Field(max_length=80)


def describe_files(contents: Mapping[str, bytes]) -> tuple[DatasetFile, ...]:
    """Path, hash and size of each file, by path."""
    return tuple(
        DatasetFile(path=path, sha256=sha256_of(content), size=len(content))
        for path, content in sorted(contents.items())
    )


def record_dataset(
    session: TrialSession, actor: Actor, command: RecordDataset, contents: Mapping[str, bytes] | None
) -> LockedDataset:
    """Keep a dataset that was built. ``contents`` by path; ``None`` for an unblinded one, whose bytes the caller has sealed.

    Raises ``LockNotFound``, ``DatasetWithoutLock``, ``DatasetFilesWrong``.
    """
    lock = get_lock(session, command.lock_id)
    authorize(session, actor, Action.DATASET_BUILT, trial_id=lock.trial_id)
    if lock.snapshot_id is None:
        raise DatasetWithoutLock("The lock has only one signature. Build the dataset when the second is given.")
    manifest = _check_files(command, contents)
    known = _same(session, command, manifest)
    if known is not None:
        return known
    for content in (contents or {}).values():
        store_blob(session, content)
    dataset = LockedDataset(
        **session.stamp(),
        trial_id=lock.trial_id,
        protocol_version_id=lock.protocol_version_id,
        lock_id=lock.id,
        snapshot_sha256=get_snapshot(session, lock.snapshot_id).sha256,
        mode=command.mode,
        manifest_path=command.manifest,
        manifest_sha256=manifest.sha256,
        files=[file.model_dump() for file in sorted(command.files, key=lambda file: file.path)],
        code_version=command.code_version,
        built_by=actor.name,
    )
    session.add(dataset)
    session.flush()
    return dataset


def _check_files(command: RecordDataset, contents: Mapping[str, bytes] | None) -> DatasetFile:
    """The manifest's entry, when listing and bytes agree. Raises ``DatasetFilesWrong``."""
    listed = {file.path: file for file in command.files}
    if len(listed) != len(command.files) or command.manifest not in listed:
        raise DatasetFilesWrong("List each file once, and the manifest among them.")
    if (contents is None) != (command.mode is DatasetMode.UNBLINDED):
        raise DatasetFilesWrong(
            "An unblinded dataset's bytes are sealed and stay out of here; any other comes with them."
        )
    if contents is not None and set(describe_files(contents)) != set(command.files):
        raise DatasetFilesWrong("The files are not the ones that the list names. Build the dataset again.")
    return listed[command.manifest]


def _same(session: TrialSession, command: RecordDataset, manifest: DatasetFile) -> LockedDataset | None:
    return session.exec(
        select(LockedDataset).where(
            LockedDataset.lock_id == command.lock_id,
            LockedDataset.mode == command.mode,
            LockedDataset.manifest_sha256 == manifest.sha256,
        )
    ).first()


def pull_dataset(session: TrialSession, actor: Actor, dataset_id: UUID) -> LockedDataset:
    """The dataset's listing, and a record that ``actor`` pulled it. Raises ``NotPermitted``, ``DatasetNotFound``."""
    dataset = get_dataset(session, dataset_id)
    authorize(session, actor, PULLED[dataset.mode], trial_id=dataset.trial_id)
    pull = DatasetPull(
        **session.stamp(),
        trial_id=dataset.trial_id,
        protocol_version_id=dataset.protocol_version_id,
        dataset_id=dataset.id,
        pulled_by=actor.name,
    )
    session.add(pull)
    session.flush()
    return dataset


def pull_file(session: TrialSession, actor: Actor, dataset_id: UUID, path: str) -> bytes:
    """One file's bytes, with a record. Raises ``DatasetFileNotFound``, ``DatasetIsSealed``, ``NotPermitted``."""
    dataset = pull_dataset(session, actor, dataset_id)
    if dataset.mode is DatasetMode.UNBLINDED:
        raise DatasetIsSealed("An unblinded dataset is pulled through the strongroom's own door.")
    for file in dataset.listing():
        if file.path == path:
            return read_blob(session, file.sha256)
    raise DatasetFileNotFound("The dataset has no such file. Its manifest lists the files that it has.")


def get_dataset(session: TrialSession, dataset_id: UUID) -> LockedDataset:
    """Raises ``DatasetNotFound``."""
    found = session.get(LockedDataset, dataset_id)
    if found is None:
        raise DatasetNotFound("There is no such dataset. Choose one from the trial's list.")
    return found


def datasets_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[LockedDataset]:
    """The datasets of the modes that ``actor`` may pull, oldest first."""
    modes = [mode for mode in DatasetMode if may(actor, str(PERMISSION_OF[PULLED[mode]]), trial_id)]
    return list(
        session.exec(
            select(LockedDataset)
            .where(LockedDataset.trial_id == trial_id, col(LockedDataset.mode).in_(modes))
            .order_by(col(LockedDataset.recorded_at), col(LockedDataset.id))
        )
    )


def pulls_of(session: TrialSession, dataset_id: UUID) -> list[DatasetPull]:
    """Who pulled the dataset, and when, oldest first."""
    found = select(DatasetPull).where(DatasetPull.dataset_id == dataset_id)
    return list(session.exec(found.order_by(col(DatasetPull.recorded_at), col(DatasetPull.id))))
