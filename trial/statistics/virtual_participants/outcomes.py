"""Scores over the visits, completion of infusions and drop-out: one participant or many at once.

A later score is its scale's mean, plus placebo response and exposure × effect as far as that visit shows
them, plus
``baseline_slope`` times what the baseline lay off the mean, plus a residual. Residuals are correlated
between visits
(first-order) and between scales (one shared factor), and sized so that the change has the scale's
``sd_change``.

Invariants
1. With exposure 0 and with effect 0 the distributions are the same.
2. One participant and many come from the same function.

What it does not do: missing single answers, or missingness that depends on the unseen score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from trial.statistics.checks import FloatArray, OutOfRange, check_count, check_in
from trial.statistics.virtual_participants.baseline import baseline_matrix
from trial.statistics.virtual_participants.scenario import Scenario

MOST_EXPOSURE = 2.0


def simulate_changes(
    rng: np.random.Generator,
    scenario: Scenario,
    n: int,
    *,
    active: ArrayLike = 0.0,
    scale: str = "pain_interference",
) -> FloatArray:
    """Changes from baseline of ``n`` people: (n, visits), in the scale's unit, before any drop-out.

    n: at least 1. active: exposure in [0, 2], one number or (n,). scale: a key of ``scenario.scales``.
    Raises OutOfRange.

    >>> simulate_changes(np.random.default_rng(1), Scenario(), 1000).shape
    (1000, 4)
    """
    if scale not in scenario.scales:
        raise OutOfRange(f"scale must be one of {', '.join(scenario.scales)}; {scale!r} was given.")
    if check_count("n", n) == 0:
        raise OutOfRange("n must be at least 1; 0 was given.")
    column = list(scenario.scales).index(scale)
    before = baseline_matrix(rng, scenario, n)
    after = later_scores(rng, scenario, before, active)
    changes: FloatArray = after[:, :, column] - before[:, column, None]
    return changes


def later_scores(rng: np.random.Generator, scenario: Scenario, before: FloatArray, active: ArrayLike) -> FloatArray:
    """Latent scores after baseline: (n, visits, scales), from baselines (n, scales) and exposures."""
    exposure = check_exposure(active, len(before))
    scales = list(scenario.scales.values())
    mean = np.array([s.mean for s in scales])
    placebo = np.array([s.placebo for s in scales])
    share = np.array([s.share for s in scales])
    shown = np.array(scenario.response)[None, :, None]
    drift = placebo + (exposure * scenario.effect)[:, None] * share
    kept = mean + scenario.baseline_slope * (before - mean)
    spread = np.array([_residual_sd(scenario, s.sd, s.sd_change) for s in scales])
    signs = np.where(share < 0.0, -1.0, 1.0)
    residuals = spread * signs * _residuals(rng, scenario, len(before), len(scales))
    scores: FloatArray = kept[:, None, :] + shown * drift[:, None, :] + residuals
    return scores


def _residual_sd(scenario: Scenario, sd: float, sd_change: float) -> float:
    """What is left of the change's variance after regression to the mean."""
    regression = (1.0 - scenario.baseline_slope) * sd
    return float(np.sqrt(max(sd_change**2 - regression**2, 0.0)))


def _residuals(rng: np.random.Generator, scenario: Scenario, n: int, scales: int) -> FloatArray:
    """Standard normal residuals (n, visits, scales), correlated over visits and between scales."""
    rho, share = scenario.visit_correlation, scenario.domain_correlation
    residuals = np.empty((n, len(scenario.visits), scales))
    for visit in range(len(scenario.visits)):
        fresh = np.sqrt(share) * rng.standard_normal((n, 1)) + np.sqrt(1.0 - share) * rng.standard_normal((n, scales))
        residuals[:, visit] = fresh if visit == 0 else rho * residuals[:, visit - 1] + np.sqrt(1.0 - rho**2) * fresh
    return residuals


def simulate_completion(rng: np.random.Generator, scenario: Scenario, n: int) -> tuple[FloatArray, FloatArray]:
    """Infusions received and visits attended by ``n`` people: two (n,) arrays of whole numbers.

    Somebody who does not receive every infusion is likelier to leave follow-up early. Visits count from the
    first
    after baseline, so 0 means never seen again.
    """
    together = rng.standard_normal(n)
    ranks = [ndtr(np.sqrt(0.5) * together + np.sqrt(0.5) * rng.standard_normal(n)) for _ in range(2)]
    received = np.full(n, float(scenario.infusions))
    short = ranks[0] > scenario.completion
    if scenario.infusions and scenario.completion < 1.0:
        place = (ranks[0][short] - scenario.completion) / (1.0 - scenario.completion)
        cumulative = np.cumsum(_stopping_weights(scenario.infusions))
        received[short] = np.searchsorted(cumulative, place * cumulative[-1])
    visits: FloatArray = (ranks[1][:, None] <= np.array(scenario.retention)[None, :]).sum(axis=1).astype(np.float64)
    return received, visits


def _stopping_weights(infusions: int) -> FloatArray:
    """How likely a course stops after 0, 1, … infusions, relative to each other."""
    weights = np.arange(infusions + 1, 1, -1, dtype=np.float64)
    weights[0] = 1.0
    return weights


def check_exposure(active: ArrayLike, n: int) -> FloatArray:
    """Exposures as (n,), each in [0, 2]."""
    exposure = np.asarray(active, dtype=np.float64)
    if exposure.ndim > 1 or (exposure.ndim == 1 and len(exposure) != n):
        raise OutOfRange(f"active must be one number or one per participant ({n}); its shape is {exposure.shape}.")
    for value in np.atleast_1d(exposure):
        check_in("active", float(value), 0.0, MOST_EXPOSURE, "[]")
    return np.broadcast_to(exposure, (n,)).astype(np.float64)
