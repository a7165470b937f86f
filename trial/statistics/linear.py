"""Analysis of covariance: the difference between arms adjusted for baseline and factors.

Invariants
1. Every estimate is a linear combination of one least-squares fit; arms are compared with a named reference. The fit is
   made around the means of outcome and covariates, so that their origins do not touch its accuracy.
2. LS means hold covariates at their overall mean and give each level of a factor equal weight.
3. What cannot be estimated is an error that names the reason, never NaN.

What it does not do: impute; participants with a missing value must be left out or imputed before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from trial.errors import InvalidInput
from trial.statistics.checks import (
    EmptyArm,
    FloatArray,
    OutOfRange,
    check_choice,
    check_level,
    check_named,
    check_no_twin,
    check_same_length,
    labels_of,
    measured,
)

Robust = Literal["HC0", "HC1", "HC2", "HC3"]


class TooFewParticipants(InvalidInput):
    code = "statistics.too_few_participants"


class SingularDesign(InvalidInput):
    code = "statistics.singular_design"


@dataclass(frozen=True)
class Contrast:
    """A difference between two arms in the outcome's unit, with its t test."""

    arm: str
    reference: str
    difference: float
    standard_error: float
    df: float
    lower: float
    upper: float
    p_value: float
    level: float

    def __str__(self) -> str:
        return (
            f"{self.arm} − {self.reference}: {self.difference:.4g} (SE {self.standard_error:.4g}), "
            f"{100 * self.level:g} % ({self.lower:.4g}, {self.upper:.4g}), "
            f"p = {self.p_value:.4g}, df {self.df:.4g}"
        )


@dataclass(frozen=True)
class LsMean:
    """An arm's adjusted mean in the outcome's unit."""

    arm: str
    n: int
    mean: float
    standard_error: float
    df: float
    lower: float
    upper: float

    def __str__(self) -> str:
        interval = f"{self.lower:.4g}, {self.upper:.4g}"
        return f"{self.arm} (n = {self.n}): {self.mean:.4g} (SE {self.standard_error:.4g}; {interval})"


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of the model with its t test, in the outcome's unit per unit of its column; ``name`` as in ``site=S2``."""

    name: str
    estimate: float
    standard_error: float
    df: float
    lower: float
    upper: float
    p_value: float

    def __str__(self) -> str:
        interval = f"{self.lower:.4g}, {self.upper:.4g}"
        return f"{self.name}: {self.estimate:.4g} (SE {self.standard_error:.4g}; {interval}), p = {self.p_value:.4g}"


@dataclass(frozen=True)
class AncovaResult:
    """Contrasts with the reference (one for each other arm, in order of name), every arm's LS mean, and the coefficients.

    Coefficients: intercept (all covariates 0, first levels, reference arm), covariates, levels of factors, arms.
    """

    contrasts: tuple[Contrast, ...]
    ls_means: tuple[LsMean, ...]
    n: int
    residual_sd: float
    method: str
    unit: str = ""
    coefficients: tuple[Coefficient, ...] = ()

    @property
    def contrast(self) -> Contrast:
        """The only contrast of a two-arm trial."""
        if len(self.contrasts) != 1:
            raise OutOfRange("There are more than two arms: choose one of .contrasts by its arm.")
        return self.contrasts[0]

    def __str__(self) -> str:
        unit = f", in {self.unit}" if self.unit else ""
        return "\n".join([f"{self.method}, n = {self.n}{unit}", *map(str, self.contrasts), *map(str, self.ls_means)])


@dataclass(frozen=True)
class _Design:
    """Columns of the model around their ``centres`` and, for each arm, the row that gives its LS mean."""

    matrix: FloatArray
    centres: FloatArray
    columns: tuple[str, ...]
    mean_rows: FloatArray
    arms: tuple[str, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class _Fit:
    """Coefficients of the centred columns; the intercept's is beyond ``origin``, the outcome's mean."""

    coefficients: FloatArray
    covariance: FloatArray
    df: float
    residual_sd: float
    origin: float

    def combination(self, row: FloatArray) -> tuple[float, float]:
        variance = max(float(row @ self.covariance @ row), 0.0)
        return self.origin * float(row[0]) + float(row @ self.coefficients), float(np.sqrt(variance))


def ancova(
    outcome: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    level: float = 0.95,
    robust: Robust | None = None,
    unit: str = "",
) -> AncovaResult:
    """Least squares of ``outcome`` on arm, covariates and factors (main effects).

    outcome: (N,) finite; score or change, any unit. arm: (N,) labels, at least two kinds; reference: one of
    them.
    covariates: name → (N,) finite numbers, such as the baseline score. factors: name → (N,) labels, such as
    site.
    level: in (0, 1). robust: a heteroscedasticity-consistent covariance, or None for the usual one. unit: of the
    outcome, kept with the result and printed.
    Returns AncovaResult; t distribution with N − p degrees of freedom.
    Raises OutOfRange, EmptyArm, TooFewParticipants (no degrees of freedom, or a participant fitted exactly
    under
    HC2 or HC3), SingularDesign.
    Source: HC0–HC3: MacKinnon & White (1985). Oracle: statsmodels OLS.

    >>> result = ancova([1.0, 2.0, 3.0, 5.0], ["A", "A", "B", "B"], reference="A")
    >>> print(result.contrast)
    B − A: 2.5 (SE 1.118), 95 % (-2.311, 7.311), p = 0.1548, df 2
    """
    y = measured("outcome", outcome)
    arm_names = labels_of("arm", arm)
    confidence = check_level(level)
    design = _build_design(y, arm_names, reference, covariates or {}, factors or {})
    if robust is not None:
        check_choice("robust", robust, ("HC0", "HC1", "HC2", "HC3"))
    fit = _least_squares(y, design, robust)
    critical = float(stdtrit(fit.df, (1.0 + confidence) / 2.0))
    base: FloatArray = design.mean_rows[design.arms.index(reference)]
    contrasts = tuple(
        _contrast(fit, name, reference, row - base, critical, confidence)
        for name, row in zip(design.arms, design.mean_rows, strict=True)
        if name != reference
    )
    means = tuple(
        _ls_mean(fit, name, size, row, critical)
        for name, size, row in zip(design.arms, design.sizes, design.mean_rows, strict=True)
    )
    method = "ANCOVA" + (f", {robust} standard errors" if robust else "")
    return AncovaResult(contrasts, means, len(y), fit.residual_sd, method, unit, _coefficients(fit, design, critical))


def _contrast(fit: _Fit, arm: str, reference: str, row: FloatArray, critical: float, level: float) -> Contrast:
    difference, error = fit.combination(row)
    if error == 0.0:
        raise TooFewParticipants("The outcome has no variation left after adjustment: no interval can be given.")
    p_value = float(2.0 * stdtr(fit.df, -abs(difference) / error))
    low, high = difference - critical * error, difference + critical * error
    return Contrast(arm, reference, difference, error, fit.df, low, high, p_value, level)


def _coefficients(fit: _Fit, design: _Design, critical: float) -> tuple[Coefficient, ...]:
    """Of the columns as they were given: the intercept stands where every covariate is 0."""
    rows = np.eye(len(design.columns))
    rows[0] -= design.centres
    found = []
    for name, row in zip(design.columns, rows, strict=True):
        value, error = fit.combination(row)
        t = abs(value) / error if error > 0.0 else np.inf if value else 0.0
        limits = (value - critical * error, value + critical * error)
        found.append(Coefficient(name, value, error, fit.df, *limits, float(2.0 * stdtr(fit.df, -t))))
    return tuple(found)


def _ls_mean(fit: _Fit, arm: str, size: int, row: FloatArray, critical: float) -> LsMean:
    mean, error = fit.combination(row)
    return LsMean(arm, size, mean, error, fit.df, mean - critical * error, mean + critical * error)


def _build_design(
    y: FloatArray,
    arm_names: NDArray[np.str_],
    reference: str,
    covariates: Mapping[str, ArrayLike],
    factors: Mapping[str, ArrayLike],
) -> _Design:
    numbers = {name: measured(name, values) for name, values in check_named("covariates", covariates).items()}
    labels = {name: labels_of(name, values) for name, values in check_named("factors", factors).items()}
    check_no_twin(numbers, labels)
    check_same_length(numbers, labels, outcome=y, arm=arm_names)
    arms = _levels(arm_names)
    if len(arms) < 2 or reference not in arms:
        raise EmptyArm(f"At least two arms with participants are needed, one of them {reference!r}; found: {arms}.")
    columns: list[tuple[str, FloatArray, float]] = [("intercept", np.ones(len(y)), 1.0)]
    columns += [(name, values, float(values.mean())) for name, values in numbers.items()]
    for name, values in labels.items():
        levels = _levels(values)
        columns += [(f"{name}={at}", (values == at).astype(float), 1.0 / len(levels)) for at in levels[1:]]
    others = [name for name in arms if name != reference]
    matrix = np.column_stack([*(column for _, column, _ in columns), *((arm_names == a).astype(float) for a in others)])
    centres = np.zeros(matrix.shape[1])
    centres[1 : 1 + len(numbers)] = [values.mean() for values in numbers.values()]
    shared = [value for _, _, value in columns]
    rows = np.array([[*shared, *(float(a == name) for a in others)] for name in arms]) - centres
    names = (*(name for name, _, _ in columns), *(f"arm={a}" for a in others))
    return _Design(matrix, centres, names, rows, arms, tuple(int((arm_names == a).sum()) for a in arms))


def _least_squares(y: FloatArray, design: _Design, robust: Robust | None) -> _Fit:
    n, p = int(design.matrix.shape[0]), int(design.matrix.shape[1])
    if n <= p:
        raise TooFewParticipants(f"{n} participants cannot support {p} parameters: use fewer factors.")
    _check_rank(design)
    x, origin = design.matrix - design.centres, float(y.mean())
    q, r = np.linalg.qr(x)
    coefficients = np.linalg.solve(r, q.T @ (y - origin))
    residuals = (y - origin) - x @ coefficients
    r_inverse = np.linalg.inv(r)
    variance = float(residuals @ residuals) / (n - p)
    leverage = (q * q).sum(axis=1)
    if robust is None:
        covariance = variance * (r_inverse @ r_inverse.T)
    else:
        half = r_inverse @ (q * (residuals * _robust_scale(robust, leverage, n, p))[:, None]).T
        covariance = half @ half.T
    return _Fit(coefficients, covariance, float(n - p), float(np.sqrt(variance)), origin)


def _robust_scale(robust: Robust, leverage: FloatArray, n: int, p: int) -> FloatArray:
    if robust in ("HC2", "HC3") and np.any(leverage > 1.0 - 1e-10):
        raise TooFewParticipants(f"A participant alone in a level is fitted exactly; {robust} is undefined: use HC1.")
    scales: dict[Robust, FloatArray] = {
        "HC0": np.ones(n),
        "HC1": np.full(n, np.sqrt(n / (n - p))),
        "HC2": 1.0 / np.sqrt(np.maximum(1.0 - leverage, 1e-300)),
        "HC3": 1.0 / np.maximum(1.0 - leverage, 1e-300),
    }
    if robust not in scales:
        raise OutOfRange(f"robust must be one of {', '.join(scales)} or None; {robust!r} was given.")
    return scales[robust]


def _check_rank(design: _Design) -> None:
    """Name the first column that the columns before it already determine."""
    scaled = design.matrix / np.maximum(np.linalg.norm(design.matrix, axis=0), 1e-300)
    r: FloatArray = np.asarray(np.linalg.qr(scaled, mode="r"))
    for position, name in enumerate(design.columns):
        if abs(r[position, position]) < 1e-10:
            raise SingularDesign(f"{name} is determined by the other terms of the model: leave it out.")


def _levels(labels: NDArray[np.str_]) -> tuple[str, ...]:
    return tuple(str(label) for label in np.unique(labels))
