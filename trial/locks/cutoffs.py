"""Data cut-offs: the instant as of which a report or a dataset knows the trial.

Invariants
1. A cut-off is taken, not set: its instant is the one at which it was taken, so that nothing known later can enter.
2. Its snapshot is made in the same transaction; there is no cut-off without one.
3. Cut-offs are numbered in the trial and never changed.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.policies import authorize
from trial.conduct.trials import get_trial
from trial.database.columns import instant
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import NotFound
from trial.locks.snapshots import Snapshot, take_snapshot
from trial.protocol.schema import Protocol
from trial.protocol.versions import newest_active_version, protocol_of

WHOLE = "whole"


class CutoffNotFound(NotFound):
    code = "cutoff.not_found"


class ScopeUnknown(NotFound):
    code = "cutoff.scope_unknown"


class TakeCutoff(BaseModel):
    """``scope`` is ``whole``, or a stage of the protocol's lock: then visits after that stage stay out."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    trial_id: UUID
    purpose: str = Bounded(min_length=3, max_length=200)
    scope: str = Bounded(default=WHOLE, max_length=48)


class Cutoff(TrialRecord, table=True):
    __tablename__ = "cutoff"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    number: int
    cut_off_at: datetime = instant()
    purpose: str = Field(max_length=200)
    scope: str = Field(max_length=48)
    snapshot_id: UUID = Field(foreign_key="trial.snapshot.id")
    taken_by: str = Field(max_length=80)


def take_cutoff(session: TrialSession, actor: Actor, command: TakeCutoff) -> Cutoff:
    """Freeze what is known now. Raises ``ScopeUnknown``."""
    authorize(session, actor, Action.CUTOFF_TAKEN, trial_id=command.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.CUTOFF_TAKEN,
        command.idempotency_key,
        command,
        lambda: make_cutoff(session, actor, command.trial_id, command.purpose, command.scope).id,
    )
    return get_cutoff(session, made)


def make_cutoff(session: TrialSession, actor: Actor, trial_id: UUID, purpose: str, scope: str) -> Cutoff:
    """A cut-off that follows from an act that was authorized (a lock takes one)."""
    trial = get_trial(session, trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    version = newest_active_version(session, trial_id)
    visits = visits_in(protocol_of(version), scope)
    now = session.now()
    snapshot: Snapshot = take_snapshot(session, trial, version, now, scope, visits)
    last = session.exec(select(func.max(Cutoff.number)).where(Cutoff.trial_id == trial_id)).one()
    cutoff = Cutoff(
        **session.stamp(),
        trial_id=trial_id,
        protocol_version_id=version.id,
        number=(last or 0) + 1,
        cut_off_at=now,
        purpose=purpose,
        scope=scope,
        snapshot_id=snapshot.id,
        taken_by=actor.name,
    )
    session.add(cutoff)
    session.flush()
    return cutoff


def visits_in(protocol: Protocol, scope: str) -> frozenset[str] | None:
    """The visits that a scope reaches; ``None`` stands for all. Raises ``ScopeUnknown``."""
    if scope == WHOLE:
        return None
    for stage in protocol.lock_stages:
        if stage.code == scope:
            codes = protocol.visit_codes
            return frozenset(codes[: codes.index(stage.through_visit) + 1])
    known = ", ".join([WHOLE, *(stage.code for stage in protocol.lock_stages)])
    raise ScopeUnknown(f"The protocol has no stage {scope}. Choose one of: {known}.")


def get_cutoff(session: TrialSession, cutoff_id: UUID) -> Cutoff:
    """Raises ``CutoffNotFound``."""
    found = session.get(Cutoff, cutoff_id)
    if found is None:
        raise CutoffNotFound("There is no such cut-off. Choose one from the trial's list.")
    return found


def cutoffs_of(session: TrialSession, trial_id: UUID) -> list[Cutoff]:
    """Every cut-off of the trial, in order."""
    return list(session.exec(select(Cutoff).where(Cutoff.trial_id == trial_id).order_by(col(Cutoff.number))))
