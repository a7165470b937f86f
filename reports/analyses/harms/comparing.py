"""Groups compared: difference and ratio of risks, each with its interval.

Invariants
1. Both intervals are Miettinen and Nurminen's, valid at zero and at everybody; a ratio does not exist where neither
   group has an event, and the table then gives each group's exact upper limit.
2. Groups are compared over those assessed; where a group was not assessed there is no comparison.
"""

from __future__ import annotations

from functools import lru_cache

from reports.analyses.groups import Grouping
from reports.analyses.harms.results import GroupHarm
from trial.statistics.estimates import Estimate
from trial.statistics.risk_comparisons import risk_difference, risk_ratio

Pair = tuple[Estimate | None, Estimate | None]


def compared_arms(grouping: Grouping, reference: str | None) -> tuple[tuple[str, str], ...]:
    """Each arm with the one it is compared with; none in a pooled table."""
    if grouping.pooled or len(grouping.labels) < 2:
        return ()
    base = reference or grouping.labels[-1]
    return tuple((label, base) for label in grouping.labels if label != base)


def compare(one: GroupHarm, base: GroupHarm) -> Pair:
    """Difference and ratio of the risks of two groups."""
    if not one.denominator or not base.denominator:
        return None, None
    return _compare(one.participants, one.denominator, base.participants, base.denominator)


@lru_cache(maxsize=4096)
def _compare(events1: int, n1: int, events0: int, n0: int) -> Pair:
    ratio = risk_ratio(events1, n1, events0, n0, method="score") if events1 or events0 else None
    return risk_difference(events1, n1, events0, n0), ratio
