"""Proportional-hazards regression (Cox) with Efron's, Breslow's or exact handling of ties, and strata.

Invariants
1. The partial likelihood is at its maximum: Newton's decrement is at rounding error, or there is an error.
2. A likelihood that rises without end (an arm without events, separation) is an error that says so, never a huge number.

What it does not do: time-varying covariates, left truncation, or a check of proportional hazards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray, OutOfRange, check_level, check_same_length, labels_of
from trial.statistics.estimates import Estimate, exponential, normal_quantile
from trial.statistics.linear import SingularDesign
from trial.statistics.matrices import cholesky, inverse, solve
from trial.statistics.rank_tests import NoEvents
from trial.statistics.regression import Columns, arm_columns
from trial.statistics.strata import ChiSquareTest
from trial.statistics.survival import check_times

Ties = Literal["efron", "breslow", "exact"]

_STEEPEST = 25.0
_MOST_ITERATIONS = 60


class Separated(InvalidInput):
    code = "statistics.separated"


@dataclass(frozen=True)
class CoxResult:
    """Hazard ratios (each other arm over the reference, then covariates and factor levels), by name, with three tests.

    ``estimates`` hold exp(coefficient) with limits; ``standard_error`` is that of the log.
    """

    names: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    coefficients: tuple[float, ...]
    p_values: tuple[float, ...]
    log_likelihood_null: float
    log_likelihood: float
    likelihood_ratio: ChiSquareTest
    score: ChiSquareTest
    wald: ChiSquareTest
    n: int
    events: int
    method: str

    @property
    def hazard_ratio(self) -> Estimate:
        """Of the first arm after the reference."""
        return self.estimates[0]

    def __str__(self) -> str:
        rows = [
            f"{name}: {e.estimate:.4g}, {100 * e.level:g} % ({e.lower:.4g}, {e.upper:.4g}), p = {p:.4g}"
            for name, e, p in zip(self.names, self.estimates, self.p_values, strict=True)
        ]
        return "\n".join([f"{self.method}, n = {self.n}, {self.events} events", *rows, str(self.likelihood_ratio)])


@dataclass(frozen=True, eq=False)
class _Slope:
    value: float
    gradient: FloatArray
    information: FloatArray


@dataclass(frozen=True, eq=False)
class _Stratum:
    """Participants by falling time; ``ends`` (m,) is how many are at risk at each event time, with its events' rows."""

    x: FloatArray
    ends: NDArray[np.int64]
    events: tuple[NDArray[np.int64], ...]


def cox(
    time: ArrayLike,
    event: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    strata: ArrayLike | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
) -> CoxResult:
    """Fit hazard ratios between arms, adjusted for covariates and factors, within strata.

    time: (N,) in [0, ∞). event: (N,) 1 for the event, 0 for censored. arm: (N,) labels; reference: one of them.
    covariates: name → (N,) finite numbers. factors, strata: labels. ties: efron, breslow or exact (discrete).
    level: in (0, 1).
    Raises OutOfRange, EmptyArm, NoEvents, SingularDesign; Separated when an estimate would be infinite.
    Source: Cox (1972); Efron (1977); Breslow (1974). Oracle: R survival ``coxph``.

    >>> print(cox([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0], list("ABABAB"), reference="B").hazard_ratio)
    1.315, 95 % (0.1814, 9.534): hazard ratio, Cox, efron ties
    """
    t, d = check_times(time, event)
    confidence = check_level(level)
    columns = arm_columns(len(t), arm, reference, covariates or {}, factors or {})
    layers = labels_of("strata", strata) if strata is not None else np.full(len(t), "all")
    check_same_length(time=t, strata=layers)
    if ties not in ("efron", "breslow", "exact"):
        raise OutOfRange(f"ties must be efron, breslow or exact; {ties!r} was given.")
    if not d.any():
        raise NoEvents("Nobody had the event: a hazard ratio does not exist.")
    scale = columns.matrix.std(axis=0)
    if np.any(scale == 0.0):
        name = columns.names[int(np.argmin(scale))]
        raise SingularDesign(f"{name} is the same for everybody: leave it out.")
    x = (columns.matrix - columns.matrix.mean(axis=0)) / scale
    parts = [_stratum(t[here], d[here], x[here]) for here in (layers == s for s in np.unique(layers))]
    null, fitted, beta = _maximize(parts, ties, columns)
    return _result(columns, beta, scale, null, fitted, d, ties, confidence, stratified=strata is not None)


def _result(
    columns: Columns,
    beta: FloatArray,
    scale: FloatArray,
    null: _Slope,
    fitted: _Slope,
    d: FloatArray,
    ties: str,
    level: float,
    *,
    stratified: bool,
) -> CoxResult:
    z, p = normal_quantile(level), len(beta)
    errors = np.sqrt(np.diag(inverse(fitted.information))) / scale
    coefficients = beta / scale
    method = f"Cox, {ties} ties" + (", stratified" if stratified else "")
    estimates = tuple(
        Estimate(
            exponential(b),
            exponential(b - z * error),
            exponential(b + z * error),
            level,
            f"hazard ratio, {method}",
            float(error),
        )
        for b, error in zip(coefficients, errors, strict=True)
    )
    ratio = max(2.0 * (fitted.value - null.value), 0.0)
    score = float(null.gradient @ solve(null.information, null.gradient))
    wald = float(beta @ fitted.information @ beta)

    def test(value: float, name: str) -> ChiSquareTest:
        return ChiSquareTest(value, p, float(chdtrc(p, value)), name)

    p_values = tuple(float(chdtrc(1, float(value) ** 2)) for value in coefficients / errors)
    return CoxResult(
        names=columns.names,
        estimates=estimates,
        coefficients=tuple(float(b) for b in coefficients),
        p_values=p_values,
        log_likelihood_null=null.value,
        log_likelihood=fitted.value,
        likelihood_ratio=test(ratio, "likelihood-ratio test"),
        score=test(score, "score test"),
        wald=test(wald, "Wald test"),
        n=len(d),
        events=int(d.sum()),
        method=method,
    )


def _stratum(t: FloatArray, d: FloatArray, x: FloatArray) -> _Stratum:
    order = np.argsort(-t, kind="stable")
    t, d, x = t[order], d[order], x[order]
    times = np.unique(t[d == 1.0])[::-1]
    ends = np.searchsorted(-t, -times, side="right").astype(np.int64)
    return _Stratum(x, ends, tuple(np.flatnonzero((t == at) & (d == 1.0)) for at in times))


def _maximize(parts: list[_Stratum], ties: str, columns: Columns) -> tuple[_Slope, _Slope, FloatArray]:
    """Newton's method from no effect, with halved steps."""
    beta = np.zeros(len(columns.names))
    null = here = _likelihood(parts, beta, ties)
    if cholesky(null.information + 0.0) is None or _condition(null.information) < 1e-10:
        raise _no_information(null.information, columns)
    for _ in range(_MOST_ITERATIONS):
        if _condition(here.information) < 1e-12 or np.abs(beta).max() > _STEEPEST:
            raise Separated(
                f"The likelihood rises without end in {columns.names[int(np.argmax(np.abs(beta)))]}: an arm or level has no "
                "events, or a covariate separates them. Report the log-rank test instead."
            )
        step = solve(here.information, here.gradient)
        if float(here.gradient @ step) < 1e-18 * max(1.0, abs(here.value)):
            return null, here, beta
        here, beta = _climb(parts, beta, step, here, ties)
    raise Separated("The partial likelihood did not reach a maximum: leave out a covariate.")


def _climb(
    parts: list[_Stratum], beta: FloatArray, step: FloatArray, here: _Slope, ties: str
) -> tuple[_Slope, FloatArray]:
    for _ in range(40):
        moved = _likelihood(parts, beta + step, ties)
        if moved.value >= here.value - 1e-10 * max(1.0, abs(here.value)):
            return moved, beta + step
        step = step / 2.0
    return here, beta


def _condition(information: FloatArray) -> float:
    values = np.linalg.eigvalsh(information)
    return float(values[0] / max(float(values[-1]), 1e-300))


def _no_information(information: FloatArray, columns: Columns) -> SingularDesign:
    name = columns.names[int(np.argmin(np.diag(information)))]
    return SingularDesign(f"The events tell nothing of {name}, or it is determined by the other terms: leave it out.")


def _likelihood(parts: list[_Stratum], beta: FloatArray, ties: str) -> _Slope:
    compute = _exact if ties == "exact" else _summed
    found = [compute(part, beta, efron=ties == "efron") for part in parts if len(part.ends)]
    return _Slope(
        sum(slope.value for slope in found),
        np.sum([slope.gradient for slope in found], axis=0),
        np.sum([slope.information for slope in found], axis=0),
    )


def _summed(part: _Stratum, beta: FloatArray, *, efron: bool) -> _Slope:
    """Breslow's and Efron's partial likelihood by sums over risk sets."""
    linear = part.x @ beta
    top = float(linear.max())
    w = np.exp(linear - top)
    wx = w[:, None] * part.x
    wxx = wx[:, :, None] * part.x[:, None, :]
    risk = [np.cumsum(values, axis=0)[part.ends - 1] for values in (w, wx, wxx)]
    dead = [np.array([values[rows].sum(axis=0) for rows in part.events]) for values in (w, wx, wxx)]
    sizes = np.array([len(rows) for rows in part.events])
    place = np.repeat(np.arange(len(sizes)), sizes)
    rank = np.concatenate([np.arange(size) / size for size in sizes]) if efron else np.zeros(int(sizes.sum()))
    s0 = risk[0][place] - rank * dead[0][place]
    s1 = (risk[1][place] - rank[:, None] * dead[1][place]) / s0[:, None]
    s2 = (risk[2][place] - rank[:, None, None] * dead[2][place]) / s0[:, None, None]
    everyone = np.concatenate(part.events)
    value = float(linear[everyone].sum() - (np.log(s0) + top).sum())
    gradient = part.x[everyone].sum(axis=0) - s1.sum(axis=0)
    return _Slope(value, gradient, s2.sum(axis=0) - s1.T @ s1)


def _exact(part: _Stratum, beta: FloatArray, *, efron: bool) -> _Slope:  # noqa: ARG001 - one signature for both
    """The discrete partial likelihood: elementary symmetric polynomials of the risk sets, grown participant by participant."""
    linear = part.x @ beta
    top = float(linear.max())
    weights = np.exp(linear - top)
    most, p = max(len(rows) for rows in part.events), part.x.shape[1]
    e, g, h = np.zeros(most + 1), np.zeros((most + 1, p)), np.zeros((most + 1, p, p))
    e[0] = 1.0
    value, gradient, information = 0.0, np.zeros(p), np.zeros((p, p))
    entered = 0
    for end, rows in zip(part.ends, part.events, strict=True):
        for who in range(entered, int(end)):
            x, w = part.x[who], weights[who]
            outer = x[:, None] * g[:-1, None, :]
            h[1:] += w * (h[:-1] + outer + np.swapaxes(outer, 1, 2) + np.outer(x, x) * e[:-1, None, None])
            g[1:] += w * (g[:-1] + x * e[:-1, None])
            e[1:] += w * e[:-1]
        entered, size = int(end), len(rows)
        mean = g[size] / e[size]
        value += float(linear[rows].sum() - np.log(e[size]) - size * top)
        gradient += part.x[rows].sum(axis=0) - mean
        information += h[size] / e[size] - np.outer(mean, mean)
    return _Slope(value, gradient, information)
