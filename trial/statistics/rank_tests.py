"""Tests between survival curves: log-rank and the Fleming–Harrington family, with strata.

Invariants
1. Observed and expected events each add up to the number of events (unweighted).
2. Nobody in a group, or no event at all, is an error of its own.
3. A group that had nobody at risk at any event takes no part: each such group has one degree of freedom less to show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from trial.errors import InvalidInput
from trial.statistics.checks import EmptyArm, FloatArray, check_in, check_same_length, labels_of
from trial.statistics.matrices import solve
from trial.statistics.survival import check_times

_RANK = 1e-10


class NoEvents(InvalidInput):
    code = "statistics.no_events"


@dataclass(frozen=True)
class LogRankResult:
    """χ² over the groups, in order of name; with rho > 0, weighted events. ``df`` counts what could be compared."""

    groups: tuple[str, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    statistic: float
    df: int
    p_value: float
    method: str

    def __str__(self) -> str:
        rows = zip(self.groups, self.observed, self.expected, strict=True)
        counts = "; ".join(f"{group}: {seen:g} of {due:.4g} expected" for group, seen, due in rows)
        return f"χ²({self.df}) = {self.statistic:.4g}, p = {self.p_value:.4g}: {self.method} ({counts})"


def log_rank(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, *, strata: ArrayLike | None = None, rho: float = 0.0
) -> LogRankResult:
    """The log-rank test of equal survival in two or more groups.

    time: (N,) in [0, ∞). event: (N,) 1 for the event, 0 for censored. group: (N,) labels, at least two kinds.
    strata: (N,) labels or None. rho: in [0, 10]; each event weighs S(t−)^rho: 0 log-rank, 1 Peto and Peto.
    df is the number of groups less one, or fewer where a group had nobody at risk at any event of its strata.
    Raises OutOfRange, EmptyArm; NoEvents when nobody had the event while others were at risk.
    Source: Mantel (1966); Harrington & Fleming (1982). Oracle: R survival ``survdiff``.

    >>> print(log_rank([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0], ["A", "B", "A", "B", "A", "B"]))
    χ²(1) = 0.0739, p = 0.7857: log-rank test (A: 2 of 1.733 expected; B: 2 of 2.267 expected)
    """
    t, d = check_times(time, event)
    labels = labels_of("group", group)
    layers = labels_of("strata", strata) if strata is not None else np.full(len(t), "all")
    check_same_length(time=t, group=labels, strata=layers)
    power = check_in("rho", rho, 0.0, 10.0, "[]")
    groups = np.unique(labels)
    if len(groups) < 2:
        raise EmptyArm(f"At least two groups with participants are needed; found: {[str(g) for g in groups]}.")
    member: FloatArray = (labels[:, None] == groups[None, :]).astype(np.float64)
    parts = [_stratum(t[here], d[here], member[here], power) for here in (layers == s for s in np.unique(layers))]
    observed, expected = (np.sum([part[place] for part in parts], axis=0) for place in (0, 1))
    variance = np.sum([part[2] for part in parts], axis=0)
    statistic, df = _quadratic_form(observed - expected, variance)
    if df == 0:
        raise NoEvents("No event happened while two groups had somebody at risk: the curves cannot be compared.")
    name = "log-rank test" if power == 0.0 else f"Fleming–Harrington test, rho = {power:g}"
    return LogRankResult(
        tuple(str(g) for g in groups),
        tuple(float(v) for v in observed),
        tuple(float(v) for v in expected),
        statistic,
        df,
        float(chdtrc(df, statistic)),
        name + (", stratified" if strata is not None else ""),
    )


def _quadratic_form(gap: FloatArray, variance: FloatArray) -> tuple[float, int]:
    """gapᵀ V⁻ gap with the rank of V: V has rank groups − 1 when every group can be compared with every other."""
    inner = variance[:-1, :-1]
    values, vectors = np.linalg.eigh(variance)
    kept = values > _RANK * max(float(values[-1]), 1e-300)
    df = int(kept.sum())
    if df == len(inner):
        return float(gap[:-1] @ solve(inner, gap[:-1])), df
    along = vectors[:, kept].T @ gap
    return float((along**2 / values[kept]).sum()), df


def _stratum(t: FloatArray, d: FloatArray, member: FloatArray, rho: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted observed and expected events by group, and the hypergeometric covariance."""
    times = np.unique(t[d == 1.0])
    risk = (t[None, :] >= times[:, None]).astype(np.float64) @ member
    events = ((t[None, :] == times[:, None]) * d[None, :]) @ member
    n, total = risk.sum(axis=1), events.sum(axis=1)
    before = np.concatenate([[1.0], np.cumprod(1.0 - total / n)[:-1]]) if len(times) else np.ones(0)
    weight = before**rho
    shares = risk / n[:, None]
    spread = np.where(n > 1.0, weight**2 * total * (n - total) / np.maximum(n - 1.0, 1.0), 0.0)
    variance = np.diag(spread @ shares) - np.einsum("t,ta,tb->ab", spread, shares, shares)
    return weight @ events, weight @ (total[:, None] * shares), variance
