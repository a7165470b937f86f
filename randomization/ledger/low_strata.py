"""How far each stratum has come, and the alert that one runs low, in time to continue its list.

Invariants
1. Positions and slots alone are counted: no slot is opened, and no arm plays a part in when an alert comes or in what it says.
2. One alert a stratum stands at a time, until it is seen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlmodel import col, select

from randomization.ledger.allocation_lists import AllocationList, ListStatus, StratumCounter
from trial.access.alerts import Alert, AlertKind, raise_alert
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE

FEW_SLOTS: Final = 8
TOLD: Final = "statistician_randomization"


@dataclass(frozen=True, slots=True)
class StratumLevel:
    """How far a stratum has come over all its sealed lists. ``left`` is ``None`` where there is no end; ``warn_at`` is the
    protocol's own level, where it names one."""

    stage: str
    stratum: str
    used: int
    left: int | None
    warn_at: int | None = None

    @property
    def runs_low(self) -> bool:
        """Few slots are left: fewer than the protocol says; by itself fewer than eight, or than a tenth of all."""
        if self.left is None:
            return False
        return self.left < (self.warn_at or max(FEW_SLOTS, (self.used + self.left) / 10))


def stratum_levels_of(
    session: TrialSession,
    trial_id: UUID,
    stage: str = MAIN_STAGE,
    *,
    stratum: str | None = None,
    warn_at: int | None = None,
) -> list[StratumLevel]:
    """Each stratum of the stage's sealed lists, by its key, or one of them."""
    wanted = (
        select(StratumCounter)
        .join(AllocationList, col(AllocationList.id) == col(StratumCounter.list_id))
        .where(
            AllocationList.trial_id == trial_id,
            AllocationList.stage == stage,
            AllocationList.status == ListStatus.SEALED,
        )
    )
    if stratum is not None:
        wanted = wanted.where(StratumCounter.stratum == stratum)
    counters: dict[str, list[StratumCounter]] = defaultdict(list)
    for counter in session.exec(wanted):
        counters[counter.stratum].append(counter)
    return [_level(stage, key, counters[key], warn_at) for key in sorted(counters)]


def _level(stage: str, stratum: str, counters: list[StratumCounter], warn_at: int | None) -> StratumLevel:
    used = sum(counter.next_position - 1 for counter in counters)
    slots = [counter.slots for counter in counters]
    total = None if None in slots else sum(count or 0 for count in slots)
    return StratumLevel(stage, stratum, used, None if total is None else total - used, warn_at)


def alert_when_stratum_low(
    session: TrialSession, protocol: Protocol, taken: AllocationList, counter: StratumCounter
) -> None:
    """Tell the randomization statistician when the stratum from which a position was just taken runs low."""
    warn_at = protocol.randomization.warn_at_slots
    # This counter alone tells that most strata are far from low; only then are other lists asked.
    alone = _level(taken.stage, counter.stratum, [counter], warn_at)
    if not alone.runs_low:
        return
    session.flush()
    (level,) = stratum_levels_of(session, taken.trial_id, taken.stage, stratum=counter.stratum, warn_at=warn_at)
    where = f"Stratum {level.stratum} ({level.stage})"
    if level.runs_low and not _is_told(session, taken.trial_id, where):
        sentence = f"{where} has {level.left} slots left of {level.used + (level.left or 0)}. Continue its list now."
        raise_alert(session, AlertKind.STRATUM_LOW, TOLD, sentence, trial_id=taken.trial_id)


def _is_told(session: TrialSession, trial_id: UUID, where: str) -> bool:
    waiting = select(Alert.id).where(
        Alert.kind == AlertKind.STRATUM_LOW,
        Alert.trial_id == trial_id,
        col(Alert.seen_at).is_(None),
        col(Alert.sentence).startswith(f"{where} has ", autoescape=True),
    )
    return session.exec(waiting).first() is not None
