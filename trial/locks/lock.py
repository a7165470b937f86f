"""The staged lock: the checklist is green, two people sign, a snapshot is taken, and writes are refused.

Invariants
1. A stage is locked by signatures of different people, one in each role that the matrix gives ``data:lock`` (the data
   manager and the blinded statistician). Unlocking needs one in each role that it gives ``data:unlock``, with a reason.
2. The checklist is counted at each signature, and must be green at both.
3. From the second signature on nothing can be written that the snapshot does not hold: writers are shut out before it is
   taken, and triggers refuse them afterwards.
4. The last stage locks the whole trial. An earlier one freezes its visits, and the later ones go on, blind.
5. A lock is never removed: an unlock ends it, and the next lock is another.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, text
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, sign
from trial.conduct.trials import Trial, get_trial
from trial.database.columns import choice, instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound, NotPermitted
from trial.locks.checklist import ChecklistItem, check_green, checklist
from trial.locks.cutoffs import make_cutoff, visits_in
from trial.locks.freezes import FreezeData, add_freeze, end_freeze, freezes_in_force
from trial.protocol.schema import Protocol
from trial.protocol.versions import get_version, newest_active_version, protocol_of
from trial.reference.permissions import permissions

LOCK_MEANING = "The data of this stage are complete and checked; I ask that they be locked."
UNLOCK_MEANING = "The locked data must be opened for the reason given."
# Shared by the triggers' function: ``migrations.lock_triggers.LOCK_CLASS``. A test holds the two equal.
LOCK_CLASS: Final = 7305128
_SHUT_WRITERS_OUT = text("SELECT pg_advisory_xact_lock(:class, hashtext(CAST(:trial AS text)))")


class LockState(StrEnum):
    SIGNED_ONCE = "signed_once"
    LOCKED = "locked"
    UNLOCK_SIGNED_ONCE = "unlock_signed_once"
    UNLOCKED = "unlocked"


class LockAct(StrEnum):
    LOCK = "lock"
    UNLOCK = "unlock"


_S, _A = LockState, LockAct
NEXT: Final[Mapping[tuple[LockState, LockAct], LockState | None]] = MappingProxyType(
    {
        (_S.SIGNED_ONCE, _A.LOCK): _S.LOCKED,
        (_S.SIGNED_ONCE, _A.UNLOCK): None,
        (_S.LOCKED, _A.LOCK): None,
        (_S.LOCKED, _A.UNLOCK): _S.UNLOCK_SIGNED_ONCE,
        (_S.UNLOCK_SIGNED_ONCE, _A.LOCK): None,
        (_S.UNLOCK_SIGNED_ONCE, _A.UNLOCK): _S.UNLOCKED,
        (_S.UNLOCKED, _A.LOCK): None,
        (_S.UNLOCKED, _A.UNLOCK): None,
    }
)
"""The state that a signature leads to, or ``None`` where it is refused. The first signature of a lock makes the lock."""


class LockNotFound(NotFound):
    code = "lock.not_found"


class LockStateRefuses(Conflict):
    code = "lock.state_refuses"


class TwoPeopleNeeded(NotPermitted):
    code = "lock.two_people_needed"


class SignLock(BaseModel):
    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    trial_id: UUID
    stage: str = Bounded(min_length=1, max_length=48)


class SignUnlock(BaseModel):
    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    lock_id: UUID
    reason: str = Bounded(min_length=3, max_length=2000)


class DataLock(TrialRecord, table=True):
    __tablename__ = "data_lock"
    __table_args__ = in_schema("trial")

    stage: str = Field(max_length=48)
    state: LockState = choice(LockState)
    whole_trial: bool
    cutoff_id: UUID | None = Field(default=None, foreign_key="trial.cutoff.id")
    snapshot_id: UUID | None = Field(default=None, foreign_key="trial.snapshot.id")
    locked_at: datetime | None = instant(default=None)
    unlocked_at: datetime | None = instant(default=None)


class LockSigning(TrialRecord, table=True):
    """One of the two signatures; ``access.signature`` binds this row."""

    __tablename__ = "lock_signing"
    __table_args__ = in_schema(
        "trial",
        UniqueConstraint("lock_id", "act", "account_id"),
        UniqueConstraint("lock_id", "act", "role"),
    )

    lock_id: UUID = Field(foreign_key="trial.data_lock.id", index=True)
    act: LockAct = choice(LockAct)
    role: str = Field(max_length=48)
    account_id: UUID = Field(foreign_key="access.account.id")
    reason: str | None = prose(default=None)


def sign_lock(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    command: SignLock,
    outside: Iterable[ChecklistItem],
) -> DataLock:
    """The first signature asks for the lock, the second of another person brings it.

    ``outside``: the checklist's items that are counted above this room.
    Raises ``ChecklistNotGreen``, ``TwoPeopleNeeded``, ``LockStateRefuses``, ``ScopeUnknown``, ``ReauthenticationNeeded``.
    """
    authorize(session, actor, Action.LOCK_SIGNED, trial_id=command.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.LOCK_SIGNED,
        command.idempotency_key,
        command,
        lambda: _sign_lock(session, actor, proof, command, tuple(outside)).id,
    )
    return get_lock(session, made)


def _sign_lock(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    command: SignLock,
    outside: tuple[ChecklistItem, ...],
) -> DataLock:
    trial = _take_hold(session, command.trial_id)
    check_green(checklist(session, trial.id, command.stage, outside))
    lock = _open_lock(session, trial, command.stage)
    _add_signing(session, actor, proof, lock, LockAct.LOCK, None)
    if _is_signed_by_all(session, lock, LockAct.LOCK):
        _move(session, lock, LockAct.LOCK)
        _lock(session, actor, trial, lock)
    return lock


def _take_hold(session: TrialSession, trial_id: UUID) -> Trial:
    """Shut out writers, and other signers, until this transaction ends."""
    trial = get_trial(session, trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    session.execute(_SHUT_WRITERS_OUT, {"class": LOCK_CLASS, "trial": str(trial_id)})
    return trial


def _open_lock(session: TrialSession, trial: Trial, stage: str) -> DataLock:
    """The lock that waits for its second signature, or a new one."""
    current = lock_of_stage(session, trial.id, stage)
    if current is not None and current.state is not LockState.UNLOCKED:
        check_can_sign(current, LockAct.LOCK)
        return current
    version = newest_active_version(session, trial.id)
    lock = DataLock(
        **session.stamp(),
        trial_id=trial.id,
        protocol_version_id=version.id,
        stage=stage,
        state=LockState.SIGNED_ONCE,
        whole_trial=is_whole_trial(protocol_of(version), stage),
    )
    session.add(lock)
    session.flush()
    return lock


def is_whole_trial(protocol: Protocol, stage: str) -> bool:
    """Whether the stage reaches the protocol's last visit. Raises ``ScopeUnknown``."""
    visits = visits_in(protocol, stage)
    return visits is None or visits >= frozenset(protocol.visit_codes)


def _lock(session: TrialSession, actor: Actor, trial: Trial, lock: DataLock) -> None:
    cutoff = make_cutoff(session, actor, trial.id, f"Lock of stage {lock.stage}", lock.stage)
    lock.cutoff_id, lock.snapshot_id, lock.locked_at = cutoff.id, cutoff.snapshot_id, session.now()
    session.add(lock)
    if lock.whole_trial:
        trial.locked_at = session.now()
        session.add(trial)
    else:
        _freeze_visits(session, actor, lock)
    session.flush()


def _freeze_visits(session: TrialSession, actor: Actor, lock: DataLock) -> None:
    protocol = protocol_of(get_version(session, lock.protocol_version_id))
    for visit in sorted(visits_in(protocol, lock.stage) or ()):
        add_freeze(
            session,
            actor,
            FreezeData(trial_id=lock.trial_id, visit=visit, reason=f"Lock of stage {lock.stage}"),
            lock_id=lock.id,
        )


def sign_unlock(session: TrialSession, actor: Actor, proof: Reauthenticated, command: SignUnlock) -> DataLock:
    """The first signature asks to unlock, the second of another person opens the data.

    Raises ``LockNotFound``, ``LockStateRefuses``, ``TwoPeopleNeeded``, ``ReauthenticationNeeded``.
    """
    lock = get_lock(session, command.lock_id)
    authorize(session, actor, Action.UNLOCK_SIGNED, trial_id=lock.trial_id, reason=command.reason)
    exactly_once(
        session,
        actor,
        Action.UNLOCK_SIGNED,
        command.idempotency_key,
        command,
        lambda: _sign_unlock(session, actor, proof, lock, command.reason).id,
    )
    return lock


def _sign_unlock(session: TrialSession, actor: Actor, proof: Reauthenticated, lock: DataLock, reason: str) -> DataLock:
    trial = _take_hold(session, lock.trial_id)
    session.refresh(lock)
    check_can_sign(lock, LockAct.UNLOCK)
    _add_signing(session, actor, proof, lock, LockAct.UNLOCK, reason)
    _move(session, lock, LockAct.UNLOCK)
    if lock.state is LockState.UNLOCKED:
        _unlock(session, actor, trial, lock)
    return lock


def _unlock(session: TrialSession, actor: Actor, trial: Trial, lock: DataLock) -> None:
    lock.unlocked_at = session.now()
    session.add(lock)
    if lock.whole_trial:
        trial.locked_at = None
        session.add(trial)
    for freeze in freezes_in_force(session, trial.id):
        if freeze.lock_id == lock.id:
            end_freeze(session, actor, freeze)
    session.flush()


def check_can_sign(lock: DataLock, act: LockAct) -> None:
    """Raise ``LockStateRefuses``."""
    if NEXT[(lock.state, act)] is None:
        raise LockStateRefuses(
            f"Stage {lock.stage} is {lock.state.value.replace('_', ' ')}, so it cannot be signed for this."
            " Open the stage to see what comes next."
        )


def _move(session: TrialSession, lock: DataLock, act: LockAct) -> None:
    check_can_sign(lock, act)
    following = NEXT[(lock.state, act)]
    assert following is not None, "checked just above"
    lock.state = following
    session.add(lock)


def _add_signing(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    lock: DataLock,
    act: LockAct,
    reason: str | None,
) -> None:
    given = signings_of(session, lock.id, act)
    signing = LockSigning(
        **session.stamp(),
        trial_id=lock.trial_id,
        protocol_version_id=lock.protocol_version_id,
        lock_id=lock.id,
        act=act,
        role=_role_to_sign_in(actor, lock.trial_id, act, given),
        account_id=actor.account_id,
        reason=reason,
    )
    session.add(signing)
    sign(
        session,
        actor,
        proof,
        signing,
        LOCK_MEANING if act is LockAct.LOCK else UNLOCK_MEANING,
        lock.trial_id,
    )


def signing_roles(act: LockAct) -> frozenset[str]:
    """The roles of which each must sign: those that hold the permission in the matrix."""
    needed = Permission.DATA_LOCK if act is LockAct.LOCK else Permission.DATA_UNLOCK
    return frozenset(permissions()[needed.value].holders)


def _role_to_sign_in(actor: Actor, trial_id: UUID, act: LockAct, given: Iterable[LockSigning]) -> str:
    """The actor's role that has not signed yet. Raises ``TwoPeopleNeeded``."""
    signed = list(given)
    held = {role.role for role in actor.roles if role.trial_id == trial_id} & signing_roles(act)
    free = held - {signing.role for signing in signed}
    if any(signing.account_id == actor.account_id for signing in signed) or not free:
        others = ", ".join(sorted(signing_roles(act) - {signing.role for signing in signed}))
        raise TwoPeopleNeeded(f"Two different people sign. The signature that is missing is: {others}.")
    return min(free)


def _is_signed_by_all(session: TrialSession, lock: DataLock, act: LockAct) -> bool:
    return {signing.role for signing in signings_of(session, lock.id, act)} == signing_roles(act)


def signings_of(session: TrialSession, lock_id: UUID, act: LockAct) -> list[LockSigning]:
    """Who has signed, in order."""
    found = select(LockSigning).where(LockSigning.lock_id == lock_id, LockSigning.act == act)
    return list(session.exec(found.order_by(col(LockSigning.recorded_at), col(LockSigning.id))))


def get_lock(session: TrialSession, lock_id: UUID) -> DataLock:
    """Raises ``LockNotFound``."""
    found = session.get(DataLock, lock_id)
    if found is None:
        raise LockNotFound("There is no such lock. Choose one from the trial's list.")
    return found


def locks_of(session: TrialSession, trial_id: UUID) -> list[DataLock]:
    """Every lock of the trial, oldest first, with those that were ended."""
    found = select(DataLock).where(DataLock.trial_id == trial_id)
    return list(session.exec(found.order_by(col(DataLock.recorded_at), col(DataLock.id))))


def lock_of_stage(session: TrialSession, trial_id: UUID, stage: str) -> DataLock | None:
    """The stage's latest lock."""
    matching = [lock for lock in locks_of(session, trial_id) if lock.stage == stage]
    standing = [lock for lock in matching if lock.state is not LockState.UNLOCKED]
    latest = standing or matching
    return latest[-1] if latest else None


def is_locked(session: TrialSession, trial_id: UUID, stage: str) -> bool:
    """Whether the stage stands locked now: also while an unlock waits for its second signature."""
    lock = lock_of_stage(session, trial_id, stage)
    return lock is not None and lock.state in {LockState.LOCKED, LockState.UNLOCK_SIGNED_ONCE}
