"""Sample size for two proportions: the score test, whose variance without effect is pooled, or restricted by a margin.

The variance with effect is unpooled. The same test as ``risk_difference`` and its Miettinen–Nurminen interval.

What it does not do: exact tests, whose power is a sum over tables (``trial.statistics.exact_tests`` gives their p).
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from trial.statistics.checks import OutOfRange, check_in
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.risk_comparisons import restricted_variance
from trial.statistics.roots import bisect
from trial.statistics.sample_size.result import SampleSize, wanted


def sample_size_proportions(
    treated: float,
    control: float,
    *,
    margin: float = 0.0,
    unpooled: bool = False,
    alpha: float = 0.025,
    power: float = 0.9,
    ratio: float = 1.0,
    inflation: float = 1.0,
    missing: float = 0.0,
    design: GroupSequentialDesign | None = None,
) -> SampleSize:
    """Participants for a one-sided comparison of two proportions, arm 0 the control.

    treated, control: true proportions, in (0, 1). margin: of non-inferiority, in [0, 1): what is shown is that
        treated − control is not below −margin (for a good outcome); its variance at the margin is the one at the
        likelihood's maximum there. Without margin: superiority in either direction, treated ≠ control.
    unpooled: with a margin, the unpooled variance there too (Blackwelder 1982).
    Other arguments, result and errors as for ``sample_size_means``.
    Source: Fleiss, Levin & Paik (2003) section 4.2; margin: Farrington & Manning (1990).
    Oracles: rpact ``getSampleSizeRates``, R ``power.prop.test``.

    >>> print(sample_size_proportions(0.6, 0.4))
    129.25 per arm fixed × 1.0000 for the looks / 1.00 = 130 + 130 = 260 (z test of two proportions, pooled, arms 1:1)
    """
    p1, p0 = check_in("treated", treated, 0.0, 1.0), check_in("control", control, 0.0, 1.0)
    limit = check_in("margin", margin, 0.0, 1.0, "[)")
    goal = wanted(alpha, power, ratio, missing, inflation, design)
    effect = p1 - p0 + limit
    if effect == 0.0 or (limit > 0.0 and effect < 0.0):
        raise OutOfRange(
            "treated must differ from control (by more than −margin): no number of participants can show it."
        )
    r = goal.ratio
    pooled = (r * p1 + p0) / (1.0 + r)
    with_effect = p1 * (1.0 - p1) / r + p0 * (1.0 - p0)
    without = (1.0 + 1.0 / r) * pooled * (1.0 - pooled)
    if limit > 0.0:
        without = with_effect if unpooled else restricted_variance(r * p1, r, p0, 1.0, -limit)
    root = -float(ndtri(goal.alpha)) * math.sqrt(without) + float(ndtri(goal.power)) * math.sqrt(with_effect)
    kind = "pooled" if limit == 0.0 else f"margin {limit:g}, {'unpooled' if unpooled else 'score'}"
    sign = math.copysign(1.0, effect)

    def critical(p: float, n0: float, n1: float) -> float:
        if limit == 0.0:
            return critical_difference(p, n0, n1, p0, sign)
        return _critical_with_margin(p, n0, n1, p0, limit, unpooled=unpooled)

    return goal.size((root / effect) ** 2, f"z test of two proportions, {kind}, arms 1:{r:g}", critical)


def _critical_with_margin(p: float, n0: float, n1: float, control: float, margin: float, *, unpooled: bool) -> float:
    """The observed difference that just shows non-inferiority at a one-sided p, the control's proportion as stated."""
    z = -float(ndtri(p))

    def excess(difference: float) -> float:
        treated = control + difference
        if unpooled:
            variance = treated * (1.0 - treated) / n1 + control * (1.0 - control) / n0
        else:
            variance = restricted_variance(n1 * treated, n1, n0 * control, n0, -margin)
        return difference + margin - z * math.sqrt(variance)

    low, high = max(-margin, 1e-12 - control), 1.0 - 1e-12 - control
    return math.inf if excess(high) < 0.0 else bisect(excess, low, high)


def critical_difference(p: float, n0: float, n1: float, control: float, sign: float = 1.0) -> float:
    """The observed difference that just meets a one-sided p by the pooled z test, the control's proportion as stated.

    p: in (0, 1). n0, n1: above 0. control: in (0, 1). sign: 1 where treated is higher, −1 where lower.
    ∞ (times sign) where no proportion in [0, 1] does.

    >>> round(critical_difference(0.025, 96.677, 193.354, 0.4), 4)
    0.122
    """
    z = -float(ndtri(check_in("p", p, 0.0, 1.0)))
    n0, n1 = check_in("n0", n0, 0.0, 1e15), check_in("n1", n1, 0.0, 1e15)
    check_in("control", control, 0.0, 1.0)
    if sign not in (1, -1):
        raise OutOfRange(f"sign must be 1 or -1; {sign!r} was given.")
    share = n1 / (n0 + n1)
    variance = z * z * (1.0 / n0 + 1.0 / n1)
    # With d the difference, pooled = control + share·d: d² = variance·pooled·(1 − pooled), a quadratic in d.
    a = 1.0 + variance * share * share
    b = -variance * share * (1.0 - 2.0 * control)
    c = -variance * control * (1.0 - control)
    root = math.sqrt(b * b - 4.0 * a * c)
    difference = (-b + sign * root) / (2.0 * a)
    return difference if 0.0 <= control + difference <= 1.0 else sign * math.inf
