"""Event rates per unit of exposure with exact Poisson limits.

Invariants
1. Limits are exact at 0 events too, with equal tails unless another convention is asked for.
2. A p-value says which two-sided test it is: minlike is that of R ``poisson.test``; central belongs to the interval with
   equal tails.

What it does not do: models of overdispersed counts (``count_models``).
"""

from __future__ import annotations

import math
from typing import get_args

from scipy.special import gammainccinv, gammaincinv, pdtr, pdtrc

from trial.statistics.binomial_tails import TwoSided, share_interval, two_sided_p
from trial.statistics.checks import check_choice, check_count, check_in, check_level
from trial.statistics.estimates import Estimate
from trial.statistics.exact_tests import ExactTest
from trial.statistics.risk_comparisons import UndefinedRatio

_SHORTEST, _LONGEST = 1e-15, 1e15
_TIE = 1e-7
_KINDS = get_args(TwoSided)


def event_rate(events: int, exposure: float, level: float = 0.95, *, unit: str = "") -> Estimate:
    """Events per unit of exposure with the exact Poisson interval.

    events: whole number from 0. exposure: infusions or person-time at risk, in [1e-15, 1e15]. level: in (0, 1).
    unit: of the rate, such as "per infusion", kept with the result and printed.
    Raises OutOfRange.
    Source: Garwood (1936). Oracle: R ``poisson.test``.

    >>> print(event_rate(0, 100, unit="per infusion"))
    0 per infusion, 95 % (0, 0.03689): exact Poisson interval
    """
    x = check_count("events", events)
    time = check_in("exposure", exposure, _SHORTEST, _LONGEST, "[]")
    tail = (1.0 - check_level(level)) / 2.0
    lower = 0.0 if x == 0 else float(gammaincinv(x, tail)) / time
    upper = float(gammainccinv(x + 1, tail)) / time
    return Estimate(x / time, lower, upper, level, "exact Poisson interval", unit=unit)


def event_rate_test(events: int, exposure: float, rate: float, *, two_sided: TwoSided = "minlike") -> ExactTest:
    """The exact test that events come at ``rate`` per unit of exposure.

    events, exposure: as for ``event_rate``. rate: in (0, 1e15), with 1e-100 to 1e12 events expected. two_sided: minlike (all
    counts that are at most as probable as the one seen), central (twice the smaller tail) or blaker (the smaller tail and
    the largest opposite one that does not exceed it).
    Raises OutOfRange.
    Source: Garwood (1936). Oracle: R ``poisson.test`` (minlike).

    >>> print(event_rate_test(25, 31.5, 1.0))
    p = 0.2843: exact Poisson test of a rate, minlike
    """
    x = check_count("events", events)
    time = check_in("exposure", exposure, _SHORTEST, _LONGEST, "[]")
    check_choice("two_sided", two_sided, _KINDS)
    expected = check_in("rate × exposure", check_in("rate", rate, 0.0, _LONGEST) * time, 1e-100, 1e12, "[]")
    low, high = float(pdtr(x, expected)), 1.0 if x == 0 else float(pdtrc(x - 1, expected))
    if two_sided == "central":
        p_value = 2.0 * min(low, high)
    elif (x > expected) if two_sided == "minlike" else (low > high):
        p_value = high + _lower_tail(x, expected, high, two_sided)
    else:
        p_value = low + _upper_tail(x, expected, low, two_sided)
    return ExactTest(min(p_value, 1.0), f"exact Poisson test of a rate, {two_sided}")


def _log_poisson(x: float, expected: float) -> float:
    return x * math.log(expected) - expected - math.lgamma(x + 1.0)


def _lower_tail(x: int, expected: float, tail: float, kind: TwoSided) -> float:
    """P(X ≤ j) for the largest j below x that the convention lets in beside the upper tail of x."""
    first, last = -1, min(x - 1, math.floor(expected)) if kind == "minlike" else x - 1
    while first < last:
        middle = (first + last + 1) // 2
        joins = _joins(middle, x, expected, float(pdtr(middle, expected)), tail, kind)
        first, last = (middle, last) if joins else (first, middle - 1)
    return float(pdtr(first, expected)) if first >= 0 else 0.0


def _upper_tail(x: int, expected: float, tail: float, kind: TwoSided) -> float:
    """P(X ≥ j) for the smallest j above x that the convention lets in beside the lower tail of x."""
    first = max(x + 1, math.floor(expected)) if kind == "minlike" else x + 1
    last = first + 1
    while not _joins(last, x, expected, float(pdtrc(last - 1, expected)), tail, kind):
        last = 2 * last
    while first < last:
        middle = (first + last) // 2
        joins = _joins(middle, x, expected, float(pdtrc(middle - 1, expected)), tail, kind)
        first, last = (first, middle) if joins else (middle + 1, last)
    return float(pdtrc(first - 1, expected))


def _joins(j: int, x: int, expected: float, tail_of_j: float, tail: float, kind: TwoSided) -> bool:
    if kind == "minlike":
        return _log_poisson(j, expected) <= _log_poisson(x, expected) + _TIE
    return tail_of_j <= tail * (1.0 + _TIE)


def rate_ratio(
    events1: int,
    exposure1: float,
    events0: int,
    exposure0: float,
    level: float = 0.95,
    *,
    two_sided: TwoSided = "central",
) -> Estimate:
    """The ratio of two event rates (group 1 over group 0) with its exact conditional interval.

    Arguments as for ``event_rate``. two_sided: the test whose interval it is, as for ``rate_test``; central (equal tails) is
    the default. No events in group 0 give an infinite estimate and upper limit.
    Raises OutOfRange; UndefinedRatio when neither group has an event.
    Source: Clopper & Pearson (1934); Blaker (2000); Fay (2010), R Journal 2, 53–58.
    Oracle: R ``poisson.test`` with two samples (central); exactci ``poisson.exact`` (all three).

    >>> print(rate_ratio(11, 800, 3, 750))
    3.438, 95 % (0.9081, 19.19): rate ratio, exact conditional interval
    >>> print(rate_ratio(11, 800, 3, 750, two_sided="minlike"))
    3.438, 95 % (0.9375, 14.41): rate ratio, exact conditional interval, minlike
    """
    x1, x0 = check_count("events1", events1), check_count("events0", events0)
    t1 = check_in("exposure1", exposure1, _SHORTEST, _LONGEST, "[]")
    t0 = check_in("exposure0", exposure0, _SHORTEST, _LONGEST, "[]")
    alpha = 1.0 - check_level(level)
    check_choice("two_sided", two_sided, _KINDS)
    _check_events(x1 + x0)
    scale = t0 / t1
    low, high = share_interval(x1, x1 + x0, alpha, two_sided)
    estimate = math.inf if x0 == 0 else scale * x1 / x0
    name = "rate ratio, exact conditional interval" + ("" if two_sided == "central" else f", {two_sided}")
    return Estimate(estimate, scale * low, scale * high, level, name)


def _check_events(total: int) -> None:
    if total == 0:
        raise UndefinedRatio("Neither group has an event, so no ratio exists; report the exact limits of each rate.")


def rate_test(
    events1: int,
    exposure1: float,
    events0: int,
    exposure0: float,
    *,
    ratio: float = 1.0,
    two_sided: TwoSided = "minlike",
) -> ExactTest:
    """The exact conditional test that the rate ratio is ``ratio``: given all events, those of group 1 are binomial.

    Arguments as for ``rate_ratio``. ratio: in [1e-6, 1e6]. two_sided: minlike sums the splits that are at most as probable as
    the one seen; central is twice the smaller tail; blaker is the smaller tail and the largest opposite one that does not
    exceed it. Each is below 1 − level exactly where its own interval of ``rate_ratio`` leaves ``ratio`` out; of minlike and
    blaker, whose p-values jump, the interval also spans gaps.
    Raises OutOfRange; UndefinedRatio when neither group has an event.
    Source: Przyborowski & Wilenski (1940). Oracles: R ``poisson.test`` (minlike), exactci (all).

    >>> print(rate_test(11, 800, 3, 750))
    p = 0.05916: exact conditional test of two rates, minlike
    """
    x1, x0 = check_count("events1", events1), check_count("events0", events0)
    t1 = check_in("exposure1", exposure1, _SHORTEST, _LONGEST, "[]")
    t0 = check_in("exposure0", exposure0, _SHORTEST, _LONGEST, "[]")
    under = check_in("ratio", ratio, 1e-6, 1e6, "[]")
    check_choice("two_sided", two_sided, _KINDS)
    _check_events(x1 + x0)
    whole = under * t1 + t0
    p_value = two_sided_p(x1, x1 + x0, under * t1 / whole, two_sided, t0 / whole)
    return ExactTest(p_value, f"exact conditional test of two rates, {two_sided}")
