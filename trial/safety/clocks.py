"""Expedited clocks: what falls due for one event, to whom, by when, and what was sent in time.

Invariants
1. A clock is the protocol's: jurisdiction, what it applies to, its limit, and from which instant it counts.
2. Days are calendar days after day 0, weekends and holidays among them; a report is due by the end of its day. Hours
   count from the instant itself.
3. Where several instants or calendar dates could be day 0, the earliest that can be defended counts.
4. A report that falls due never waits for another: a complete report whose first one is not sent yet counts from the
   last day on which that first one may be sent.
5. Follow-up information has a clock of its own, which counts from the first piece that no report holds yet: what comes in
   later never puts off what is due already.
6. A clock that ran does not vanish: once sent it stands there as sent, and stood down as stood down.

Pure: no database, no arm. A SUSAR is judged blinded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from trial.clock import local_date
from trial.protocol.schema import ExpeditedClock

SITES_OWN: Final = "PROTOCOL"
"""The jurisdiction of the sponsor's own rule, by which a site reports to the sponsor."""
_FATAL: Final = "susar_fatal_or_life_threatening"
_COMPLETE: Final = "susar_fatal_or_life_threatening_complete"
_BECAME: Final = "susar_became_fatal_or_life_threatening"
_FOLLOW_UP: Final = "follow_up_information"
_FIRST_GRAVE: Final = frozenset({_FATAL, _BECAME})


@dataclass(frozen=True, slots=True)
class Sent:
    """A report of the case that is known to be dealt with."""

    clock_id: str
    jurisdiction: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What the clocks need to know of one event. ``zone`` is the site's.

    ``aware_at`` is when the site knew that the event is serious. ``follow_ups`` are the instants at which further
    information came in. ``stood_down_at`` is when a case that had been called a SUSAR was judged to be none.
    """

    zone: str
    aware_at: datetime
    sponsor_received_at: datetime | None
    serious: bool
    susar: bool
    fatal_or_life_threatening: bool
    became_fatal_or_life_threatening_at: datetime | None = None
    follow_ups: tuple[datetime, ...] = ()
    sent: tuple[Sent, ...] = ()
    stood_down_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """One report that falls due. ``due_at`` is the last instant that is still in time; ``started_at`` opened the clock."""

    clock_id: str
    jurisdiction: str
    report: str
    started_at: datetime
    day_zero: date
    due_on: date
    due_at: datetime
    basis: str | None
    sent_at: datetime | None = None
    stood_down_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to act."""
        return self.sent_at is None and self.stood_down_at is None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is open and its time is over."""
        return self.is_open and now > self.due_at

    @property
    def was_late(self) -> bool:
        """Whether it was sent, and after its time."""
        return self.sent_at is not None and self.sent_at > self.due_at


def dues(clocks: Sequence[ExpeditedClock], case: CaseFacts) -> list[Due]:
    """Every report that falls due for the case, the first due first."""
    found = [_due(clock, case, start) for clock in clocks if (start := _start(clock, clocks, case)) is not None]
    return sorted(found, key=lambda due: (due.due_at, due.clock_id))


def applies(clock: ExpeditedClock, case: CaseFacts, clocks: Sequence[ExpeditedClock] = ()) -> bool:
    """Whether the clock runs for the case, among the protocol's ``clocks``."""
    became = case.became_fatal_or_life_threatening_at is not None
    runs = case.susar or case.stood_down_at is not None
    match clock.applies_to:
        case "sae":
            # An event that was serious when it was reported stays reported.
            return case.serious or case.sponsor_received_at is not None
        case "susar_fatal_or_life_threatening":
            own_clock = any(one.applies_to == _BECAME and one.jurisdiction == clock.jurisdiction for one in clocks)
            return runs and case.fatal_or_life_threatening and not (became and own_clock)
        case "susar_fatal_or_life_threatening_complete":
            return runs and case.fatal_or_life_threatening
        case "susar_other":
            # What became fatal later keeps the clock under which it was first due.
            return runs and (became or not case.fatal_or_life_threatening)
        case "susar_became_fatal_or_life_threatening":
            return runs and became
        case "follow_up_information":
            return runs and bool(case.follow_ups)
    assert_never(clock.applies_to)


def day_zero(instant: datetime, zone: str) -> date:
    """The earliest calendar date that ``instant`` has, in the site's zone or in UTC."""
    return min(local_date(instant, zone), local_date(instant, "UTC"))


def _start(clock: ExpeditedClock, clocks: Sequence[ExpeditedClock], case: CaseFacts) -> datetime | date | None:
    """From when the clock counts: an instant, or a day where no instant is known; ``None`` while it does not run."""
    if not applies(clock, case, clocks):
        return None
    match clock.counted_from:
        case "awareness":
            return case.aware_at
        case "sponsor_receipt":
            return _receipt(clock, case)
        case "receipt_of_change":
            if clock.applies_to == _FOLLOW_UP:
                return _first_unreported(clock, case)
            return case.became_fatal_or_life_threatening_at
        case "initial_report":
            return _first_report_sent(clock, clocks, case) or _last_day_of_first_report(clock, clocks, case)
    assert_never(clock.counted_from)


def _receipt(clock: ExpeditedClock, case: CaseFacts) -> datetime | None:
    """The sponsor's; of the change, where the protocol has no clock of its own for what became fatal."""
    if clock.applies_to == _FATAL and case.became_fatal_or_life_threatening_at is not None:
        return case.became_fatal_or_life_threatening_at
    return case.sponsor_received_at


def _first_unreported(clock: ExpeditedClock, case: CaseFacts) -> datetime:
    """The first information that no report to the jurisdiction holds; where all is reported, the last that was."""
    reported = max((one.at for one in case.sent if one.jurisdiction == clock.jurisdiction), default=None)
    waiting = [one for one in case.follow_ups if reported is None or one > reported]
    return min(waiting) if waiting else max(case.follow_ups)


def _first_report_sent(clock: ExpeditedClock, clocks: Sequence[ExpeditedClock], case: CaseFacts) -> datetime | None:
    grave = {one.id for one in clocks if one.applies_to in _FIRST_GRAVE and one.jurisdiction == clock.jurisdiction}
    return min((one.at for one in case.sent if one.clock_id in grave), default=None)


def _last_day_of_first_report(clock: ExpeditedClock, clocks: Sequence[ExpeditedClock], case: CaseFacts) -> date | None:
    firsts = [one for one in clocks if one.applies_to in _FIRST_GRAVE and one.jurisdiction == clock.jurisdiction]
    ends = [_due(one, case, start).due_on for one in firsts if (start := _start(one, clocks, case)) is not None]
    return min(ends, default=None)


def _due(clock: ExpeditedClock, case: CaseFacts, start: datetime | date) -> Due:
    started_at = start if isinstance(start, datetime) else datetime.combine(start, time(), tzinfo=UTC)
    zero = day_zero(start, case.zone) if isinstance(start, datetime) else start
    if clock.within_hours is not None:
        due_at = started_at + timedelta(hours=clock.within_hours)
        due_on = local_date(due_at, case.zone)
    else:
        assert clock.within_days is not None, "the protocol's clock has one of the two limits"
        due_on = zero + timedelta(days=clock.within_days)
        due_at = _end_of_day(due_on, case.zone)
    sent_at = _sent_at(clock, case, started_at)
    return Due(
        clock.id,
        clock.jurisdiction,
        clock.report,
        started_at,
        zero,
        due_on,
        due_at,
        clock.basis,
        sent_at,
        case.stood_down_at if sent_at is None and clock.applies_to != "sae" else None,
    )


def _sent_at(clock: ExpeditedClock, case: CaseFacts, started_at: datetime) -> datetime | None:
    """When the report that falls due here was dealt with."""
    there = [one for one in case.sent if one.jurisdiction == clock.jurisdiction]
    match clock.applies_to:
        case "sae":
            return case.sponsor_received_at
        case "follow_up_information":
            return min((one.at for one in there if one.at >= started_at), default=None)
        case "susar_other":
            # A report of the same case as fatal tells no less.
            return min((one.at for one in there), default=None)
        case _:
            return min((one.at for one in there if one.clock_id == clock.id), default=None)


def _end_of_day(day: date, zone: str) -> datetime:
    """The last second of the day, where it ends first: at the site or in UTC."""
    ends = (datetime.combine(day, time(23, 59, 59), tzinfo=ZoneInfo(name)) for name in (zone, "UTC"))
    return min(end.astimezone(UTC) for end in ends)
