"""Lower bounds: by spending beta under the design's effect, by spending under no effect, or given.

Invariants
1. z < its lower bound stops without declaring efficacy. A lower bound never passes the upper bound of its look.
2. Beta-spending bounds and the drift of the design are found together: at that drift the last lower bound meets the
   last upper bound, and the chance of not declaring efficacy is beta when futility is obeyed.
3. Non-binding bounds leave the efficacy bounds as they are without futility; binding ones lower them.
4. In a two-sided design the bounds are the inner wedge: |z| below them stops. Beta is the chance of ending inside. A look
   at which the one-sided design's bound would be below 0 has no wedge, and what beta was for it is spread over the rest.

What it does not do: observed information and past looks (``looks``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, log
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers
from trial.statistics.group_sequential.crossing import (
    UpperRule,
    Walk,
    forward,
    given_upper,
    mirrored,
    power_drift,
    walk,
)
from trial.statistics.group_sequential.efficacy import cumulative_spending
from trial.statistics.group_sequential.information import (
    LARGEST_DRIFT,
    NoBoundFound,
    check_bounds,
    check_fractions,
    secant_root,
)
from trial.statistics.group_sequential.integration import REACH, Step
from trial.statistics.group_sequential.spending import SpendingFunction, check_spending

_LOOSE: Final = 0.02  # far less drift may do: binding futility lowers efficacy bounds, and so does a constant on trial
_USUAL_DRIFT: Final = 4.5
_MET: Final = 1e-7


@dataclass(frozen=True)
class FixedFutility:
    """Given lower z bounds, one for each interim look; −∞ where a look has none.

    Oracle: rpact ``futilityBounds=c(0, 0)``.
    """

    bounds: tuple[float, ...]

    def __post_init__(self) -> None:
        given = np.atleast_1d(numbers("bounds", self.bounds))
        if given.ndim != 1 or np.any(np.isnan(given)) or np.any(given == inf):
            raise OutOfRange(f"Futility bounds must be in [-∞, ∞); {self.bounds!r} was given.")
        object.__setattr__(self, "bounds", tuple(float(z) for z in given))

    def __str__(self) -> str:
        return "z below " + ", ".join(f"{z:g}" for z in self.bounds)


@dataclass(frozen=True)
class HarmSpending:
    """Lower bounds that spend ``total`` under no effect: crossed when the treatment looks worse than nothing.

    spending: how it is spent. total: chance of crossing them without effect, in (0, 1 − alpha).
    Oracle: gsDesign ``test.type`` 5 and 6, ``astar``.
    """

    spending: SpendingFunction
    total: float

    def __post_init__(self) -> None:
        check_in("total", self.total, 0.0, 1.0)
        check_spending(self.spending)

    def __str__(self) -> str:
        return f"{self.total:g} spent under no effect, {self.spending}"


@dataclass(slots=True)
class LowerSpender:
    """Gives the lower bound of one look after another, so that ``cumulative`` is spent under ``drift``.

    past: bounds that stand as they are, at the first looks. skipped: looks without a lower bound. inside: the bounds are ±,
    and what lies between them is spent.
    """

    cumulative: list[float]
    drift: float
    past: list[float]
    skipped: frozenset[int] = frozenset()
    inside: bool = False
    spent: float = 0.0

    def bound(self, look: int, step: Callable[[float], Step], upper: float) -> float:
        here = step(self.drift)
        if look < len(self.past):
            stood = self.past[look]
            self.spent += here.within(stood) if self.inside else here.lower_tail(stood)
            return stood
        if look in self.skipped:
            return -inf
        left = self.cumulative[look] - self.spent
        found = here.z_within(left) if self.inside else here.z_below(left)
        self.spent = max(self.spent, self.cumulative[look])
        return min(found, upper)


@dataclass(frozen=True, slots=True)
class BetaPlan:
    """What beta spending needs besides a drift: looks, efficacy by rule or given, and what is spent when.

    efficacy: makes the rule of the upper bounds anew for each drift that is tried. inside: for the inner wedge of a
    two-sided design.
    """

    information: FloatArray
    efficacy: Callable[[], UpperRule]
    cumulative: FloatArray
    skipped: frozenset[int] = frozenset()
    reach: float = REACH
    inside: bool = False

    def under(self, drift: float) -> tuple[Walk, float]:
        """Both bounds at all looks under a drift, the last ones equal; and what is missed beyond beta, as a logarithm.

        −∞ when beta runs ahead of what there is: the drift is too large.
        """
        last = len(self.information) - 1
        spender = LowerSpender(self.cumulative.tolist(), drift, [], self.skipped, self.inside)
        missed = 0.0

        def lower(look: int, step: Callable[[float], Step], upper: float) -> float:
            nonlocal missed
            if look < last:
                return spender.bound(look, step, upper)
            missed = step(drift).within(upper) if self.inside else step(drift).lower_tail(upper)
            return upper

        drifts = (0.0, drift)
        if self.inside:
            over = forward(self.information, self.efficacy(), mirrored, drifts, self.reach, inner=lower)
        else:
            over = forward(self.information, self.efficacy(), lower, drifts, self.reach)
        bounds = over.lower if over.inner is None else over.inner
        left = float(self.cumulative[last]) - spender.spent
        ahead = bool(np.any(bounds[:-1] >= over.upper[:-1])) or left <= 0.0 or missed <= 0.0
        return over, -inf if ahead else log(missed / left)

    def solve(self, start: float) -> tuple[Walk, float]:
        """The bounds, and the drift at which they meet."""

        def excess(drift: float) -> float:
            return self.under(drift)[1]

        if len(self.information) > 1 and self.cumulative[-1] <= self.cumulative[-2]:
            raise NoBoundFound(
                "The futility spending leaves no beta for the last look, where both bounds meet; leave some."
            )
        limits = (_LOOSE * start, min(4.0 * start, LARGEST_DRIFT))
        drift = secant_root(excess, start * 1.01, start * 1.04, limits, 1e-8) if len(self.information) > 1 else start
        over, missed = self.under(drift)
        if len(self.information) > 1 and not abs(missed) < _MET:
            raise NoBoundFound(
                "No drift makes these bounds meet: beta is spent before the last look, or alpha left over; spend both later."
            )
        return over, drift


def futility_bounds(
    info_frac: ArrayLike, efficacy: ArrayLike, beta: float, spend: SpendingFunction
) -> tuple[FloatArray, float]:
    """Non-binding futility z bounds by beta spending, and the drift at which they meet the last efficacy bound.

    info_frac: (K,), strictly increasing, last entry 1. efficacy: (K,) z bounds computed without futility.
    beta: type II error to spend, in (0, 0.5). spend: cumulative spending.
    Returns ((K,) bounds, whose last equals the last efficacy bound; the drift: E Z at full information).
    With that drift the chance of not declaring efficacy is ``beta`` when futility is obeyed.
    Raises OutOfRange, FallingInformation, NoBoundFound.
    Source: Pampallona, Tsiatis & Kim (2001); Jennison & Turnbull (2000) section 7.3. Oracle: gsDesign(test.type=4).
    """
    t = check_fractions(info_frac)
    upper, nothing = check_bounds(len(t), efficacy, None)
    total = check_in("beta", beta, 0.0, 0.5)
    plan = BetaPlan(t, lambda: given_upper(upper), cumulative_spending(spend, t, total))
    over, drift = plan.solve(power_drift(walk(t, upper, nothing, (0.0, _USUAL_DRIFT)), 1.0 - total))
    return over.lower, drift
