"""The chances of crossing given bounds, under any drift, and the drift that gives a wanted power.

Invariants
1. z is positive in the direction of benefit; z ≥ its upper bound declares efficacy, z < its lower bound stops otherwise.
2. One walk over the looks serves every drift in its range: the density is carried without drift and reweighted.

What it does not do: choose bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, isinf, sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from trial.statistics.checks import FloatArray, OutOfRange, check_in, one_number
from trial.statistics.group_sequential.information import (
    LARGEST_DRIFT,
    ImpossiblePower,
    check_bounds,
    check_information,
    fixed_drift,
    lower_of,
)
from trial.statistics.group_sequential.integration import REACH, Step, SubDensity, Walker

_ROOT_2PI: Final = sqrt(2.0 * np.pi)


@dataclass(frozen=True, eq=False)
class CrossingProbabilities:
    """Chances of first crossing each bound at each look, (K,) each, under ``drift`` (E Z_k = drift·√information_k).

    ``futility`` is the lower bound: futility in a one-sided design, the other side in a two-sided one. ``inside``: between
    the inner bounds of a two-sided design with futility, else 0.
    """

    information: FloatArray
    drift: float
    efficacy: FloatArray
    futility: FloatArray
    inside: FloatArray

    @property
    def any_efficacy(self) -> float:
        return float(self.efficacy.sum())

    @property
    def any_futility(self) -> float:
        return float(self.futility.sum())

    @property
    def any_inside(self) -> float:
        return float(self.inside.sum())

    @property
    def expected_information(self) -> float:
        """Mean information at stopping, in the unit of ``information``; the last look stops."""
        stops = (self.efficacy + self.futility + self.inside)[:-1]
        return float(self.information[:-1] @ stops + self.information[-1] * (1.0 - stops.sum()))

    def __str__(self) -> str:
        rows = [
            f"{k + 1:>4}  {t:>11.4f}  {up:>9.6f}  {low:>9.6f}"
            for k, (t, up, low) in enumerate(zip(self.information, self.efficacy, self.futility, strict=True))
        ]
        if self.inside.any():
            rows = [f"{row}  {inside:>9.6f}" for row, inside in zip(rows, self.inside, strict=True)]
        head = f"Chances of crossing, drift {self.drift:.6g} (recursive integration)"
        total = f"{'all':>4}  {'':>11}  {self.any_efficacy:>9.6f}  {self.any_futility:>9.6f}"
        columns = "look  information   efficacy   futility"
        if self.inside.any():
            columns, total = "look  information      upper      lower     inside", f"{total}  {self.any_inside:>9.6f}"
        return "\n".join([head, columns, *rows, total])


@dataclass(frozen=True, eq=False)
class Walk:
    """Bounds with the densities between them, and the chances that follow.

    densities: what stands before each look, (K,), the first one the start. drifts: the range that the nodes cover.
    inner: bounds of a two-sided design between which, ±, it stops for futility; −∞ or 0 where a look has none; None for none.
    """

    information: FloatArray
    upper: FloatArray
    lower: FloatArray
    densities: tuple[SubDensity, ...]
    drifts: tuple[float, float]
    inner: FloatArray | None = None

    def covers(self, drift: float) -> bool:
        return self.drifts[0] <= drift <= self.drifts[1]

    def chances(self, drift: float) -> CrossingProbabilities:
        """Chances of stopping at each look under a drift; a drift outside of the range gets a walk of its own."""
        if not self.covers(drift):
            return walk(self.information, self.upper, self.lower, (drift, drift), self.inner).chances(drift)
        flat = self._flat
        masses = flat.masses * np.exp(drift * flat.scores - (0.5 * drift * drift) * flat.times)
        shift = drift * flat.roots
        up = np.add.reduceat(masses * ndtr(flat.above + shift), flat.starts)
        if self.one_sided:
            return CrossingProbabilities(self.information, drift, up, np.zeros(len(up)), np.zeros(len(up)))
        low = np.add.reduceat(masses * ndtr(flat.below - shift), flat.starts)
        return CrossingProbabilities(self.information, drift, up, low, self._inside(drift))

    def _inside(self, drift: float) -> FloatArray:
        """The chance of stopping between the inner bounds at each look."""
        if self.inner is None:
            return np.zeros(len(self.information))
        times, bounds = self.information.tolist(), self.inner.tolist()
        return np.array(
            [
                before.step(t, drift).within(bound)
                for before, t, bound in zip(self.densities, times, bounds, strict=True)
            ]
        )

    @cached_property
    def one_sided(self) -> bool:
        """No lower bound at any look."""
        return bool(self.lower.max() == -inf)

    def power(self, drift: float) -> tuple[float, float]:
        """The chance of crossing an upper bound at any look, and its slope in the drift."""
        if self.one_sided:
            return self._power_of_one_side(drift)
        flat = self._flat
        masses = flat.masses * np.exp(drift * flat.scores - (0.5 * drift * drift) * flat.times)
        u = flat.above + drift * flat.roots
        tails = ndtr(u)
        slopes = (flat.scores - drift * flat.times) * tails + flat.roots / _ROOT_2PI * np.exp(-0.5 * u * u)
        return float(masses @ tails), float(masses @ slopes)

    def _power_of_one_side(self, drift: float) -> tuple[float, float]:
        """What has crossed no bound by the end is all that has no power: the last density tells it."""
        last, t, bound = self.densities[-1], float(self.information[-1]), float(self.upper[-1])
        if isinf(bound):
            chances = self.chances(drift).any_efficacy
            return chances, (self.chances(drift + 1e-6).any_efficacy - chances) * 1e6
        masses = last.under(drift)
        root = sqrt(t - last.information)
        u = (bound * sqrt(t) - last.scores) / root - drift * root
        tails = ndtr(u)
        slopes = (last.scores - drift * last.information) * tails - root / _ROOT_2PI * np.exp(-0.5 * u * u)
        return 1.0 - float(masses @ tails), -float(masses @ slopes)

    @cached_property
    def _flat(self) -> _Flat:
        counts = [len(density.scores) for density in self.densities]
        gains = self.information.copy()
        gains[1:] -= self.information[:-1]
        gains = np.repeat(gains, counts)
        roots = np.sqrt(gains)
        edges = np.sqrt(self.information)
        scores = np.concatenate([density.scores for density in self.densities])
        return _Flat(
            scores,
            np.concatenate([density.masses for density in self.densities]),
            np.repeat([density.information for density in self.densities], counts),
            roots,
            (scores - np.repeat(self.upper * edges, counts)) / roots,
            (np.repeat(self.lower * edges, counts) - scores) / roots,
            np.cumsum(np.array([0, *counts[:-1]], dtype=np.intp)),
        )


@dataclass(frozen=True, slots=True)
class _Flat:
    """The nodes of all looks end to end, with the increments that reach the bounds of the look after each."""

    scores: FloatArray
    masses: FloatArray
    times: FloatArray
    roots: FloatArray
    above: FloatArray
    below: FloatArray
    starts: NDArray[np.intp]


UpperRule = Callable[[int, Step], float]
LowerRule = Callable[[int, Callable[[float], Step], float], float]


def forward(
    information: FloatArray,
    upper: UpperRule,
    lower: LowerRule,
    drifts: tuple[float, float],
    reach: float = REACH,
    *,
    inner: LowerRule | None = None,
) -> Walk:
    """Go over all looks, asking at each for its upper bound and then for its lower one.

    upper: from the look (from 0) and the step to it without drift. lower: from the look, the step under any drift, and
    the upper bound; a lower bound above the upper one is lowered to it. inner: asked in the same way for the bounds ± of
    the region inside which a two-sided design stops for futility.
    """
    walker = Walker(information, drifts, reach)
    last = len(information) - 1
    highs, lows, inners = np.empty(last + 1), np.empty(last + 1), np.full(last + 1, -inf)
    for look in range(last + 1):
        high = upper(look, walker.step())
        low = min(lower(look, walker.step, high), high)
        highs[look], lows[look] = high, low
        if inner is not None:
            inners[look] = min(inner(look, walker.step, high), high)
        if look < last:
            walker.go_on(low, high, float(inners[look]))
    return Walk(information, highs, lows, tuple(walker.densities), drifts, None if inner is None else inners)


def walk(
    information: FloatArray,
    upper: FloatArray,
    lower: FloatArray,
    drifts: tuple[float, float],
    inner: FloatArray | None = None,
) -> Walk:
    """Go over all looks between given bounds, and outside the inner ones."""
    walker = Walker(information, drifts)
    within = [-inf] * len(information) if inner is None else inner.tolist()
    for low, high, inside in zip(lower[:-1].tolist(), upper[:-1].tolist(), within[:-1], strict=True):
        walker.go_on(low, high, inside)
    return Walk(information, upper, lower, tuple(walker.densities), drifts, inner)


def given_upper(bounds: Sequence[float] | FloatArray) -> UpperRule:
    """Upper bounds that stand already."""
    return lambda look, _: float(bounds[look])


def given_lower(bounds: Sequence[float] | FloatArray) -> LowerRule:
    """Lower bounds that stand already."""
    return lambda look, _, __: float(bounds[look])


def no_lower(look: int, step: Callable[[float], Step], upper: float) -> float:
    """No lower bound at any look."""
    del look, step, upper
    return -inf


def mirrored(look: int, step: Callable[[float], Step], upper: float) -> float:
    """The lower bounds of a symmetric two-sided design."""
    del look, step
    return -upper


def crossing_probabilities(
    information: ArrayLike,
    efficacy: ArrayLike,
    futility: ArrayLike | None = None,
    drift: float = 0.0,
    inner: ArrayLike | None = None,
) -> CrossingProbabilities:
    """Chances of first crossing each bound, when E Z_k = drift·√information_k.

    information: (K,), positive, strictly increasing; any unit, the drift being per √unit.
    efficacy, futility: (K,) z bounds; ±∞ allowed; futility defaults to none. Equal bounds at a look end the trial.
    drift: E Z at the largest information must be in [-25, 25].
    inner: (K,) a look stops for futility where |z| < its inner bound, in two-sided designs; −∞ or 0 for none.
    Returns CrossingProbabilities with (K,) arrays.
    Raises OutOfRange, FallingInformation.
    Source: Armitage, McPherson & Rowe (1969); Jennison & Turnbull (2000) chapter 19. Oracle: gsDesign ``gsProbability``.

    >>> crossing_probabilities([0.5, 1.0], [2.962588, 1.968596]).any_efficacy.__round__(6)
    0.025
    """
    t = check_information(information)
    upper, lower = check_bounds(len(t), efficacy, futility)
    root = sqrt(t[-1])
    check_in("drift at the last look", one_number("drift", drift) * root, -LARGEST_DRIFT, LARGEST_DRIFT, "[]")
    within = None if inner is None else lower_of(len(t), inner)
    if within is not None and np.any((within > upper) | (within > 0.0) & (-within < lower)):
        raise OutOfRange("inner bounds must not exceed the efficacy bound of their look, nor −inner the lower one.")
    return walk(t, upper, lower, (float(drift), float(drift)), within).chances(float(drift))


def drift_for_power(
    information: ArrayLike, efficacy: ArrayLike, power: float, futility: ArrayLike | None = None
) -> float:
    """The drift at which an efficacy bound is crossed with probability ``power``.

    information, efficacy, futility: (K,) as in ``crossing_probabilities``; futility bounds, where given, are obeyed.
    power: in (0, 1), above the chance of crossing without effect.
    Returns the drift per √(unit of information).
    Raises OutOfRange, FallingInformation, ImpossiblePower.
    """
    t = check_information(information)
    upper, lower = check_bounds(len(t), efficacy, futility)
    return power_drift(walk(t, upper, lower, (0.0, 9.0 / sqrt(t[-1]))), power)


def power_drift(over: Walk, power: float) -> float:
    """The drift that gives a walk its power: Newton on the normal quantile of power, nearly a straight line."""
    wanted = float(ndtri(check_in("power", power, 0.0, 1.0)))
    without = over.power(0.0)[0]
    if not 0.0 < without < power:
        raise ImpossiblePower("power must exceed the one-sided alpha that the bounds spend.")
    full = sqrt(over.information[-1])
    low, high = 0.0, LARGEST_DRIFT / full
    drift = min((wanted - float(ndtri(without))) / full, high)
    for _ in range(100):
        if not over.covers(drift):
            wider = (0.0, min(1.5 * drift, LARGEST_DRIFT / full))
            over = walk(over.information, over.upper, over.lower, wider, over.inner)
        reached, slope = over.power(drift)
        low, high = (drift, high) if reached < power else (low, drift)
        proposal = -inf
        if 0.0 < reached < 1.0 and slope > 0.0:
            here = float(ndtri(reached))
            proposal = drift + (wanted - here) * exp(-0.5 * here * here) / (_ROOT_2PI * slope)
            if abs(proposal - drift) * full < 2e-9:
                return proposal
        drift = proposal if low < proposal < high else 0.5 * (low + high)
        if high - low < 1e-13 * high:
            break
    raise ImpossiblePower("These bounds do not reach that power at any drift up to 25.")


def inflation_factor(info_frac: ArrayLike, efficacy: ArrayLike, alpha: float, power: float) -> float:
    """Maximum information of the design over that of a fixed design with the same alpha and power.

    info_frac: (K,), last entry 1; efficacy: (K,) z bounds; alpha one-sided in (0, 0.5); power in (alpha, 1).
    Raises OutOfRange, FallingInformation, ImpossiblePower.

    >>> from trial.statistics.group_sequential.efficacy import spending_bounds
    >>> from trial.statistics.group_sequential.spending import ld_obrien_fleming
    >>> bounds = spending_bounds([0.5, 0.75, 1.0], 0.025, ld_obrien_fleming)
    >>> round(inflation_factor([0.5, 0.75, 1.0], bounds, 0.025, 0.9), 6)
    1.018276
    """
    drift = drift_for_power(info_frac, efficacy, power)
    return (drift / fixed_drift(alpha, power)) ** 2
