"""The sensitivity analyses that the protocol names, of the primary comparison: what is imputed is said, and by what rule.

Invariants
1. Everybody randomized with a baseline score is in them, also who was never seen again; complete-case covariance analysis
   apart, which says so.
2. The generator starts from the snapshot's hash: equal snapshots give equal numbers, and nobody chooses a seed.
3. What cannot be computed is said in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from reports.analyses.adjusted import ChangeRows, complete_cases
from reports.context import AnalysisPlan, SensitivityPlan
from trial.errors import DomainError
from trial.statistics.checks import FloatArray
from trial.statistics.imputation import Imputations, PooledEstimate, Strategy, compare_imputed, impute
from trial.statistics.linear import Contrast

IMPUTATIONS = 100
_STRATEGIES: dict[str, Strategy] = {"jump_to_reference": "jump-to-reference", "copy_reference": "copy-reference"}


@dataclass(frozen=True)
class SensitivityRow:
    """One analysis: for each compared arm its difference from the reference, or the reason why there is none."""

    label: str
    found: tuple[PooledEstimate | Contrast | None, ...]
    problem: str = ""


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Changes by participant and visit, with what is adjusted for."""

    change: FloatArray  # (n, visits), NaN where missing
    arm: list[str]
    baseline: FloatArray
    place: int  # of the visit in question


def sensitivity(
    changes: ChangeRows,
    baselines: pl.DataFrame,
    plan: AnalysisPlan,
    visit: str,
    compared: tuple[tuple[str, str], ...],
    *,
    higher_is_better: bool,
    snapshot_hash: str,
) -> tuple[SensitivityRow, ...]:
    """Each analysis of the plan, in its order; empty where the plan names none or there are no two arms.

    baselines: ``USUBJID, GROUP, BASE`` of everybody randomized with a baseline score.
    """
    if not compared or not plan.sensitivity:
        return ()
    outcomes = _outcomes(changes.rows, baselines, plan, visit)
    rows: list[SensitivityRow] = []
    for one in plan.sensitivity:
        try:
            rows += _analysis(one, changes, outcomes, visit, compared, higher_is_better, snapshot_hash)
        except DomainError as refused:
            rows.append(SensitivityRow(one.label, tuple(None for _ in compared), refused.sentence))
    return tuple(rows)


def _outcomes(rows: pl.DataFrame, baselines: pl.DataFrame, plan: AnalysisPlan, visit: str) -> _Outcomes:
    seen = set(rows["AVISIT"].to_list())
    visits = [
        v for v in (plan.visit_label(name) for name in plan.analysis_visits or (plan.primary_visit,)) if v in seen
    ]
    people = baselines.sort("USUBJID")
    place = {name: row for row, name in enumerate(people["USUBJID"].to_list())}
    change = np.full((people.height, len(visits)), np.nan)
    for name, at, value in rows.select("USUBJID", "AVISIT", "CHG").iter_rows():
        if name in place and at in visits:
            change[place[name], visits.index(at)] = value
    return _Outcomes(
        change, people["GROUP"].to_list(), people["BASE"].to_numpy(), visits.index(visit) if visit in visits else -1
    )


def _analysis(
    one: SensitivityPlan,
    changes: ChangeRows,
    outcomes: _Outcomes,
    visit: str,
    compared: tuple[tuple[str, str], ...],
    higher_is_better: bool,
    snapshot_hash: str,
) -> Iterator[SensitivityRow]:
    reference = compared[0][1]
    if one.method == "ancova":
        here = ChangeRows(changes.rows.filter(pl.col("AVISIT") == visit), changes.factors)
        fitted, problem = complete_cases(here, reference)
        found = {c.arm: c for c in fitted.contrasts} if fitted else {}
        yield SensitivityRow(f"{one.label} (complete cases)", tuple(found.get(arm) for arm, _ in compared), problem)
    elif one.method in _STRATEGIES:
        filled = _impute(outcomes, reference, _STRATEGIES[one.method], f"{snapshot_hash} {one.method}")
        yield SensitivityRow(one.label, _compare(filled, outcomes, compared))
    elif one.method == "delta_tipping":
        filled = _impute(outcomes, reference, "mar", f"{snapshot_hash} {one.method}")
        moved = np.array([[float(a != reference)] for a in outcomes.arm]) * (-1.0 if higher_is_better else 1.0)
        for delta in one.deltas:
            shifted = filled.shifted(delta * moved * np.ones(outcomes.change.shape))
            yield SensitivityRow(f"{one.label}: worse by {delta:g}", _compare(shifted, outcomes, compared))
    else:
        none = tuple(None for _ in compared)
        yield SensitivityRow(one.label, none, "Equipoise does not compute this analysis.")


def _impute(outcomes: _Outcomes, reference: str, strategy: Strategy, words: str) -> Imputations:
    seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big")
    return impute(
        outcomes.change,
        outcomes.arm,
        reference=reference,
        rng=np.random.default_rng(seed),
        strategy=strategy,
        covariates={"baseline": outcomes.baseline},
        by_arm=False,
        imputations=IMPUTATIONS,
        between=5,
    )


def _compare(
    filled: Imputations, outcomes: _Outcomes, compared: tuple[tuple[str, str], ...]
) -> tuple[PooledEstimate | None, ...]:
    pooled = compare_imputed(
        filled,
        outcomes.arm,
        visit=outcomes.place,
        reference=compared[0][1],
        covariates={"baseline": outcomes.baseline},
    )
    return tuple(pooled.get(arm) for arm, _ in compared)
