"""Efficacy bounds: by spending alpha, of constant shape, or given with the last one solved.

Invariants
1. z ≥ its bound declares efficacy. Two-sided bounds are ± the same, and alpha counts for one side.
2. A look at which nothing may be spent has the bound ∞: no cap, so that later bounds do not drift. gsDesign caps such a
   bound at 20.
3. Bounds rely on a futility bound only where it is given as binding.

What it does not do: observed information and past looks (``looks``), or choose futility bounds (``futility``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers
from trial.statistics.group_sequential.crossing import (
    LowerRule,
    Walk,
    forward,
    given_lower,
    given_upper,
    mirrored,
    no_lower,
)
from trial.statistics.group_sequential.information import check_information, lower_of, secant_root
from trial.statistics.group_sequential.integration import NOTHING, REACH, Step
from trial.statistics.group_sequential.spending import Spending, SpendingFunction, check_spending

_LARGEST_BOUND: Final = 12.0


class AlphaOverspent(InvalidInput):
    code = "statistics.alpha_overspent"


@dataclass(frozen=True)
class WangTsiatis:
    """Bounds c·t^(Δ − ½), c such that alpha is met: Δ 0 is O'Brien–Fleming, ½ Pocock.

    delta: in [-1, 2]. Source: Wang & Tsiatis (1987); O'Brien & Fleming (1979); Pocock (1977).
    Oracles: gsDesign ``WT``, rpact ``typeOfDesign="WT"``.
    """

    delta: float

    def __post_init__(self) -> None:
        check_in("delta", self.delta, -1.0, 2.0, "[]")

    def shape(self, t: FloatArray) -> FloatArray:
        """The bounds over their constant."""
        shaped: FloatArray = (t / t[-1]) ** (self.delta - 0.5)
        return shaped

    def __str__(self) -> str:
        named = {0.0: "O'Brien–Fleming", 0.5: "Pocock"}.get(self.delta)
        return named or f"Wang–Tsiatis, Δ = {self.delta:g}"


@dataclass(frozen=True)
class HaybittlePeto:
    """Given bounds at every look but the last, which spends the alpha that is left.

    interim: one z for all interim looks, or one each; above 0, ∞ to skip a look.
    Source: Haybittle (1971), Peto et al. (1976). Oracle: rpact ``typeOfDesign="HP"``.
    """

    interim: float | tuple[float, ...] = 3.0

    def __post_init__(self) -> None:
        given = np.atleast_1d(numbers("interim", self.interim))
        if given.ndim != 1 or given.size == 0 or not np.all(given > 0.0):
            raise OutOfRange(f"interim bounds must be in (0, ∞]; {self.interim!r} was given.")
        each = tuple(float(z) for z in given)
        object.__setattr__(self, "interim", each[0] if np.ndim(self.interim) == 0 else each)

    def bounds(self, interim_looks: int) -> list[float]:
        """The interim bounds of a design with so many interim looks."""
        if isinstance(self.interim, tuple):
            if len(self.interim) != interim_looks:
                raise OutOfRange(f"interim must hold one bound for each interim look ({interim_looks}).")
            return [float(z) for z in self.interim]
        return [float(self.interim)] * interim_looks

    def __str__(self) -> str:
        return f"Haybittle–Peto, {self.interim} before the last look"


OBRIEN_FLEMING: Final = WangTsiatis(0.0)
POCOCK: Final = WangTsiatis(0.5)
EfficacyRule = Spending | WangTsiatis | HaybittlePeto | SpendingFunction


@dataclass(slots=True)
class Spender:
    """Gives the efficacy bound of one look after another, so that alpha is spent as told.

    cumulative: alpha to have spent by each look. past: bounds that stand as they are, at the first looks.
    skipped: looks without an efficacy bound; their alpha is left for the next. least: 0 for bounds of two sides, which
    cannot meet beyond it.
    """

    cumulative: list[float]
    past: list[float]
    skipped: frozenset[int] = frozenset()
    least: float = -inf
    spent: float = 0.0

    def bound(self, look: int, step: Step) -> float:
        if look < len(self.past):
            self.spent += step.upper_tail(self.past[look])
            return self.past[look]
        if look in self.skipped:
            return inf
        left = self.cumulative[look] - self.spent
        self.spent = max(self.spent, self.cumulative[look])
        return max(step.z_above(left), self.least)


def spending_bounds(
    info_frac: ArrayLike, alpha: float, spend: SpendingFunction, futility: ArrayLike | None = None, *, sides: int = 1
) -> FloatArray:
    """Efficacy z bounds that spend one-sided ``alpha`` over K looks.

    info_frac: (K,), K from 1 to 50, strictly increasing in (0, 1], steps of at least 1e-4; I_k / I_max, unitless.
    alpha: one-sided, in (0, 0.5); a two-sided design spends it on each side.
    spend: cumulative spending, such as ``ld_obrien_fleming`` or ``Spending("hwang_shih_decani", -4)``.
    futility: (K,) binding lower z bounds, or None: then alpha holds whether or not anybody obeys a futility bound.
    sides: 1, or 2 for bounds ± the result.
    Returns (K,): stop for efficacy at look k when z_k ≥ bound_k. ∞ where (almost) nothing may be spent.
    Raises OutOfRange, FallingInformation, AlphaOverspent.
    Source: Lan & DeMets (1983); recursive integration, Jennison & Turnbull (2000) chapter 19.
    Oracle: gsDesign(k=2, test.type=1, alpha=.025, sfu=sfLDOF).

    >>> from trial.statistics.group_sequential.spending import ld_obrien_fleming
    >>> spending_bounds([0.5, 1.0], 0.025, ld_obrien_fleming).round(4)
    array([2.9626, 1.9686])
    """
    t = check_information(info_frac, at_most=1.0)
    total = check_in("alpha", alpha, 0.0, 0.5)
    lower = _lower_rule(len(t), futility, check_sides(sides))
    return bounds_for_spending(t, cumulative_spending(spend, t, total), lower=lower).upper


def shaped_bounds(info_frac: ArrayLike, alpha: float, delta: float, *, sides: int = 1) -> FloatArray:
    """Wang–Tsiatis z bounds c·t^(Δ − ½) with one-sided alpha; Δ 0 is O'Brien–Fleming, ½ Pocock.

    info_frac, alpha: as for ``spending_bounds``; two-sided designs count alpha for one side.
    delta: in [-1, 2]. sides: 1 or 2.
    Returns (K,) z bounds. Raises OutOfRange, FallingInformation.
    Source: Wang & Tsiatis (1987); Jennison & Turnbull (2000) section 2.7. Oracles: gsDesign, rpact.

    >>> shaped_bounds([0.5, 1.0], 0.025, 0.5).round(4)
    array([2.1783, 2.1783])
    """
    t = check_information(info_frac, at_most=1.0)
    total = check_in("alpha", alpha, 0.0, 0.5)
    lower = _lower_rule(len(t), None, check_sides(sides))
    shape = WangTsiatis(delta).shape(t)

    def over(constant: float) -> Walk:
        return forward(t, given_upper(constant * shape), lower, (0.0, 0.0))

    return over(constant_for_alpha(over, total, float(shape.min()))).upper


def bounds_for_spending(
    information: FloatArray,
    cumulative: FloatArray,
    past: Sequence[float] = (),
    *,
    lower: LowerRule = no_lower,
    skipped: frozenset[int] = frozenset(),
    drifts: tuple[float, float] = (0.0, 0.0),
    inner: LowerRule | None = None,
) -> Walk:
    """The walk whose efficacy bounds together have spent cumulative[k] by look k.

    The first looks keep their ``past`` bounds, whatever those spend at the information now known; the next look
    spends what is left up to its cumulative amount, and nothing (a bound of ∞) when too much is spent already.
    """
    spender = Spender(cumulative.tolist(), list(past), skipped, 0.0 if lower is mirrored else -inf)
    return forward(information, spender.bound, lower, drifts, reach_for(cumulative), inner=inner)


def constant_for_alpha(over: Callable[[float], Walk], alpha: float, smallest: float = 1.0) -> float:
    """The constant of bounds of one shape that cost ``alpha``; ``over`` walks with a constant.

    smallest: value of the shape; the constant is at most 12 over it.
    """
    wanted = float(ndtri(alpha))

    def excess(constant: float) -> float:
        cost = over(constant).power(0.0)[0]
        return float(ndtri(cost)) - wanted if cost > 0.0 else -inf

    return secant_root(excess, -wanted * 1.03, -wanted * 1.1, (0.0, _LARGEST_BOUND / min(smallest, 1.0)), 1e-9)


def _lower_rule(looks: int, futility: ArrayLike | None, sides: int) -> LowerRule:
    if sides == 2:
        return mirrored
    return no_lower if futility is None else given_lower(lower_of(looks, futility))


def cumulative_spending(spend: SpendingFunction, t: FloatArray, total: float) -> FloatArray:
    """What a spending function, the user's own included, has spent at each look; refused unless it rises to no more."""
    check_spending(spend)
    spent = numbers("spending", spend(np.minimum(t, 1.0), total))
    if spent.shape != t.shape or not np.all(np.isfinite(spent)):
        raise OutOfRange("A spending function must return one finite number for each look.")
    if spent[0] < 0.0 or (spent[1:] < spent[:-1]).any():
        raise OutOfRange("Cumulative spending must not fall from look to look, nor start below 0.")
    if spent[-1] > total * (1.0 + 1e-9):
        raise AlphaOverspent(f"The spending function spends {spent[-1]:g} of {total:g} that there is.")
    if t[-1] >= 1.0 and spent[-1] < total * (1.0 - 1e-9):
        raise OutOfRange(f"A spending function must spend all by fraction 1; it spends {spent[-1]:g} of {total:g}.")
    return spent


def check_sides(sides: int) -> int:
    if sides not in (1, 2):
        raise OutOfRange(f"sides must be 1 or 2; {sides!r} was given.")
    return int(sides)


def reach_for(cumulative: FloatArray) -> float:
    """Far enough for the smallest spending that is not nothing."""
    steps = cumulative.copy()
    steps[1:] -= cumulative[:-1]
    some = steps[steps >= NOTHING]
    return max(REACH, 3.0 - float(ndtri(some.min()))) if some.size else REACH
