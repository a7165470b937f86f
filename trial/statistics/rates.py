"""Event rates per unit of exposure with exact Poisson limits.

Invariants
1. Limits are exact (equal tails) at 0 events too.

2. A p-value says which two-sided test it is: minlike is that of R ``poisson.test``; central belongs to the interval.

What it does not do: models of overdispersed counts (``count_models``).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import betaincinv, gammainccinv, gammaincinv, gammaln

from trial.statistics.checks import OutOfRange, check_count, check_in, check_level
from trial.statistics.estimates import Estimate
from trial.statistics.exact_tests import ExactTest
from trial.statistics.risk_comparisons import UndefinedRatio

_LONGEST = 1e15
_TIE = 1.0 + 1e-7


def event_rate(events: int, exposure: float, level: float = 0.95) -> Estimate:
    """Events per unit of exposure with the exact Poisson interval.

    events: whole number from 0. exposure: infusions or person-time at risk, in (0, 1e15). level: in (0, 1).
    Raises OutOfRange.
    Source: Garwood (1936). Oracle: R ``poisson.test``.

    >>> print(event_rate(0, 100))
    0, 95 % (0, 0.03689): exact Poisson interval
    """
    x = check_count("events", events)
    time = check_in("exposure", exposure, 0.0, _LONGEST)
    tail = (1.0 - check_level(level)) / 2.0
    lower = 0.0 if x == 0 else float(gammaincinv(x, tail)) / time
    return Estimate(x / time, lower, float(gammainccinv(x + 1, tail)) / time, level, "exact Poisson interval")


def rate_ratio(events1: int, exposure1: float, events0: int, exposure0: float, level: float = 0.95) -> Estimate:
    """The ratio of two event rates (group 1 over group 0) with the exact conditional interval, equal tails.

    Arguments as for ``event_rate``. No events in group 0 give an infinite estimate and upper limit.
    Raises OutOfRange; UndefinedRatio when neither group has an event.
    Oracle: R ``poisson.test`` with two samples.

    >>> print(rate_ratio(11, 800, 3, 750))
    3.438, 95 % (0.9081, 19.19): rate ratio, exact conditional interval
    """
    x1, x0 = check_count("events1", events1), check_count("events0", events0)
    t1 = check_in("exposure1", exposure1, 0.0, _LONGEST)
    t0 = check_in("exposure0", exposure0, 0.0, _LONGEST)
    tail = (1.0 - check_level(level)) / 2.0
    if x1 + x0 == 0:
        raise UndefinedRatio("Neither group has an event, so no ratio exists; report the exact limits of each rate.")
    share_low = 0.0 if x1 == 0 else float(betaincinv(x1, x0 + 1, tail))
    share_high = 1.0 if x0 == 0 else float(betaincinv(x1 + 1, x0, 1.0 - tail))
    scale = t0 / t1
    upper = float("inf") if x0 == 0 else scale * share_high / (1.0 - share_high)
    estimate = float("inf") if x0 == 0 else scale * x1 / x0
    lower = scale * share_low / (1.0 - share_low)
    return Estimate(estimate, lower, upper, level, "rate ratio, exact conditional interval")


def rate_test(
    events1: int,
    exposure1: float,
    events0: int,
    exposure0: float,
    *,
    ratio: float = 1.0,
    two_sided: Literal["minlike", "central"] = "minlike",
) -> ExactTest:
    """The exact conditional test that the rate ratio is ``ratio``: given all events, those of group 1 are binomial.

    Arguments as for ``rate_ratio``. ratio: in (0, 1e6). two_sided: minlike sums the splits that are at most as probable as
    the one seen; central is twice the smaller tail, and is below 1 − level exactly when the interval of ``rate_ratio``
    leaves ``ratio`` out.
    Raises OutOfRange; UndefinedRatio when neither group has an event.
    Source: Przyborowski & Wilenski (1940). Oracles: R ``poisson.test`` (minlike), exactci (both).

    >>> print(rate_test(11, 800, 3, 750))
    p = 0.05916: exact conditional test of two rates, minlike
    """
    x1, x0 = check_count("events1", events1), check_count("events0", events0)
    t1 = check_in("exposure1", exposure1, 0.0, _LONGEST)
    t0 = check_in("exposure0", exposure0, 0.0, _LONGEST)
    under = check_in("ratio", ratio, 0.0, 1e6)
    if two_sided not in ("minlike", "central"):
        raise OutOfRange(f"two_sided must be minlike or central; {two_sided!r} was given.")
    total = x1 + x0
    if total == 0:
        raise UndefinedRatio("Neither group has an event, so no ratio exists; report the exact limits of each rate.")
    share = under * t1 / (under * t1 + t0)
    splits = np.arange(total + 1, dtype=np.float64)
    ways = gammaln(total + 1.0) - gammaln(splits + 1.0) - gammaln(total - splits + 1.0)
    chances = np.exp(ways + splits * np.log(share) + (total - splits) * np.log1p(-share))
    if two_sided == "minlike":
        p_value = float(chances[chances <= chances[x1] * _TIE].sum())
    else:
        p_value = 2.0 * float(min(chances[: x1 + 1].sum(), chances[x1:].sum()))
    return ExactTest(min(p_value, 1.0), f"exact conditional test of two rates, {two_sided}")
