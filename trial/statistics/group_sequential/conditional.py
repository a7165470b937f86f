"""The chance that a trial will yet declare efficacy, given what it has seen.

Invariants
1. Information is in fractions of the planned maximum; the drift is E Z at fraction 1.
2. The chance counts crossing any later efficacy bound. Futility bounds count only where they are given.

What it does not do: advise. A low chance is one fact for a board, not a rule.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from trial.statistics.checks import FloatArray, OutOfRange, check_in, check_same_length, numbers
from trial.statistics.group_sequential.crossing import crossing_probabilities, walk
from trial.statistics.group_sequential.information import LARGEST_DRIFT, check_information


def conditional_power(
    z: float,
    fraction: float,
    later_fractions: ArrayLike,
    efficacy: ArrayLike,
    drift: ArrayLike,
    futility: ArrayLike | None = None,
    *,
    two_sided: bool = False,
) -> float:
    """The chance of crossing a later efficacy bound, given z now, under a drift taken as true.

    z: statistic now, in [-50, 50]. fraction: information now, above 0.
    later_fractions, efficacy, futility: (L,) of the looks to come, fractions strictly increasing from above
    ``fraction``.
    drift: E Z at fraction 1; the design's, or z / √fraction for the observed effect. Or one for each step to come, (L,),
        where a step has another number of participants than planned: E of its standardized increment over √(its fractions).
    two_sided: bounds are ± ``efficacy``, and crossing either counts.
    Returns a probability. Raises OutOfRange, FallingInformation.
    Source: Lan & Wittes (1988); Jennison & Turnbull (2000) section 10.2: what is left is a group sequential trial of
    its own (independent increments). Oracles: gsDesign ``gsCP``, lrstat ``getCP``, rpact ``getConditionalPower``.

    >>> round(conditional_power(1.0, 0.5, [1.0], [1.96], 3.24), 4)
    0.6982
    """
    now, left, upper, lower = _checked(z, fraction, later_fractions, efficacy, futility)
    gained = left - now
    steps = np.diff(gained, prepend=0.0)
    drifts = numbers("drift", drift)
    if drifts.shape not in ((), left.shape) or not np.all(np.abs(drifts) * math.sqrt(gained[-1]) <= LARGEST_DRIFT):
        raise OutOfRange(f"drift must be one number, or one for each later look, within ±{LARGEST_DRIFT:g}.")
    expected = float(z) * math.sqrt(now) + np.cumsum(drifts * steps)
    above = _rescaled(upper, left, expected, gained)
    below = _rescaled(-upper if two_sided else lower, left, expected, gained)
    chances = crossing_probabilities(gained, above, below)
    return min(1.0, chances.any_efficacy + (chances.any_futility if two_sided else 0.0))


def predictive_power(
    z: float,
    fraction: float,
    later_fractions: ArrayLike,
    efficacy: ArrayLike,
    futility: ArrayLike | None = None,
    *,
    prior_mean: float = 0.0,
    prior_sd: float = math.inf,
    two_sided: bool = False,
) -> float:
    """The chance of crossing a later efficacy bound, averaged over what z now, and a prior, say of the effect.

    prior_mean, prior_sd: of the drift (E Z at fraction 1) before the trial, normal; sd in (0, ∞], ∞ (flat) by default.
    Other arguments and errors as for ``conditional_power``.
    Method: the posterior mean of the drift moves in independent steps, its variance falling from v now to
    1 / (1/v + t_j − t), so this too is one recursive integration.
    Source: Spiegelhalter, Freedman & Blackburn (1986); Jennison & Turnbull (2000) section 10.3. Oracle: gsDesign ``gsPP``.

    >>> round(predictive_power(1.0, 0.5, [1.0], [1.96]), 4)
    0.2926
    """
    now, left, upper, lower = _checked(z, fraction, later_fractions, efficacy, futility)
    precision = check_in("prior_sd", prior_sd, 0.0, math.inf, "(]") ** -2.0
    mean = check_in("prior_mean", prior_mean, -LARGEST_DRIFT, LARGEST_DRIFT, "[]")
    variance = 1.0 / (precision + now)
    start = variance * (precision * mean + float(z) * math.sqrt(now))
    later = 1.0 / (precision + left)
    gained = left - now
    clock = gained * later  # ∝ variance − later, without its cancellation; only ratios count
    score = float(z) * math.sqrt(now)

    def on_the_mean(bound: FloatArray) -> FloatArray:
        moved: FloatArray = np.sqrt(later / variance / gained) * (bound * np.sqrt(left) - score - start * gained)
        return moved

    below = on_the_mean(-upper if two_sided else lower)
    chances = walk(clock / clock[-1], on_the_mean(upper), below, (0.0, 0.0)).chances(0.0)
    return min(1.0, chances.any_efficacy + (chances.any_futility if two_sided else 0.0))


def _rescaled(bound: FloatArray, left: FloatArray, expected: FloatArray, gained: FloatArray) -> FloatArray:
    """A bound on Z as a bound on the standardized increment since now, less what is expected of it."""
    result: FloatArray = (bound * np.sqrt(left) - expected) / np.sqrt(gained)
    return result


def _checked(
    z: float, fraction: float, later: ArrayLike, efficacy: ArrayLike, futility: ArrayLike | None
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    check_in("z", z, -50.0, 50.0, "[]")
    now = check_in("fraction", fraction, 0.0, 10.0)
    left = check_information(later)
    if left[0] <= now:
        raise OutOfRange(f"later_fractions must lie above the information now ({now:g}).")
    upper = np.atleast_1d(numbers("efficacy", efficacy))
    lower = np.full(len(left), -np.inf) if futility is None else np.atleast_1d(numbers("futility", futility))
    check_same_length(later_fractions=left, efficacy=upper, futility=lower)
    if np.any(np.isnan(upper)) or np.any(np.isnan(lower)) or np.any(lower > upper):
        raise OutOfRange("No later bound may be missing, and futility must not exceed efficacy at a look.")
    return now, left, upper, lower
