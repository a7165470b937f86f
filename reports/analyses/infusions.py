"""The course of a reading in an infusion: mean and spread by minute, and the largest rise, by group."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.baseline import Summary, summary
from reports.analyses.groups import Frames, Grouping, yes


@dataclass(frozen=True)
class CoursePoint:
    """A minute of the course: mean with the half-width of its 95 % interval."""

    minute: int
    n: int
    mean: float
    half_width: float | None


@dataclass(frozen=True)
class Course:
    """One measure in one infusion of one group."""

    measure: str
    label: str
    unit: str
    infusion: int
    group: str
    points: tuple[CoursePoint, ...]


@dataclass(frozen=True)
class LargestChange:
    """Of each infusion the largest rise and the deepest fall from before it, summarised over participants."""

    measure: str
    label: str
    unit: str
    infusion: int
    groups: tuple[tuple[str, Summary, Summary], ...]  # group, rises, falls


def courses(frames: Frames, grouping: Grouping, measures: tuple[str, ...]) -> tuple[Course, ...]:
    """Courses of ``measures`` (PARAMCD), by infusion and group."""
    rows = grouping.of(frames["ADINF"].filter(yes("SAFFL") & pl.col("PARAMCD").is_in(list(measures))), "TRTA")
    found = []
    for measure, infusion in _kinds(rows, measures):
        for group in grouping.labels:
            mine = rows.filter(
                (pl.col("PARAMCD") == measure) & (pl.col("AVISITN") == infusion) & (pl.col("GROUP") == group)
            )
            label, unit = _named(rows, measure)
            found.append(Course(measure, label, unit, infusion, group, _points(mine)))
    return tuple(found)


def largest_changes(frames: Frames, grouping: Grouping, measures: tuple[str, ...]) -> tuple[LargestChange, ...]:
    """The largest rise and the deepest fall after the start of each infusion, by group."""
    rows = grouping.of(frames["ADINF"].filter(yes("SAFFL") & pl.col("CHG").is_not_null()), "TRTA")
    peaks = rows.group_by("USUBJID", "GROUP", "PARAMCD", "AVISITN").agg(
        rise=pl.col("CHG").max(), fall=pl.col("CHG").min()
    )
    found = []
    for measure, infusion in _kinds(rows, measures):
        mine = peaks.filter((pl.col("PARAMCD") == measure) & (pl.col("AVISITN") == infusion))
        parts = ((g, mine.filter(pl.col("GROUP") == g)) for g in grouping.labels)
        groups = tuple((g, summary(part["rise"]), summary(part["fall"])) for g, part in parts)
        found.append(LargestChange(measure, *_named(rows, measure), infusion, groups))
    return tuple(found)


def _kinds(rows: pl.DataFrame, measures: tuple[str, ...]) -> list[tuple[str, int]]:
    present = set(rows.select("PARAMCD", "AVISITN").drop_nulls().unique().rows())
    return [(m, int(i)) for m in measures for i in sorted({n for code, n in present if code == m})]


def _named(rows: pl.DataFrame, measure: str) -> tuple[str, str]:
    first = rows.filter(pl.col("PARAMCD") == measure).select("PARAM", "AVALU").head(1)
    label, unit = first.row(0)
    return str(label), str(unit or "")


def _points(rows: pl.DataFrame) -> tuple[CoursePoint, ...]:
    by_minute = (
        rows.filter(pl.col("AVAL").is_not_null())
        .group_by("ATPTN")
        .agg(n=pl.len(), mean=pl.col("AVAL").mean(), sd=pl.col("AVAL").std())
        .sort("ATPTN")
    )
    return tuple(
        CoursePoint(int(minute), int(n), float(mean), None if sd is None else 1.96 * float(sd) / n**0.5)
        for minute, n, mean, sd in by_minute.rows()
    )
