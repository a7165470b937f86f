"""Two arms compared over strata: Mantel–Haenszel estimates, the stratified score interval and the CMH test.

Invariants
1. Group 1 is compared with group 0, as in ``risk_comparisons``.
2. A stratum in which an arm is empty carries no weight, and ``note`` tells how many there were.

What it does not do: choose strata; they are those of the randomization, as the protocol says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc

from trial.statistics.checks import EmptyArm, FloatArray, check_count, check_level, check_same_length, finite_vector
from trial.statistics.estimates import Estimate, normal_quantile
from trial.statistics.risk_comparisons import UndefinedRatio, restricted_variance
from trial.statistics.roots import bisect


@dataclass(frozen=True)
class ChiSquareTest:
    """A statistic with a χ² distribution of ``df`` degrees of freedom under the hypothesis."""

    statistic: float
    df: int
    p_value: float
    method: str
    note: str = ""

    def __str__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"χ²({self.df}) = {self.statistic:.4g}, p = {self.p_value:.4g}: {self.method}{note}"


def stratified_risk_difference(
    events1: ArrayLike, n1: ArrayLike, events0: ArrayLike, n0: ArrayLike, level: float = 0.95
) -> Estimate:
    """The Mantel–Haenszel common risk difference over strata, with Sato's variance.

    events1, n1, events0, n0: (S,) counts of the S strata. level: in (0, 1).
    Sato's variance is valid with many small strata and with few large ones.
    Raises OutOfRange; EmptyArm when every stratum lacks an arm.
    Source: Mantel & Haenszel (1959), Sato (1989), as printed for SAS PROC FREQ (common risk difference).

    >>> print(stratified_risk_difference([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22]))
    0.1519, 95 % (0.03145, 0.2723): Mantel–Haenszel risk difference, Sato variance
    """
    t = _tables(events1, n1, events0, n0)
    z = normal_quantile(check_level(level))
    weight = float(t.weights.sum())
    estimate = float(((t.x1 * t.m0 - t.x0 * t.m1) / t.total).sum()) / weight
    p = (t.m1**2 * t.x0 - t.m0**2 * t.x1 + t.m1 * t.m0 * (t.m0 - t.m1) / 2.0) / t.total**2
    q = (t.x1 * (t.m0 - t.x0) + t.x0 * (t.m1 - t.x1)) / (2.0 * t.total)
    error = float(np.sqrt(max(estimate * p.sum() + q.sum(), 0.0))) / weight
    notes = [t.note] if t.note else []
    if error == 0.0:
        notes.append("no variation within strata, so the interval has no width: report exact limits instead")
    lower, upper = max(estimate - z * error, -1.0), min(estimate + z * error, 1.0)
    method = "Mantel–Haenszel risk difference, Sato variance"
    return Estimate(estimate, lower, upper, level, method, error, "; ".join(notes))


def stratified_score_difference(
    events1: ArrayLike, n1: ArrayLike, events0: ArrayLike, n0: ArrayLike, level: float = 0.95
) -> Estimate:
    """Miettinen and Nurminen's score interval over strata, with Mantel–Haenszel weights n1 n0 / N.

    Arguments and errors as for ``stratified_risk_difference``. The common difference has the score
    Σ w (p1 − p0 − δ) / √(Σ w² V(δ)), with V restricted to δ in each stratum and multiplied by N / (N − 1).
    Source: Miettinen & Nurminen (1985), stratified. Oracle: ratesci ``scoreci(stratified=TRUE, weighting="MH")``.

    >>> print(stratified_score_difference([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22]))
    0.1519, 95 % (0.02941, 0.271): stratified Miettinen–Nurminen score interval, Mantel–Haenszel weights
    """
    t = _tables(events1, n1, events0, n0)
    z = normal_quantile(check_level(level))
    shares = t.weights / t.weights.sum()
    observed = float(shares @ (t.x1 / t.m1 - t.x0 / t.m0))
    factor = t.total / (t.total - 1.0)

    def score(delta: float) -> float:
        each = [restricted_variance(*cells, delta) for cells in zip(t.x1, t.m1, t.x0, t.m0, strict=True)]
        variance = float(shares**2 @ (np.array(each) * factor))
        gap = observed - delta
        return float(gap / np.sqrt(variance)) if variance > 0.0 else float(np.copysign(np.inf, gap)) if gap else 0.0

    lower = bisect(lambda delta: z - score(delta), -1.0, observed)
    upper = bisect(lambda delta: -z - score(delta), observed, 1.0)
    method = "stratified Miettinen–Nurminen score interval, Mantel–Haenszel weights"
    return Estimate(observed, lower, upper, level, method, note=t.note)


def common_odds_ratio(
    events1: ArrayLike, n1: ArrayLike, events0: ArrayLike, n0: ArrayLike, level: float = 0.95
) -> Estimate:
    """The Mantel–Haenszel common odds ratio with the variance of Robins, Breslow and Greenland.

    Arguments as for ``stratified_risk_difference``; ``standard_error`` is that of the log.
    Raises OutOfRange, EmptyArm; UndefinedRatio when no stratum has discordant cells both ways.
    Source: Mantel & Haenszel (1959); Robins, Breslow & Greenland (1986). Oracle: R ``mantelhaen.test``.

    >>> print(common_odds_ratio([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22]))
    2.043, 95 % (1.147, 3.64): Mantel–Haenszel odds ratio, Robins–Breslow–Greenland variance
    """
    t = _tables(events1, n1, events0, n0)
    z = normal_quantile(check_level(level))
    a, b, c, d = t.x1, t.m1 - t.x1, t.x0, t.m0 - t.x0
    up, down = a * d / t.total, b * c / t.total
    if up.sum() == 0.0 or down.sum() == 0.0:
        raise UndefinedRatio("One side of every table is empty, so the common odds ratio is 0 or infinite.")
    p, q = (a + d) / t.total, (b + c) / t.total
    r, s = float(up.sum()), float(down.sum())
    variance = (p @ up) / (2 * r * r) + (p @ down + q @ up) / (2 * r * s) + (q @ down) / (2 * s * s)
    error, ratio = float(np.sqrt(variance)), r / s
    lower, upper = (float(ratio * np.exp(side * z * error)) for side in (-1.0, 1.0))
    method = "Mantel–Haenszel odds ratio, Robins–Breslow–Greenland variance"
    return Estimate(ratio, lower, upper, level, method, error, t.note)


def common_risk_ratio(
    events1: ArrayLike, n1: ArrayLike, events0: ArrayLike, n0: ArrayLike, level: float = 0.95
) -> Estimate:
    """The Mantel–Haenszel common risk ratio with the variance of Greenland and Robins.

    Arguments as for ``stratified_risk_difference``; ``standard_error`` is that of the log.
    Raises OutOfRange, EmptyArm; UndefinedRatio when an arm has no event in any stratum.
    Source: Greenland & Robins (1985).

    >>> print(common_risk_ratio([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22]))
    1.635, 95 % (1.093, 2.448): Mantel–Haenszel risk ratio, Greenland–Robins variance
    """
    t = _tables(events1, n1, events0, n0)
    z = normal_quantile(check_level(level))
    up, down = float((t.x1 * t.m0 / t.total).sum()), float((t.x0 * t.m1 / t.total).sum())
    if up == 0.0 or down == 0.0:
        raise UndefinedRatio("An arm has no event in any stratum, so the common risk ratio is 0 or infinite.")
    spread = (t.m1 * t.m0 * (t.x1 + t.x0) - t.x1 * t.x0 * t.total) / t.total**2
    error, ratio = float(np.sqrt(spread.sum() / (up * down))), up / down
    lower, upper = (float(ratio * np.exp(side * z * error)) for side in (-1.0, 1.0))
    method = "Mantel–Haenszel risk ratio, Greenland–Robins variance"
    return Estimate(ratio, lower, upper, level, method, error, t.note)


def cochran_mantel_haenszel(
    events1: ArrayLike, n1: ArrayLike, events0: ArrayLike, n0: ArrayLike, *, continuity: bool = False
) -> ChiSquareTest:
    """The test of Cochran, Mantel and Haenszel: no association of arm and event within any stratum.

    Arguments as for ``stratified_risk_difference``. continuity: half an event is taken off the difference
    (all of it where it is less; R takes nothing off there).
    Raises OutOfRange, EmptyArm; UndefinedRatio when no stratum has both events and non-events.
    Source: Mantel & Haenszel (1959). Oracle: R ``mantelhaen.test``, statsmodels ``StratifiedTable``.

    >>> print(cochran_mantel_haenszel([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22]))
    χ²(1) = 5.89, p = 0.01523: Cochran–Mantel–Haenszel test
    """
    t = _tables(events1, n1, events0, n0)
    events = t.x1 + t.x0
    more = t.total > 1.0
    expected = t.m1 * events / t.total
    variance = np.where(
        more, t.m1 * t.m0 * events * (t.total - events) / (t.total**2 * np.where(more, t.total - 1.0, 1.0)), 0.0
    )
    if variance.sum() == 0.0:
        raise UndefinedRatio("No stratum has both events and non-events: there is nothing to test.")
    gap = abs(float((t.x1 - expected).sum()))
    statistic = max(gap - (min(0.5, gap) if continuity else 0.0), 0.0) ** 2 / float(variance.sum())
    method = "Cochran–Mantel–Haenszel test" + (" with continuity correction" if continuity else "")
    return ChiSquareTest(statistic, 1, float(chdtrc(1, statistic)), method, t.note)


@dataclass(frozen=True, eq=False)
class _Tables:
    """Strata in which both arms have participants."""

    x1: FloatArray
    m1: FloatArray
    x0: FloatArray
    m0: FloatArray
    note: str

    @property
    def total(self) -> FloatArray:
        return self.m1 + self.m0

    @property
    def weights(self) -> FloatArray:
        return self.m1 * self.m0 / self.total


def _tables(*counts: ArrayLike) -> _Tables:
    names = ("events1", "n1", "events0", "n0")
    x1, m1, x0, m0 = (finite_vector(name, count) for name, count in zip(names, counts, strict=True))
    check_same_length(events1=x1, n1=m1, events0=x0, n0=m0)
    for name, events, sizes in (("events1", x1, m1), ("events0", x0, m0)):
        for event, size in zip(events, sizes, strict=True):
            check_count(name, event, check_count(name.replace("events", "n"), size))
    both = (m1 > 0) & (m0 > 0)
    if not both.any():
        raise EmptyArm("No stratum has participants in both arms: there is nothing to compare.")
    left_out = int((~both).sum())
    note = f"{left_out} strata with an empty arm left out" if left_out else ""
    return _Tables(x1[both], m1[both], x0[both], m0[both], note)
