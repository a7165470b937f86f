"""The opening of the allocation lists after the lock: two people sign, then the lists and the unblinded dataset follow.

Invariants
1. The page holds no arm: an opened list is downloaded through its own address, which records who took it.
2. What is offered is what the state allows; the services refuse the same before the lock and before both signatures.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.jobs.datasets import BuildDataset, ask_for_dataset
from api.pages.answers import Posted, picked, reshown, see
from api.pages.data.locks import lock_here
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.render import page
from api.pages.site.commands import command_of
from api.permissions import permission
from randomization.unblinding.opening import (
    MEANING,
    ListOpening,
    OpeningSide,
    OpenLists,
    can_sign_opening,
    is_opened,
    open_list,
    openings_of,
    sealed_lists,
    slots_used,
)
from trial.access.accounts import accounts_by_id
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.locks.datasets import DatasetMode, datasets_for
from trial.locks.lock import DataLock, LockState, locks_of

router = APIRouter()
register_way(Way("Opening", "opening", (Permission.LIST_OPEN,), order=65, aside=True))

_PATH = "/t/{trial}/opening"
_MAY = permission(Permission.LIST_OPEN)
SIDE_WORDS = {OpeningSide.STATISTICIAN: "Unblinded statistician", OpeningSide.SPONSOR: "Sponsor"}
_DONE = {
    "signed": "Your signature is recorded.",
    "asked": "The unblinded dataset is being built. It appears under Datasets when it is ready.",
}


@router.get(_PATH, openapi_extra=_MAY)
def show_opening(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _page(request, session, here, FormState(), done=done)


@router.post(_PATH, openapi_extra=_MAY)
def sign_opening(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        command = command_of(OpenLists, trial_id=here.trial.id, **picked(posted, "idempotency_key"))
        proof = here.caller.prove(posted.get("password", ""), posted.get("code"))
        open_list(session, here.actor, proof, command)
    return see(here.url("opening"), done="signed")


@router.post(f"{_PATH}/{{lock_id}}/dataset", openapi_extra=permission(Permission.DATASET_UNBLINDED_PULL))
def build_unblinded(request: Request, here: Here, session: Write, posted: Posted, lock_id: UUID) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, state, status)):
        lock = lock_here(session, here, lock_id)
        ask_for_dataset(session, here.actor, BuildDataset(lock_id=lock.id, mode=DatasetMode.UNBLINDED))
    return see(here.url("opening"), done="asked")


def _page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    signed = openings_of(session, here.trial.id)
    lists = sealed_lists(session, here.trial.id)
    return page(
        request, "statistician/opening.html", status=status, here=here, state=state, meaning=MEANING,
        sides=_sides(session, signed), is_open=is_opened(session, here.trial.id),
        may_sign=can_sign_opening(session, here.actor, here.trial), url=here.url("opening"),
        lists=[(one, slots_used(session, one.id)) for one in lists], locks=_buildable(session, here),
        api=f"/api/v1/trials/{here.trial.code}/lists", done=_DONE.get(done, ""),
    )  # fmt: skip


def _sides(session: TrialSession, signed: list[ListOpening]) -> list[tuple[str, str]]:
    """For each side: who has signed, or that nobody has yet."""
    people = accounts_by_id(session, (one.signed_by for one in signed))
    given = {one.side: people[one.signed_by].display_name for one in signed}
    return [(words, given.get(side, "Not signed yet")) for side, words in SIDE_WORDS.items()]


def _buildable(session: TrialSession, here: Place) -> list[DataLock]:
    """The locks of which the caller may have the unblinded dataset built, and nobody has."""
    if not here.may(Permission.DATASET_UNBLINDED_PULL) or not is_opened(session, here.trial.id):
        return []
    found = datasets_for(session, here.actor, here.trial.id)
    built = {one.lock_id for one in found if one.mode is DatasetMode.UNBLINDED}
    standing = {LockState.LOCKED, LockState.UNLOCK_SIGNED_ONCE}
    return [lock for lock in locks_of(session, here.trial.id) if lock.state in standing and lock.id not in built]


@home_worklist(Permission.LIST_OPEN)
def openings_to_sign(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    """After the lock: the signature that is the caller's to give."""
    mine = can_sign_opening(session, here.actor, here.trial)
    yield WorkRow(int(mine), "opening of the lists", here.url("opening"), "waits for your signature", "warning")
