"""Efficacy by arm: adjusted change in each endpoint, and responders at every threshold of the plan.

Purpose: what a table of one endpoint at one visit shows. The model is the protocol's (``adjusted``).

Invariants
1. Participants are compared as randomized; who has no score at the visit is counted as missing, never imputed here.
2. What cannot be estimated is said in words with its reason, and the rest of the report still stands.
3. A difference is arm minus reference in the scale's own units; whether it is an improvement is said by the scale's direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from reports.analyses.adjusted import Adjusted, ChangeRows, compare
from reports.analyses.baseline import Summary, summary
from reports.analyses.groups import Frames, Grouping, yes
from reports.analyses.sensitivity import SensitivityRow, sensitivity
from reports.context import AnalysisPlan, Scale
from trial.errors import DomainError
from trial.statistics.estimates import Estimate
from trial.statistics.risk_comparisons import risk_difference
from trial.statistics.strata import stratified_risk_difference


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
    model: Adjusted | None
    problem: str
    responders: tuple[Responders, ...]

    @property
    def adjusted_for(self) -> tuple[str, ...]:
        """What the comparison was adjusted for; empty where there is none."""
        return self.model.adjusted_for if self.model else ()


def efficacy(
    frames: Frames, plan: AnalysisPlan, grouping: Grouping, domain: str, visit: str, *, reference: str | None = None
) -> Efficacy:
    """The scale ``domain`` at ``visit`` (both as the plan names them)."""
    scale, label = plan.scale(domain), plan.visit_label(visit)
    randomized = grouping.of(frames["ADSL"].filter(yes("RANDFL")), "TRT01P")
    factors, changes = change_rows(frames, plan, randomized, domain)
    rows = changes.filter(pl.col("AVISIT") == label)
    compared = _compared(grouping, reference)
    model, problem = compare(ChangeRows(changes, factors), plan, label, compared)
    return Efficacy(
        scale=scale,
        visit=label,
        labels=grouping.labels,
        compared=compared,
        arms=tuple(_arm(g, rows, randomized) for g in grouping.labels),
        model=model,
        problem=problem,
        responders=_responders(rows, plan, scale, grouping.labels, compared, factors),
    )


def primary_sensitivity(
    frames: Frames, plan: AnalysisPlan, grouping: Grouping, *, reference: str, snapshot_hash: str
) -> tuple[SensitivityRow, ...]:
    """The plan's sensitivity analyses of the primary scale at the primary visit."""
    randomized = grouping.of(frames["ADSL"].filter(yes("RANDFL")), "TRT01P")
    factors, changes = change_rows(frames, plan, randomized, plan.primary_domain)
    at_start = frames["ADQS"].filter((pl.col("DOMAINNM") == plan.primary_domain) & yes("ABLFL"))
    baselines = at_start.select("USUBJID", "BASE").unique("USUBJID").drop_nulls()
    return sensitivity(
        ChangeRows(changes, factors),
        baselines.join(randomized.select("USUBJID", "GROUP"), on="USUBJID", how="inner"),
        plan,
        plan.visit_label(plan.primary_visit),
        _compared(grouping, reference),
        higher_is_better=plan.scale(plan.primary_domain).higher_is_better,
        snapshot_hash=snapshot_hash,
    )


def change_rows(
    frames: Frames, plan: AnalysisPlan, randomized: pl.DataFrame, domain: str
) -> tuple[dict[str, str], pl.DataFrame]:
    """The factors' columns, site first, and everybody's changes with them."""
    factors = {"site": "SITEID", **_factor_columns(randomized, plan)}
    columns = randomized.select("USUBJID", "GROUP", *factors.values())
    return factors, _changes(frames["ADQS"], domain).join(columns, on="USUBJID", how="inner")


def _compared(grouping: Grouping, reference: str | None) -> tuple[tuple[str, str], ...]:
    if grouping.pooled or len(grouping.labels) < 2:
        return ()
    base = reference or grouping.labels[-1]
    return tuple((label, base) for label in sorted(grouping.labels) if label != base)


def _changes(adqs: pl.DataFrame, domain: str) -> pl.DataFrame:
    """Every visit's change from baseline, with its responder flags."""
    rows = adqs.filter((pl.col("DOMAINNM") == domain) & yes("ANL01FL") & pl.col("CHG").is_not_null())
    criteria = [c for c in adqs.columns if c.startswith("CRIT")]
    return rows.select("USUBJID", "AVISIT", "BASE", "AVAL", "CHG", *criteria)


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


def _responders(
    rows: pl.DataFrame,
    plan: AnalysisPlan,
    scale: Scale,
    labels: tuple[str, ...],
    compared: tuple[tuple[str, str], ...],
    factors: Mapping[str, str],
) -> tuple[Responders, ...]:
    strata = list(factors.values()) if plan.responders == "mantel_haenszel_risk_difference" else []
    found = []
    for position, threshold in enumerate(scale.thresholds, start=1):
        known = rows.filter(pl.col(f"CRIT{position}FL").is_not_null()).with_columns(MET=yes(f"CRIT{position}FL"))
        counts = {}
        for label in labels:
            mine = known.filter(pl.col("GROUP") == label)
            counts[label] = (mine.filter(pl.col("MET")).height, mine.height)
        differences = tuple(_risk_difference(known, counts, arm, base, strata) for arm, base in compared)
        found.append(Responders(threshold.label, tuple(counts[g] for g in labels), differences))
    return tuple(found)


def _risk_difference(
    known: pl.DataFrame, counts: Mapping[str, tuple[int, int]], arm: str, base: str, strata: list[str]
) -> Estimate | None:
    """Over the strata where the protocol asks for it and a stratum has both arms; else of the whole."""
    if not counts[arm][1] or not counts[base][1]:
        return None
    if strata:
        cells = known.group_by(strata).agg(
            *(((pl.col("GROUP") == g) & pl.col("MET")).sum().alias(f"met {g}") for g in (arm, base)),
            *((pl.col("GROUP") == g).sum().alias(f"of {g}") for g in (arm, base)),
        )
        try:
            x1, n1, x0, n0 = (cells[name].to_numpy() for name in _cells(arm, base))
            return stratified_risk_difference(x1, n1, x0, n0)
        except DomainError:
            pass
    return risk_difference(*counts[arm], *counts[base])


def _cells(arm: str, base: str) -> tuple[str, str, str, str]:
    return f"met {arm}", f"of {arm}", f"met {base}", f"of {base}"
