"""The calendar of a demo trial: weeks from its first Monday, working hours at each site's own zone.

Invariants
1. The last day lies before today: everything that the trial recorded has happened when its people sign in.
2. The first day is a Monday. Equal numbers of weeks give equal calendars but for the first day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SITES_OPEN_IN_WEEKS: Final = (1, 2, 4, 6, 7, 8, 9, 10)
FIRST_ARRIVAL_WEEK: Final = 2
ARRIVAL_WEEKS: Final = 50
AMENDMENT_WEEK: Final = 26
_SATURDAY: Final = 5
WEEKS: Final = 86
"""From the first Monday to the lock: arrivals, the last one's six months, and the closing."""


@dataclass(frozen=True)
class Calendar:
    first_day: date

    @classmethod
    def ending_before(cls, today: date) -> Calendar:
        """The latest calendar that is over by ``today``."""
        monday = today - timedelta(days=today.weekday())
        return cls(monday - timedelta(weeks=WEEKS))

    def day(self, week: int, weekday: int = 0) -> date:
        """``weekday`` 0 is Monday."""
        return self.first_day + timedelta(weeks=week, days=weekday)

    @property
    def last_day(self) -> date:
        return self.first_day + timedelta(weeks=WEEKS)


def at(day: date, hour: int, minute: int, zone: str) -> datetime:
    """The instant in UTC of a wall clock time where the site is."""
    return datetime.combine(day, time(hour, minute), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def working_day(day: date) -> date:
    """``day``, or the Monday after it where it falls on a weekend."""
    return day + timedelta(days=7 - day.weekday()) if day.weekday() >= _SATURDAY else day


def monday_from(day: date) -> date:
    """``day`` where it is a Monday, or the next one."""
    return day + timedelta(days=-day.weekday() % 7)
