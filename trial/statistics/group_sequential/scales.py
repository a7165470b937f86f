"""The same bounds on other scales: p, effect, conditional power, predictive power.

Invariants
1. Every scale is a monotone picture of z at its look; ∞ and −∞ stay what they mean (p 0 and 1, power 1 and 0).

What it does not do: choose bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from trial.statistics.checks import FloatArray, OutOfRange, check_in
from trial.statistics.group_sequential.conditional import conditional_power, predictive_power
from trial.statistics.group_sequential.information import find_root

Scale = Literal["p_value", "effect", "conditional_power_design", "conditional_power_observed", "predictive_power"]


@dataclass(frozen=True, eq=False)
class BoundScales:
    """One side's bounds, (K,) each, as seen on every scale.

    p_value: one-sided. effect: in the unit of the design's effect. conditional_power_design and _observed, and
    predictive_power (flat prior): chance of crossing a later efficacy bound when z stands at the bound. At the
    last look, after which nothing follows, it is 1 or 0: whether the bound reaches the efficacy bound.
    """

    side: str
    fractions: FloatArray
    z: FloatArray
    p_value: FloatArray
    effect: FloatArray
    conditional_power_design: FloatArray
    conditional_power_observed: FloatArray
    predictive_power: FloatArray

    def __str__(self) -> str:
        lines = [
            f"{self.side.capitalize()} bounds on every scale (conditional and predictive power: futility not counted)",
            "look  information         z   nominal p      effect  CP design  CP observed  predictive",
        ]
        for k, t in enumerate(self.fractions):
            lines.append(
                f"{k + 1:>4}  {t:>11.4f}  {self.z[k]:>8.4f}  {self.p_value[k]:>10.3g}  {self.effect[k]:>10.4g}  "
                f"{self.conditional_power_design[k]:>9.4f}  {self.conditional_power_observed[k]:>11.4f}  "
                f"{self.predictive_power[k]:>10.4f}"
            )
        return "\n".join(lines)


def bound_scales(
    side: str, fractions: FloatArray, bounds: FloatArray, efficacy: FloatArray, drift: float, effect: float
) -> BoundScales:
    """``bounds`` of one side on every scale, the design's effect being ``effect`` at ``drift``."""
    chances = np.array(
        [_chances(k, float(z), fractions, efficacy, drift) for k, z in enumerate(bounds)], dtype=np.float64
    )
    effects = bounds / np.sqrt(fractions) * (effect / drift)
    return BoundScales(side, fractions, bounds, ndtr(-bounds), effects, chances[:, 0], chances[:, 1], chances[:, 2])


def z_on_scale(
    scale: Scale, value: float, k: int, fractions: FloatArray, efficacy: FloatArray, drift: float, effect: float
) -> float:
    """The z at look k (from 0) that has ``value`` on a scale; the inverse of ``bound_scales``. Raises OutOfRange."""
    if scale == "p_value":
        return -float(ndtri(check_in("p_value", value, 0.0, 1.0)))
    if scale == "effect":
        return check_in("effect", value, -1e12, 1e12) / effect * drift * float(np.sqrt(fractions[k]))
    names = ("conditional_power_design", "conditional_power_observed", "predictive_power")
    if scale not in names:
        raise OutOfRange(f"scale must be one of p_value, effect, {', '.join(names)}; {scale!r} was given.")
    if k + 1 == len(fractions):
        raise OutOfRange("After the last look nothing follows: it has no conditional or predictive power.")
    wanted = check_in(scale, value, 1e-6, 1.0 - 1e-6, "[]")
    column = names.index(scale)

    def excess(z: float) -> float:
        return _chances(k, z, fractions, efficacy, drift)[column] - wanted

    return find_root(excess, -15.0, 15.0)


def _chances(k: int, z: float, fractions: FloatArray, efficacy: FloatArray, drift: float) -> tuple[float, float, float]:
    if k + 1 == len(fractions) or abs(z) == inf:
        sure = float(z >= efficacy[k]) if k + 1 == len(fractions) else float(z > 0.0)
        return sure, sure, sure
    now, left, later = float(fractions[k]), fractions[k + 1 :], efficacy[k + 1 :]
    at = float(np.clip(z, -20.0, 20.0))
    observed = float(np.clip(at / np.sqrt(now), -25.0, 25.0))
    return (
        conditional_power(at, now, left, later, drift),
        conditional_power(at, now, left, later, observed),
        predictive_power(at, now, left, later),
    )
