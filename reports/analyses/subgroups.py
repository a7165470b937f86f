"""The primary comparison within the subgroups that the protocol names.

Purpose: from the plan's subgroups to the numbers of a forest.

Invariants
1. Only subgroups of the protocol, in its order; one whose variable the datasets do not carry, or with more than
   ``MOST_LEVELS`` levels, is left out by name.
2. What was not recorded is a level of its own.
3. What cannot be computed is said in words.

What it does not do: adjust for the number of subgroups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.analyses.efficacy import change_rows
from reports.analyses.groups import Frames, Grouping, yes
from reports.context import AnalysisPlan, SubgroupPlan
from trial.errors import DomainError
from trial.statistics.subgroups import SubgroupForest, subgroup_forest

MOST_LEVELS: Final = 12
UNRECORDED: Final = "not recorded"
# Fields that the subjects' dataset carries, by the protocol's name of the field.
CARRIED: Final = {"sex": "SEX", "age_years": "AGE"}


@dataclass(frozen=True)
class Subgroups:
    """``forest`` is None where ``problem`` says why; ``left_out`` names subgroups that could not be made."""

    forest: SubgroupForest | None
    left_out: tuple[str, ...]
    problem: str = ""


def primary_subgroups(frames: Frames, plan: AnalysisPlan, grouping: Grouping, *, reference: str) -> Subgroups:
    """Differences in the change of the primary scale at the primary visit."""
    randomized = grouping.of(frames["ADSL"].filter(yes("RANDFL")), "TRT01P")
    factors, changes = change_rows(frames, plan, randomized, plan.primary_domain)
    rows = changes.filter(pl.col("AVISIT") == plan.visit_label(plan.primary_visit)).sort("USUBJID")
    made: dict[str, list[str]] = {}
    left_out: list[str] = []
    for one in plan.subgroups:
        labels = _labels(one, rows, frames, factors)
        if labels is None or len(set(labels)) > MOST_LEVELS:
            left_out.append(one.label)
        else:
            made[one.label] = labels
    try:
        forest = subgroup_forest(
            rows["CHG"].to_numpy(),
            rows["GROUP"].to_list(),
            reference=reference,
            subgroups=made,
            covariates={"baseline score": rows["BASE"].to_numpy()},
            factors=_factors(rows, factors),
        )
    except DomainError as refused:
        return Subgroups(None, tuple(left_out), refused.sentence)
    return Subgroups(forest, tuple(left_out))


def _labels(one: SubgroupPlan, rows: pl.DataFrame, frames: Frames, factors: dict[str, str]) -> list[str] | None:
    """The level of everybody in ``rows``; None where the datasets do not carry the variable."""
    values = _values(one, rows, frames, factors)
    if values is None:
        return None
    if one.cut is None:
        return values.cast(pl.String).fill_null(UNRECORDED).to_list()
    met = {">=": values >= one.cut, ">": values > one.cut, "<": values < one.cut, "<=": values <= one.cut}.get(
        one.comparison, values == one.cut
    )
    return ["yes" if m else "no" if m is not None else UNRECORDED for m in met.to_list()]


def _values(one: SubgroupPlan, rows: pl.DataFrame, frames: Frames, factors: dict[str, str]) -> pl.Series | None:
    if one.by == "site":
        return rows["SITEID"]
    if one.by == "factor":
        return rows[factors[one.source]] if one.source in factors else None
    if one.by == "field":
        column = CARRIED.get(one.source, "")
        return _joined(rows, frames["ADSL"], column) if column in frames["ADSL"].columns else None
    at_start = frames["ADQS"].filter((pl.col("DOMAINNM") == one.source) & yes("ABLFL"))
    return _joined(rows, at_start, "AVAL") if at_start.height else None


def _joined(rows: pl.DataFrame, source: pl.DataFrame, column: str) -> pl.Series:
    """A column of another frame for the people of ``rows``, in their order."""
    other = source.select("USUBJID", pl.col(column).alias("VALUE")).unique("USUBJID", keep="first")
    return rows.select("USUBJID").join(other, on="USUBJID", how="left", maintain_order="left")["VALUE"]


def _factors(rows: pl.DataFrame, factors: dict[str, str]) -> dict[str, list[str]]:
    """The allocation's factors that vary here; site is left to its own row."""
    found = {name: rows[column].fill_null(UNRECORDED).to_list() for name, column in factors.items() if name != "site"}
    return {name: values for name, values in found.items() if len(set(values)) > 1}
