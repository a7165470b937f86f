"""Inference at and after a look: repeated and stage-wise intervals and p-values, median-unbiased and bias-adjusted.

Invariants
1. Outcomes are ordered by stage: an earlier efficacy stop counts as more extreme than any later outcome, and within a
   look a larger z. Under this order p is below alpha exactly when the efficacy bound was reached.
2. A drift is E Z at information 1, in the unit in which information is given; limits are in the same unit.
3. Where futility is non-binding the order ignores it, so that the statements hold whether or not it was obeyed.

What it does not do: know a design (``looks`` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trial.statistics.checks import FloatArray, OutOfRange, check_in, check_level, numbers, one_number
from trial.statistics.group_sequential.crossing import Walk, walk
from trial.statistics.group_sequential.efficacy import check_sides
from trial.statistics.group_sequential.information import (
    NoBoundFound,
    check_information,
    lower_of,
    secant_root,
)

_ROOT_2PI: Final = sqrt(2.0 * np.pi)
_LARGEST_Z: Final = 50.0
_LARGEST_MEAN: Final = 500.0
_NOTHING_INSIDE: Final = 25.0
_FARTHEST_WITH_INNER: Final = 30.0


@dataclass(frozen=True)
class StagewiseInference:
    """What a trial that ended at this look says of its effect, the looks before it counted.

    p_value: against no effect, one- or two-sided as ``sides`` says.
    median_unbiased, lower, upper: of the effect, in ``unit``; the interval has
    two-sided confidence ``level``, each limit one-sided (1 − level) / 2. maximum_likelihood: z over the root of information.
    """

    look: int
    z: float
    p_value: float
    sides: int
    maximum_likelihood: float
    median_unbiased: float
    lower: float
    upper: float
    level: float
    unit: str
    method: str = "stage-wise ordering (Tsiatis, Rosner & Mehta 1984)"

    def __str__(self) -> str:
        sided = "one-sided" if self.sides == 1 else "two-sided"
        return (
            f"After look {self.look}: {sided} p {self.p_value:.4g}; effect {self.median_unbiased:.4g} (median-unbiased), "
            f"{100 * self.level:g} % interval ({self.lower:.4g}, {self.upper:.4g}), "
            f"maximum likelihood {self.maximum_likelihood:.4g}, unit {self.unit}; {self.method}"
        )


def stagewise_inference(
    information: ArrayLike,
    earlier_efficacy: ArrayLike,
    z: float,
    *,
    level: float = 0.95,
    earlier_futility: ArrayLike | None = None,
    per_drift: float = 1.0,
    unit: str = "E Z at information 1",
    sides: int = 1,
) -> StagewiseInference:
    """p-value, median-unbiased estimate and interval by stage-wise ordering, for a trial that ended at look k.

    information: (k,), observed at each look, any unit. earlier_efficacy: (k − 1,) z bounds at the looks before.
    z: at look k, in [-50, 50]. level: two-sided, in (0, 1). earlier_futility: (k − 1,) binding lower bounds, or None.
    sides: 2 for a symmetric two-sided design: lower bounds are − the upper ones, ``earlier_futility`` the inner ones, and p
        is twice the smaller tail. Outcomes are ordered on the side that z is on; a stop inside is less extreme than any other.
    per_drift: effect for one unit of drift, above 0; unit: its name, for printing.
    Raises OutOfRange, FallingInformation, NoBoundFound.
    Source: Tsiatis, Rosner & Mehta (1984); Jennison & Turnbull (2000) sections 8.4 and 8.5.
    Oracles: lrstat ``getCI``, rpact ``getAnalysisResults``.

    >>> print(stagewise_inference([0.5, 0.75], [2.9626], 2.5))
    After look 2: one-sided p 0.006829; effect 2.869 (median-unbiased), 95 % interval (0.5913, 5.138), \
maximum likelihood 2.887, unit E Z at information 1; stage-wise ordering (Tsiatis, Rosner & Mehta 1984)
    """
    inner = None
    turned = 1.0
    if check_sides(sides) == 2:
        inner, earlier_futility = earlier_futility, -numbers("earlier_efficacy", earlier_efficacy)
        if inner is not None and check_in("z", z, -_LARGEST_Z, _LARGEST_Z, "[]") < 0.0:
            turned = -1.0
    over = _ordered(information, earlier_efficacy, turned * z if sides == 2 else z, earlier_futility, inner)
    share = check_in("per_drift", per_drift, 0.0, inf)
    tail_p = min(over.chances(0.0).any_efficacy, 1.0)
    tail = 0.5 * (1.0 - check_level(level))
    t = float(over.information[-1])
    limits = sorted((turned * _drift_with(over, tail) * share, turned * _drift_with(over, 1.0 - tail) * share))
    return StagewiseInference(
        look=len(over.information),
        z=float(z),
        p_value=tail_p if sides == 1 else 2.0 * min(tail_p, 1.0 - tail_p),
        sides=sides,
        maximum_likelihood=float(z) / sqrt(t) * share,
        median_unbiased=turned * _drift_with(over, 0.5) * share,
        lower=limits[0],
        upper=limits[1],
        level=level,
        unit=unit,
    )


def stagewise_p_value(
    information: ArrayLike,
    earlier_efficacy: ArrayLike,
    z: float,
    *,
    drift: float = 0.0,
    earlier_futility: ArrayLike | None = None,
) -> float:
    """The one-sided stage-wise p-value against a drift: the chance of an outcome as extreme as this one.

    Arguments and errors as for ``stagewise_inference``; drift in [-25, 25] at the information of the look.

    >>> round(stagewise_p_value([0.5, 0.75], [2.9626], 2.5), 6)
    0.006829
    """
    over = _ordered(information, earlier_efficacy, z, earlier_futility)
    check_in("drift at the look", one_number("drift", drift) * sqrt(over.information[-1]), -25.0, 25.0, "[]")
    return min(over.chances(float(drift)).any_efficacy, 1.0)


def repeated_interval(information: float, bound: float, z: float, per_drift: float = 1.0) -> tuple[float, float]:
    """The repeated confidence interval at a look, valid whatever stopped or did not stop the trial: (z ± bound) / √I.

    information: at the look, above 0. bound: efficacy bound of the look. z: in [-50, 50]. per_drift: effect per drift.
    Two-sided confidence 1 − 2·alpha for a one-sided alpha. Infinite where the bound is.
    Raises OutOfRange. Source: Jennison & Turnbull (1989). Oracles: lrstat ``getRCI``, rpact ``getRepeatedConfidenceIntervals``.

    >>> tuple(round(limit, 4) for limit in repeated_interval(0.5, 2.9626, 1.2))
    (-2.4927, 5.8868)
    """
    root = sqrt(check_in("information", information, 0.0, inf))
    at = check_in("z", z, -50.0, 50.0, "[]")
    limit = check_in("bound", bound, 0.0, inf, "(]")
    share = check_in("per_drift", per_drift, 0.0, inf)
    return (at - limit) / root * share, (at + limit) / root * share


def bias_adjusted_mean(
    information: ArrayLike,
    efficacy: ArrayLike,
    estimate: float,
    futility: ArrayLike | None = None,
    inner: ArrayLike | None = None,
) -> float:
    """The drift at which the maximum likelihood estimate has, over the whole design, the mean ``estimate``.

    information, efficacy, futility: (K,) of all looks, those to come as planned; futility obeyed where it is given.
    estimate: the maximum likelihood estimate of the drift, z / √information, within ±500 at the last look.
    inner: (K,) bounds ± inside which a two-sided design stops; −∞ or 0 where a look has none.
    Raises OutOfRange, FallingInformation, NoBoundFound.
    Source: Whitehead (1986); Jennison & Turnbull (2000) section 8.3.

    >>> round(bias_adjusted_mean([0.5, 0.75, 1.0], [2.9626, 2.3590, 2.0141], 3.2), 4)
    2.9589
    """
    t = check_information(information)
    upper = numbers("efficacy", efficacy)
    lower = lower_of(len(t), futility)
    if upper.shape != t.shape or np.any(np.isnan(upper)):
        raise OutOfRange(f"Bounds must have one entry per look ({len(t)}).")
    root = sqrt(t[-1])
    at_last = check_in(
        "estimate at the last look", one_number("estimate", estimate) * root, -_LARGEST_MEAN, _LARGEST_MEAN, "[]"
    )
    # So far out nothing stops inside.
    within = None if inner is None or abs(at_last) > _NOTHING_INSIDE else lower_of(len(t), inner)
    # Seen from the estimate, drifts stay small; inner bounds must stay symmetric about 0.
    centre = float(estimate) if within is None else 0.0
    expected = centre * np.sqrt(t)
    middle, wide = float(estimate) - centre, 6.0 / root
    over = walk(t, upper - expected, lower - expected, (middle - wide, middle + wide), within)

    def shortfall(drift: float) -> float:
        return middle - mean_estimate(over, drift)

    limits = (middle - wide, middle + wide)
    return centre + secant_root(shortfall, middle, middle - 0.1 / root, limits, 1e-11 / root)


def mean_estimate(over: Walk, drift: float) -> float:
    """The mean of the maximum likelihood estimate of the drift at stopping, over the whole design."""
    total = 0.0
    last = len(over.information) - 1
    for look, before in enumerate(over.densities):
        t = float(over.information[look])
        gain = t - before.information
        root = sqrt(gain)
        masses, mean = before.under(drift), before.scores + drift * gain
        if look == last:
            total += float(masses @ mean) / t
            continue
        for bound, sign in ((over.upper[look], 1.0), (over.lower[look], -1.0)):
            u = sign * (mean - bound * sqrt(t)) / root
            total += float(masses @ (mean * ndtr(u) + sign * root / _ROOT_2PI * np.exp(-0.5 * u * u))) / t
        if over.inner is not None and over.inner[look] > 0.0:
            total += _mean_inside(masses, mean, root, float(over.inner[look]) * sqrt(t)) / t
    return total


def _mean_inside(masses: FloatArray, mean: FloatArray, root: float, bound: float) -> float:
    """The mean score of what stops within ± ``bound``."""
    below, above = (-bound - mean) / root, (bound - mean) / root
    density = np.exp(-0.5 * above * above) - np.exp(-0.5 * below * below)
    return float(masses @ (mean * (ndtr(above) - ndtr(below)) - root / _ROOT_2PI * density))


def _ordered(
    information: ArrayLike,
    earlier_efficacy: ArrayLike,
    z: float,
    earlier_futility: ArrayLike | None,
    earlier_inner: ArrayLike | None = None,
) -> Walk:
    """The walk whose upper bounds are those of the looks before and then z itself: crossing it is being as extreme."""
    t = check_information(information)
    check_in("z", z, -_LARGEST_Z, _LARGEST_Z, "[]")
    before = numbers("earlier_efficacy", earlier_efficacy)
    lower = lower_of(len(t) - 1, earlier_futility)
    if before.shape != (len(t) - 1,) or np.any(np.isnan(before)) or np.any(lower > before):
        raise OutOfRange(f"One efficacy bound must be given for each earlier look ({len(t) - 1}), none below futility.")
    estimate, wide = float(z) / sqrt(t[-1]), 4.0 / sqrt(t[0])
    drifts = (max(min(estimate - wide, 0.0), -25.0 / sqrt(t[-1])), min(max(estimate + wide, 0.0), 25.0 / sqrt(t[-1])))
    inner = None if earlier_inner is None else np.append(lower_of(len(t) - 1, earlier_inner), -inf)
    if inner is not None and np.any(inner[:-1] > before):
        raise OutOfRange("Inner bounds must not exceed the efficacy bound of their look.")
    return walk(t, np.append(before, float(z)), np.append(lower, -inf), drifts, inner)


def _power_apart(over: Walk, drift: float) -> tuple[float, float]:
    """Power and slope under a drift that the walk does not cover.

    The same walk as seen from that drift: bounds fall by what is expected, and no drift is left to reweight by. Inner bounds
    would lose their symmetry, so that a design with them is walked again for this drift.
    """
    expected = drift * np.sqrt(over.information)
    if over.inner is None or over.inner.max() <= 0.0:
        return walk(over.information, over.upper - expected, over.lower - expected, (0.0, 0.0)).power(0.0)
    if abs(expected[-1]) > _FARTHEST_WITH_INNER:
        raise OutOfRange("z is too far from 0 for a two-sided design with binding futility; it must be in [-20, 20].")
    return walk(over.information, over.upper, over.lower, (drift, drift), over.inner).power(drift)


def _drift_with(over: Walk, chance: float) -> float:
    """The drift under which the outcome, or a more extreme one, has this chance: Newton on the normal quantile."""
    wanted = float(ndtri(chance))
    t = float(over.information[-1])
    high = (abs(float(over.upper[-1])) + 40.0) / sqrt(over.information[0])
    low = -high
    drift = (float(over.upper[-1]) + wanted) / sqrt(t)
    for _ in range(120):
        reached, slope = over.power(drift) if over.covers(drift) else _power_apart(over, drift)
        if not 1e-300 < reached < 1.0 or slope <= 0.0:
            low, high = (drift, high) if reached <= 0.5 else (low, drift)
            drift = 0.5 * (low + high)
            continue
        here = float(ndtri(reached))
        low, high = (drift, high) if here < wanted else (low, drift)
        move = (wanted - here) * exp(-0.5 * here * here) / (_ROOT_2PI * slope)
        if abs(move) * sqrt(t) < 1e-9:
            return drift + move
        drift = drift + move if low < drift + move < high else 0.5 * (low + high)
    raise NoBoundFound("No drift explains this outcome: z is too far from what the bounds before it allow.")
