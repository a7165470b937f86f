"""Efficacy by arm: adjusted change in each endpoint, and responders at every threshold of the plan.

Purpose: the simple, robust comparison that an interim report shows; the primary model of the final analysis is another.

Invariants
1. Participants are compared as randomized; who has no score at the visit is counted as missing, never imputed here.
2. What cannot be estimated is said in words with its reason, and the rest of the report still stands.
3. A difference is arm minus reference in the scale's own units; whether it is an improvement is said by the scale's direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.baseline import Summary, summary
from reports.analyses.groups import Frames, Grouping, yes
from reports.context import AnalysisPlan, Scale
from trial.errors import DomainError
from trial.statistics.estimates import Estimate
from trial.statistics.linear import AncovaResult, ancova
from trial.statistics.risk_comparisons import risk_difference


@dataclass(frozen=True)
class ArmChange:
    """One arm at one visit: who has data, and the change as observed."""

    label: str
    randomized: int
    analysed: int
    baseline: Summary
    value: Summary
    change: Summary


@dataclass(frozen=True)
class Responders:
    """Responders at one threshold, of those with data at baseline and at the visit."""

    threshold: str
    counts: tuple[tuple[int, int], ...]  # responders, with data; one pair an arm
    differences: tuple[Estimate | None, ...]


@dataclass(frozen=True)
class Efficacy:
    """One scale at one visit, by arm."""

    scale: Scale
    visit: str
    labels: tuple[str, ...]
    compared: tuple[tuple[str, str], ...]
    arms: tuple[ArmChange, ...]
    model: AncovaResult | None
    adjusted_for: tuple[str, ...]
    problem: str
    responders: tuple[Responders, ...]


def efficacy(
    frames: Frames, plan: AnalysisPlan, grouping: Grouping, domain: str, visit: str, *, reference: str | None = None
) -> Efficacy:
    """The scale ``domain`` at ``visit`` (both as the plan names them)."""
    scale, label = plan.scale(domain), plan.visit_label(visit)
    randomized = grouping.of(frames["ADSL"].filter(yes("RANDFL")), "TRT01P")
    rows = _with_data(frames["ADQS"], domain, label).join(
        randomized.select("USUBJID", "GROUP", "SITEID", *_factor_columns(randomized, plan).values()),
        on="USUBJID",
        how="inner",
    )
    compared = _compared(grouping, reference)
    model, adjusted, problem = _model(rows, plan, randomized, compared)
    return Efficacy(
        scale=scale,
        visit=label,
        labels=grouping.labels,
        compared=compared,
        arms=tuple(_arm(g, rows, randomized) for g in grouping.labels),
        model=model,
        adjusted_for=adjusted,
        problem=problem,
        responders=_responders(rows, scale, grouping.labels, compared),
    )


def _compared(grouping: Grouping, reference: str | None) -> tuple[tuple[str, str], ...]:
    if grouping.pooled or len(grouping.labels) < 2:
        return ()
    base = reference or grouping.labels[-1]
    return tuple((label, base) for label in sorted(grouping.labels) if label != base)


def _with_data(adqs: pl.DataFrame, domain: str, visit: str) -> pl.DataFrame:
    here = (pl.col("DOMAINNM") == domain) & (pl.col("AVISIT") == visit)
    rows = adqs.filter(here & yes("ANL01FL") & pl.col("CHG").is_not_null())
    criteria = [c for c in adqs.columns if c.startswith("CRIT")]
    return rows.select("USUBJID", "BASE", "AVAL", "CHG", *criteria)


def _factor_columns(adsl: pl.DataFrame, plan: AnalysisPlan) -> dict[str, str]:
    """The plan's covariate factors with the ADSL variable that holds each as used for the allocation."""
    found = {}
    for column in adsl.columns:
        if column.startswith("STRAT") and column.endswith("D"):
            for name in adsl[column].drop_nulls().unique().to_list():
                found[str(name)] = column[:-1] + "R"
    return {name: found[name] for name in plan.covariate_factors if name in found}


def _arm(label: str, rows: pl.DataFrame, randomized: pl.DataFrame) -> ArmChange:
    mine = rows.filter(pl.col("GROUP") == label)
    size = randomized.filter(pl.col("GROUP") == label).height
    return ArmChange(label, size, mine.height, *(summary(mine[column]) for column in ("BASE", "AVAL", "CHG")))


def _model(
    rows: pl.DataFrame, plan: AnalysisPlan, randomized: pl.DataFrame, compared: tuple[tuple[str, str], ...]
) -> tuple[AncovaResult | None, tuple[str, ...], str]:
    """The adjusted comparison with as many of the plan's factors as the data can bear, and which those were."""
    if not compared:
        return None, (), "There are not two arms to compare."
    with_data = set(rows["GROUP"].to_list())
    if not {compared[0][1], *(arm for arm, _ in compared)} <= with_data:
        return None, (), "An arm has nobody with data at baseline and at the visit."
    columns = {"site": "SITEID", **_factor_columns(randomized, plan)}
    problem = ""
    for names in (tuple(columns), tuple(columns)[1:], ()):
        factors = {name: rows[columns[name]].fill_null("not recorded").to_list() for name in names}
        try:
            result = ancova(
                rows["CHG"].to_numpy(),
                rows["GROUP"].to_list(),
                reference=compared[0][1],
                covariates={"baseline": rows["BASE"].to_numpy()},
                factors={n: v for n, v in factors.items() if len(set(v)) > 1},
            )
        except DomainError as refused:
            problem = refused.sentence
        else:
            return result, ("baseline score", *(name.replace("_", " ") for name in names)), ""
    return None, (), problem


def _responders(
    rows: pl.DataFrame, scale: Scale, labels: tuple[str, ...], compared: tuple[tuple[str, str], ...]
) -> tuple[Responders, ...]:
    found = []
    for position, threshold in enumerate(scale.thresholds, start=1):
        known = rows.filter(pl.col(f"CRIT{position}FL").is_not_null())
        counts = {}
        for label in labels:
            mine = known.filter(pl.col("GROUP") == label)
            counts[label] = (mine.filter(yes(f"CRIT{position}FL")).height, mine.height)
        differences = tuple(_risk_difference(counts[arm], counts[base]) for arm, base in compared)
        found.append(Responders(threshold.label, tuple(counts[g] for g in labels), differences))
    return tuple(found)


def _risk_difference(one: tuple[int, int], base: tuple[int, int]) -> Estimate | None:
    return risk_difference(*one, *base) if one[1] and base[1] else None
