"""The sub-density of a sequential z statistic that has not yet crossed a bound, look by look.

Z at information t is normal with mean θ√t and variance 1, and its score s = √t·z has independent increments. The
density at one look, cut to its continuation region, is carried to the next by Gauss–Legendre panels and one matrix of
transition densities (recursive integration: Armitage, McPherson & Rowe 1969; Jennison & Turnbull 2000, chapter 19).

Invariants
1. Every density is kept without drift. Under a drift θ a path that has reached score s at information t is
   exp(θs − θ²t/2) times as likely, exactly, so one pass serves every drift whose region its nodes cover.
2. There are about two nodes for each standard deviation of the narrowest factor of the integrand, and ten more: that
   integrates a normal density anywhere in the interval to 3e-14 of its value.
3. Unbounded regions are cut ``REACH`` standard deviations outside of every drift of interest: 6e-16 is left out.

What it does not do: choose bounds (``efficacy``, ``futility``), or add up chances (``crossing``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, inf, log, pi, sqrt
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from trial.statistics.checks import FloatArray

REACH: Final = 8.0
NOTHING: Final = 1e-290
_NODES_A_DEVIATION: Final = 1.65
_MORE_NODES: Final = 10
_SIZES: Final = (16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 128, 144)  # few, as each is made once
_BLOCK: Final = 9000  # a product with fewer entries stays in the cache, and BLAS does not wake a second thread for it
_DENSE: Final = 40_000  # more pairs of nodes than this are taken in a band, unless bounds lie further than _WITHIN
_WITHIN: Final = 13.0
_FAR: Final = 9.0  # exp(−81)
_BAND_ROWS: Final = 48
_LONGEST_MOVE: Final = 4.0
_ROOT_2PI: Final = sqrt(2.0 * pi)


@dataclass(frozen=True, slots=True)
class SubDensity:
    """Masses at score nodes of the paths that have crossed no bound up to and including ``information``; no drift."""

    information: float
    scores: FloatArray
    masses: FloatArray

    def under(self, drift: float) -> FloatArray:
        """The masses under a drift."""
        if drift == 0.0:
            return self.masses
        weighted: FloatArray = self.masses * np.exp(drift * self.scores - 0.5 * drift * drift * self.information)
        return weighted

    def step(self, information: float, drift: float = 0.0) -> Step:
        """The step to a look at ``information``."""
        gain = information - self.information
        reached = self.scores / sqrt(gain) + drift * sqrt(gain)
        return Step(sqrt(information / gain), reached, self.under(drift))

    def carry(self, information: float, scores: FloatArray, weights: FloatArray) -> SubDensity:
        """The density at quadrature nodes of the next look."""
        scale = 1.0 / sqrt(2.0 * (information - self.information))
        there, here = scores * scale, self.scores * scale
        if len(there) * len(here) > _DENSE and np.abs(scores[[0, -1]]).max() < _WITHIN * sqrt(information):
            return SubDensity(information, scores, self._banded(there, here) * (weights * (scale / sqrt(pi))))
        sums = np.empty(len(there))
        rows = max(1, _BLOCK // len(here))
        for first in range(0, len(there), rows):
            block = np.subtract.outer(there[first : first + rows], here)
            np.multiply(block, block, out=block)
            np.negative(block, out=block)
            np.exp(block, out=block)
            np.dot(block, self.masses, out=sums[first : first + rows])
        return SubDensity(information, scores, sums * (weights * (scale / sqrt(pi))))

    def _banded(self, there: FloatArray, here: FloatArray) -> FloatArray:
        """The sums of ``carry`` where increments are so small that most pairs of nodes are out of each other's reach."""
        sums = np.empty(len(there))
        firsts = np.arange(0, len(there), _BAND_ROWS)
        lasts = np.minimum(firsts + _BAND_ROWS, len(there)) - 1
        lows = np.searchsorted(here, there[firsts] - _FAR)
        highs = np.searchsorted(here, there[lasts] + _FAR)
        for first, last, low, high in zip(firsts, lasts + 1, lows, highs, strict=True):
            block = np.subtract.outer(there[first:last], here[low:high])
            np.multiply(block, block, out=block)
            np.negative(block, out=block)
            np.exp(block, out=block)
            np.dot(block, self.masses[low:high], out=sums[first:last])
        return sums


START: Final = SubDensity(0.0, np.zeros(1), np.ones(1))


@dataclass(frozen=True, slots=True)
class Step:
    """Chances of z at the next look, among the paths that went on.

    spread: a unit of z in standard deviations of the new increment. reached: where a path stands, drift included, in
    the same unit. masses: how likely it is.
    """

    spread: float
    reached: FloatArray
    masses: FloatArray

    def upper_tail(self, z: float) -> float:
        """P(Z ≥ z, no bound crossed before)."""
        return float(self.masses @ ndtr(self.reached - self.spread * z))

    def lower_tail(self, z: float) -> float:
        """P(Z < z, no bound crossed before)."""
        return float(self.masses @ ndtr(self.spread * z - self.reached))

    def within(self, z: float) -> float:
        """P(−z < Z < z, no bound crossed before); 0 where z is not above 0."""
        return max(self.lower_tail(z) - self.lower_tail(-z), 0.0) if z > 0.0 else 0.0

    def density(self, z: float) -> float:
        """The density of Z at z, no bound crossed before."""
        u = self.reached - self.spread * z
        return float(self.masses @ np.exp(-0.5 * u * u)) * self.spread / _ROOT_2PI

    def z_above(self, mass: float) -> float:
        """z with P(Z ≥ z, no bound crossed before) = ``mass``; ∞ for (almost) no mass, −∞ for more than there is."""
        return -_z_below(self.spread, -self.reached, self.masses, mass)

    def z_below(self, mass: float) -> float:
        """z with P(Z < z, no bound crossed before) = ``mass``; −∞ for (almost) no mass, ∞ for more than there is."""
        return _z_below(self.spread, self.reached, self.masses, mass)

    def z_within(self, mass: float) -> float:
        """z with P(−z < Z < z, no bound crossed before) = ``mass``; −∞ for (almost) no mass, ∞ for more than there is.

        Newton on the logarithm of the chance, within what holds the root.
        """
        if mass < NOTHING:
            return -inf
        if mass >= float(self.masses.sum()):
            return inf
        low, high = max(self.z_below(mass), 0.0), inf  # what lies below −z is not counted, so that z lies above this
        z = low if low > 0.0 else mass / max(2.0 * self.density(0.0), mass)
        for _ in range(200):
            inside = self.within(z)
            low, high = (z, high) if inside < mass else (low, z)
            move, slope = inf, self.density(z) + self.density(-z)
            if inside > NOTHING and slope > 0.0:
                move = max(-_LONGEST_MOVE, min(log(inside / mass) * inside / slope, _LONGEST_MOVE))
            if abs(move) < 1e-11 * max(z, 1e-3) or high - low < 1e-14 * max(1.0, z):
                return max(z - move, 0.0) if abs(move) < 1.0 else z
            z = _inside(z, z - move, low, high)
        return z


def _z_below(spread: float, reached: FloatArray, masses: FloatArray, mass: float) -> float:
    """Newton on the normal quantile of the tail, which is nearly a straight line in z, within what holds the root."""
    total = float(masses.sum())
    if mass < NOTHING:
        return -inf
    if mass >= total:
        return inf
    wanted = float(ndtri(mass / total))
    z = float(reached @ masses) / (total * spread) + wanted
    if len(masses) == 1:
        return z
    low, high = -inf, inf
    for _ in range(200):
        u = spread * z - reached
        tail = float(masses @ ndtr(u))
        low, high = (z, high) if tail < mass else (low, z)
        move = inf
        if NOTHING < tail < total:
            slope = float(masses @ np.exp(-0.5 * u * u)) * spread
            move = _newton_move(tail, total, mass, wanted, slope) if slope > 0.0 else inf
        if abs(move) < 1e-8:
            return z - move
        z = _inside(z, z - max(-_LONGEST_MOVE, min(move, _LONGEST_MOVE)), low, high)
        if high - low < 1e-14 * max(1.0, abs(z)):
            break
    return z


def _newton_move(tail: float, total: float, mass: float, wanted: float, slope: float) -> float:
    """Newton's move on the quantile of the tail, and close to the end or far out on its logarithm."""
    here = float(ndtri(tail / total))
    if abs(here - wanted) < 1e-3 or abs(here) > 30.0:
        return log(tail / mass) * tail * _ROOT_2PI / slope
    return (here - wanted) * total * exp(-0.5 * here * here) / slope


def _inside(z: float, proposal: float, low: float, high: float) -> float:
    """The proposal, or where it leaves what holds the root, the middle of that, or a unit step towards it."""
    if low < proposal < high:
        return proposal
    if low > -inf and high < inf:
        return 0.5 * (low + high)
    return z + 1.0 if high == inf else z - 1.0


class Walker:
    """Goes from look to look, carrying what has crossed no bound.

    drifts: the smallest and the largest drift that the nodes must serve. reach: upwards, in standard deviations.
    """

    def __init__(self, information: FloatArray, drifts: tuple[float, float] = (0.0, 0.0), reach: float = REACH) -> None:
        self.information: list[float] = information.tolist()
        self.drifts = drifts
        self.reach = reach
        self.densities: list[SubDensity] = [START]

    @property
    def now(self) -> SubDensity:
        return self.densities[-1]

    @property
    def look(self) -> int:
        """The number of the look that is reached next, from 0."""
        return len(self.densities) - 1

    def step(self, drift: float = 0.0) -> Step:
        """Chances at the look that is reached next."""
        return self.now.step(self.information[self.look], drift)

    def go_on(self, lower: float, upper: float, inner: float = -inf) -> None:
        """Pass the next look between its bounds, and outside ± ``inner``; after the last look there is nothing to carry."""
        k = self.look
        t = self.information[k]
        root = sqrt(t)
        low = max(lower, self.drifts[0] * root - REACH)
        high = min(upper, self.drifts[1] * root + self.reach)
        inward = t - (self.information[k - 1] if k else 0.0)
        outward = self.information[k + 1] - t
        z, weights = nodes_between(low, high, sqrt(t / outward + t / inward), inner)
        self.densities.append(self.now.carry(t, z * root, weights * root))


def nodes_between(low: float, high: float, fineness: float, inner: float = -inf) -> tuple[FloatArray, FloatArray]:
    """Gauss–Legendre nodes and weights on (low, high), for an integrand that is normal with SD 1 / fineness.

    Nothing goes on through an empty interval: one node without weight stands for it. What lies within ± ``inner`` is
    left out.
    """
    if inner > 0.0:
        below, above = nodes_between(low, min(-inner, high), fineness), nodes_between(max(inner, low), high, fineness)
        return np.concatenate([below[0], above[0]]), np.concatenate([below[1], above[1]])
    if high <= low:
        return np.zeros(1), np.zeros(1)
    half = 0.5 * (high - low)
    x, w = _rule(ceil(_MORE_NODES + _NODES_A_DEVIATION * 2.0 * half * fineness))
    return low + half + half * x, half * w


@lru_cache(maxsize=4096)
def _rule(nodes: int) -> tuple[FloatArray, FloatArray]:
    """At least so many nodes and weights on (−1, 1), in equal panels when there are many."""
    panels = ceil(nodes / _SIZES[-1])
    wanted = nodes if panels == 1 else ceil(nodes / panels) + _MORE_NODES
    x, w = legendre(next((size for size in _SIZES if size >= wanted), wanted))
    if panels == 1:
        return x, w
    half = 1.0 / panels
    middle = np.linspace(half - 1.0, 1.0 - half, panels)
    return (middle[:, None] + half * x).ravel(), np.tile(half * w, panels)


@lru_cache(maxsize=64)
def legendre(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss–Legendre nodes and weights on (−1, 1)."""
    return np.polynomial.legendre.leggauss(nodes)
