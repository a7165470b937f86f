"""Dates of which only a part is known."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from trial.partial_dates import PartialDate, PartialDateText

ZONE = "Europe/Zurich"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Holder(BaseModel):
    when: PartialDateText


@st.composite
def partial_dates(draw) -> PartialDate:
    whole = draw(st.datetimes(datetime(1950, 1, 1), datetime(2100, 12, 31)))  # noqa: DTZ001 - local times are meant
    parts = [whole.year, whole.month, whole.day, whole.hour, whole.minute]
    return PartialDate(*parts[: draw(st.sampled_from([1, 2, 3, 5]))])


@given(partial_dates())
def test_what_is_written_is_read_back(when: PartialDate):
    assert PartialDate.parse(str(when)) == when
    assert Holder.model_validate_json(Holder(when=when).model_dump_json()).when == when


@given(partial_dates())
def test_the_first_possible_day_is_never_after_the_last(when: PartialDate):
    assert when.earliest() <= when.latest()
    assert when.earliest().year == when.latest().year == when.year


@given(partial_dates(), partial_dates())
def test_no_two_dates_are_surely_before_each_other(one: PartialDate, other: PartialDate):
    assert not (one.surely_before(other) and other.surely_before(one))


@given(partial_dates())
def test_dropping_what_is_known_only_widens_the_possible_days(when: PartialDate):
    year = PartialDate(when.year)
    assert year.earliest() <= when.earliest() <= when.latest() <= year.latest()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026-13",
        "2026-02-30",
        "2026-3-2",
        "2026-03-02T10",
        "2026-03-02T24:00",
        "2026-03-02 10:40",
        "UNK",
        "0026",
    ],
)
def test_what_is_no_date_is_refused_with_the_remedy(text: str):
    with pytest.raises(ValidationError):
        Holder(when=text)


def test_a_part_cannot_be_known_before_the_parts_that_it_needs():
    with pytest.raises(ValueError, match="parts before it"):
        PartialDate(2026, None, 2)
    with pytest.raises(ValueError, match="parts before it"):
        PartialDate(2026, 3, 2, 10)


def test_only_a_complete_date_gives_an_instant():
    assert PartialDate.parse("2026-03-02").instant(ZONE) is None
    assert PartialDate.parse("2026-03-02T10:40").instant(ZONE) == datetime(2026, 3, 2, 9, 40, tzinfo=UTC)


def test_the_days_that_a_month_may_mean_end_with_the_month():
    assert PartialDate.parse("2024-02").latest() == date(2024, 2, 29)
    assert PartialDate.parse("2026").latest() == date(2026, 12, 31)


def test_today_and_this_month_have_not_surely_come_after_now_but_tomorrow_has():
    assert not PartialDate.parse("2026-03").surely_after(NOW, ZONE)
    assert not PartialDate.parse("2026-03-02").surely_after(NOW, ZONE)
    assert PartialDate.parse("2026-03-03").surely_after(NOW, ZONE)
    assert not PartialDate.parse("2026-03-02T10:00").surely_after(NOW, ZONE)
    assert PartialDate.parse("2026-03-02T10:01").surely_after(NOW, ZONE)


def test_an_instant_is_written_as_the_local_time_of_the_site():
    assert str(PartialDate.of(NOW, ZONE)) == "2026-03-02T10:00"
