"""Intervals of one proportion, good at 0 and n events and in small groups.

Invariants
1. Intervals stay in [0, 1], and reach 0 with no events and 1 when all have one (Wald and Agresti–Coull apart, whose
   limits are cut there).

What it does not do: compare groups (``risk_comparisons``, ``strata``, ``exact_tests``).
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, betaincinv

from trial.statistics.binomial_tails import share_interval
from trial.statistics.checks import check_events, check_level
from trial.statistics.estimates import Estimate, normal_quantile
from trial.statistics.roots import bisect


def wilson(events: int, n: int, level: float = 0.95, *, continuity: bool = False) -> Estimate:
    """Wilson's score interval for one proportion, with or without continuity correction.

    events: in [0, n]. n: participants, at least 1. level: in (0, 1).
    Raises OutOfRange, EmptyArm.
    Source: Wilson (1927); corrected as in Newcombe (1998), Stat Med 17, 857–872, method 4.
    Oracle: DescTools ``BinomCI(method="wilson")`` and ``"wilsoncc"``.

    >>> print(wilson(10, 40))
    0.25, 95 % (0.1419, 0.4019): Wilson score interval
    """
    x, size = check_events(events, n)
    z = normal_quantile(check_level(level))
    p = x / size
    cut = 1.0 if continuity else 0.0
    base, scale = 2.0 * x + z**2, 2.0 * (size + z**2)
    low_root = z**2 - cut * (2.0 + 1.0 / size) + 4.0 * p * (size * (1.0 - p) + cut)
    high_root = z**2 + cut * (2.0 - 1.0 / size) + 4.0 * p * (size * (1.0 - p) - cut)
    lower = 0.0 if x == 0 else (base - cut - z * np.sqrt(max(low_root, 0.0))) / scale
    upper = 1.0 if x == size else (base + cut + z * np.sqrt(max(high_root, 0.0))) / scale
    method = "Wilson score interval" + (" with continuity correction" if continuity else "")
    return Estimate(p, max(float(lower), 0.0), min(float(upper), 1.0), level, method)


def clopper_pearson(events: int, n: int, level: float = 0.95) -> Estimate:
    """The exact (equal-tailed) interval of Clopper and Pearson for one proportion.

    Arguments and errors as for ``wilson``.
    Source: Clopper & Pearson (1934). Oracle: R ``binom.test``.

    >>> print(clopper_pearson(0, 1))
    0, 95 % (0, 0.975): Clopper–Pearson exact interval
    """
    x, size = check_events(events, n)
    tail = (1.0 - check_level(level)) / 2.0
    lower = 0.0 if x == 0 else float(betaincinv(x, size - x + 1, tail))
    upper = 1.0 if x == size else float(betaincinv(x + 1, size - x, 1.0 - tail))
    return Estimate(x / size, lower, upper, level, "Clopper–Pearson exact interval")


def zero_events_upper_limit(n: int, level: float = 0.95) -> Estimate:
    """The exact one-sided upper limit of a rate when 0 of ``n`` had the event: 1 − (1 − level)^(1/n), about
    3/n.

    >>> round(zero_events_upper_limit(100).upper, 5)
    0.02951
    """
    _, size = check_events(0, n)
    upper = -np.expm1(np.log1p(-check_level(level)) / size)
    return Estimate(0.0, 0.0, float(upper), level, "exact one-sided upper limit for 0 events")


def blaker(events: int, n: int, level: float = 0.95) -> Estimate:
    """Blaker's exact interval for one proportion, which lies within Clopper and Pearson's.

    Arguments and errors as for ``wilson``. It holds what ``binomial_test(two_sided="blaker")`` does not reject.
    Source: Blaker (2000), Can J Stat 28, 783–798.

    >>> print(blaker(3, 15))
    0.2, 95 % (0.05685, 0.4647): Blaker exact interval
    """
    x, size = check_events(events, n)
    odds = share_interval(x, size, 1.0 - check_level(level), "blaker")
    lower, upper = (1.0 if at == float("inf") else at / (1.0 + at) for at in odds)
    return Estimate(x / size, lower, upper, level, "Blaker exact interval")


def mid_p(events: int, n: int, level: float = 0.95) -> Estimate:
    """The mid-P interval: as Clopper–Pearson, with half the probability of what was seen.

    Arguments and errors as for ``wilson``.
    Source: Lancaster (1961). Oracle: DescTools ``BinomCI(method="midp")``.

    >>> print(mid_p(1, 20))
    0.05, 95 % (0.002501, 0.2228): mid-P interval
    """
    x, size = check_events(events, n)
    tail = (1.0 - check_level(level)) / 2.0

    def above(p: float) -> float:
        """P(X ≥ x) counting X = x by half, as it rises with p."""
        more = float(betainc(x + 1, size - x, p)) if x < size else 0.0
        as_many = float(betainc(x, size - x + 1, p)) if x else 1.0
        return 0.5 * (more + as_many)

    lower = 0.0 if x == 0 else bisect(lambda p: above(p) - tail, 0.0, x / size)
    upper = 1.0 if x == size else bisect(lambda p: above(p) - (1.0 - tail), x / size, 1.0)
    return Estimate(x / size, lower, upper, level, "mid-P interval")


def jeffreys(events: int, n: int, level: float = 0.95) -> Estimate:
    """Jeffreys's interval: equal tails of the posterior under a Beta(1/2, 1/2) prior; 0 and 1 at the ends.

    Arguments and errors as for ``wilson``.
    Source: Brown, Cai & DasGupta (2001). Oracle: DescTools ``BinomCI(method="jeffreys")``.

    >>> print(jeffreys(0, 1))
    0, 95 % (0, 0.8533): Jeffreys interval
    """
    x, size = check_events(events, n)
    tail = (1.0 - check_level(level)) / 2.0
    lower = 0.0 if x == 0 else float(betaincinv(x + 0.5, size - x + 0.5, tail))
    upper = 1.0 if x == size else float(betaincinv(x + 0.5, size - x + 0.5, 1.0 - tail))
    return Estimate(x / size, lower, upper, level, "Jeffreys interval")


def agresti_coull(events: int, n: int, level: float = 0.95) -> Estimate:
    """Agresti and Coull's interval: Wald's around Wilson's centre, cut at 0 and 1.

    Arguments and errors as for ``wilson``.
    Source: Agresti & Coull (1998). Oracle: DescTools ``BinomCI(method="agresti-coull")``.

    >>> print(agresti_coull(10, 40))
    0.25, 95 % (0.1402, 0.4036): Agresti–Coull interval
    """
    x, size = check_events(events, n)
    z = normal_quantile(check_level(level))
    total = size + z**2
    centre = (x + z**2 / 2.0) / total
    half = z * float(np.sqrt(centre * (1.0 - centre) / total))
    return Estimate(x / size, max(centre - half, 0.0), min(centre + half, 1.0), level, "Agresti–Coull interval")


def wald(events: int, n: int, level: float = 0.95) -> Estimate:
    """Wald's interval, cut at 0 and 1: for comparison only, since its coverage is poor and it has no width at the ends.

    Arguments and errors as for ``wilson``.
    Oracle: DescTools ``BinomCI(method="wald")``.

    >>> print(wald(10, 40))
    0.25, 95 % (0.1158, 0.3842): Wald interval
    """
    x, size = check_events(events, n)
    p = x / size
    error = float(np.sqrt(p * (1.0 - p) / size))
    half = normal_quantile(check_level(level)) * error
    return Estimate(p, max(p - half, 0.0), min(p + half, 1.0), level, "Wald interval", error)
