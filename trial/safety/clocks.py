"""Expedited clocks: what falls due for one event, to whom, and by when.

Invariants
1. A clock is the protocol's: jurisdiction, what it applies to, its limit, and from which instant it counts.
2. Days are calendar days after day 0; a report is due by the end of its day. Hours count from the instant itself.
3. Where several instants or calendar dates could be day 0, the earliest that can be defended counts.
4. A report that falls due never waits for another: a complete report whose first one is not sent yet counts from the
   last day on which that first one may be sent.

Pure: no database, no arm. A SUSAR is judged blinded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from trial.clock import local_date
from trial.protocol.schema import ExpeditedClock

_FIRST_REPORT: Final = "susar_fatal_or_life_threatening"


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the clocks need to know of one event. ``zone`` is the site's."""

    zone: str
    aware_at: datetime
    sponsor_received_at: datetime | None
    serious: bool
    susar: bool
    fatal_or_life_threatening: bool
    became_fatal_or_life_threatening_at: datetime | None = None
    follow_up_received_at: datetime | None = None
    initial_report_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One report that falls due. ``due_at`` is the last instant that is still in time."""

    clock_id: str
    jurisdiction: str
    report: str
    day_zero: date
    due_on: date
    due_at: datetime
    basis: str | None

    def is_overdue(self, now: datetime) -> bool:
        return now > self.due_at


def dues(clocks: Sequence[ExpeditedClock], case: CaseFacts) -> list[Due]:
    """Every report that falls due for the case, the first due first."""
    found = [_due(clock, case, start) for clock in clocks if (start := _start(clock, clocks, case)) is not None]
    return sorted(found, key=lambda due: (due.due_at, due.clock_id))


def applies(clock: ExpeditedClock, case: CaseFacts) -> bool:
    """Whether the clock runs for the case."""
    became = case.became_fatal_or_life_threatening_at is not None
    match clock.applies_to:
        case "sae":
            return case.serious
        case "susar_fatal_or_life_threatening" | "susar_fatal_or_life_threatening_complete":
            return case.susar and case.fatal_or_life_threatening and not became
        case "susar_other":
            # What became fatal later keeps the clock under which it was first due.
            return case.susar and (became or not case.fatal_or_life_threatening)
        case "susar_became_fatal_or_life_threatening":
            return case.susar and became
        case "follow_up_information":
            return case.susar and case.follow_up_received_at is not None
    assert_never(clock.applies_to)


def day_zero(instant: datetime, zone: str) -> date:
    """The earliest calendar date that ``instant`` has, in the site's zone or in UTC."""
    return min(local_date(instant, zone), local_date(instant, "UTC"))


def _start(clock: ExpeditedClock, clocks: Iterable[ExpeditedClock], case: CaseFacts) -> datetime | None:
    """The instant from which the clock counts; ``None`` while it does not run."""
    if not applies(clock, case):
        return None
    match clock.counted_from:
        case "awareness":
            return case.aware_at
        case "sponsor_receipt":
            return case.sponsor_received_at
        case "receipt_of_change":
            return _change(clock, case)
        case "initial_report":
            return case.initial_report_at or _last_day_of_first_report(clock, clocks, case)
    assert_never(clock.counted_from)


def _change(clock: ExpeditedClock, case: CaseFacts) -> datetime | None:
    if clock.applies_to == "follow_up_information":
        return case.follow_up_received_at
    return case.became_fatal_or_life_threatening_at


def _last_day_of_first_report(
    clock: ExpeditedClock, clocks: Iterable[ExpeditedClock], case: CaseFacts
) -> datetime | None:
    firsts = [
        first for first in clocks if first.applies_to == _FIRST_REPORT and first.jurisdiction == clock.jurisdiction
    ]
    if not firsts or case.sponsor_received_at is None:
        return None
    due = min((_due(first, case, case.sponsor_received_at) for first in firsts), key=lambda each: each.due_at)
    return datetime.combine(due.due_on, time(12), tzinfo=ZoneInfo(case.zone))


def _due(clock: ExpeditedClock, case: CaseFacts, start: datetime) -> Due:
    zero = day_zero(start, case.zone)
    if clock.within_hours is not None:
        due_at = start + timedelta(hours=clock.within_hours)
        due_on = local_date(due_at, case.zone)
    else:
        assert clock.within_days is not None, "the protocol's clock has one of the two limits"
        due_on = zero + timedelta(days=clock.within_days)
        due_at = _end_of_day(due_on, case.zone)
    return Due(clock.id, clock.jurisdiction, clock.report, zero, due_on, due_at, clock.basis)


def _end_of_day(day: date, zone: str) -> datetime:
    """The last second of the day, where it ends first: at the site or in UTC."""
    ends = (datetime.combine(day, time(23, 59, 59), tzinfo=ZoneInfo(name)) for name in (zone, "UTC"))
    return min(end.astimezone(UTC) for end in ends)
