"""Two arms' proportions compared: difference, ratio and odds ratio, good at 0 and n events and in small groups.

Invariants
1. Group 1 is compared with group 0: a difference is p1 − p0, a ratio p1 / p0, an odds ratio odds1 / odds0.
2. Intervals of a difference stay in [−1, 1], of ratios in [0, ∞].
3. A zero cell gives a valid interval or an error of its own, never NaN.

What it does not do: exact tests (``exact_tests``), strata (``strata``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from trial.errors import InvalidInput
from trial.statistics.checks import OutOfRange, check_choice, check_events, check_level
from trial.statistics.estimates import Estimate, normal_quantile
from trial.statistics.proportions import wilson
from trial.statistics.roots import bisect

DifferenceMethod = Literal[
    "miettinen-nurminen",
    "mee",
    "newcombe",
    "newcombe-corrected",
    "agresti-caffo",
    "brown-li",
    "hauck-anderson",
    "wald",
    "wald-corrected",
]

_LOG_LIMIT = 80.0  # of a ratio's logarithm, beyond what counts up to 1e12 can show
_TINY = 1e-300


class UndefinedRatio(InvalidInput):
    code = "statistics.undefined_ratio"


def risk_difference(
    events1: int,
    n1: int,
    events0: int,
    n0: int,
    level: float = 0.95,
    *,
    method: DifferenceMethod = "miettinen-nurminen",
) -> Estimate:
    """The difference of two proportions, p1 − p0, with its interval.

    events1, events0: in [0, n]. n1, n0: participants, at least 1. level: in (0, 1).
    method: miettinen-nurminen (score, variance restricted to the difference in question and multiplied by N / (N − 1));
    mee (the same without that factor); newcombe (from two Wilson intervals; newcombe-corrected: with continuity
    correction); agresti-caffo (one event and one non-event added to each arm); brown-li (half of each, as under Jeffreys's
    prior, around the shifted difference); hauck-anderson (n − 1 in the variances and a correction of 1 / (2 min n); at
    least two participants an arm); wald, wald-corrected (by half of 1 / n1 + 1 / n0). Limits are cut to [−1, 1].
    Raises OutOfRange, EmptyArm.
    Source: Miettinen & Nurminen (1985); Mee (1984); Newcombe (1998), Stat Med 17, 873–890, methods 10 and 11; Agresti &
    Caffo (2000); Brown & Li (2005), J Stat Plan Inference 130, 359–375; Hauck & Anderson (1986), Am Stat 40, 318–322;
    Fleiss (1981). Oracles: ratesci ``scoreci(skew=FALSE)``, DescTools ``BinomDiffCI``, lrstat ``mnRiskDiffCI``.

    >>> print(risk_difference(56, 70, 48, 80))
    0.2, 95 % (0.05283, 0.3382): Miettinen–Nurminen score interval
    >>> print(risk_difference(34, 120, 22, 118, method="newcombe"))
    0.09689, 95 % (-0.01117, 0.202): Newcombe interval from Wilson limits
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    confidence = check_level(level)
    check_choice("method", method, get_args(DifferenceMethod))
    if method in ("miettinen-nurminen", "mee"):
        return _score_difference(x1, m1, x0, m0, confidence, corrected=method == "miettinen-nurminen")
    if method in ("newcombe", "newcombe-corrected"):
        return _newcombe(x1, m1, x0, m0, confidence, corrected=method == "newcombe-corrected")
    return _simple_difference(x1, m1, x0, m0, confidence, method)


def _score_difference(x1: int, m1: int, x0: int, m0: int, level: float, *, corrected: bool) -> Estimate:
    z = normal_quantile(level)
    observed = x1 / m1 - x0 / m0
    factor = (m1 + m0) / (m1 + m0 - 1) if corrected else 1.0

    def score(delta: float) -> float:
        return _over(observed - delta, restricted_variance(x1, m1, x0, m0, delta) * factor)

    lower = bisect(lambda delta: z - score(delta), -1.0, observed)
    upper = bisect(lambda delta: -z - score(delta), observed, 1.0)
    name = "Miettinen–Nurminen score interval" if corrected else "Mee score interval"
    return Estimate(observed, lower, upper, level, name)


def _newcombe(x1: int, m1: int, x0: int, m0: int, level: float, *, corrected: bool) -> Estimate:
    one, base = (wilson(x, m, level, continuity=corrected) for x, m in ((x1, m1), (x0, m0)))
    difference = one.estimate - base.estimate
    down = np.hypot(one.estimate - one.lower, base.upper - base.estimate)
    up = np.hypot(one.upper - one.estimate, base.estimate - base.lower)
    name = "Newcombe interval from Wilson limits" + (" with continuity correction" if corrected else "")
    return Estimate(difference, max(difference - float(down), -1.0), min(difference + float(up), 1.0), level, name)


_SIMPLE = {
    "agresti-caffo": "Agresti–Caffo interval",
    "brown-li": "Brown–Li interval with Jeffreys's prior",
    "hauck-anderson": "Hauck–Anderson interval",
    "wald": "Wald interval",
    "wald-corrected": "Wald interval with continuity correction",
}


def _simple_difference(x1: int, m1: int, x0: int, m0: int, level: float, method: str) -> Estimate:
    """A centre and a normal half-width; what is added to the cells, the variances' denominators and the correction differ."""
    if method == "hauck-anderson" and min(m1, m0) < 2:
        raise OutOfRange("n must be in [2, ∞) in both arms for the Hauck–Anderson interval.")
    added = {"agresti-caffo": 1.0, "brown-li": 0.5}.get(method, 0.0)
    p1, p0 = (x1 + added) / (m1 + 2 * added), (x0 + added) / (m0 + 2 * added)
    more = {"agresti-caffo": 2.0, "hauck-anderson": -1.0}.get(method, 0.0)
    error = math.sqrt(p1 * (1 - p1) / (m1 + more) + p0 * (1 - p0) / (m0 + more))
    cut = {"hauck-anderson": 0.5 / min(m1, m0), "wald-corrected": 0.5 * (1 / m1 + 1 / m0)}.get(method, 0.0)
    half = normal_quantile(level) * error + cut
    lower, upper = max(p1 - p0 - half, -1.0), min(p1 - p0 + half, 1.0)
    return Estimate(x1 / m1 - x0 / m0, lower, upper, level, _SIMPLE[method], error)


def risk_ratio(
    events1: int,
    n1: int,
    events0: int,
    n0: int,
    level: float = 0.95,
    *,
    method: Literal["log", "score", "koopman"] = "log",
) -> Estimate:
    """The ratio p1 / p0, with the interval that is symmetric on the log scale, or Miettinen and Nurminen's score interval.

    Arguments as for ``risk_difference``. log: with no events in one arm, or with every participant of both arms having
    one, half an event is added to each cell, for estimate and interval both, and ``note`` says so. score: no event is
    added; the limits may be 0 and infinite. koopman: the same without the factor N / (N − 1) of the variance.
    Raises OutOfRange, EmptyArm; UndefinedRatio when neither arm has an event.
    Source: Katz et al. (1978); Miettinen & Nurminen (1985); Koopman (1984), Biometrics 40, 513–517.
    Oracle: ratesci ``scoreci(contrast="RR")``.

    >>> print(risk_ratio(56, 70, 48, 80))
    1.333, 95 % (1.077, 1.651): risk ratio, log-scale interval
    >>> print(risk_ratio(56, 70, 48, 80, method="score"))
    1.333, 95 % (1.079, 1.672): risk ratio, Miettinen–Nurminen score interval
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    z = normal_quantile(check_level(level))
    if x1 == x0 == 0:
        raise UndefinedRatio("Neither arm has an event, so no ratio exists; report the exact upper limits instead.")
    check_choice("method", method, ("log", "score", "koopman"))
    if method != "log":
        return _score_ratio(x1, m1, x0, m0, level, z, corrected=method == "score")
    corrected = x1 == 0 or x0 == 0 or (x1 == m1 and x0 == m0)
    add = 0.5 if corrected else 0.0
    a, b, na, nb = x1 + add, x0 + add, m1 + 2 * add, m0 + 2 * add
    log_ratio = float(np.log(a / na) - np.log(b / nb))
    error = float(np.sqrt(1 / a - 1 / na + 1 / b - 1 / nb))
    low, high = np.exp(log_ratio - z * error), np.exp(log_ratio + z * error)
    note = "half an event added to each cell" if corrected else ""
    return Estimate(
        float(np.exp(log_ratio)), float(low), float(high), level, "risk ratio, log-scale interval", error, note
    )


def odds_ratio(
    events1: int,
    n1: int,
    events0: int,
    n0: int,
    level: float = 0.95,
    *,
    method: Literal["log", "score", "score-corrected"] = "log",
) -> Estimate:
    """The odds ratio with Woolf's interval on the log scale, or Miettinen and Nurminen's score interval.

    Arguments as for ``risk_difference``. log: with an empty cell, half an event is added to each, and ``note`` says so.
    score-corrected: the score less its bias (p1 − p0) / (n1 p1 q1 + n0 p0 q0), as Laud advises; the estimate is where that
    score is 0, a little nearer to 1 than the odds ratio of the table.
    ``standard_error`` is that of the log.
    Raises OutOfRange, EmptyArm; UndefinedRatio when nobody, or everybody, has an event.
    Source: Woolf (1955); Miettinen & Nurminen (1985); Laud (2018), Pharmaceutical Statistics 17, 556–577.
    Oracle: ratesci ``scoreci(contrast="OR")``, whose default is score-corrected.

    >>> print(odds_ratio(34, 120, 22, 118, method="score-corrected"))
    1.721, 95 % (0.9404, 3.15): odds ratio, bias-corrected score interval
    """
    x1, m1 = check_events(events1, n1, "group 1")
    x0, m0 = check_events(events0, n0, "group 0")
    z = normal_quantile(check_level(level))
    if x1 + x0 in (0, m1 + m0):
        raise UndefinedRatio("Nobody or everybody has an event, so no odds ratio exists.")
    cells = np.array([x1, m1 - x1, x0, m0 - x0], dtype=np.float64)
    if method in ("score", "score-corrected"):
        return _score_odds_ratio(x1, m1, x0, m0, level, z, corrected=method == "score-corrected")
    if method != "log":
        raise OutOfRange(f"method must be log, score or score-corrected; {method!r} was given.")
    corrected = bool((cells == 0.0).any())
    cells = cells + (0.5 if corrected else 0.0)
    log_ratio = float(np.log(cells) @ np.array([1.0, -1.0, -1.0, 1.0]))
    error = float(np.sqrt((1.0 / cells).sum()))
    lower, upper = (float(np.exp(log_ratio + side * z * error)) for side in (-1.0, 1.0))
    note = "half an event added to each cell" if corrected else ""
    return Estimate(float(np.exp(log_ratio)), lower, upper, level, "odds ratio, Woolf interval", error, note)


def _score_ratio(x1: int, m1: int, x0: int, m0: int, level: float, z: float, *, corrected: bool) -> Estimate:
    factor = (m1 + m0) / (m1 + m0 - 1) if corrected else 1.0

    def score(log_ratio: float) -> float:
        ratio = float(np.exp(log_ratio))
        p0 = _restricted_by_ratio(x1, m1, x0, m0, ratio)
        p1 = min(p0 * ratio, 1.0)
        variance = p1 * (1 - p1) / m1 + ratio**2 * p0 * (1 - p0) / m0
        return _over(x1 / m1 - ratio * x0 / m0, variance * factor)

    estimate = np.inf if x0 == 0 else (x1 / m1) / (x0 / m0)
    low, high = _log_limits(score, z, none=x1 == 0, all_of=x0 == 0)
    name = "Miettinen–Nurminen" if corrected else "Koopman"
    return Estimate(estimate, low, high, level, f"risk ratio, {name} score interval")


def _restricted_by_ratio(x1: int, m1: int, x0: int, m0: int, ratio: float) -> float:
    """The likelihood's best p0 under p1 = ratio × p0 (the smaller root of a quadratic)."""
    a = (m1 + m0) * ratio
    b = m1 * ratio + x1 + m0 + x0 * ratio
    c = float(x1 + x0)
    p0 = 2.0 * c / (b + float(np.sqrt(max(b * b - 4.0 * a * c, 0.0))))
    return min(p0, 1.0, 1.0 / ratio)


def _score_odds_ratio(x1: int, m1: int, x0: int, m0: int, level: float, z: float, *, corrected: bool) -> Estimate:
    factor = (m1 + m0) / (m1 + m0 - 1)

    def score(log_ratio: float) -> float:
        if log_ratio < 0.0:
            return -_odds_score(x0, m0, x1, m1, math.exp(-log_ratio), factor, corrected=corrected)
        return _odds_score(x1, m1, x0, m0, math.exp(log_ratio), factor, corrected=corrected)

    low, high = _log_limits(score, z, none=x1 == 0 or x0 == m0, all_of=x0 == 0 or x1 == m1)
    observed = np.inf if (m1 - x1) * x0 == 0 else x1 * (m0 - x0) / ((m1 - x1) * x0)
    estimate = _where_zero(score) if corrected else observed
    name = "odds ratio, bias-corrected score interval" if corrected else "odds ratio, Miettinen–Nurminen score interval"
    return Estimate(estimate, low, high, level, name)


def _odds_score(x1: int, m1: int, x0: int, m0: int, ratio: float, factor: float, *, corrected: bool) -> float:
    """The score of an odds ratio of at least 1, from shares and their complements, each computed without cancellation."""
    events, others = float(x1 + x0), float(m1 + m0 - x1 - x0)
    a, b = m0 * (ratio - 1.0), m1 * ratio + m0 - events * (ratio - 1.0)
    root = math.sqrt(b * b + 4.0 * a * events)
    p0 = 2.0 * events / (b + root) if b >= 0.0 else (root - b) / (2.0 * a)
    a, b = m0 * (1.0 / ratio - 1.0), m1 / ratio + m0 + others * (1.0 - 1.0 / ratio)
    q0 = 2.0 * others / (b + math.sqrt(max(b * b + 4.0 * a * others, 0.0)))
    whole = q0 + p0 * ratio
    p1, q1 = p0 * ratio / whole, q0 / whole
    v1, v0 = max(m1 * p1 * q1, _TINY), max(m0 * p0 * q0, _TINY)
    # Four ways to one number, x1 − m1 p1; the one between the smallest two numbers loses least.
    ways = ((x1, m1 * p1, 1.0), (m1 - x1, m1 * q1, -1.0), (x0, m0 * p0, -1.0), (m0 - x0, m0 * q0, 1.0))
    seen, due, sign = min(ways, key=lambda way: max(way[0], way[1]))
    gap = sign * (seen - due)
    information = 1.0 / v1 + 1.0 / v0
    bias = (p1 - p0) / (v1 + v0) if corrected else 0.0
    return (gap * information - bias) / math.sqrt(information * factor)


def _log_limits(score: Callable[[float], float], z: float, *, none: bool, all_of: bool) -> tuple[float, float]:
    """Limits of a ratio by its falling score on the log scale; 0 and ∞ where the data allow them."""
    low = 0.0 if none else float(np.exp(bisect(lambda at: z - score(at), -_LOG_LIMIT, _LOG_LIMIT)))
    high = np.inf if all_of else float(np.exp(bisect(lambda at: -z - score(at), -_LOG_LIMIT, _LOG_LIMIT)))
    return low, high


def _where_zero(score: Callable[[float], float]) -> float:
    """The ratio at which a score that falls on the log scale is 0; 0 or ∞ where it has one sign throughout."""
    if score(-_LOG_LIMIT) <= 0.0:
        return 0.0
    if score(_LOG_LIMIT) >= 0.0:
        return math.inf
    return math.exp(bisect(lambda at: -score(at), -_LOG_LIMIT, _LOG_LIMIT))


def _over(gap: float, variance: float) -> float:
    """gap / √variance, infinite where the variance is 0."""
    if variance > 0.0:
        return gap / math.sqrt(variance)
    return math.copysign(math.inf, gap) if gap else 0.0


def restricted_variance(x1: float, m1: float, x0: float, m0: float, delta: float) -> float:
    """Variance of p1 − p0 at the likelihood's maximum under p1 − p0 = delta (closed form of the cubic)."""
    n = float(m1 + m0)
    l3 = n
    l2 = (m1 + 2.0 * m0) * delta - n - (x1 + x0)
    l1 = (m0 * delta - n - 2.0 * x0) * delta + (x1 + x0)
    l0 = x0 * delta * (1.0 - delta)
    third = l2 / (3.0 * l3)
    q = third**3 - l1 * l2 / (6.0 * l3**2) + l0 / (2.0 * l3)
    p = math.copysign(math.sqrt(max(third**2 - l1 / (3.0 * l3), 0.0)), q)
    ratio = 1.0 if p == 0.0 else min(max(q / p**3, -1.0), 1.0)
    angle = (math.pi + math.acos(ratio)) / 3.0
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    p0 = min(max(2.0 * p * math.cos(angle) - third, low), high)
    p1 = min(max(p0 + delta, 0.0), 1.0)
    return p1 * (1.0 - p1) / m1 + p0 * (1.0 - p0) / m0
