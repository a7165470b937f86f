"""Locks: which stage of the trial's data was locked, when, from which snapshot."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from api.dependencies import Write
from api.permissions import permission
from api.places import Here
from trial.database.session import TrialSession
from trial.locks.lock import DataLock, locks_of
from trial.locks.snapshots import get_snapshot

router = APIRouter()

LOCK_READERS = (
    "data:lock",
    "data:freeze",
    "dataset:naive:pull",
    "dataset:dummy:pull",
    "dataset:unblinded:pull",
)


class LockSummary(BaseModel):
    id: UUID
    stage: str
    state: str
    whole_trial: bool
    locked_at: datetime | None
    unlocked_at: datetime | None
    snapshot_sha256: str | None


@router.get("/trials/{trial}/locks", openapi_extra=permission(*LOCK_READERS))
def list_locks(here: Here, session: Write) -> list[LockSummary]:
    """Every lock of the trial, oldest first, with those that were ended."""
    return [_summary(session, lock) for lock in locks_of(session, here.trial.id)]


def _summary(session: TrialSession, lock: DataLock) -> LockSummary:
    snapshot = get_snapshot(session, lock.snapshot_id) if lock.snapshot_id else None
    facts = {name: getattr(lock, name) for name in LockSummary.model_fields if name != "snapshot_sha256"}
    return LockSummary(**facts, snapshot_sha256=snapshot.sha256 if snapshot else None)
