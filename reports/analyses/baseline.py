"""Characteristics at baseline: numbers summarised, categories counted, missing values told.

Invariants
1. Everybody randomized is in the denominator; what is missing is counted, never left out of sight.
2. No test of baseline differences: in a randomized trial they are chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import Frames, Grouping, count_by, yes
from reports.context import AnalysisPlan


@dataclass(frozen=True)
class Summary:
    """Of a number: how many have it, and its distribution; None where nobody has it."""

    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class NumberRow:
    """A measured characteristic."""

    name: str
    unit: str
    by_group: tuple[Summary, ...]


@dataclass(frozen=True)
class CategoryRow:
    """A category characteristic: its values, and for each group the count of each."""

    name: str
    values: tuple[str, ...]
    by_group: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Baseline:
    """The baseline table as values."""

    labels: tuple[str, ...]
    sizes: tuple[int, ...]
    rows: tuple[NumberRow | CategoryRow, ...]


def baseline_table(frames: Frames, plan: AnalysisPlan, grouping: Grouping, *, scores: bool = True) -> Baseline:
    """Characteristics of everybody randomized, in total and by group."""
    adsl = grouping.of(frames["ADSL"].filter(yes("RANDFL")), "TRT01P")
    parts = [adsl.filter(pl.col("GROUP") == label) for label in grouping.labels]
    rows: list[NumberRow | CategoryRow] = [NumberRow("Age", "years", tuple(summary(p["AGE"]) for p in parts))]
    rows += [
        _categories(name, column, adsl, parts)
        for name, column in (("Age group", "AGEGR1"), ("Sex", "SEX"), ("Race", "RACE"), ("Ethnicity", "ETHNIC"))
    ]
    rows += _factors(adsl, parts)
    if scores:
        rows += _scores(frames["ADQS"], plan, parts)
    return Baseline(grouping.labels, tuple(part.height for part in parts), tuple(rows))


def summary(values: pl.Series) -> Summary:
    """``values`` described; quartiles by linear interpolation."""
    known = values.drop_nulls().cast(pl.Float64)
    missing = len(values) - len(known)
    if not len(known):
        return Summary(0, missing, None, None, None, None, None, None, None)
    quartiles = [known.quantile(q, interpolation="linear") for q in (0.0, 0.25, 0.5, 0.75, 1.0)]
    low, q1, middle, q3, high = (float(q) for q in quartiles if q is not None)
    frame = known.to_frame("v").select(mean=pl.col("v").mean(), sd=pl.col("v").std())
    mean, sd = frame.row(0)
    return Summary(len(known), missing, float(mean), None if sd is None else float(sd), middle, q1, q3, low, high)


def _categories(name: str, column: str, everybody: pl.DataFrame, parts: list[pl.DataFrame]) -> CategoryRow:
    values = tuple(value for value, _ in count_by(everybody, column))
    counts = [dict(count_by(part, column)) for part in parts]
    return CategoryRow(name, values, tuple(tuple(c.get(value, 0) for value in values) for c in counts))


def _factors(adsl: pl.DataFrame, parts: list[pl.DataFrame]) -> list[CategoryRow]:
    numbers = [c.removeprefix("STRAT").removesuffix("V") for c in adsl.columns if c.endswith("V") and c[:5] == "STRAT"]
    found = []
    for number in numbers:
        names = adsl[f"STRAT{number}D"].drop_nulls()
        name = str(names[0]).replace("_", " ").capitalize() if len(names) else f"Factor {number}"
        found.append(_categories(name, f"STRAT{number}V", adsl, parts))
    return found


def _scores(adqs: pl.DataFrame, plan: AnalysisPlan, parts: list[pl.DataFrame]) -> list[NumberRow]:
    """Scales that are asked at baseline: one whose every score comes later has none by design, not by neglect."""
    base = adqs.filter(yes("ABLFL"))
    later_only = set(adqs["DOMAINNM"].unique()) - set(base["DOMAINNM"].unique())
    found = []
    for scale in plan.scales:
        if scale.domain in later_only:
            continue
        mine = base.filter(pl.col("DOMAINNM") == scale.domain).select("USUBJID", "BASE")
        joined = [part.join(mine, on="USUBJID", how="left")["BASE"] for part in parts]
        found.append(NumberRow(scale.label, scale.unit, tuple(summary(values) for values in joined)))
    return found
