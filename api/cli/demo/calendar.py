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
ADOPTED_IN_WEEKS: Final = (28, 31)
"""When the first sites adopt the amendment; the others do not."""
LAST_PRIMARY_WEEK: Final = 75
"""By then everybody has answered the primary endpoint, or never will."""
LAST_VISIT_WEEK: Final = 82
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

    def mondays(self, first: int = 1, last: int = LAST_VISIT_WEEK, every: int = 1) -> list[date]:
        """The Mondays of the weeks from ``first`` to ``last``."""
        return [self.day(week) for week in range(first, last + 1, every)]

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
