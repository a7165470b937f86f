"""How many have each seat at each level so far, under seal: what minimization looks at, kept so that no draw is opened again.

Invariants
1. Everything here runs inside ``strongroom``, while the list's counter is locked.
2. The totals are sealed to the position that they follow: older ones put back do not open for the next participant.
3. Their length tells how many levels have been met, which is public, and no count.
4. They can be lost without harm: they are counted again from the sealed draws, which stay what proves them.
"""

import json
from collections.abc import Callable
from typing import Final
from uuid import UUID

from sqlalchemy import LargeBinary
from sqlmodel import Field, select

from randomization.ledger.allocation_lists import StratumCounter
from randomization.schemes import MarginalCounts
from randomization.sealing import DataKey, Place, SealedValue, open_value, seal_value
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession

_STEP: Final = 1024
_ROOM_FOR_LENGTH: Final = 16
_DIGITS: Final = 8


class RunningTotal(Record, table=True):
    """``position`` is the last that is counted."""

    __tablename__ = "running_total"
    __table_args__ = in_schema("sealed", digest=("content",))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    counter_id: UUID = Field(foreign_key="trial.stratum_counter.id", unique=True)
    position: int
    content: bytes = Field(sa_type=LargeBinary, repr=False)


def totals_before(
    session: TrialSession,
    key: DataKey,
    counter: StratumCounter,
    position: int,
    count_again: Callable[[], MarginalCounts],
) -> MarginalCounts:
    """The totals of all positions before ``position``. Raises ``SealBroken`` for stored ones that were altered or put back."""
    stored = _stored(session, counter)
    if stored is None:
        return count_again()
    plain = open_value(key, _place(counter, position - 1), SealedValue(bytes(stored.content)))
    told = json.loads(plain)
    at_level = {(factor, level): _counts(text) for factor, level, text in told["at_level"]}
    return MarginalCounts(told["seats"], _counts(told["total"]), at_level)


def keep_totals(
    session: TrialSession, key: DataKey, counter: StratumCounter, position: int, totals: MarginalCounts
) -> None:
    """Seal the totals as they stand after ``position``."""
    at_level = sorted([factor, level, _text(counts)] for (factor, level), counts in totals.at_level.items())
    told = {"seats": totals.seats, "total": _text(totals.overall()), "at_level": at_level}
    plain = json.dumps(told).encode()
    size = -(-(len(plain) + _ROOM_FOR_LENGTH) // _STEP) * _STEP
    sealed = seal_value(key, _place(counter, position), plain, session.entropy, size)
    stored = _stored(session, counter) or RunningTotal(
        **session.stamp(), trial_id=counter.trial_id, counter_id=counter.id, position=0, content=b""
    )
    stored.position, stored.content = position, sealed.token
    session.add(stored)


def _stored(session: TrialSession, counter: StratumCounter) -> RunningTotal | None:
    # The counter's lock keeps others out; what this session holds from before may be stale.
    found = select(RunningTotal).where(RunningTotal.counter_id == counter.id)
    return session.exec(found.execution_options(populate_existing=True)).first()


def _place(counter: StratumCounter, position: int) -> Place:
    return Place("totals", position, str(counter.id))


def _text(counts: tuple[int, ...]) -> str:
    """Of one width, whatever the counts."""
    return "".join(f"{count:0{_DIGITS}x}" for count in counts)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(int(text[start : start + _DIGITS], 16) for start in range(0, len(text), _DIGITS))
