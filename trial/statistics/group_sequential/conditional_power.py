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

from trial.statistics.checks import FloatArray, OutOfRange, check_in, check_same_length
from trial.statistics.group_sequential.crossing import crossing_probabilities
from trial.statistics.group_sequential.information import LARGEST_DRIFT, check_information


def conditional_power(
    z: float,
    fraction: float,
    later_fractions: ArrayLike,
    efficacy: ArrayLike,
    drift: float,
    futility: ArrayLike | None = None,
) -> float:
    """The chance of crossing a later efficacy bound, given z now, under a drift taken as true.

    z: statistic now, in [-20, 20]. fraction: information now, above 0.
    later_fractions, efficacy, futility: (L,) of the looks to come, fractions strictly increasing from above
    ``fraction``.
    drift: E Z at fraction 1; the design's, or z / √fraction for the observed effect.
    Returns a probability. Raises OutOfRange, FallingInformation.
    Source: Lan & Wittes (1988); Jennison & Turnbull (2000) section 10.2: what is left is a group sequential trial of
    its own (independent increments). Oracles: gsDesign ``gsCP``, lrstat ``getCP``.

    >>> round(conditional_power(1.0, 0.5, [1.0], [1.96], 3.24), 4)
    0.6982
    """
    now, left, upper, lower = _checked(z, fraction, later_fractions, efficacy, futility)
    gained = left - now
    start = float(z) * np.sqrt(now)
    return crossing_probabilities(
        gained, _rescaled(upper, left, start, gained), _rescaled(lower, left, start, gained), drift
    ).any_efficacy


def predictive_power(
    z: float,
    fraction: float,
    later_fractions: ArrayLike,
    efficacy: ArrayLike,
    futility: ArrayLike | None = None,
    *,
    prior_mean: float = 0.0,
    prior_sd: float = math.inf,
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
    clock = variance - later
    roots = np.sqrt(clock)

    def on_the_mean(bound: FloatArray) -> FloatArray:
        moved: FloatArray = (later * (precision * mean + bound * np.sqrt(left)) - start) / roots
        return moved

    return crossing_probabilities(clock, on_the_mean(upper), on_the_mean(lower)).any_efficacy


def _rescaled(bound: FloatArray, left: FloatArray, start: float, gained: FloatArray) -> FloatArray:
    """A bound on Z as a bound on the standardized increment since now."""
    result: FloatArray = (bound * np.sqrt(left) - start) / np.sqrt(gained)
    return result


def _checked(
    z: float, fraction: float, later: ArrayLike, efficacy: ArrayLike, futility: ArrayLike | None
) -> tuple[float, FloatArray, FloatArray, FloatArray]:
    check_in("z", z, -20.0, 20.0, "[]")
    now = check_in("fraction", fraction, 0.0, 10.0)
    left = check_information(later)
    if left[0] <= now:
        raise OutOfRange(f"later_fractions must lie above the information now ({now:g}).")
    upper: FloatArray = np.asarray(efficacy, dtype=np.float64)
    lower = np.full(len(left), -np.inf) if futility is None else np.asarray(futility, dtype=np.float64)
    check_same_length(later_fractions=left, efficacy=upper, futility=lower)
    return now, left, upper, lower
