"""Sample size for repeated measures: the mean difference at the last visit by a mixed model, with dropout.

Invariants
1. A participant who leaves after visit j tells what visits 1 to j tell; nothing is divided away.

What it does not do: missingness that tells of the outcome.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.information import fixed_drift
from trial.statistics.sample_size.result import SampleSize, wanted


def sample_size_repeated(
    difference: float,
    covariance: ArrayLike,
    retained: ArrayLike,
    *,
    margin: float = 0.0,
    alpha: float = 0.025,
    power: float = 0.9,
    ratio: float = 1.0,
    inflation: float = 1.0,
    design: GroupSequentialDesign | None = None,
) -> SampleSize:
    """Participants to enrol for a difference of means at the last of m visits, unstructured model, monotone dropout.

    difference: at the last visit, in the outcome's unit; difference + margin not 0.
    covariance: (m, m) of the visits within a participant, positive definite, outcome's unit squared.
    retained: (m,) share still observed at each visit, in (0, 1], never rising.
    Other arguments, result and errors as for ``sample_size_means``; the test is the z test.
    Source: Lu, Luo & Chen (2008). Oracle: lrstat ``getDesignMeanDiffMMRM``.

    >>> visits = 64.0 * 0.7 ** np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    >>> kept = np.exp(-0.02 * np.array([1.0, 2.0, 4.0, 6.0]))
    >>> round(2 * sample_size_repeated(3.0, visits, kept).fixed, 3)
    326.736
    """
    effect = abs(check_in("difference", difference, -1e7, 1e7) + check_in("margin", margin, 0.0, 1e7, "[)"))
    if effect == 0.0:
        raise OutOfRange("difference must not be 0: no number of participants can show it.")
    goal = wanted(alpha, power, ratio, 0.0, inflation, design)
    variance = variance_at_last_visit(covariance, retained)
    fixed = (1.0 + 1.0 / goal.ratio) * variance * (fixed_drift(goal.alpha, goal.power) / effect) ** 2
    visits = np.asarray(covariance).shape[0]
    return goal.size(fixed, f"mixed model, {visits} visits, z test, two arms 1:{goal.ratio:g}", counted="enrolled")


def variance_at_last_visit(covariance: ArrayLike, retained: ArrayLike) -> float:
    """Variance of one arm's mean at the last visit, times its participants.

    The information of one participant is the mean over dropout patterns of the inverse covariance of what is observed.
    Arguments and errors as for ``sample_size_repeated``.
    """
    visits, kept = _checked(covariance, retained)
    m = len(kept)
    leaving = kept - np.append(kept[1:], 0.0)
    information = np.zeros((m, m))
    for j in range(1, m + 1):
        information[:j, :j] += leaving[j - 1] * np.linalg.inv(visits[:j, :j])
    return float(np.linalg.inv(information)[-1, -1])


def _checked(covariance: ArrayLike, retained: ArrayLike) -> tuple[FloatArray, FloatArray]:
    visits, kept = numbers("covariance", covariance), numbers("retained", retained)
    m = len(visits) if visits.ndim == 2 else 0
    if m == 0 or visits.shape != (m, m) or not np.all(np.isfinite(visits)) or not np.allclose(visits, visits.T):
        raise OutOfRange("covariance must be a square, symmetric, finite matrix, one row for each visit.")
    if np.linalg.eigvalsh(visits)[0] <= 0.0:
        raise OutOfRange("covariance must be positive definite.")
    if kept.shape != (m,) or not np.all((kept > 0.0) & (kept <= 1.0)) or np.any(np.diff(kept) > 0.0):
        raise OutOfRange(f"retained must hold one share in (0, 1] for each of the {m} visits, never rising.")
    return visits, kept
