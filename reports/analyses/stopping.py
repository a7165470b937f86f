"""Bounds on harm, as the protocol states them: where each stands, by arm or over all.

Invariants
1. The rules are data; this module only counts and compares. Rates count participants, related-event rules count events.
2. A rule by arm is reached when any arm reaches it; which one is for members of the board only.
3. Reaching a bound stops nothing: it is said, and the board recommends.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import POOLED, Frames, Grouping, pooled, yes
from reports.context import AnalysisPlan, HarmRule
from trial.statistics.bayes import rate_posterior
from trial.statistics.proportions import clopper_pearson


@dataclass(frozen=True)
class RuleState:
    """One rule in one group. ``probability`` is of rules with a prior, ``lower_limit`` of exact ones; None elsewhere."""

    rule: HarmRule
    group: str
    at_risk: int
    observed: int
    probability: float | None
    reached: bool
    lower_limit: float | None = None


def harm_rule_states(frames: Frames, plan: AnalysisPlan, grouping: Grouping) -> tuple[RuleState, ...]:
    """Every rule of the plan; those by arm once for each arm."""
    found: list[RuleState] = []
    for rule in plan.harm_rules:
        chosen = grouping if rule.by_arm else pooled()
        safety = chosen.of(frames["ADSL"].filter(yes("SAFFL")), "TRT01A")
        events = chosen.of(frames["ADAE"].filter(yes("TRTEMFL") & yes("SAFFL")), "TRTA").filter(_counted(rule))
        for label in chosen.labels:
            mine = events.filter(pl.col("GROUP") == label)
            found.append(_state(rule, label, safety.filter(pl.col("GROUP") == label).height, mine))
    return tuple(found)


def _counted(rule: HarmRule) -> pl.Expr:
    chosen = yes("AESDTH") if rule.events == "fatal" else yes("AESER")
    if rule.events == "aesi":
        chosen = pl.lit(value=True)
    if rule.events in {"aesi", "aesi_serious"}:
        chosen &= pl.col("CQ01NAM").is_not_null()
    if rule.special_interest:
        chosen &= pl.col("CQ01NAM").is_in(rule.special_interest)
    return chosen & yes("ARELFL") if rule.kind == "related_events" else chosen


def _state(rule: HarmRule, label: str, at_risk: int, events: pl.DataFrame) -> RuleState:
    name = "all" if label == POOLED else label
    if rule.kind == "related_events":
        observed = _most_of_one_kind(events) if rule.of_one_kind else events.height
        return RuleState(rule, name, at_risk, observed, None, observed >= rule.count)
    people = events["USUBJID"].n_unique()
    if rule.kind == "exact_rate":
        # One-sided: the whole of 1 - confidence lies below.
        limit = clopper_pearson(people, at_risk, 2 * rule.confidence - 1).lower if at_risk else 0.0
        return RuleState(rule, name, at_risk, people, None, limit > rule.rate_limit, limit)
    chance = rate_posterior(people, at_risk, rule.rate_limit, rule.prior).exceeds
    return RuleState(rule, name, at_risk, people, chance, chance > rule.probability_above)


def _most_of_one_kind(events: pl.DataFrame) -> int:
    counts = events.group_by("AEDECOD").len()["len"].to_list()
    return max(counts, default=0)
