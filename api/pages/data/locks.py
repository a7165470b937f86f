"""Locks: each stage with its checklist, the two signatures, the unlock, and the datasets that follow.

Invariants
1. The checklist that is shown is the one that the signature counts again.
2. The page says who has signed and whose signature is missing, before anybody is asked for a password.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.checklists import counted_above
from api.dependencies import Write
from api.jobs.datasets import BuildDataset, ask_for_dataset
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way, role_words
from api.pages.render import page
from api.permissions import permission
from api.routes.locks import LOCK_READERS
from trial.access.accounts import accounts_by_id
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.locks.checklist import checklist_for
from trial.locks.cutoffs import visits_in
from trial.locks.datasets import DatasetMode, datasets_for
from trial.locks.freezes import freezes_in_force
from trial.locks.lock import (
    LOCK_MEANING,
    UNLOCK_MEANING,
    DataLock,
    LockAct,
    LockNotFound,
    LockState,
    SignLock,
    SignUnlock,
    get_lock,
    lock_of_stage,
    locks_of,
    sign_lock,
    sign_unlock,
    signing_roles,
    signings_of,
)
from trial.protocol.schema import Protocol
from trial.protocol.versions import VersionNotActive

router = APIRouter()
register_way(Way("Locks", "locks", (Permission.DATA_LOCK, Permission.DATA_FREEZE), order=35))

STATE_WORDS = {
    LockState.SIGNED_ONCE: ("Signed once", "warning"),
    LockState.LOCKED: ("Locked", "done"),
    LockState.UNLOCK_SIGNED_ONCE: ("Unlock signed once", "warning"),
    LockState.UNLOCKED: ("Unlocked", "plain"),
}
SAID = {
    "signed": "Your signature is recorded.",
    "asked": "The dataset is being built. It appears under Datasets when it is ready.",
}


@router.get("/t/{trial}/locks", openapi_extra=permission(*LOCK_READERS))
def show_locks(request: Request, here: Here, session: Write, done: str = "") -> Response:
    stages = [(stage, lock_of_stage(session, here.trial.id, stage.code)) for stage in _protocol(here).lock_stages]
    return page(
        request,
        "data/locks.html",
        here=here,
        said=SAID.get(done, ""),
        stages=stages,
        words=STATE_WORDS,
        may_lock=here.may(Permission.DATA_LOCK),
        may_freeze=here.may(Permission.DATA_FREEZE),
        frozen=len(freezes_in_force(session, here.trial.id)),
        builds={lock.id: _buildable(session, here, lock) for _, lock in stages if lock is not None},
        ended=[lock for lock in locks_of(session, here.trial.id) if lock.state is LockState.UNLOCKED],
    )


def _protocol(here: Place) -> Protocol:
    if here.protocol is None:
        raise VersionNotActive("The trial has no active version of its protocol. The sponsor activates one.")
    return here.protocol


def _buildable(session: TrialSession, here: Place, lock: DataLock) -> list[str]:
    """The modes in which the caller may have this lock's dataset built, and which nobody has built."""
    if lock.snapshot_id is None:
        return []
    built = {one.mode for one in datasets_for(session, here.actor, here.trial.id) if one.lock_id == lock.id}
    return [
        mode.value
        for mode in DatasetMode
        if mode not in built and here.may(f"dataset:{mode.value}:pull") and mode is not DatasetMode.UNBLINDED
    ]


@router.get("/t/{trial}/locks/stages/{stage}", openapi_extra=permission("data:lock"))
def show_stage(request: Request, here: Here, session: Write, stage: str) -> Response:
    return _stage_page(request, here, session, stage, FormState())


def _stage_page(
    request: Request, here: Place, session: TrialSession, stage: str, state: FormState, status: int = 200
) -> Response:
    visits_in(_protocol(here), stage)
    lock = lock_of_stage(session, here.trial.id, stage)
    items = checklist_for(session, here.actor, here.trial.id, stage, counted_above(session, here.trial.id))
    context: dict[str, Any] = {
        "here": here,
        "stage": next(one for one in _protocol(here).lock_stages if one.code == stage),
        "lock": lock,
        "words": STATE_WORDS,
        "items": items,
        "is_green": all(item.is_green for item in items),
        "signatures": _signatures(session, lock),
        "state": state,
        "meaning": UNLOCK_MEANING if _stands_locked(lock) else LOCK_MEANING,
        "stands_locked": _stands_locked(lock),
        "signed_by_me": _signed_by(session, here, lock),
    }
    return page(request, "data/stage.html", status=status, **context)


def _stands_locked(lock: DataLock | None) -> bool:
    return lock is not None and lock.state in {LockState.LOCKED, LockState.UNLOCK_SIGNED_ONCE}


def _signatures(session: TrialSession, lock: DataLock | None) -> list[tuple[str, str]]:
    """For each role that must sign: who has, or that nobody has yet."""
    act = LockAct.UNLOCK if lock is not None and lock.state is LockState.UNLOCK_SIGNED_ONCE else LockAct.LOCK
    ended = lock is None or lock.state is LockState.UNLOCKED
    given = {} if lock is None or ended else {one.role: one for one in signings_of(session, lock.id, act)}
    people = accounts_by_id(session, (one.account_id for one in given.values()))
    return [
        (role_words(role), people[given[role].account_id].display_name if role in given else "Not signed yet")
        for role in sorted(signing_roles(act))
    ]


def _signed_by(session: TrialSession, here: Place, lock: DataLock | None) -> bool:
    act = LockAct.UNLOCK if lock is not None and lock.state is LockState.UNLOCK_SIGNED_ONCE else LockAct.LOCK
    if lock is None or lock.state in {LockState.UNLOCKED, LockState.LOCKED}:
        return False
    return any(one.account_id == here.actor.account_id for one in signings_of(session, lock.id, act))


@router.post("/t/{trial}/locks/stages/{stage}", openapi_extra=permission("data:lock"))
def sign_stage(request: Request, here: Here, session: Write, posted: Posted, stage: str) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _stage_page(request, here, session, stage, state, status)

    with reshown(session, posted, show):
        given = picked(posted, "idempotency_key")
        command = SignLock(trial_id=here.trial.id, stage=stage, **given)
        proof = here.caller.prove(posted.get("password", ""), posted.get("code"))
        sign_lock(session, here.actor, proof, command, counted_above(session, here.trial.id))
    return see(here.url("locks"), done="signed")


@router.post("/t/{trial}/locks/{lock_id}/unlock", openapi_extra=permission("data:unlock"))
def sign_unlocking(request: Request, here: Here, session: Write, posted: Posted, lock_id: UUID) -> Response:
    stage = lock_here(session, here, lock_id).stage

    def show(state: FormState, status: int) -> Response:
        return _stage_page(request, here, session, stage, state, status)

    session.rollback()
    with reshown(session, posted, show):
        command = SignUnlock(lock_id=lock_id, **picked(posted, "idempotency_key", "reason"))
        proof = here.caller.prove(posted.get("password", ""), posted.get("code"))
        sign_unlock(session, here.actor, proof, command)
    return see(here.url("locks"), done="signed")


@router.post(
    "/t/{trial}/locks/{lock_id}/datasets", openapi_extra=permission("dataset:naive:pull", "dataset:dummy:pull")
)
def build_one(here: Here, session: Write, posted: Posted, lock_id: UUID) -> Response:
    lock = lock_here(session, here, lock_id)
    mode = next((mode for mode in DatasetMode if mode.value == posted.get("mode")), None)
    if mode is None:
        raise InvalidInput("Choose which dataset to build. Nothing was asked for.")
    ask_for_dataset(session, here.actor, BuildDataset(lock_id=lock.id, mode=mode))
    return see(here.url("locks"), done="asked")


def lock_here(session: TrialSession, here: Place, lock_id: UUID) -> DataLock:
    """The lock, if it is this trial's. Raises ``LockNotFound``."""
    lock = get_lock(session, lock_id)
    if lock.trial_id != here.trial.id:
        raise LockNotFound("There is no such lock. Choose one from the trial's list.")
    return lock


@home_worklist(Permission.DATA_LOCK)
def locks_to_sign(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    for lock in locks_of(session, here.trial.id):
        if lock.state in {LockState.SIGNED_ONCE, LockState.UNLOCK_SIGNED_ONCE}:
            mine = _signed_by(session, here, lock)
            note = "waits for another person" if mine else "waits for your signature"
            words = "lock" if lock.state is LockState.SIGNED_ONCE else "unlock"
            url = here.url("locks", "stages", lock.stage)
            kind, when = ("waiting", "waiting") if mine else ("warning", "today")
            yield WorkRow(1, f"{words} of stage {lock.stage.replace('_', ' ')}", url, note, kind, when)  # type: ignore[arg-type]  # a pair of literals widens to str
