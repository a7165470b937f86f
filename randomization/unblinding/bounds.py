"""Bounds on harm: each check of them, and what it found by arm, sealed, for the chair and the unblinded statistician alone.

Invariants
1. A check is made when the records that it counts have changed, whatever they say: that one was made tells no arm.
2. A check writes the same rows of the same size whether a bound is reached or not, so neither the audit nor a backup tells.
3. What was found is opened for ``board:convene`` only: the chair and the unblinded statistician. It names arms A and B.

What it does not do: count or compare (``reports.analyses.stopping``), or pause anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import polars as pl
from sqlalchemy import BigInteger, LargeBinary, UniqueConstraint
from sqlmodel import Field, col, select

from randomization.holders import find_data_key, make_data_key
from randomization.sealing import Place, SealedValue, open_value, seal_value
from randomization.unblinding.coding import arms_frame
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.database.records import Record, TrialRecord, in_schema
from trial.database.session import TrialSession, strongroom

PURPOSE: Final = "Bounds on harm"
_SIZE: Final = 16_384  # of every check, whatever it found


class BoundCheck(TrialRecord, table=True):
    """That the bounds were checked; ``marker`` is the position in the audit's chain of the latest record that counts."""

    __tablename__ = "bound_check"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "marker"))

    marker: int = Field(sa_type=BigInteger)


class BoundFindings(Record, table=True):
    """What one check found, sealed."""

    __tablename__ = "bound_findings"
    __table_args__ = in_schema("sealed", digest=("content",))

    check_id: UUID = Field(foreign_key="trial.bound_check.id", unique=True)
    content: bytes = Field(sa_type=LargeBinary, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """Where one rule stands in one group. ``chance`` and ``lower_limit`` where the rule has them."""

    rule: str
    group: str
    at_risk: int
    observed: int
    reached: bool
    chance: float | None = None
    lower_limit: float | None = None


@dataclass(frozen=True, slots=True)
class BoundsSeen:
    """The latest check, for one of its two readers."""

    checked_at: datetime
    findings: tuple[Finding, ...]

    @property
    def reached(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.reached)


def frame_for_bounds(session: TrialSession, actor: Actor, trial_id: UUID) -> pl.DataFrame:
    """``participant, arm`` with the arms as letters, for the job that checks bounds. Raises ``NotPermitted``."""
    authorize(session, actor, Action.BOUNDS_CHECKED, trial_id=trial_id, reason=PURPOSE)
    return arms_frame(session, trial_id, until=None, coded=True)


def keep_findings(
    session: TrialSession, actor: Actor, trial_id: UUID, version_id: UUID, marker: int, findings: Sequence[Finding]
) -> BoundCheck:
    """Record the check and seal what it found. Raises ``NotPermitted``."""
    authorize(session, actor, Action.BOUNDS_CHECKED, trial_id=trial_id, reason=PURPOSE)
    check = BoundCheck(**session.stamp(), trial_id=trial_id, protocol_version_id=version_id, marker=marker)
    session.add(check)
    session.flush()
    holder = f"bounds:{trial_id}"
    with strongroom(session):
        key = find_data_key(session, holder) or make_data_key(session, trial_id, holder)
        told = json.dumps([asdict(one) for one in findings]).encode()
        sealed = seal_value(key, _place(check), told, session.entropy, _SIZE)
        session.add(BoundFindings(**session.stamp(), check_id=check.id, content=sealed.token))
        session.flush()
    return check


def checked_marker(session: TrialSession, trial_id: UUID) -> int:
    """Up to which record the bounds were checked; 0 before the first check."""
    found = select(BoundCheck.marker).where(BoundCheck.trial_id == trial_id)
    return session.exec(found.order_by(col(BoundCheck.marker).desc())).first() or 0


def bounds_for(session: TrialSession, actor: Actor, trial_id: UUID) -> BoundsSeen | None:
    """What the latest check found; ``None`` before one. Raises ``NotPermitted``."""
    check_may(actor, Permission.BOARD_CONVENE, trial_id)
    return latest_findings(session, trial_id)


def latest_findings(session: TrialSession, trial_id: UUID) -> BoundsSeen | None:
    """For the job, and for readers whom ``bounds_for`` let in."""
    found = select(BoundCheck).where(BoundCheck.trial_id == trial_id)
    check = session.exec(found.order_by(col(BoundCheck.marker).desc())).first()
    if check is None:
        return None
    with strongroom(session):
        key = find_data_key(session, f"bounds:{trial_id}")
        assert key is not None, "made with the first check"
        token = session.exec(select(BoundFindings.content).where(col(BoundFindings.check_id) == check.id)).one()
        told = json.loads(open_value(key, _place(check), SealedValue(bytes(token))))
    return BoundsSeen(check.recorded_at, tuple(Finding(**one) for one in told))


def _place(check: BoundCheck) -> Place:
    """Findings belong to their check: those of another are not opened in its place."""
    return Place("bounds on harm", check.marker)
