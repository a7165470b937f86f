"""The same bounds on other scales: p, effect, conditional power, predictive power.

Invariants
1. Every scale is a monotone picture of z at its look; ∞ and −∞ stay what they mean (p 0 and 1, power 1 and 0).

What it does not do: choose bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
from scipy.special import ndtr

from trial.statistics.checks import FloatArray
from trial.statistics.group_sequential.conditional_power import conditional_power, predictive_power


@dataclass(frozen=True, eq=False)
class BoundScales:
    """One side's bounds, (K,) each, as seen on every scale.

    p_value: one-sided. effect: in the unit of the design's effect. conditional_power_design and _observed, and
    predictive_power (flat prior): chance of crossing a later efficacy bound when z stands at the bound; NaN never,
    ``None`` entries do not occur: the last look, after which nothing follows, holds 1 or 0 by the efficacy bound.
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
