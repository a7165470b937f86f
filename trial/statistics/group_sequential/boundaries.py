"""Bounds of group sequential designs, and the chances of crossing them.

Invariants
1. z is positive in the direction of benefit; z ≥ its bound declares efficacy, z < its bound futility.
2. Efficacy bounds ignore futility bounds (non-binding): continuing past futility keeps alpha.
3. A look whose spending underflows has an efficacy bound of +∞ (a futility bound of −∞): no cap, so later
   bounds do
   not drift. gsDesign caps such a bound at 20.

What it does not do: hold a protocol's design or observed information (``design``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray, OutOfRange, check_in
from trial.statistics.group_sequential.recursion import (
    REACH,
    Steps,
    SubDensity,
    density_at,
    first_density,
    lower_tail,
    next_density,
    upper_tail,
)
from trial.statistics.group_sequential.spending import SpendingFunction

MOST_LOOKS: Final = 50
SMALLEST_STEP: Final = 1e-4
_NOTHING: Final = 1e-290
_LARGEST_DRIFT: Final = 25.0


class FallingInformation(InvalidInput):
    code = "statistics.falling_information"


class ImpossiblePower(InvalidInput):
    code = "statistics.impossible_power"


class NoBoundFound(InvalidInput):
    code = "statistics.no_bound_found"


@dataclass(frozen=True, eq=False)
class CrossingProbabilities:
    """Chances of stopping at each look: ``efficacy`` and ``futility``, shape (K,), given the drift."""

    information: FloatArray
    drift: float
    efficacy: FloatArray
    futility: FloatArray

    @property
    def any_efficacy(self) -> float:
        return float(self.efficacy.sum())

    @property
    def any_futility(self) -> float:
        return float(self.futility.sum())

    def __str__(self) -> str:
        rows = [
            f"{k + 1:>4}  {t:>11.4f}  {up:>9.6f}  {low:>9.6f}"
            for k, (t, up, low) in enumerate(zip(self.information, self.efficacy, self.futility, strict=True))
        ]
        head = f"Chances of crossing, drift {self.drift:.6g} (recursive integration)"
        total = f"{'all':>4}  {'':>11}  {self.any_efficacy:>9.6f}  {self.any_futility:>9.6f}"
        return "\n".join([head, "look  information   efficacy   futility", *rows, total])


def spending_bounds(info_frac: ArrayLike, alpha: float, spend: SpendingFunction) -> FloatArray:
    """Efficacy z bounds that spend one-sided ``alpha`` over K looks; futility non-binding.

    info_frac: (K,), K from 1 to 50, strictly increasing in (0, 1], steps of at least 1e-4; I_k / I_max,
    unitless.
    alpha: one-sided, in (0, 0.5).
    spend: cumulative spending, such as ``ld_obrien_fleming`` or ``Spending("hwang_shih_decani", -4)``.
    Returns (K,): stop for efficacy at look k when z_k ≥ bound_k. +∞ where (almost) nothing may be spent.
    Raises OutOfRange, FallingInformation.
    Method: recursive integration, Jennison & Turnbull (2000) chapter 19; Newton on the log of the tail mass.
    Oracle: gsDesign(k=2, test.type=1, alpha=.025, sfu=sfLDOF).

    >>> from trial.statistics.group_sequential.spending import ld_obrien_fleming
    >>> spending_bounds([0.5, 1.0], 0.025, ld_obrien_fleming).round(4)
    array([2.9626, 1.9686])
    """
    t = check_information(info_frac, at_most=1.0)
    total = check_in("alpha", alpha, 0.0, 0.5)
    return bounds_for_spending(t, np.asarray(spend(t, total), dtype=np.float64))


def bounds_for_spending(information: FloatArray, cumulative: FloatArray, past: Sequence[float] = ()) -> FloatArray:
    """Efficacy bounds at K looks that together have spent cumulative[k] by look k.

    The first looks keep their ``past`` bounds, whatever those spend at the information now known; the next
    look
    spends what is left up to its cumulative amount, and nothing (a bound of +∞) when too much is spent
    already.
    """
    steps = Steps(information, 0.0, _reach_for(np.diff(cumulative, prepend=0.0)))
    bounds = np.empty(len(information))
    before: SubDensity | None = None
    spent = 0.0
    for look, target in enumerate(cumulative):
        if look < len(past):
            bounds[look] = past[look]
            spent += upper_tail(before, steps, look, bounds[look])
        else:
            bounds[look] = efficacy_bound(before, steps, look, float(target) - spent)
            spent = max(spent, float(target))
        if look + 1 < len(information):
            before = carry(before, steps, look, -np.inf, bounds[look])
    return bounds


def crossing_probabilities(
    information: ArrayLike, efficacy: ArrayLike, futility: ArrayLike | None = None, drift: float = 0.0
) -> CrossingProbabilities:
    """Chances of first crossing each bound, when E Z_k = drift·√information_k.

    information: (K,), positive, strictly increasing; any unit, the drift being per √unit.
    efficacy, futility: (K,) z bounds; ±∞ allowed; futility defaults to none. Equal bounds at a look end the
    trial.
    drift: in [-25, 25] at the largest information.
    Returns CrossingProbabilities with (K,) arrays.
    Raises OutOfRange, FallingInformation.

    >>> crossing_probabilities([0.5, 1.0], [2.962588, 1.968596]).any_efficacy.__round__(6)
    0.025
    """
    t = check_information(information)
    upper, lower = _checked_bounds(len(t), efficacy, futility)
    check_in("drift at the last look", drift * np.sqrt(t[-1]), -_LARGEST_DRIFT, _LARGEST_DRIFT, "[]")
    steps = Steps(t, float(drift))
    up, low = np.zeros(len(t)), np.zeros(len(t))
    before: SubDensity | None = None
    for look in range(len(t)):
        up[look] = upper_tail(before, steps, look, upper[look])
        low[look] = lower_tail(before, steps, look, lower[look])
        if look + 1 < len(t):
            before = carry(before, steps, look, lower[look], upper[look])
    return CrossingProbabilities(t, float(drift), up, low)


def drift_for_power(information: ArrayLike, efficacy: ArrayLike, power: float) -> float:
    """The drift at which the efficacy bounds are crossed with probability ``power``, futility not counted.

    information, efficacy: (K,) as in ``crossing_probabilities``; the drift is per √(unit of information).
    power: in (0, 1), above the chance of crossing without effect.
    Raises OutOfRange, ImpossiblePower.
    """
    target = check_in("power", power, 0.0, 1.0)
    t = check_information(information)
    scale = float(np.sqrt(t[-1]))
    if target <= crossing_probabilities(t, efficacy).any_efficacy:
        raise ImpossiblePower("power must exceed the one-sided alpha that the bounds spend.")

    def excess(full: float) -> float:
        return crossing_probabilities(t, efficacy, None, full / scale).any_efficacy - target

    return find_root(excess, 0.0, _LARGEST_DRIFT) / scale


def inflation_factor(info_frac: ArrayLike, efficacy: ArrayLike, alpha: float, power: float) -> float:
    """Maximum information of the design over that of a fixed design with the same alpha and power.

    info_frac: (K,), last entry 1; efficacy: (K,) z bounds; alpha one-sided in (0, 0.5); power in (alpha, 1).

    >>> from trial.statistics.group_sequential.spending import ld_obrien_fleming
    >>> bounds = spending_bounds([0.5, 0.75, 1.0], 0.025, ld_obrien_fleming)
    >>> round(inflation_factor([0.5, 0.75, 1.0], bounds, 0.025, 0.9), 6)
    1.018276
    """
    drift = drift_for_power(info_frac, efficacy, power)
    return (drift / fixed_drift(alpha, power)) ** 2


def fixed_drift(alpha: float, power: float) -> float:
    """E Z that gives a single look at one-sided ``alpha`` the wanted ``power``: z_{1−α} + z_{power}."""
    return float(ndtri(1.0 - check_in("alpha", alpha, 0.0, 0.5)) + ndtri(check_in("power", power, 0.0, 1.0)))


def futility_bounds(
    info_frac: ArrayLike, efficacy: ArrayLike, beta: float, spend: SpendingFunction
) -> tuple[FloatArray, float]:
    """Non-binding futility z bounds by beta spending, and the drift at which they meet the last efficacy
    bound.

    info_frac: (K,), strictly increasing, last entry 1. efficacy: (K,) z bounds computed without futility.
    beta: type II error to spend, in (0, 0.5). spend: cumulative spending.
    Returns ((K,) bounds, whose last equals the last efficacy bound; the drift: E Z at full information).
    With that drift the chance of not declaring efficacy is ``beta`` when futility is obeyed.
    Raises OutOfRange, FallingInformation, NoBoundFound.
    Oracle: gsDesign(test.type=4).
    """
    t = check_information(info_frac, at_most=1.0)
    if t[-1] != 1.0:
        raise OutOfRange("info_frac must end at 1 for futility bounds; give the planned last look as 1.")
    upper, _ = _checked_bounds(len(t), efficacy, None)
    cumulative = np.asarray(spend(t, check_in("beta", beta, 0.0, 0.5)), dtype=np.float64)[:-1]

    def excess(drift: float) -> float:
        lower = futility_for_drift(t, upper, cumulative, drift)
        missed = crossing_probabilities(t, upper, np.append(lower, upper[-1]), drift).futility
        return float(beta - missed.sum())

    low = drift_for_power(t, upper, 1.0 - beta)
    drift = find_root(excess, 0.5 * low, min(4.0 * low, _LARGEST_DRIFT))
    return np.append(futility_for_drift(t, upper, cumulative, drift), upper[-1]), drift


def futility_for_drift(
    information: FloatArray,
    efficacy: FloatArray,
    cumulative: FloatArray,
    drift: float,
    past: Sequence[float] = (),
) -> FloatArray:
    """Futility bounds at the first looks that have spent ``cumulative`` of beta under ``drift``.

    The first looks keep their ``past`` bounds. A bound that would pass the efficacy bound is set equal to it.
    """
    steps = Steps(information, drift)
    bounds = np.empty(len(cumulative))
    before: SubDensity | None = None
    spent = 0.0
    for look, target in enumerate(cumulative):
        if look < len(past):
            bounds[look] = past[look]
            spent += lower_tail(before, steps, look, bounds[look])
        else:
            bound = futility_bound(before, steps, look, float(target) - spent)
            bounds[look] = min(bound, efficacy[look])
            spent = max(spent, float(target))
        if look + 1 < len(information):
            before = carry(before, steps, look, bounds[look], efficacy[look])
    return bounds


def efficacy_bound(before: SubDensity | None, steps: Steps, look: int, mass: float) -> float:
    """z with P(Z ≥ z at ``look``, going on before) = ``mass``."""
    if mass < _NOTHING:
        return np.inf
    if before is None:
        return float(steps.drift * np.sqrt(steps.information[look]) - ndtri(mass))
    return _newton(before, steps, look, mass, upper=True)


def futility_bound(before: SubDensity | None, steps: Steps, look: int, mass: float) -> float:
    """z with P(Z < z at ``look``, going on before) = ``mass``; +∞ when less than ``mass`` is left."""
    if mass < _NOTHING:
        return -np.inf
    if before is None:
        return float(steps.drift * np.sqrt(steps.information[look]) + ndtri(mass))
    if mass >= before.total:
        return np.inf
    return _newton(before, steps, look, mass, upper=False)


def carry(before: SubDensity | None, steps: Steps, look: int, lower: float, upper: float) -> SubDensity:
    """What goes on after ``look`` with the given bounds."""
    if before is None:
        return first_density(steps, lower, upper)
    return next_density(before, steps, look, lower, upper)


def check_information(information: ArrayLike, at_most: float = np.inf) -> FloatArray:
    """Information at K looks: 1 to 50 of them, positive, strictly increasing, steps of at least 1e-4 of the
    last."""
    t: FloatArray = np.asarray(information, dtype=np.float64)
    if t.ndim != 1 or not 1 <= len(t) <= MOST_LOOKS:
        raise OutOfRange(f"The number of looks must be in [1, {MOST_LOOKS}]; the shape given is {t.shape}.")
    if not np.all(np.isfinite(t) & (t > 0.0) & (t <= at_most)):
        interval = "(0, ∞)" if np.isinf(at_most) else f"(0, {at_most:g}]"
        raise OutOfRange(f"Information at each look must be in {interval}; {t.tolist()} was given.")
    gains = np.diff(t)
    if np.any(gains <= 0.0):
        raise FallingInformation(f"Information must increase from look to look; {t.tolist()} was given.")
    if np.any(gains < SMALLEST_STEP * t[-1]):
        raise FallingInformation("Looks closer than 1e-4 of the last information must be merged into one.")
    return t


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """The root of an increasing function: secants, with a bisection every third step."""
    f_low, f_high = function(low), function(high)
    if f_low >= 0.0 or f_high <= 0.0:
        raise NoBoundFound("No bound meets this request: alpha, power and the looks contradict each other.")
    for step in range(200):
        middle = 0.5 * (low + high)
        secant = low - f_low * (high - low) / (f_high - f_low)
        x = middle if step % 3 == 2 else secant
        value = function(x)
        if value == 0.0 or high - low < 4e-15 * max(1.0, abs(x)):
            return x
        low, f_low, high, f_high = (x, value, high, f_high) if value < 0.0 else (low, f_low, x, value)
    return 0.5 * (low + high)


def _newton(before: SubDensity, steps: Steps, look: int, mass: float, *, upper: bool) -> float:
    """Newton on the log of a tail, which is concave: from the far side it runs to its root monotonically."""
    tail, sign = (upper_tail, -1.0) if upper else (lower_tail, 1.0)
    z = float(steps.drift * np.sqrt(steps.information[look]) + sign * ndtri(min(mass / before.total, 0.5)))
    for _ in range(100):
        now = tail(before, steps, look, z)
        slope = density_at(before, steps, look, z)
        if now <= 0.0 or slope <= 0.0:
            z += sign
            continue
        move = -now * np.log(now / mass) / slope * sign
        z += move
        if abs(move) < 1e-14 * max(1.0, abs(z)):
            break
    return z


def _reach_for(increments: FloatArray) -> float:
    """Far enough for the smallest spending that is not nothing."""
    some = increments[increments >= _NOTHING]
    return float(max(REACH, 4.0 - ndtri(some.min()))) if some.size else REACH


def _checked_bounds(looks: int, efficacy: ArrayLike, futility: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    upper = np.asarray(efficacy, dtype=np.float64)
    lower = np.full(looks, -np.inf) if futility is None else np.asarray(futility, dtype=np.float64)
    if upper.shape != (looks,) or lower.shape != (looks,):
        raise OutOfRange(f"Bounds must have one entry per look ({looks}).")
    if np.any(np.isnan(upper)) or np.any(np.isnan(lower)) or np.any(lower > upper):
        raise OutOfRange("No bound may be missing, and futility must not exceed efficacy at a look.")
    return upper, lower
