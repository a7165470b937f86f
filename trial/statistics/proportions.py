"""Proportions and their comparison between two arms, good at 0 and n events and in small groups.

Invariants
1. Intervals of a proportion stay in [0, 1], of a risk difference in [−1, 1].
2. Group 1 is compared with group 0: a difference is p1 − p0, a ratio p1 / p0.
3. A zero cell gives a valid interval or an error of its own, never NaN.

What it does not do: tests of association (Fisher, Boschloo), or tables of them (``reports``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from trial.errors import InvalidInput
from trial.statistics.checks import (
    EmptyArm,
    FloatArray,
    check_count,
    check_events,
    check_level,
    check_same_length,
    finite_vector,
)
from trial.statistics.estimates import Estimate, normal_quantile


class UndefinedRatio(InvalidInput):
    code = "statistics.undefined_ratio"


def wilson(events: int, n: int, level: float = 0.95) -> Estimate:
    """Wilson's score interval for one proportion, without continuity correction.

    events: in [0, n]. n: participants, at least 1. level: in (0, 1).
    Raises OutOfRange, EmptyArm.
    Source: Wilson (1927). Oracle: DescTools ``BinomCI(method="wilson")``.

    >>> print(wilson(10, 40))
    0.25, 95 % (0.1419, 0.4019): Wilson score interval
    """
    x, size = check_events(events, n)
    z2 = normal_quantile(check_level(level)) ** 2
    p = x / size
    centre = (x + z2 / 2.0) / (size + z2)
    half = np.sqrt(z2) / (size + z2) * np.sqrt(size * p * (1.0 - p) + z2 / 4.0)
    lower = 0.0 if x == 0 else float(centre - half)
    upper = 1.0 if x == size else float(centre + half)
    return Estimate(p, lower, upper, level, "Wilson score interval")


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


def risk_difference(events1: int, n1: int, events0: int, n0: int, level: float = 0.95) -> Estimate:
    """Miettinen and Nurminen's score interval for the difference of two proportions, p1 − p0.

    events1, events0: in [0, n]. n1, n0: participants, at least 1. level: in (0, 1).
    Variance restricted to the difference in question and multiplied by N / (N − 1); with one participant an
    arm too.
    Raises OutOfRange, EmptyArm.
    Source: Miettinen & Nurminen (1985). Oracle: ratesci ``scoreci(skew=FALSE, bcf=TRUE)``.

    >>> print(risk_difference(56, 70, 48, 80))
    0.2, 95 % (0.05283, 0.3382): Miettinen–Nurminen score interval
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    z = normal_quantile(check_level(level))
    observed = x1 / m1 - x0 / m0

    def score(delta: float) -> float:
        variance = _restricted_variance(x1, m1, x0, m0, delta) * (m1 + m0) / (m1 + m0 - 1)
        gap = observed - delta
        return float(gap / np.sqrt(variance)) if variance > 0.0 else np.copysign(np.inf, gap) if gap else 0.0

    lower = _bisect(lambda delta: z - score(delta), -1.0, observed)
    upper = _bisect(lambda delta: -z - score(delta), observed, 1.0)
    return Estimate(observed, lower, upper, level, "Miettinen–Nurminen score interval")


def stratified_risk_difference(
    events1: ArrayLike, n1: ArrayLike, events0: ArrayLike, n0: ArrayLike, level: float = 0.95
) -> Estimate:
    """The Mantel–Haenszel common risk difference over strata, with Sato's variance.

    events1, n1, events0, n0: (S,) counts of the S strata. level: in (0, 1).
    Strata in which an arm is empty carry no weight and are told in ``note``.
    Sato's variance is valid with many small strata and with few large ones.
    Raises OutOfRange; EmptyArm when every stratum lacks an arm.
    Source: Mantel & Haenszel (1959), Sato (1989), as printed for SAS PROC FREQ (common risk difference).

    >>> print(stratified_risk_difference([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22]))
    0.1519, 95 % (0.03145, 0.2723): Mantel–Haenszel risk difference, Sato variance
    """
    x1, m1, x0, m0 = _strata(events1, n1, events0, n0)
    z = normal_quantile(check_level(level))
    both = (m1 > 0) & (m0 > 0)
    if not both.any():
        raise EmptyArm("No stratum has participants in both arms: there is nothing to compare.")
    x1, m1, x0, m0 = x1[both], m1[both], x0[both], m0[both]
    total = m1 + m0
    weight = float((m1 * m0 / total).sum())
    estimate = float(((x1 * m0 - x0 * m1) / total).sum()) / weight
    p = (m1**2 * x0 - m0**2 * x1 + m1 * m0 * (m0 - m1) / 2.0) / total**2
    q = (x1 * (m0 - x0) + x0 * (m1 - x1)) / (2.0 * total)
    error = float(np.sqrt(max(estimate * p.sum() + q.sum(), 0.0))) / weight
    return Estimate(
        estimate,
        max(estimate - z * error, -1.0),
        min(estimate + z * error, 1.0),
        level,
        "Mantel–Haenszel risk difference, Sato variance",
        error,
        _strata_note(int((~both).sum()), error),
    )


def risk_ratio(events1: int, n1: int, events0: int, n0: int, level: float = 0.95) -> Estimate:
    """The ratio p1 / p0 with the interval that is symmetric on the log scale.

    Arguments as for ``risk_difference``. With no events in one arm, or with every participant of both arms
    having one, half an event is added to each cell, for estimate and interval both, and ``note`` says so.
    Raises OutOfRange, EmptyArm; UndefinedRatio when neither arm has an event.
    Source: Katz et al. (1978).

    >>> print(risk_ratio(56, 70, 48, 80))
    1.333, 95 % (1.077, 1.651): risk ratio, log-scale interval
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    z = normal_quantile(check_level(level))
    if x1 == x0 == 0:
        raise UndefinedRatio("Neither arm has an event, so no ratio exists; report the exact upper limits instead.")
    corrected = x1 == 0 or x0 == 0 or (x1 == m1 and x0 == m0)
    add = 0.5 if corrected else 0.0
    a, b, na, nb = x1 + add, x0 + add, m1 + 2 * add, m0 + 2 * add
    log_ratio = float(np.log(a / na) - np.log(b / nb))
    error = float(np.sqrt(1 / a - 1 / na + 1 / b - 1 / nb))
    low, high = np.exp(log_ratio - z * error), np.exp(log_ratio + z * error)
    note = "half an event added to each cell" if corrected else ""
    return Estimate(
        float(np.exp(log_ratio)),
        float(low),
        float(high),
        level,
        "risk ratio, log-scale interval",
        error,
        note,
    )


def _strata_note(dropped: int, error: float) -> str:
    notes = [f"{dropped} strata with an empty arm left out"] if dropped else []
    if error == 0.0:
        notes.append("no variation within strata, so the interval has no width: report exact limits instead")
    return "; ".join(notes)


def _restricted_variance(x1: int, m1: int, x0: int, m0: int, delta: float) -> float:
    """Variance of p1 − p0 at the likelihood's maximum under p1 − p0 = delta (closed form of the cubic)."""
    n = m1 + m0
    l3 = float(n)
    l2 = (m1 + 2.0 * m0) * delta - n - (x1 + x0)
    l1 = (m0 * delta - n - 2.0 * x0) * delta + (x1 + x0)
    l0 = x0 * delta * (1.0 - delta)
    third = l2 / (3.0 * l3)
    q = third**3 - l1 * l2 / (6.0 * l3**2) + l0 / (2.0 * l3)
    p = np.copysign(np.sqrt(max(third**2 - l1 / (3.0 * l3), 0.0)), q)
    ratio = 1.0 if p == 0.0 else np.clip(q / p**3, -1.0, 1.0)
    angle = (np.pi + np.arccos(ratio)) / 3.0
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    p0 = float(np.clip(2.0 * p * np.cos(angle) - third, low, high))
    p1 = float(np.clip(p0 + delta, 0.0, 1.0))
    return p1 * (1.0 - p1) / m1 + p0 * (1.0 - p0) / m0


def _bisect(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function passes zero; the end itself when it does not pass."""
    if function(low) >= 0.0:
        return low
    if function(high) <= 0.0:
        return high
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if function(middle) < 0.0 else (low, middle)
    return 0.5 * (low + high)


def _strata(*counts: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    names = ("events1", "n1", "events0", "n0")
    x1, m1, x0, m0 = (finite_vector(name, count) for name, count in zip(names, counts, strict=True))
    check_same_length(events1=x1, n1=m1, events0=x0, n0=m0)
    for name, events, sizes in (("events1", x1, m1), ("events0", x0, m0)):
        for event, size in zip(events, sizes, strict=True):
            check_count(name, event, check_count(name.replace("events", "n"), size))
    return x1, m1, x0, m0
