"""Checks of information and bounds, and the two root finders, that the room's modules share.

What it does not do: know any design.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers

MOST_LOOKS: Final = 50
SMALLEST_STEP: Final = 1e-4
LARGEST_DRIFT: Final = 25.0


class FallingInformation(InvalidInput):
    code = "statistics.falling_information"


class ImpossiblePower(InvalidInput):
    code = "statistics.impossible_power"


class NoBoundFound(InvalidInput):
    code = "statistics.no_bound_found"


def check_information(information: ArrayLike, at_most: float = inf) -> FloatArray:
    """Information at K looks: 1 to 50, positive, strictly increasing, steps of at least 1e-4 of the last."""
    t = numbers("information", information)
    if t.ndim != 1 or not 1 <= len(t) <= MOST_LOOKS:
        raise OutOfRange(f"The number of looks must be in [1, {MOST_LOOKS}]; the shape given is {t.shape}.")
    if not np.all(np.isfinite(t) & (t > 0.0) & (t <= at_most)):
        interval = "(0, ∞)" if at_most == inf else f"(0, {at_most:g}]"
        raise OutOfRange(f"Information at each look must be in {interval}; {t.tolist()} was given.")
    gains = np.diff(t)
    if np.any(gains <= 0.0):
        raise FallingInformation(f"Information must increase from look to look; {t.tolist()} was given.")
    if np.any(gains < SMALLEST_STEP * t[-1] * (1.0 - 1e-9)):
        raise FallingInformation("Looks closer than 1e-4 of the last information must be merged into one.")
    return t


def check_fractions(fractions: ArrayLike) -> FloatArray:
    """Planned information fractions: as ``check_information``, in (0, 1], the last one 1."""
    t = check_information(fractions, at_most=1.0)
    if t[-1] != 1.0:
        raise OutOfRange("information_fractions must end at 1, the planned final analysis.")
    return t


def check_bounds(looks: int, efficacy: ArrayLike, futility: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    """Upper and lower z bounds, one a look, no lower one above its upper one; no futility is −∞."""
    upper = numbers("efficacy", efficacy)
    lower = np.full(looks, -inf) if futility is None else numbers("futility", futility)
    if upper.shape != (looks,) or lower.shape != (looks,):
        raise OutOfRange(f"Bounds must have one entry per look ({looks}).")
    if np.any(np.isnan(upper)) or np.any(np.isnan(lower)) or np.any(lower > upper):
        raise OutOfRange("No bound may be missing, and futility must not exceed efficacy at a look.")
    return upper, lower


def lower_of(looks: int, futility: ArrayLike | None) -> FloatArray:
    """Lower bounds, one a look, none missing; −∞ where there are none."""
    lower = np.full(looks, -inf) if futility is None else numbers("futility", futility)
    if lower.shape != (looks,) or np.any(np.isnan(lower)):
        raise OutOfRange(f"Bounds must have one entry per look ({looks}), none missing.")
    return lower


def fixed_drift(alpha: float, power: float) -> float:
    """E Z that gives a single look at one-sided ``alpha`` the wanted ``power``: z_{1−α} + z_{power}."""
    return float(ndtri(check_in("power", power, 0.0, 1.0)) - ndtri(check_in("alpha", alpha, 0.0, 0.5)))


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """The root of an increasing function: secants, with a bisection every third step."""
    f_low, f_high = function(low), function(high)
    if not (f_low < 0.0 < f_high):
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


def secant_root(
    function: Callable[[float], float], first: float, second: float, limits: tuple[float, float], precision: float
) -> float:
    """The root of a smooth decreasing function that is nearly a straight line; −∞ and ∞ tell only the side.

    Steps are secants, kept inside what is known to hold the root. Stops when the next step is below ``precision``,
    after which the error is far smaller still.
    """
    low, high = limits
    x, y = first, function(first)
    before: tuple[float, float] | None = None
    proposal = second
    for _ in range(80):
        if y == 0.0:
            return x
        low, high = (x, high) if y > 0.0 else (low, x)
        if before is not None and isfinite(y) and isfinite(before[1]) and y != before[1]:
            proposal = x - y * (x - before[0]) / (y - before[1])
            if abs(proposal - x) < precision:
                return proposal
        if not low < proposal < high:
            proposal = 0.5 * (low + high)
        if high - low < 1e-14 * max(1.0, abs(x)):
            return x
        before = (x, y)
        x, y = proposal, function(proposal)
    raise NoBoundFound("No bound meets this request: alpha, power and the looks contradict each other.")
