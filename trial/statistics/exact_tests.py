"""Exact tests of proportions: one against a number; two by Fisher (conditional), Boschloo and Barnard (unconditional), and
Pearson's χ².

Conventions
1. Two-sided Fisher sums the tables that are at most as probable as the observed one (R ``fisher.test``, SAS).
2. Two-sided Boschloo orders tables by that two-sided Fisher p (R ``Exact``); ``central`` is twice the smaller one-sided
   p (R ``exact2x2``, scipy). For 56/70 against 48/80 they are 0.00992 and 0.00884. The first is the default.
3. "greater" means that group 1 has the larger proportion.

Invariants
1. Boschloo's p is at most Fisher's, on one side, and on two in the default convention.
2. The largest probability over the nuisance proportion is found to 1e-12, not read off a grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import chdtrc, gammaln

from trial.statistics import binomial_tails
from trial.statistics.checks import FloatArray, OutOfRange, check_choice, check_events, check_in, check_level
from trial.statistics.roots import bisect
from trial.statistics.strata import ChiSquareTest

Alternative = Literal["two-sided", "greater", "less"]
TwoSided = Literal["fisher", "central"]

_TIE = 1.0 + 1e-7
_GRID = 2001
_MOST_TABLES = 10_000_000


@dataclass(frozen=True)
class ExactTest:
    """A p-value; for Fisher's test also the conditional odds ratio with its exact interval."""

    p_value: float
    method: str
    odds_ratio: float | None = None
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    nuisance: float | None = None

    def __str__(self) -> str:
        told = ""
        if self.odds_ratio is not None and self.level is not None:
            told = f", odds ratio {self.odds_ratio:.4g}, {100 * self.level:g} % ({self.lower:.4g}, {self.upper:.4g})"
        return f"p = {self.p_value:.4g}{told}: {self.method}"


def fisher(
    events1: int, n1: int, events0: int, n0: int, *, alternative: Alternative = "two-sided", level: float = 0.95
) -> ExactTest:
    """Fisher's exact test with the conditional maximum-likelihood odds ratio and its exact interval.

    events1, events0: in [0, n]. n1, n0: at least 1. level: in (0, 1); the interval is one-sided when the test is.
    With no events, or only events, p is 1, the interval (0, ∞) and the odds ratio 0 as in R.
    Raises OutOfRange (also for more than 1e7 possible tables), EmptyArm.
    Source: Fisher (1935); Cornfield (1956). Oracle: R ``fisher.test``.

    >>> print(fisher(56, 70, 48, 80))
    p = 0.01252, odds ratio 2.649, 95 % (1.209, 6.04): Fisher's exact test
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    _check_alternative(alternative)
    tail = 1.0 - check_level(level)
    _check_tables(min(m1, x1 + x0, m0, m1 + m0 - x1 - x0) + 1)
    support, log_weights = _hypergeometric(m1, m0, x1 + x0)
    p_value = _fisher_p(support, log_weights, x1, alternative)
    each = tail / 2.0 if alternative == "two-sided" else tail
    lower = 0.0 if alternative == "less" else _exact_limit(support, log_weights, x1, each, upper=False)
    upper = np.inf if alternative == "greater" else _exact_limit(support, log_weights, x1, each, upper=True)
    name = "Fisher's exact test" + ("" if alternative == "two-sided" else f", {alternative}")
    return ExactTest(p_value, name, _conditional_odds_ratio(support, log_weights, x1), lower, upper, level)


def binomial_test(
    events: int,
    n: int,
    proportion: float,
    *,
    alternative: Alternative = "two-sided",
    two_sided: binomial_tails.TwoSided = "minlike",
) -> ExactTest:
    """The exact test that events have the chance ``proportion``.

    events: in [0, n]. n: at least 1. proportion: in (0, 1). alternative: greater asks whether the chance is larger than
    ``proportion``. two_sided: minlike (all counts that are at most as probable as the one seen), central (twice the smaller
    tail, which belongs to ``clopper_pearson``) or blaker.
    Raises OutOfRange, EmptyArm.
    Source: Clopper & Pearson (1934); Blaker (2000). Oracle: R ``binom.test`` (minlike).

    >>> print(binomial_test(15, 20, 0.5))
    p = 0.04139: exact binomial test, minlike
    """
    x, size = check_events(events, n)
    share = check_in("proportion", proportion, 0.0, 1.0)
    _check_alternative(alternative)
    check_choice("two_sided", two_sided, get_args(binomial_tails.TwoSided))
    if alternative == "two-sided":
        return ExactTest(binomial_tails.two_sided_p(x, size, share, two_sided), f"exact binomial test, {two_sided}")
    tail = binomial_tails.at_least if alternative == "greater" else binomial_tails.at_most
    return ExactTest(float(tail(x, size, share)), f"exact binomial test, {alternative}")


def boschloo(
    events1: int,
    n1: int,
    events0: int,
    n0: int,
    *,
    alternative: Alternative = "two-sided",
    two_sided: TwoSided = "fisher",
) -> ExactTest:
    """Boschloo's test: Fisher's p as the statistic, its tail probability the largest over the common proportion.

    Arguments as for ``fisher``. two_sided: what a two-sided test is, see the module's conventions.
    Raises OutOfRange (also for more than 1e7 tables), EmptyArm.
    Source: Boschloo (1970). Oracles: R Exact (fisher), exact2x2 and scipy ``boschloo_exact`` (central).

    >>> print(boschloo(56, 70, 48, 80))
    p = 0.009918: Boschloo's test, ordered by two-sided Fisher p
    >>> print(boschloo(56, 70, 48, 80, two_sided="central"))
    p = 0.008844: Boschloo's test, twice the smaller one-sided p
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    _check_alternative(alternative)
    _check_tables((m1 + 1) * (m0 + 1))
    if two_sided not in ("fisher", "central"):
        raise OutOfRange(f"two_sided must be fisher or central; {two_sided!r} was given.")
    if alternative == "two-sided" and two_sided == "central":
        sides = [boschloo(x1, m1, x0, m0, alternative=side) for side in ("greater", "less")]
        least = min(sides, key=lambda side: side.p_value)
        name = "Boschloo's test, twice the smaller one-sided p"
        return ExactTest(min(2.0 * least.p_value, 1.0), name, nuisance=least.nuisance)
    ordering = _fisher_table(m1, m0, alternative)
    p_value, nuisance = _largest_tail(ordering <= ordering[x1, x0] * _TIE)
    name = "Boschloo's test, " + ("ordered by two-sided Fisher p" if alternative == "two-sided" else alternative)
    return ExactTest(p_value, name, nuisance=nuisance)


def barnard(events1: int, n1: int, events0: int, n0: int, *, alternative: Alternative = "two-sided") -> ExactTest:
    """Barnard's test with the pooled z as the statistic.

    Arguments and errors as for ``fisher``.
    Source: Suissa & Shuster (1985). Oracle: R Exact ``method="Z-pooled"``.

    >>> print(barnard(6, 7, 2, 7))
    p = 0.05737: Barnard's test, pooled z
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    _check_alternative(alternative)
    _check_tables((m1 + 1) * (m0 + 1))
    a, b = np.arange(m1 + 1)[:, None], np.arange(m0 + 1)[None, :]
    pooled = (a + b) / (m1 + m0)
    spread = np.sqrt(pooled * (1.0 - pooled) * (1.0 / m1 + 1.0 / m0))
    z = np.divide(a / m1 - b / m0, spread, out=np.zeros((m1 + 1, m0 + 1)), where=spread > 0.0)
    extremity = {"two-sided": np.abs(z), "greater": z, "less": -z}[alternative]
    p_value, nuisance = _largest_tail(extremity >= extremity[x1, x0] - 1e-9)
    suffix = "" if alternative == "two-sided" else f", {alternative}"
    return ExactTest(p_value, f"Barnard's test, pooled z{suffix}", nuisance=nuisance)


def pearson(events1: int, n1: int, events0: int, n0: int) -> ChiSquareTest:
    """Pearson's χ² test of a 2 × 2 table, without continuity correction.

    Arguments as for ``fisher``. With no events, or only events, nothing can be tested: the statistic is 0 and p is 1.
    Raises OutOfRange, EmptyArm.
    Oracle: R ``chisq.test(correct=FALSE)``.

    >>> print(pearson(9, 10, 3, 10))
    χ²(1) = 7.5, p = 0.00617: Pearson's χ² test
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    events, total = x1 + x0, m1 + m0
    margins = m1 * m0 * events * (total - events)
    statistic = 0.0 if margins == 0 else total * (x1 * (m0 - x0) - x0 * (m1 - x1)) ** 2 / margins
    return ChiSquareTest(statistic, 1, float(chdtrc(1, statistic)), "Pearson's χ² test")


def _check_alternative(alternative: str) -> None:
    if alternative not in ("two-sided", "greater", "less"):
        raise OutOfRange(f"alternative must be two-sided, greater or less; {alternative!r} was given.")


def _check_tables(count: int) -> None:
    if count > _MOST_TABLES:
        raise OutOfRange(
            f"An exact test can order [1, {_MOST_TABLES:g}] tables; here are {count:g}: take Pearson's test."
        )


def _log_choose(n: int, k: FloatArray) -> FloatArray:
    ways: FloatArray = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return ways


def _hypergeometric(m1: int, m0: int, events: int) -> tuple[FloatArray, FloatArray]:
    """Possible events of group 1 given all events, with log weights."""
    support = np.arange(max(0, events - m0), min(m1, events) + 1, dtype=np.float64)
    return support, _log_choose(m1, support) + _log_choose(m0, events - support)


def _probabilities(log_weights: FloatArray) -> FloatArray:
    weights = np.exp(log_weights - log_weights.max())
    shares: FloatArray = weights / weights.sum()
    return shares


def _fisher_p(support: FloatArray, log_weights: FloatArray, x: int, alternative: str) -> float:
    shares = _probabilities(log_weights)
    here = int(x - support[0])
    if alternative == "greater":
        return min(float(shares[here:].sum()), 1.0)
    if alternative == "less":
        return min(float(shares[: here + 1].sum()), 1.0)
    return min(float(shares[shares <= shares[here] * _TIE].sum()), 1.0)


def _exact_limit(support: FloatArray, log_weights: FloatArray, x: int, tail: float, *, upper: bool) -> float:
    """The odds ratio at which the observed table has probability ``tail`` in the tail away from it."""
    if upper and x == support[-1]:
        return float("inf")
    if not upper and x == support[0]:
        return 0.0
    beyond = support <= x if upper else support >= x

    def rising(log_ratio: float) -> float:
        share = float(_probabilities(log_weights + support * log_ratio)[beyond].sum())
        return tail - share if upper else share - tail

    return float(np.exp(bisect(rising, -50.0, 50.0)))


def _conditional_odds_ratio(support: FloatArray, log_weights: FloatArray, x: int) -> float:
    if x == support[0]:
        return 0.0
    if x == support[-1]:
        return float("inf")
    mean = bisect(lambda at: float(support @ _probabilities(log_weights + support * at)) - x, -50.0, 50.0)
    return float(np.exp(mean))


def _fisher_table(m1: int, m0: int, alternative: str) -> FloatArray:
    """Fisher's p of every table (m1 + 1, m0 + 1)."""
    table = np.empty((m1 + 1, m0 + 1))
    for events in range(m1 + m0 + 1):
        support, log_weights = _hypergeometric(m1, m0, events)
        shares = _probabilities(log_weights)
        if alternative == "greater":
            found = np.cumsum(shares[::-1])[::-1]
        elif alternative == "less":
            found = np.cumsum(shares)
        else:
            order = np.argsort(shares)
            ends = np.searchsorted(shares[order], shares * _TIE, side="right")
            found = np.cumsum(shares[order])[ends - 1]
        places = support.astype(np.int64)
        table[places, events - places] = np.minimum(found, 1.0)
    return table


def _largest_tail(extreme: FloatArray) -> tuple[float, float]:
    """The largest probability of the extreme tables over the common proportion, and where it is.

    With all events s fixed a table is hypergeometric, so the probability is a polynomial Σ_s Bin(s; N, π) h_s.
    """
    m1, m0 = extreme.shape[0] - 1, extreme.shape[1] - 1
    total = m1 + m0
    a, b = np.nonzero(extreme)
    s = np.arange(total + 1, dtype=np.float64)
    log_ways = _log_choose(m1, a.astype(np.float64)) + _log_choose(m0, b.astype(np.float64))
    share = np.bincount(a + b, weights=np.exp(log_ways - _log_choose(total, s)[a + b]), minlength=total + 1)
    log_binomial = _log_choose(total, s)

    def tail(angles: FloatArray) -> FloatArray:
        p = np.sin(angles)[:, None] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (
                log_binomial
                + np.where(s > 0, s * np.log(p), 0.0)
                + np.where(s < total, (total - s) * np.log1p(-p), 0.0)
            )
        found: FloatArray = np.exp(terms) @ share
        return found

    grid = np.linspace(0.0, np.pi / 2.0, _GRID)
    step = grid[1] - grid[0]
    values = tail(grid)
    peaks = grid[values >= values.max() * (1.0 - 1e-3)]
    low, high = np.maximum(peaks - step, 0.0), np.minimum(peaks + step, np.pi / 2.0)
    for _ in range(60):
        third = (high - low) / 3.0
        rises = tail(low + third) < tail(high - third)
        low, high = np.where(rises, low + third, low), np.where(rises, high, high - third)
    middle = 0.5 * (low + high)
    refined = tail(middle)
    best = int(np.argmax(refined))
    if values.max() > refined[best]:
        return min(float(values.max()), 1.0), float(np.sin(grid[int(np.argmax(values))]) ** 2)
    return min(float(refined[best]), 1.0), float(np.sin(middle[best]) ** 2)
