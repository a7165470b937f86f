"""Bounds on harm, as the protocol states them: where each stands, by arm or over all.

Invariants
1. The rules are data; this module only counts and compares.
2. A rule by arm is reached when any arm reaches it; which one is for members of the board only.
3. Reaching a bound stops nothing: it is said, and the board recommends.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import POOLED, Frames, Grouping, pooled, yes
from reports.context import AnalysisPlan, HarmRule
from trial.statistics.bayes import rate_posterior


@dataclass(frozen=True)
class RuleState:
    """One rule in one group. ``probability`` is None for rules that count events."""

    rule: HarmRule
    group: str
    at_risk: int
    observed: int
    probability: float | None
    reached: bool


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
    if rule.events == "aesi_serious":
        chosen &= pl.col("CQ01NAM").is_not_null()
    return chosen & yes("ARELFL") if rule.kind == "related_events" else chosen


def _state(rule: HarmRule, label: str, at_risk: int, events: pl.DataFrame) -> RuleState:
    name = "all" if label == POOLED else label
    if rule.kind == "related_events":
        observed = _most_of_one_kind(events) if rule.of_one_kind else events.height
        return RuleState(rule, name, at_risk, observed, None, observed >= rule.count)
    people = events["USUBJID"].n_unique()
    chance = rate_posterior(people, at_risk, rule.rate_limit, rule.prior).exceeds
    return RuleState(rule, name, at_risk, people, chance, chance > rule.probability_above)


def _most_of_one_kind(events: pl.DataFrame) -> int:
    counts = events.group_by("AEDECOD").len()["len"].to_list()
    return max(counts, default=0)
