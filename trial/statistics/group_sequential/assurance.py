"""The chance that a trial will succeed, averaged over a prior on its effect, before it begins or while it goes on.

What it does not do: use the statistic of a look (``predictive_power`` does).
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from trial.statistics.checks import OutOfRange, check_count, check_in
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.information import LARGEST_DRIFT
from trial.statistics.group_sequential.integration import legendre
from trial.statistics.group_sequential.priors import NormalPrior, check_prior

_NODES, _REACH = 96, 8.5


def probability_of_success(
    design: GroupSequentialDesign, prior: NormalPrior, *, effect: float = 1.0, after: int = 0
) -> float:
    """The chance of crossing an efficacy bound after look ``after``, given that none was crossed up to it, over a prior.

    prior: on the effect, finite sd, in the unit in which the design's effect is ``effect`` (1: shares of it). after: looks
    passed without stopping, 0 (assurance, before the trial) to K − 1; futility is obeyed.
    Raises OutOfRange. Source: O'Hagan, Stevens & Campbell (2005). Oracle: gsDesign ``gsPOS``, ``gsCPOS``.
    """
    passed = check_count("after", after, design.looks - 1)
    check_in("effect", effect, 0.0, 1e12)
    if not np.isfinite(check_prior(prior).sd):
        raise OutOfRange("prior.sd must be finite.")
    per_effect = design.bounds.drift / effect
    mean, sd = prior.mean * per_effect, prior.sd * per_effect
    x, weights = legendre(_NODES)
    drifts = mean + _REACH * sd * x
    if np.any(np.abs(drifts) > 10.0 * LARGEST_DRIFT):
        raise OutOfRange("prior reaches effects far beyond any that the design could meet.")
    density = weights * np.exp(-0.5 * (_REACH * x) ** 2) * _REACH / sqrt(2.0 * np.pi)
    walk = design.bounds.walk
    later, going = 0.0, 0.0
    for drift, weight in zip(np.clip(drifts, -LARGEST_DRIFT, LARGEST_DRIFT).tolist(), density.tolist(), strict=True):
        chances = walk.chances(drift)
        later += weight * float(chances.efficacy[passed:].sum())
        going += weight * (1.0 - float((chances.efficacy + chances.futility + chances.inside)[:passed].sum()))
    return later / going
