"""Partial dates of events, read by the rule: the longest duration that the record allows."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from reports.datasets.adam.partial_dates import with_durations

FIRST, END = date(2026, 3, 10), date(2026, 9, 30)


def dated(onset: str | None, ended: str | None, *, emergent: str = "Y", safedt: date | None = END) -> dict[str, object]:
    rows = pl.DataFrame(
        {"AESTDTC": [onset], "AEENDTC": [ended], "TRTEMFL": [emergent], "TRTSDT": [FIRST], "SAFEDT": [safedt]},
        schema={"AESTDTC": pl.String, "AEENDTC": pl.String, "TRTEMFL": pl.String, "TRTSDT": pl.Date, "SAFEDT": pl.Date},
    )
    return with_durations(rows).row(0, named=True)


@pytest.mark.parametrize(
    ("onset", "ended", "days", "censored", "flags"),
    [
        ("2026-03-10T10:00", "2026-03-10T12:00", 2 / 24, 0, (None, None)),  # to the minute
        ("2026-03-10T10:00", "2026-03-12", 3, 0, (None, None)),  # whole days, both counted
        ("2026-03-12", "2026-03-12", 1, 0, (None, None)),
        ("2026-04", "2026-04-10", 10, 0, ("D", None)),  # from the first of the month
        ("2026-03", "2026-03-20", 11, 0, ("D", None)),  # not before the first dose
        ("2026", "2026-03-20", 11, 0, ("M", None)),
        ("2026-04-10", "2026-04", 21, 0, (None, "D")),  # to the last of the month
        ("2026-04-10", "2026", 174, 0, (None, "M")),  # not after the end of observation
        ("2026-02", "2026", 205, 0, ("D", "M")),  # treatment-emergent: from the first dose
        ("2026-09-01", None, 30, 1, (None, None)),  # goes on: counted to the end of observation
    ],
)
def test_a_duration_is_the_longest_that_the_record_allows(onset, ended, days, censored, flags):
    found = dated(onset, ended)
    assert found["ADURN"] == pytest.approx(days)
    assert (found["DURCNSR"], found["ADURU"]) == (censored, "DAYS")
    assert (found["ASTDTF"], found["AENDTF"]) == flags


def test_what_began_before_treatment_keeps_its_own_date_and_what_is_unknown_stays_unknown():
    assert dated("2026-02", "2026-02-20", emergent="N")["ASTDT"] == date(2026, 2, 1)
    unknown = dated(None, None)
    assert (unknown["ADURN"], unknown["DURCNSR"], unknown["ASTDT"]) == (None, None, None)
    assert dated("2026-03-12", None, safedt=None)["ADURN"] is None
    assert dated("2026-03-12", "2026-03-11")["ADURN"] is None
