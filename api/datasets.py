"""Locked datasets as the doors hand them out: of this trial, by path, sealed ones through the strongroom.

Invariants
1. Each mode asks for its own permission, in the service that records the pull.
2. A file goes out under the hash that the manifest names.
"""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

from api.places import Place
from randomization.unblinding.documents import find_document, open_document
from trial.database.blobs import read_blob
from trial.database.session import TrialSession
from trial.locks.datasets import (
    DatasetFile,
    DatasetFileNotFound,
    DatasetMode,
    DatasetNotFound,
    LockedDataset,
    get_dataset,
    pull_dataset,
)

PULLERS = ("dataset:naive:pull", "dataset:dummy:pull", "dataset:unblinded:pull")
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml",
    "parquet": "application/vnd.apache.parquet",
    "xpt": "application/octet-stream",
}


def dataset_here(session: TrialSession, here: Place, dataset_id: UUID) -> LockedDataset:
    """The dataset, if it is this trial's. Raises ``DatasetNotFound``."""
    dataset = get_dataset(session, dataset_id)
    if dataset.trial_id != here.trial.id:
        raise DatasetNotFound("There is no such dataset. Choose one from the trial's list.")
    return dataset


def pulled(session: TrialSession, here: Place, dataset_id: UUID, path: str | None = None) -> tuple[DatasetFile, bytes]:
    """One file's listing and bytes, the manifest's without a path; recorded. Raises ``DatasetFileNotFound``."""
    dataset = pull_dataset(session, here.actor, dataset_here(session, here, dataset_id).id)
    wanted = path or dataset.manifest_path
    for file in dataset.listing():
        if file.path == wanted:
            return file, _bytes(session, here, dataset, file)
    raise DatasetFileNotFound("The dataset has no such file. Its manifest lists the files that it has.")


def _bytes(session: TrialSession, here: Place, dataset: LockedDataset, file: DatasetFile) -> bytes:
    if dataset.mode is not DatasetMode.UNBLINDED:
        return read_blob(session, file.sha256)
    document_id = find_document(session, here.trial.id, file.sha256)
    if document_id is None:
        raise DatasetFileNotFound("The strongroom holds no such file. Have the unblinded dataset built again.")
    return open_document(session, here.actor, document_id).content


def as_download(file: DatasetFile, content: bytes) -> Response:
    """The bytes, named and tagged with their hash."""
    suffix = file.path.rpartition(".")[2].lower()
    name = file.path.rpartition("/")[2]
    headers = {"ETag": f'"{file.sha256}"', "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPES.get(suffix, "application/octet-stream"), headers=headers)
