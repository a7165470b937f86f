"""What falls due, and when: vectors computed by hand from the rules that the protocol cites."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.protocol.loader import shipped_protocol
from trial.safety.clocks import CaseFacts, applies, day_zero, dues

CLOCKS = shipped_protocol("keta-pain").adverse_events.clocks
RECEIVED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OTHER = CaseFacts(
    zone="Europe/Zurich",
    aware_at=RECEIVED,
    sponsor_received_at=RECEIVED,
    serious=True,
    susar=True,
    fatal_or_life_threatening=False,
)
FATAL = replace(OTHER, fatal_or_life_threatening=True)


def due_days(case: CaseFacts) -> dict[str, date]:
    return {due.clock_id: due.due_on for due in dues(CLOCKS, case)}


def test_a_non_serious_event_starts_no_clock():
    assert due_days(replace(OTHER, serious=False, susar=False)) == {}


def test_a_serious_event_goes_to_the_sponsor_within_24_hours_of_awareness_and_nowhere_else():
    case = replace(OTHER, susar=False, aware_at=datetime(2026, 3, 1, 22, 30, tzinfo=UTC))
    (due,) = dues(CLOCKS, case)
    assert due.clock_id == "site_to_sponsor"
    assert due.due_at == datetime(2026, 3, 2, 22, 30, tzinfo=UTC)


def test_another_susar_is_due_on_the_fifteenth_day_after_receipt():
    assert due_days(OTHER) == {
        "site_to_sponsor": date(2026, 3, 3),
        "fda_15": date(2026, 3, 17),
        "eu_15": date(2026, 3, 17),
    }


def test_a_fatal_susar_is_due_on_the_seventh_day_and_its_complete_report_eight_days_after_that():
    assert due_days(FATAL) == {
        "site_to_sponsor": date(2026, 3, 3),
        "fda_7": date(2026, 3, 9),
        "eu_7": date(2026, 3, 9),
        "eu_7_complete": date(2026, 3, 17),
    }


def test_a_first_report_sent_early_brings_the_complete_report_forward():
    sent = replace(FATAL, initial_report_at=datetime(2026, 3, 4, 12, 0, tzinfo=UTC))
    assert due_days(sent)["eu_7_complete"] == date(2026, 3, 12)


def test_a_susar_that_becomes_fatal_gets_seven_fresh_days_and_keeps_its_first_clock():
    case = replace(FATAL, became_fatal_or_life_threatening_at=datetime(2026, 3, 12, 9, 0, tzinfo=UTC))
    assert due_days(case) == {
        "site_to_sponsor": date(2026, 3, 3),
        "fda_15": date(2026, 3, 17),
        "eu_15": date(2026, 3, 17),
        "fda_became_fatal": date(2026, 3, 19),
        "eu_became_fatal": date(2026, 3, 19),
    }


def test_follow_up_information_is_due_fifteen_days_after_its_own_receipt():
    case = replace(OTHER, follow_up_received_at=datetime(2026, 3, 10, 9, 0, tzinfo=UTC))
    assert due_days(case)["fda_follow_up"] == date(2026, 3, 25)


def test_a_limit_runs_over_the_change_to_summer_time_in_calendar_days():
    case = replace(OTHER, sponsor_received_at=datetime(2026, 3, 20, 9, 0, tzinfo=UTC))
    assert due_days(case)["eu_15"] == date(2026, 4, 4)


@pytest.mark.parametrize(
    ("zone", "instant", "zero"),
    [
        # Evening in New York is the next day in UTC: the local date is the earlier one.
        ("America/New_York", datetime(2026, 3, 3, 2, 0, tzinfo=UTC), date(2026, 3, 2)),
        # Morning in Tokyo is the day before in UTC: UTC is the earlier one.
        ("Asia/Tokyo", datetime(2026, 3, 2, 23, 0, tzinfo=UTC), date(2026, 3, 2)),
        ("Europe/Zurich", datetime(2026, 3, 2, 9, 0, tzinfo=UTC), date(2026, 3, 2)),
    ],
)
def test_day_zero_is_the_earliest_calendar_date_that_can_be_defended(zone: str, instant: datetime, zero: date):
    assert day_zero(instant, zone) == zero


def test_a_report_is_in_time_until_its_day_ends_and_late_after_that():
    (due,) = [each for each in dues(CLOCKS, OTHER) if each.clock_id == "eu_15"]
    assert due.due_at == datetime(2026, 3, 17, 22, 59, 59, tzinfo=UTC)
    assert not due.is_overdue(due.due_at)
    assert due.is_overdue(due.due_at + timedelta(seconds=1))


def test_without_the_sponsors_receipt_no_regulatory_clock_runs_yet():
    assert set(due_days(replace(FATAL, sponsor_received_at=None))) == {"site_to_sponsor"}


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_every_susar_has_a_first_report_due_in_each_jurisdiction(grave: bool, became: bool, followed: bool, sent: bool):
    case = replace(
        OTHER,
        fatal_or_life_threatening=grave or became,
        became_fatal_or_life_threatening_at=RECEIVED + timedelta(days=2) if became else None,
        follow_up_received_at=RECEIVED + timedelta(days=3) if followed else None,
        initial_report_at=RECEIVED + timedelta(days=1) if sent else None,
    )
    due = dues(CLOCKS, case)
    assert {each.jurisdiction for each in due} == {"PROTOCOL", "FDA", "EU"}
    assert due == sorted(due, key=lambda each: each.due_at)


@given(st.integers(0, 60 * 24 * 40))
def test_hearing_of_it_earlier_never_makes_a_report_due_later(minutes: int):
    earlier = replace(OTHER, sponsor_received_at=RECEIVED - timedelta(minutes=minutes))
    assert due_days(earlier)["fda_15"] <= due_days(OTHER)["fda_15"]


def test_every_clock_of_the_shipped_protocols_can_be_asked_whether_it_applies():
    for name in ("keta-pain", "second"):
        for clock in shipped_protocol(name).adverse_events.clocks:
            assert isinstance(applies(clock, OTHER), bool)
