"""Counts of events over exposure, compared by log-linear models: Poisson, quasi-Poisson and negative binomial.

log E(events) = log exposure + intercept + arm + covariates + factors

Invariants
1. The likelihood is at its maximum: Newton's decrement is at rounding error, or there is an error.
2. A negative-binomial fit whose likelihood is highest without dispersion is the Poisson fit, and ``note`` says so.
3. An arm or level without events is an error that names it, never a ratio of 1e-9.

What it does not do: zero inflation, or events that are not independent given the participant's rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtr, stdtr, stdtrit

from trial.statistics.checks import (
    FloatArray,
    OutOfRange,
    check_choice,
    check_level,
    check_same_length,
    finite_vector,
    labels_of,
    measured,
)
from trial.statistics.estimates import Estimate, exponential, normal_quantile
from trial.statistics.linear import SingularDesign, TooFewParticipants
from trial.statistics.matrices import cholesky, inverse, solve
from trial.statistics.proportional_hazards import Separated
from trial.statistics.regression import Columns, arm_columns
from trial.statistics.roots import bisect

Family = Literal["poisson", "quasi-poisson", "negative-binomial"]

_NAMES = {
    "poisson": "Poisson model",
    "quasi-poisson": "quasi-Poisson model",
    "negative-binomial": "negative-binomial model",
}
_DISPERSIONS = (-16.0, 10.0)
_MOST_ITERATIONS = 100
_SINGULAR = 1e13


@dataclass(frozen=True)
class ArmRate:
    """An arm's adjusted rate per unit of exposure: covariates at their mean, levels of equal weight."""

    arm: str
    n: int
    events: int
    exposure: float
    rate: Estimate


@dataclass(frozen=True)
class CountModelResult:
    """Rate ratios (each other arm over the reference, then covariates and levels), by name, and the arms' rates.

    ``dispersion`` is k in the variance μ + k μ² (negative binomial), or the factor of the variance (quasi-Poisson; 1 for
    Poisson). ``unit`` is that of the exposure.
    """

    names: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    coefficients: tuple[float, ...]
    p_values: tuple[float, ...]
    rates: tuple[ArmRate, ...]
    dispersion: float
    log_likelihood: float
    n: int
    method: str
    note: str = ""
    unit: str = ""

    @property
    def rate_ratio(self) -> Estimate:
        """Of the first arm after the reference."""
        return self.estimates[0]

    def __str__(self) -> str:
        rows = [
            f"{name}: {e.estimate:.4g}, {100 * e.level:g} % ({e.lower:.4g}, {e.upper:.4g}), p = {p:.4g}"
            for name, e, p in zip(self.names, self.estimates, self.p_values, strict=True)
        ]
        time, per = (f" {self.unit}", f" per {self.unit}") if self.unit else ("", "")
        arms = [
            f"{a.arm} (n = {a.n}): {a.events} events in {a.exposure:g}{time}, rate {a.rate.estimate:.4g}{per}"
            for a in self.rates
        ]
        told = f"{self.method}, n = {self.n}, dispersion {self.dispersion:.4g}" + (
            f"; {self.note}" if self.note else ""
        )
        return "\n".join([told, *rows, *arms])


@dataclass(frozen=True, eq=False)
class _Counts:
    """Events y, log exposure, and X with its intercept, scaled to unit spread."""

    y: FloatArray
    offset: FloatArray
    x: FloatArray
    more_than: FloatArray  # how many participants have more than j events, j = 0, 1, …


@dataclass(frozen=True, eq=False)
class _Fit:
    beta: FloatArray
    information: FloatArray
    mean: FloatArray


def count_model(
    events: ArrayLike,
    exposure: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    family: Family = "negative-binomial",
    level: float = 0.95,
    unit: str = "",
) -> CountModelResult:
    """Compare event rates between arms.

    events: (N,) whole numbers from 0. exposure: (N,) in (0, ∞): infusions or person-time. arm: (N,) labels.
    covariates: name → (N,) finite numbers. factors: name → (N,) labels. level: in (0, 1).
    unit: of exposure, such as "participant-year", kept with the result and printed.
    Standard errors are by the expected information (as R ``glm``, ``glm.nb``); quasi-Poisson uses t with N − p degrees of
    freedom, the others the normal.
    Raises OutOfRange, EmptyArm, TooFewParticipants, SingularDesign; Separated for an arm or level without events.
    Source: McCullagh & Nelder (1989); Lawless (1987) for the negative binomial. Oracles: statsmodels ``GLM``,
    ``NegativeBinomial``.

    >>> fit = count_model([0, 2, 1, 5, 3, 8], [1, 1, 1, 1, 1, 1], list("AAABBB"), reference="A", family="poisson")
    >>> print(fit.rate_ratio)
    5.333, 95 % (1.554, 18.3): rate ratio, Poisson model
    """
    confidence = check_level(level)
    check_choice("family", family, _NAMES)
    y, time = _checked(events, exposure)
    columns = arm_columns(len(y), arm, reference, covariates or {}, factors or {})
    arms = labels_of("arm", arm)
    x, turn = _standard(columns)
    counts = _Counts(y, np.log(time), x, np.array([(y > j).sum() for j in range(int(y.max()))], dtype=np.float64))
    _check_events(counts, columns, arms)
    k = _dispersion(counts) if family == "negative-binomial" else 0.0
    fit = _fit(counts, k, None)
    if np.linalg.cond(fit.information) > _SINGULAR:
        raise _no_maximum()
    scale = _pearson(counts, fit) if family == "quasi-poisson" else 1.0
    beta, covariance = turn @ fit.beta, scale * turn @ inverse(fit.information) @ turn.T
    df = float(len(y) - x.shape[1]) if family == "quasi-poisson" else np.inf
    name = _NAMES[family]
    estimates = tuple(
        _exponential(beta, covariance, row, confidence, df, f"rate ratio, {name}") for row in np.eye(len(beta))[1:]
    )
    errors = np.sqrt(np.diag(covariance))[1:]
    note = "no dispersion beyond Poisson's" if family == "negative-binomial" and k == 0.0 else ""
    return CountModelResult(
        names=columns.names,
        estimates=estimates,
        coefficients=tuple(float(b) for b in beta[1:]),
        p_values=tuple(_p_value(float(t), df) for t in beta[1:] / errors),
        rates=_rates(columns, beta, covariance, counts, arms, confidence, df, name),
        dispersion=k if family == "negative-binomial" else scale,
        log_likelihood=_log_likelihood(counts, fit.mean, k),
        n=len(y),
        method=name,
        note=note,
        unit=unit,
    )


def _checked(events: ArrayLike, exposure: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, time = finite_vector("events", events), measured("exposure", exposure)
    check_same_length(events=y, exposure=time)
    if np.any(y < 0.0) or np.any(y != np.floor(y)):
        raise OutOfRange("events must be whole numbers from 0.")
    if np.any(time <= 0.0):
        raise OutOfRange("exposure must be in (0, ∞): leave out who was never at risk.")
    return y, time


def _standard(columns: Columns) -> tuple[FloatArray, FloatArray]:
    """X with an intercept and columns of mean 0 and spread 1, and the matrix that turns coefficients back."""
    mean, scale = columns.matrix.mean(axis=0), columns.matrix.std(axis=0)
    if np.any(scale == 0.0):
        raise SingularDesign(f"{columns.names[int(np.argmin(scale))]} is the same for everybody: leave it out.")
    n, p = columns.matrix.shape
    if n <= p + 1:
        raise TooFewParticipants(f"{n} participants cannot support {p + 1} parameters: use fewer factors.")
    x = np.column_stack([np.ones(n), (columns.matrix - mean) / scale])
    left = np.abs(np.diag(np.linalg.qr(x / np.sqrt(n), mode="r")))
    if left.min() < 1e-9:
        name = ("intercept", *columns.names)[int(np.argmax(left < 1e-9))]
        raise SingularDesign(f"{name} is determined by the other terms of the model: leave it out.")
    turn = np.eye(p + 1)
    turn[1:, 1:] = np.diag(1.0 / scale)
    turn[0, 1:] = -mean / scale
    return x, turn


def _check_events(counts: _Counts, columns: Columns, arms: NDArray[np.str_]) -> None:
    without = [str(a) for a in columns.arms if counts.y[arms == a].sum() == 0.0]
    without += [
        name
        for name, column in zip(columns.names, columns.matrix.T, strict=True)
        if set(np.unique(column)) <= {0.0, 1.0} and counts.y[column == 1.0].sum() == 0.0 and not name.startswith("arm=")
    ]
    if without:
        raise Separated(f"{without[0]} has no events, so its rate ratio is 0 or infinite: report the exact interval.")


def _fit(counts: _Counts, k: float, start: FloatArray | None) -> _Fit:
    """Newton's method with halved steps. The likelihood is concave in β for every k, so the observed information, which
    is what quadratic convergence needs, is positive definite; the expected one is what standard errors come from."""
    beta = start
    if beta is None:
        beta = np.zeros(counts.x.shape[1])
        beta[0] = np.log(counts.y.sum() / np.exp(counts.offset).sum())
    value = _log_likelihood(counts, _mean(counts, beta), k)
    for _ in range(_MOST_ITERATIONS):
        mean = _mean(counts, beta)
        weight = 1.0 / (1.0 + k * mean)
        observed = (counts.x * (mean * (1.0 + k * counts.y) * weight**2)[:, None]).T @ counts.x
        gradient = counts.x.T @ ((counts.y - mean) * weight)
        if cholesky(observed) is None:
            raise _no_maximum()
        step = solve(observed, gradient)
        if float(gradient @ step) < 1e-20 * max(1.0, abs(value)):
            return _Fit(beta, (counts.x * (mean * weight)[:, None]).T @ counts.x, mean)
        for _ in range(40):
            moved = _log_likelihood(counts, _mean(counts, beta + step), k)
            if moved >= value - 1e-10 * max(1.0, abs(value)):
                break
            step = step / 2.0
        beta, value = beta + step, moved
    raise _no_maximum()


def _no_maximum() -> Separated:
    return Separated("The likelihood did not reach a maximum: an arm or level may have hardly any events.")


def _mean(counts: _Counts, beta: FloatArray) -> FloatArray:
    mean: FloatArray = np.exp(np.minimum(counts.x @ beta + counts.offset, 300.0))
    return mean


def _log_likelihood(counts: _Counts, mean: FloatArray, k: float) -> float:
    """Of Poisson (k = 0) or negative-binomial counts; sums over j < y stand for ratios of Γ."""
    y = counts.y
    steady = float((y * np.log(mean) - gammaln(y + 1.0)).sum())
    if k == 0.0:
        return steady - float(mean.sum())
    more = float(counts.more_than @ np.log1p(k * np.arange(len(counts.more_than))))
    return steady + more - float(((y + 1.0 / k) * np.log1p(k * mean)).sum())


def _dispersion(counts: _Counts) -> float:
    """k at the highest profile likelihood; 0 when the likelihood falls from there."""
    poisson = _fit(counts, 0.0, None)
    if float(((counts.y - poisson.mean) ** 2 - counts.y).sum()) <= 0.0:
        return 0.0
    place = [poisson.beta]

    def rising(log_k: float) -> float:
        k = float(np.exp(log_k))
        fit = _fit(counts, k, place[0])
        place[0] = fit.beta
        size = 1.0 / k
        by_size = float((counts.more_than / (size + np.arange(len(counts.more_than)))).sum())
        by_size += float(((fit.mean - counts.y) / (size + fit.mean) - np.log1p(k * fit.mean)).sum())
        return float(by_size)  # ∂ log-likelihood / ∂(1/k), which is −k² times that by k

    return float(np.exp(bisect(rising, *_DISPERSIONS)))


def _pearson(counts: _Counts, fit: _Fit) -> float:
    free = len(counts.y) - int(counts.x.shape[1])
    return float(((counts.y - fit.mean) ** 2 / fit.mean).sum()) / free


def _critical(level: float, df: float) -> float:
    return normal_quantile(level) if np.isinf(df) else float(stdtrit(df, (1.0 + level) / 2.0))


def _p_value(t: float, df: float) -> float:
    return 2.0 * float(ndtr(-abs(t)) if np.isinf(df) else stdtr(df, -abs(t)))


def _exponential(
    beta: FloatArray, covariance: FloatArray, row: FloatArray, level: float, df: float, method: str
) -> Estimate:
    value, error = float(row @ beta), float(np.sqrt(row @ covariance @ row))
    half = _critical(level, df) * error
    limits = (exponential(value - half), exponential(value + half))
    return Estimate(exponential(value), *limits, level, method, error)


def _rates(
    columns: Columns,
    beta: FloatArray,
    covariance: FloatArray,
    counts: _Counts,
    arms: NDArray[np.str_],
    level: float,
    df: float,
    name: str,
) -> tuple[ArmRate, ...]:
    found = []
    for arm in columns.arms:
        row, here = np.append(1.0, columns.mean_row(arm)), arms == arm
        rate = _exponential(beta, covariance, row, level, df, f"adjusted rate, {name}")
        found.append(
            ArmRate(arm, int(here.sum()), int(counts.y[here].sum()), float(np.exp(counts.offset[here]).sum()), rate)
        )
    return tuple(found)
