"""Enrolment over time and by site, and why people were not randomized."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from reports.analyses.groups import Frames, count_by, yes
from reports.context import ReportContext


@dataclass(frozen=True)
class SiteEnrolment:
    """What one site has done by the cut-off."""

    site: str
    name: str
    country: str
    activated_on: date | None
    assessed: int
    excluded: int
    in_screening: int
    randomized: int
    last_randomized_on: date | None


@dataclass(frozen=True)
class Enrolment:
    """Cumulative randomizations, the expected course, and the sites."""

    points: tuple[tuple[date, int], ...]
    expected: tuple[tuple[date, int], ...]
    cut_off_on: date
    planned: int
    randomized: int
    expected_by_now: int | None
    by_month: tuple[tuple[str, int, int], ...]  # month, assessed, randomized
    sites: tuple[SiteEnrolment, ...]
    exclusions: tuple[tuple[str, str, int], ...]  # category, reason, number


def enrolment(frames: Frames, sites: pl.DataFrame, context: ReportContext) -> Enrolment:
    """Enrolment at the cut-off. ``sites`` is the snapshot's table of sites."""
    adsl = frames["ADSL"]
    randomized = adsl.filter(yes("RANDFL"))
    days = randomized.group_by("RANDDT").len().sort("RANDDT").with_columns(pl.col("len").cum_sum())
    today = context.cut_off_at.date()
    return Enrolment(
        points=tuple((day, int(total)) for day, total in days.rows()),
        expected=context.expected_enrolment,
        cut_off_on=today,
        planned=context.planned_participants,
        randomized=randomized.height,
        expected_by_now=expected_on(context.expected_enrolment, today),
        by_month=_by_month(adsl),
        sites=tuple(_site(row, adsl) for row in sites.sort("site").iter_rows(named=True)),
        exclusions=_exclusions(adsl),
    )


def expected_on(course: tuple[tuple[date, int], ...], day: date) -> int | None:
    """The expected number on ``day``, straight lines between the points of the course; None without a course."""
    if not course:
        return None
    if day <= course[0][0]:
        return course[0][1]
    for (start, low), (end, high) in pairwise(course):
        if day <= end:
            return round(low + (high - low) * (day - start).days / max((end - start).days, 1))
    return course[-1][1]


def _by_month(adsl: pl.DataFrame) -> tuple[tuple[str, int, int], ...]:
    assessed = adsl.group_by(month=pl.col("ASSESSDT").dt.strftime("%Y-%m")).agg(assessed=pl.len())
    taken = adsl.filter(yes("RANDFL")).group_by(month=pl.col("RANDDT").dt.strftime("%Y-%m"))
    both = assessed.join(taken.agg(randomized=pl.len()), on="month", how="full", coalesce=True)
    rows = both.drop_nulls("month").fill_null(0).sort("month").select("month", "assessed", "randomized").rows()
    return tuple((str(month), int(a), int(r)) for month, a, r in rows)


def _site(row: dict[str, object], adsl: pl.DataFrame) -> SiteEnrolment:
    mine = adsl.filter(pl.col("SITEID") == row["site"])
    randomized = mine.filter(yes("RANDFL"))
    excluded = mine.filter(pl.col("EXCLCAT").is_not_null() & ~yes("RANDFL")).height
    activated = row["activated_on"]
    last = randomized["RANDDT"].max()
    return SiteEnrolment(
        site=str(row["site"]),
        name=str(row["name"] or ""),
        country=str(row["country"] or ""),
        activated_on=activated if isinstance(activated, date) else None,
        assessed=mine.height,
        excluded=excluded,
        in_screening=mine.height - excluded - randomized.height,
        randomized=randomized.height,
        last_randomized_on=last if isinstance(last, date) else None,
    )


def _exclusions(adsl: pl.DataFrame) -> tuple[tuple[str, str, int], ...]:
    out = adsl.filter(pl.col("EXCLCAT").is_not_null() & ~yes("RANDFL"))
    found = []
    for category, _ in count_by(out, "EXCLCAT"):
        inside = out.filter(pl.col("EXCLCAT") == category)
        found += [(category, reason, number) for reason, number in count_by(inside, "EXCLREAS")]
    return tuple(found)
