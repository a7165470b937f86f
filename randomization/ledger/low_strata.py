"""How far each stratum has come, and the alert that one runs low, in time to continue its list.

Invariants
1. Positions and slots alone are counted: no slot is opened, and no arm plays a part in when an alert comes or in what it says.
2. One alert a stratum stands at a time, until it is seen.
3. Only lists that serve those to come count: what an amendment has superseded, or another list has retired, is
   neither low nor in reserve.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlmodel import col, select

from randomization.ledger.allocation_lists import AllocationList, StratumCounter, protocol_of_list
from randomization.ledger.lists_in_use import counters_in_use, versions_in_use
from trial.access.alerts import Alert, AlertKind, raise_alert
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol
from trial.protocol.schema.allocation import MAIN_STAGE

FEW_SLOTS: Final = 8
TOLD: Final = "statistician_randomization"


@dataclass(frozen=True, slots=True)
class StratumLevel:
    """How far a stratum has come over all its sealed lists of one allocation. ``left`` is ``None`` where there is no end;
    ``warn_at`` is the protocol's own level, where it names one; ``version`` is that under which people come to it."""

    stage: str
    stratum: str
    used: int
    left: int | None
    warn_at: int | None = None
    version: str = ""

    @property
    def runs_low(self) -> bool:
        """Few slots are left: fewer than the protocol says; by itself fewer than eight, or than a tenth of all."""
        if self.left is None:
            return False
        return self.left < (self.warn_at or max(FEW_SLOTS, (self.used + self.left) / 10))


def stratum_levels_of(session: TrialSession, trial_id: UUID, stage: str = MAIN_STAGE) -> list[StratumLevel]:
    """Each stratum from which somebody may still be taken, by its key; twice where sites that share it allocate differently."""
    known = versions_in_use(session, trial_id)
    grouped: dict[tuple[str, Hashable], tuple[Protocol, list[StratumCounter]]] = {}
    for made, counter in counters_in_use(session, trial_id, stage):
        version = known.version_for(made, counter.stratum)
        if version is not None:
            _, counters = grouped.setdefault((counter.stratum, version.allocation_rule), (version, []))
            counters.append(counter)
    levels = [_level(stage, key, counters, version) for (key, _), (version, counters) in grouped.items()]
    return sorted(levels, key=lambda level: level.stratum)


def _level(stage: str, stratum: str, counters: list[StratumCounter], version: Protocol) -> StratumLevel:
    used = sum(counter.next_position - 1 for counter in counters)
    slots = [counter.slots for counter in counters]
    total = None if None in slots else sum(count or 0 for count in slots)
    left = None if total is None else total - used
    return StratumLevel(stage, stratum, used, left, version.randomization.warn_at_slots, version.version)


def alert_when_stratum_low(
    session: TrialSession, protocol: Protocol, taken: AllocationList, counter: StratumCounter
) -> None:
    """Tell the randomization statistician when the stratum from which a position was just taken runs low."""
    # This counter alone tells that most strata are far from low; only then are other lists asked.
    alone = _level(taken.stage, counter.stratum, [counter], protocol)
    if not alone.runs_low:
        return
    session.flush()
    agreeing = [
        other
        for made, other in counters_in_use(session, taken.trial_id, taken.stage, stratum=counter.stratum)
        if protocol_of_list(session, made).allocates_like(protocol, taken.stage)
    ]
    level = _level(taken.stage, counter.stratum, agreeing, protocol)
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
