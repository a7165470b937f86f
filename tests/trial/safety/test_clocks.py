"""What falls due, and when: vectors computed by hand from the rules that the protocol cites."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.protocol.loader import shipped_protocol
from trial.safety.clocks import CaseFacts, Sent, applies, day_zero, dues
from trial.safety.jurisdictions import clocks_that_apply

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
    assert due_days(replace(OTHER, serious=False, susar=False, sponsor_received_at=None)) == {}


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
    sent = replace(FATAL, sent=(Sent("eu_7", "EU", datetime(2026, 3, 4, 12, 0, tzinfo=UTC)),))
    assert due_days(sent)["eu_7_complete"] == date(2026, 3, 12)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Auckland", "Pacific/Pago_Pago", "Europe/Zurich"])
def test_a_complete_report_is_due_eight_days_after_the_last_day_of_the_first_one_wherever_the_site_is(zone: str):
    days = due_days(replace(FATAL, zone=zone))
    assert days["eu_7_complete"] - days["eu_7"] == timedelta(days=8)


def test_a_susar_that_becomes_fatal_gets_seven_fresh_days_and_keeps_its_first_clock():
    case = replace(FATAL, became_fatal_or_life_threatening_at=datetime(2026, 3, 12, 9, 0, tzinfo=UTC))
    assert due_days(case) == {
        "site_to_sponsor": date(2026, 3, 3),
        "fda_15": date(2026, 3, 17),
        "eu_15": date(2026, 3, 17),
        "fda_became_fatal": date(2026, 3, 19),
        "eu_became_fatal": date(2026, 3, 19),
        "eu_7_complete": date(2026, 3, 27),
    }


def test_where_the_protocol_has_no_clock_of_its_own_for_what_became_fatal_the_seven_days_count_from_the_change():
    knee = shipped_protocol("second").adverse_events.clocks
    case = replace(FATAL, became_fatal_or_life_threatening_at=datetime(2026, 3, 12, 9, 0, tzinfo=UTC))
    days = {due.clock_id: due.due_on for due in dues(knee, case)}
    assert days["eu_7"] == date(2026, 3, 19)
    assert days["eu_7_complete"] == date(2026, 3, 27)
    assert days["eu_15"] == date(2026, 3, 17)


def test_follow_up_information_is_due_fifteen_days_after_its_own_receipt():
    case = replace(OTHER, follow_ups=(datetime(2026, 3, 10, 9, 0, tzinfo=UTC),))
    assert due_days(case)["fda_follow_up"] == date(2026, 3, 25)


def test_later_information_never_puts_off_the_report_of_earlier_information():
    early, late = datetime(2026, 3, 10, 9, 0, tzinfo=UTC), datetime(2026, 3, 24, 9, 0, tzinfo=UTC)
    assert due_days(replace(OTHER, follow_ups=(early, late)))["fda_follow_up"] == date(2026, 3, 25)
    told = Sent("fda_15", "FDA", datetime(2026, 3, 12, 9, 0, tzinfo=UTC))
    after = replace(OTHER, follow_ups=(early, late), sent=(told,))
    assert due_days(after)["fda_follow_up"] == date(2026, 4, 8)


def test_a_report_ends_its_clock_and_the_other_clocks_of_that_authority_which_it_serves():
    sent_at = datetime(2026, 3, 18, 9, 0, tzinfo=UTC)
    case = replace(OTHER, follow_ups=(datetime(2026, 3, 10, 9, 0, tzinfo=UTC),), sent=(Sent("fda_15", "FDA", sent_at),))
    found = {due.clock_id: due for due in dues(CLOCKS, case)}
    assert found["fda_15"].sent_at == found["fda_follow_up"].sent_at == sent_at
    assert found["fda_15"].was_late
    assert not found["fda_15"].is_overdue(sent_at + timedelta(days=90))
    assert found["eu_15"].is_open


def test_a_case_that_became_fatal_needs_a_report_of_its_own_after_the_first_one():
    first = Sent("fda_15", "FDA", datetime(2026, 3, 9, 9, 0, tzinfo=UTC))
    case = replace(FATAL, became_fatal_or_life_threatening_at=datetime(2026, 3, 12, 9, 0, tzinfo=UTC), sent=(first,))
    found = {due.clock_id: due for due in dues(CLOCKS, case)}
    assert found["fda_15"].sent_at is not None
    assert found["fda_became_fatal"].is_open


def test_a_case_that_is_a_susar_no_longer_shows_its_clocks_as_stood_down():
    since = datetime(2026, 3, 5, 9, 0, tzinfo=UTC)
    case = replace(OTHER, susar=False, stood_down_at=since)
    found = {due.clock_id: due for due in dues(CLOCKS, case)}
    assert found["eu_15"].stood_down_at == since
    assert not found["eu_15"].is_overdue(since + timedelta(days=90))
    assert found["site_to_sponsor"].stood_down_at is None


def test_an_event_that_is_serious_no_longer_stays_reported_to_the_sponsor():
    assert set(due_days(replace(OTHER, serious=False, susar=False))) == {"site_to_sponsor"}


@pytest.mark.parametrize(
    ("received", "zone", "due_on"),
    [
        # Over a leap day: 2028 has a 29 February, 2027 has none.
        (datetime(2028, 2, 20, 9, tzinfo=UTC), "Europe/Zurich", date(2028, 3, 6)),
        (datetime(2027, 2, 20, 9, tzinfo=UTC), "Europe/Zurich", date(2027, 3, 7)),
        # Received on a leap day.
        (datetime(2028, 2, 29, 9, tzinfo=UTC), "Europe/Zurich", date(2028, 3, 15)),
        # Over the turn of a year, and due on a Sunday: weekends count and put nothing off.
        (datetime(2026, 12, 19, 9, tzinfo=UTC), "Europe/Zurich", date(2027, 1, 3)),
        # Received on a Saturday evening in New York, which is a Sunday in UTC.
        (datetime(2026, 3, 8, 1, tzinfo=UTC), "America/New_York", date(2026, 3, 22)),
    ],
)
def test_calendar_days_are_counted_over_leap_days_weekends_and_years(received: datetime, zone: str, due_on: date):
    case = replace(OTHER, zone=zone, aware_at=received, sponsor_received_at=received)
    assert due_days(case)["eu_15"] == due_on


@pytest.mark.parametrize(
    ("zone", "before"),
    [
        ("Europe/Zurich", datetime(2026, 3, 28, 12, 0)),  # noqa: DTZ001 - made local below
        ("Europe/Zurich", datetime(2026, 10, 24, 12, 0)),  # noqa: DTZ001
        ("America/New_York", datetime(2026, 3, 7, 12, 0)),  # noqa: DTZ001
    ],
)
def test_twenty_four_hours_are_hours_even_where_the_clocks_change(zone: str, before: datetime):
    aware = before.replace(tzinfo=ZoneInfo(zone))
    (due,) = dues(CLOCKS, replace(OTHER, susar=False, zone=zone, aware_at=aware.astimezone(UTC)))
    assert due.due_at - aware.astimezone(UTC) == timedelta(hours=24)
    assert due.due_at.astimezone(ZoneInfo(zone)).hour in {11, 13}


def test_a_day_ends_where_it_ends_first_in_summer_and_in_winter():
    winter = replace(OTHER, sponsor_received_at=datetime(2026, 10, 20, 9, 0, tzinfo=UTC))
    summer = replace(OTHER, sponsor_received_at=datetime(2026, 10, 9, 9, 0, tzinfo=UTC))
    ends = [next(due.due_at for due in dues(CLOCKS, case) if due.clock_id == "eu_15") for case in (summer, winter)]
    assert [end.hour for end in ends] == [21, 22]
    west = replace(OTHER, zone="America/New_York")
    assert next(due.due_at for due in dues(CLOCKS, west) if due.clock_id == "eu_15").hour == 23


@pytest.mark.parametrize(
    ("countries", "expected"),
    [
        (("CHE",), {"PROTOCOL", "FDA", "EU"}),
        ((), {"PROTOCOL", "FDA", "EU"}),
        (("CHE", "DEU"), {"PROTOCOL", "EU"}),
        (("USA",), {"PROTOCOL", "FDA"}),
        (("USA", "NOR", "JPN"), {"PROTOCOL", "FDA", "EU"}),
    ],
)
def test_a_susar_goes_to_every_jurisdiction_with_a_site_and_to_all_where_none_has_one(countries, expected):
    assert {clock.jurisdiction for clock in clocks_that_apply(CLOCKS, countries)} == expected


def test_a_jurisdiction_without_a_clock_in_the_protocol_takes_none_of_the_others_away():
    knee = shipped_protocol("second").adverse_events.clocks
    assert clocks_that_apply(knee, ("USA",)) == tuple(knee)


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
        follow_ups=(RECEIVED + timedelta(days=3),) if followed else (),
        sent=(Sent("fda_15", "FDA", RECEIVED + timedelta(days=1)),) if sent else (),
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
