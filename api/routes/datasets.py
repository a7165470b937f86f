"""Locked datasets: the list, each one's manifest, each file; ETag is the SHA-256 of what is sent."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.datasets import PULLERS, as_download, pulled
from api.dependencies import Write
from api.permissions import permission
from api.places import Here
from trial.database.session import TrialSession
from trial.locks.datasets import LockedDataset, datasets_for
from trial.locks.lock import get_lock

router = APIRouter()


class DatasetSummary(BaseModel):
    id: UUID
    stage: str = Field(description="The stage of the lock that it was built from.")
    mode: str = Field(description="naive (no treatments), dummy (invented ones that say so) or unblinded.")
    manifest_sha256: str
    snapshot_sha256: str
    files: int
    size: int = Field(description="Bytes of all files.")
    code_version: str
    recorded_at: datetime


_MANIFEST: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}}, "description": "Canonical JSON, byte for byte as it was built."}
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The file's bytes."}
}


@router.get("/trials/{trial}/datasets", openapi_extra=permission(*PULLERS))
def list_datasets(here: Here, session: Write) -> list[DatasetSummary]:
    """The datasets of the modes that you may pull, oldest first."""
    return [_summary(session, dataset) for dataset in datasets_for(session, here.actor, here.trial.id)]


def _summary(session: TrialSession, dataset: LockedDataset) -> DatasetSummary:
    return DatasetSummary(
        id=dataset.id,
        stage=get_lock(session, dataset.lock_id).stage,
        mode=dataset.mode.value,
        manifest_sha256=dataset.manifest_sha256,
        snapshot_sha256=dataset.snapshot_sha256,
        files=len(dataset.files),
        size=sum(file.size for file in dataset.listing()),
        code_version=dataset.code_version,
        recorded_at=dataset.recorded_at,
    )


@router.get(
    "/trials/{trial}/datasets/{dataset_id}/manifest",
    openapi_extra=permission(*PULLERS),
    response_class=Response,
    responses=_MANIFEST,
)
def pull_manifest(here: Here, session: Write, dataset_id: UUID) -> Response:
    """The manifest: every file with its SHA-256. Your pull is recorded."""
    return as_download(*pulled(session, here, dataset_id))


@router.get(
    "/trials/{trial}/datasets/{dataset_id}/files/{path:path}",
    openapi_extra=permission(*PULLERS),
    response_class=Response,
    responses=_FILE,
)
def pull_dataset_file(here: Here, session: Write, dataset_id: UUID, path: str) -> Response:
    """One file by its path in the manifest. Your pull is recorded."""
    return as_download(*pulled(session, here, dataset_id, path))
