"""Locked datasets: what there is, one dataset's files with hashes, the dictionary that its manifest holds.

Invariants
1. Looking at a list records nothing; opening a dataset or a file records a pull by that person.
2. What a dataset shows of itself is read from its manifest, the bytes that a program pulls.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.datasets import PULLERS, as_download, dataset_here, pulled
from api.dependencies import Write
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.render import page
from api.pages.statistician.snippets import snippets
from api.permissions import permission
from trial.access.accounts import names_of_actors
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.locks.datasets import LockedDataset, datasets_for, pulls_of
from trial.locks.lock import get_lock, locks_of
from trial.locks.snapshots import get_snapshot

router = APIRouter()

_PULLS = (Permission.DATASET_NAIVE_PULL, Permission.DATASET_DUMMY_PULL, Permission.DATASET_UNBLINDED_PULL)
register_way(Way("Datasets", "datasets", _PULLS, order=30))

MODE_WORDS = {
    "naive": ("No treatments", "plain"),
    "dummy": ("DUMMY treatments", "warning"),
    "unblinded": ("Unblinded", "danger"),
}


@router.get("/t/{trial}/datasets", openapi_extra=permission(*PULLERS))
def list_locked_datasets(request: Request, here: Here, session: Write) -> Response:
    found = datasets_for(session, here.actor, here.trial.id)
    locks = {lock.id: lock for lock in locks_of(session, here.trial.id)}
    return page(
        request,
        "statistician/datasets.html",
        here=here,
        datasets=found[::-1],
        stages={one.id: locks[one.lock_id].stage for one in found},
        modes=MODE_WORDS,
        locks=[(lock, _snapshot_hash(session, lock.snapshot_id)) for lock in locks.values()],
    )


def _snapshot_hash(session: TrialSession, snapshot_id: UUID | None) -> str:
    return get_snapshot(session, snapshot_id).sha256 if snapshot_id else ""


@router.get("/t/{trial}/datasets/{dataset_id}", openapi_extra=permission(*PULLERS))
def show_dataset(request: Request, here: Here, session: Write, dataset_id: UUID) -> Response:
    dataset = dataset_here(session, here, dataset_id)
    _, manifest = pulled(session, here, dataset.id)
    return page(
        request,
        "statistician/dataset.html",
        unblinded=dataset.mode.value == "unblinded",
        here=here,
        dataset=dataset,
        stage=get_lock(session, dataset.lock_id).stage,
        mode=MODE_WORDS[dataset.mode.value],
        pulls=_pulls(session, dataset),
        snippets=list(snippets(_server(request), here.trial.code, str(dataset.id), f"./{here.trial.code.lower()}")),
        **_told(manifest),
    )


def _server(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _told(content: bytes) -> dict[str, Any]:
    """The manifest as the page shows it: its facts, and for each dataset its files and variables."""
    manifest = json.loads(content)
    groups: dict[str, dict[str, Any]] = {}
    for path, file in sorted(manifest["files"].items()):
        group = groups.setdefault(
            file["dataset"], {"rows": file["rows"], "columns": file["columns"], "files": [], "folder": path}
        )
        group["files"].append((path, file["bytes"], file["sha256"]))
    return {"manifest": manifest, "groups": groups}


def _pulls(session: TrialSession, dataset: LockedDataset) -> list[tuple[str, Any]]:
    """The last pulls, the newest first; many of one person are shown as they are."""
    last = pulls_of(session, dataset.id)[-20:][::-1]
    names = names_of_actors(session, (pull.pulled_by for pull in last))
    return [(names[pull.pulled_by], pull.recorded_at) for pull in last]


@router.get("/t/{trial}/datasets/{dataset_id}/files/{path:path}", openapi_extra=permission(*PULLERS))
def download_file(here: Here, session: Write, dataset_id: UUID, path: str) -> Response:
    return as_download(*pulled(session, here, dataset_id, path))


@home_worklist(*_PULLS)
def datasets_built(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    found = datasets_for(session, here.actor, here.trial.id)
    yield WorkRow(len(found), "locked datasets", here.url("datasets"), "to pull and verify", "done", "waiting")
