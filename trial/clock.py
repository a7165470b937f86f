"""Time is passed in: whoever needs *now* is given a clock.

Invariants
1. Every instant is timezone-aware UTC; a site's zone stands beside it, never inside it.
2. No module but this one asks the operating system for the time of a trial record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class SetClock:
    """A clock that stands where it was set: for tests and for simulated trials, which live months in seconds."""

    at: datetime

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a clock holds an aware instant: give it a time zone")

    def now(self) -> datetime:
        return self.at

    def set(self, at: datetime) -> None:
        self.at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self.at = self.at + by


@dataclass(frozen=True)
class CallClock:
    """A clock that asks a function, so that a caller may share one movable instant among sessions."""

    ask: Callable[[], datetime]

    def now(self) -> datetime:
        return self.ask()


def local_date(instant: datetime, zone: str) -> date:
    """The calendar date of ``instant`` where the site is; ``zone`` is an IANA name such as ``Europe/Zurich``."""
    return instant.astimezone(ZoneInfo(zone)).date()
