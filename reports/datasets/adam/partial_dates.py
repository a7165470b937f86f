"""Partial dates of adverse events read for analysis, by one rule: the longest duration that the record allows.

Invariants
1. A missing day or month of the onset is the earliest that it can be, but not before the first dose where the onset could
   lie after it; of the end, the latest that it can be, but not after the end of observation.
2. What was imputed is flagged: D the day, M the month and the day.
3. An event without an end goes on: its duration is counted to the end of observation and marked as censored.
4. A duration is in days: to the minute where both ends are known to the minute, else whole days, both ends counted.
"""

from __future__ import annotations

from typing import Final

import polars as pl

_MINUTE: Final = "%Y-%m-%dT%H:%M"
_DAYS_A_MINUTE: Final = 1 / 1440


def earliest(text: str) -> pl.Expr:
    """The earliest calendar date that a partial ISO 8601 text can mean; null where there is none."""
    return _dated(text, "-01-01", "-01")


def latest(text: str) -> pl.Expr:
    """The latest calendar date that a partial ISO 8601 text can mean."""
    length = pl.col(text).str.len_chars()
    of_month = _dated(text, "-12-31", "-01")
    return pl.when(length == 7).then(of_month.dt.month_end()).otherwise(of_month)


def _dated(text: str, after_year: str, after_month: str) -> pl.Expr:
    column = pl.col(text)
    length = column.str.len_chars()
    whole = (
        pl.when(length == 4)
        .then(column + pl.lit(after_year))
        .when(length == 7)
        .then(column + pl.lit(after_month))
        .otherwise(column.str.head(10))
    )
    return whole.str.to_date("%Y-%m-%d", strict=False)


def imputed(text: str) -> pl.Expr:
    """M where month and day were imputed, D where the day was, null where the date is whole or absent."""
    length = pl.col(text).str.len_chars()
    return pl.when(length == 4).then(pl.lit("M")).when(length == 7).then(pl.lit("D"))


def with_durations(rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` (AESTDTC, AEENDTC, TRTSDT, TRTEMFL, SAFEDT) with dates, flags, duration and censoring for analysis."""
    start, end = earliest("AESTDTC"), pl.min_horizontal(latest("AEENDTC"), "SAFEDT")
    held = pl.when((pl.col("TRTEMFL") == "Y") & imputed("AESTDTC").is_not_null()).then(
        pl.max_horizontal(start, "TRTSDT")
    )
    dated = rows.with_columns(
        ASTDT=held.fill_null(start),
        AENDT=end,
        ASTDTF=imputed("AESTDTC"),
        AENDTF=imputed("AEENDTC"),
    )
    going_on = pl.col("AEENDTC").is_null()
    until = pl.when(going_on).then(pl.col("SAFEDT")).otherwise(pl.col("AENDT"))
    whole_days = (until - pl.col("ASTDT")).dt.total_days() + 1
    duration = pl.coalesce(_to_the_minute(), pl.when(whole_days >= 1).then(whole_days.cast(pl.Float64)))
    known = duration >= 0
    return dated.with_columns(
        ADURN=pl.when(known).then(duration),
        ADURU=pl.when(known).then(pl.lit("DAYS")),
        DURCNSR=pl.when(known).then(going_on.cast(pl.Int64)),
    )


def _to_the_minute() -> pl.Expr:
    """Days between two instants that are both known to the minute; null otherwise."""
    start, end = (pl.col(c).str.head(16).str.to_datetime(_MINUTE, strict=False) for c in ("AESTDTC", "AEENDTC"))
    return (end - start).dt.total_minutes() * _DAYS_A_MINUTE
