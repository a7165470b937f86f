"""The sub-density of a sequential z statistic that has not yet crossed a bound, look by look.

Z at information t is normal with mean drift·√t and variance 1, with independent increments of √t Z. The
density at one look, cut to its continuation region, is carried to the next by Gauss–Legendre panels and one
matrix of transition densities (recursive integration, Jennison & Turnbull 2000, chapter 19).

Invariants
1. A panel is never wider than four standard deviations of the narrowest step beside it, so that 16 nodes
   integrate every transition to rounding error.
2. Unbounded regions are cut ``reach`` standard deviations from the drift; 9 leaves less than 1e-18 outside.

What it does not do: choose bounds (``boundaries``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy.special import ndtr

from trial.statistics.checks import FloatArray

REACH: Final = 9.0
_NODES_A_PANEL: Final = 16
_PANEL_WIDTH: Final = 4.0


@dataclass(frozen=True)
class SubDensity:
    """Probability masses at z nodes of one look: what has not crossed any bound up to and including it."""

    information: float
    nodes: FloatArray
    masses: FloatArray

    @property
    def total(self) -> float:
        """The probability of going on after this look."""
        return float(self.masses.sum())


@dataclass(frozen=True)
class Steps:
    """Information at each look and the drift of √t Z; tells how finely each look must be divided."""

    information: FloatArray
    drift: float
    reach: float = REACH

    def region(self, look: int, lower: float, upper: float) -> tuple[float, float]:
        """The continuation region of ``look`` within reach of the drift."""
        mean = self.drift * np.sqrt(self.information[look])
        return max(lower, mean - self.reach), min(upper, mean + self.reach)

    def panel_width(self, look: int) -> float:
        t = self.information
        steps = [1.0]
        if look > 0:
            steps.append(np.sqrt((t[look] - t[look - 1]) / t[look]))
        if look + 1 < len(t):
            steps.append(np.sqrt((t[look + 1] - t[look]) / t[look]))
        return _PANEL_WIDTH * float(min(steps))


def first_density(steps: Steps, lower: float, upper: float) -> SubDensity:
    """The density at the first look within (lower, upper)."""
    nodes, weights = _panels(*steps.region(0, lower, upper), steps.panel_width(0))
    t = float(steps.information[0])
    return SubDensity(t, nodes, weights * _normal_density(nodes - steps.drift * np.sqrt(t)))


def next_density(before: SubDensity, steps: Steps, look: int, lower: float, upper: float) -> SubDensity:
    """Carry what is left after the last look to ``look``, within (lower, upper)."""
    nodes, weights = _panels(*steps.region(look, lower, upper), steps.panel_width(look))
    t = float(steps.information[look])
    gain = t - before.information
    centred = before.nodes * np.sqrt(before.information / gain) + steps.drift * np.sqrt(gain)
    kernel = _normal_density(nodes[:, None] * np.sqrt(t / gain) - centred[None, :])
    return SubDensity(t, nodes, weights * np.sqrt(t / gain) * (kernel @ before.masses))


def upper_tail(before: SubDensity | None, steps: Steps, look: int, bound: float) -> float:
    """P(Z ≥ bound at ``look``, no bound crossed before)."""
    return _tail(before, steps, look, bound, -1.0)


def lower_tail(before: SubDensity | None, steps: Steps, look: int, bound: float) -> float:
    """P(Z < bound at ``look``, no bound crossed before)."""
    return _tail(before, steps, look, bound, 1.0)


def _tail(before: SubDensity | None, steps: Steps, look: int, bound: float, sign: float) -> float:
    t = float(steps.information[look])
    if before is None:
        return float(ndtr(sign * (bound - steps.drift * np.sqrt(t))))
    return float(ndtr(sign * _standardized(before, steps, t, bound)) @ before.masses)


def density_at(before: SubDensity | None, steps: Steps, look: int, z: float) -> float:
    """The density of Z at ``look`` and z, no bound crossed before."""
    t = float(steps.information[look])
    if before is None:
        return float(_normal_density(np.asarray(z - steps.drift * np.sqrt(t))))
    scale = np.sqrt(t / (t - before.information))
    return float(scale * (_normal_density(_standardized(before, steps, t, z)) @ before.masses))


def _standardized(before: SubDensity, steps: Steps, t: float, z: float) -> FloatArray:
    gain = t - before.information
    result: FloatArray = (
        z * np.sqrt(t / gain) - before.nodes * np.sqrt(before.information / gain) - steps.drift * np.sqrt(gain)
    )
    return result


def _normal_density(x: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)
    return density


def _panels(low: float, high: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Composite Gauss–Legendre nodes and weights on (low, high); none when the region is empty."""
    if high <= low:
        return np.empty(0), np.empty(0)
    x, w = legendre(_NODES_A_PANEL)
    edges = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)
    half = 0.5 * np.diff(edges)
    middle = 0.5 * (edges[1:] + edges[:-1])
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


@cache
def legendre(nodes: int) -> tuple[FloatArray, FloatArray]:
    """Gauss–Legendre nodes and weights on (−1, 1)."""
    return np.polynomial.legendre.leggauss(nodes)
