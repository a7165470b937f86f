"""The mixed model for repeated measures (MMRM): differences between arms at each visit without imputing missed ones.

y = covariates + visit + factors + arm + covariates × visit + arm × visit + e, where the e of a participant are correlated
over visits. It is fitted by restricted maximum likelihood and is valid when outcomes are missing at random.

Invariants
1. Rows without an outcome are left out, and every other row is used, also of participants who were seen once.
2. Row order, labels of participants, units and origins of outcome and covariates change nothing but the units.
3. What cannot be estimated is an error with its reason, never NaN.

What it does not do: impute, fit random slopes, or choose a covariance by the data.

Source: Mallinckrodt et al. (2008), Drug Information Journal 42, 303–319. Oracles: R mmrm (nlminb), nlme ``gls``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trial.statistics.checks import FloatArray, OutOfRange, check_level
from trial.statistics.estimates import sealed
from trial.statistics.linear import TooFewParticipants
from trial.statistics.matrices import inverse, solve
from trial.statistics.mixed_models.covariance import NAMES, CovarianceModel, covariance_model
from trial.statistics.mixed_models.design import Design, Rows, build_design, orthonormal_columns, read_rows
from trial.statistics.mixed_models.inference import (
    METHODS,
    SANDWICHES,
    FTest,
    Inference,
    Method,
    Sandwich,
    TTest,
    infer,
)
from trial.statistics.mixed_models.patterns import BoolArray, CrossProducts, IntArray, find_patterns
from trial.statistics.mixed_models.reml import Problem, log_likelihood, maximize


@dataclass(frozen=True)
class VisitMean:
    """An arm's LS mean at a visit, in the outcome's unit."""

    visit: str
    arm: str
    n: int
    mean: float
    standard_error: float
    df: float
    lower: float
    upper: float

    def __str__(self) -> str:
        interval = f"{self.lower:.4g}, {self.upper:.4g}"
        return f"{self.visit}, {self.arm} (n = {self.n}): {self.mean:.4g} (SE {self.standard_error:.4g}; {interval})"


@dataclass(frozen=True)
class VisitContrast:
    """The difference of two arms' LS means at a visit, in the outcome's unit, with its t test."""

    visit: str
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
            f"{self.visit}, {self.arm} − {self.reference}: {self.difference:.4g} (SE {self.standard_error:.4g}), "
            f"{100 * self.level:g} % ({self.lower:.4g}, {self.upper:.4g}), p = {self.p_value:.4g}, df {self.df:.4g}"
        )


@dataclass(frozen=True)
class Coefficient:
    """A coefficient of the model, named as ``term=level:visit=label``."""

    name: str
    test: TTest


@dataclass(frozen=True, eq=False)
class MmrmResult:
    """The fitted model: contrasts and LS means by visit, the covariance over visits, and any combination on demand.

    ``sigma`` has one visits × visits matrix for each group of ``covariance_groups`` (one, when all share it).
    """

    contrasts: tuple[VisitContrast, ...]
    ls_means: tuple[VisitMean, ...]
    coefficients: tuple[Coefficient, ...]
    coefficient_covariance: FloatArray
    sigma: FloatArray
    covariance_groups: tuple[str, ...]
    visits: tuple[str, ...]
    arms: tuple[str, ...]
    n_observations: int
    n_participants: int
    log_likelihood: float
    covariance_parameters: int
    iterations: int
    level: float
    method: str
    unit: str
    design: Design
    inference: Inference

    def __post_init__(self) -> None:
        sealed(self)

    @property
    def aic(self) -> float:
        """−2 log-likelihood + 2 × covariance parameters."""
        return -2.0 * self.log_likelihood + 2.0 * self.covariance_parameters

    @property
    def bic(self) -> float:
        """−2 log-likelihood + covariance parameters × log participants."""
        return -2.0 * self.log_likelihood + self.covariance_parameters * float(np.log(self.n_participants))

    def contrast(self, visit: object, arm: str | None = None) -> VisitContrast:
        """The difference at one visit; ``arm`` may be left out when there are two."""
        found = [c for c in self.contrasts if c.visit == str(visit) and arm in (None, c.arm)]
        if len(found) != 1:
            raise OutOfRange(
                f"There are {len(found)} contrasts at visit {visit!r}: name a visit and an arm of the model."
            )
        return found[0]

    def combination(self, weights: Mapping[tuple[str, str], float]) -> TTest:
        """A weighted sum of LS means, weights by (arm, visit): for example a difference averaged over visits."""
        unknown = sorted(str(cell) for cell in weights if cell not in self.design.mean_rows)
        if unknown or not weights:
            raise OutOfRange(
                f"weights must name (arm, visit) of the model; unknown: {', '.join(unknown) or 'none given'}."
            )
        row = np.sum([weight * self.design.mean_rows[cell] for cell, weight in weights.items()], axis=0)
        return self.inference.t_test(row, self.level)

    def test_arms(self, visits: Sequence[object] | None = None) -> FTest:
        """All differences between arms at ``visits`` (all, by default) are 0."""
        chosen = self.visits if visits is None else tuple(str(v) for v in visits)
        rows = [
            self.design.mean_rows[a, v] - self.design.mean_rows[self.arms[0], v] for a in self.arms[1:] for v in chosen
        ]
        return self.inference.f_test(np.array(rows))

    def test_arm_by_visit(self) -> FTest:
        """The differences between arms are the same at every visit."""
        if len(self.visits) < 2:
            raise OutOfRange("With one visit there is no interaction of arm and visit.")
        rows = self.design.mean_rows
        gaps = [
            (rows[a, v] - rows[self.arms[0], v]) - (rows[a, self.visits[0]] - rows[self.arms[0], self.visits[0]])
            for a in self.arms[1:]
            for v in self.visits[1:]
        ]
        return self.inference.f_test(np.array(gaps))

    def __str__(self) -> str:
        unit = f" in {self.unit}" if self.unit else ""
        head = f"{self.method}; {self.n_participants} participants, {self.n_observations} outcomes{unit}"
        fit = f"log-likelihood {self.log_likelihood:.6g}, AIC {self.aic:.6g}"
        return "\n".join([f"{head}; {fit}", *map(str, self.contrasts), *map(str, self.ls_means)])


def mmrm(
    outcome: ArrayLike,
    *,
    participant: ArrayLike,
    visit: ArrayLike,
    arm: ArrayLike,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    by_visit: Sequence[str] | None = None,
    covariance: str = "us",
    covariance_by_arm: bool = False,
    method: Method = "kenward-roger",
    robust: Sandwich | None = None,
    weights: ArrayLike | None = None,
    visits: Sequence[object] | None = None,
    level: float = 0.95,
    unit: str = "",
) -> MmrmResult:
    """Fit the model to rows, one for each participant and visit.

    outcome: (N,) in any unit; NaN where a visit was missed (or no row at all). participant, visit, arm: (N,) labels.
    reference: the arm the others are compared with.
    covariates: name → (N,) finite numbers such as the baseline score; crossed with visits unless ``by_visit`` says less.
    factors: name → (N,) labels such as site; main effects unless named in ``by_visit``.
    by_visit: names of covariates and factors to cross with visits; None: every covariate, no factor.
    covariance: us, ar1, ar1h, cs, csh, toep, toeph, ad or adh (h: a variance for each visit).
    covariance_by_arm: an own covariance for each arm.
    method: kenward-roger (linear, as SAS for an unstructured covariance), kenward-roger-full, or satterthwaite.
    robust: with satterthwaite, a sandwich covariance: empirical, jackknife (CR3) or bias-reduced (CR2).
    weights: (N,) in (0, ∞), or None. An outcome of weight w has its variance divided by w.
    visits: the order of the visits; by default numbers by size, and labels by their words and numbers (V2 before V10).
    level: in (0, 1). unit: of the outcome, kept with the result and printed.
    Returns MmrmResult. LS means hold covariates at their mean over the analysed rows and weigh levels equally.
    Raises OutOfRange, EmptyArm, TooFewParticipants, SingularDesign, SingularCovariance, NotConverged.
    Source: module docstring. Oracle: R mmrm 0.3.16.

    >>> y = [5.0, 4.0, 6.0, 3.0, 7.0, 5.0, 4.0, 3.5, 5.5, 2.0, 6.5, 2.5]
    >>> who, when = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6], [1, 2] * 6
    >>> fit = mmrm(y, participant=who, visit=when, arm=["A"] * 6 + ["B"] * 6, reference="A")
    >>> print(fit.contrast(2))
    2, B − A: -1.333 (SE 0.7265), 95 % (-3.35, 0.6837), p = 0.1404, df 4
    """
    confidence = check_level(level)
    rows = read_rows(outcome, participant, visit, arm, reference, covariates or {}, factors or {}, weights, visits)
    design = build_design(rows, by_visit)
    model = covariance_model(covariance, len(rows.visits))
    groups = rows.arms if covariance_by_arm else ("all",)
    problem = _problem(rows, design, model, groups)
    optimum = maximize(problem)
    inference = infer(problem, optimum, method, robust)
    unit2 = problem.unit**2
    half = inverse(problem.triangle)
    return MmrmResult(
        contrasts=_contrasts(rows, design, inference, confidence),
        ls_means=_means(rows, design, inference, confidence),
        coefficients=_coefficients(design, inference, confidence),
        coefficient_covariance=unit2 * half @ inference.covariance @ half.T,
        sigma=unit2 * np.stack([model.sigma(part) for part in np.split(optimum.point.theta, len(groups))]),
        covariance_groups=groups,
        visits=rows.visits,
        arms=rows.arms,
        n_observations=len(rows.outcome),
        n_participants=rows.participants,
        log_likelihood=log_likelihood(problem, optimum.point),
        covariance_parameters=len(optimum.point.theta),
        iterations=optimum.iterations,
        level=confidence,
        method=_method(covariance, method, robust, by_arm=covariance_by_arm),
        unit=unit,
        design=design,
        inference=inference,
    )


def _method(covariance: str, method: str, robust: str | None, *, by_arm: bool) -> str:
    each = " by arm" if by_arm else ""
    sandwich = f", {SANDWICHES[robust]}" if robust else ""
    return f"MMRM by REML, {NAMES[covariance]} covariance{each}, {METHODS[method]} degrees of freedom{sandwich}"


def _problem(rows: Rows, design: Design, model: CovarianceModel, groups: tuple[str, ...]) -> Problem:
    """The rows as participants × visits, with orthonormal columns and a residual of unit spread."""
    root = np.sqrt(rows.weights)
    q, triangle = orthonormal_columns(design.matrix * root[:, None], design.columns)
    origin = float(rows.outcome.mean())
    y = (rows.outcome - origin) * root
    along = q.T @ y
    residual = y - q @ along
    residual -= q @ (q.T @ residual)
    free = len(y) - q.shape[1]
    unit = float(np.sqrt(residual @ residual / free))
    if unit <= 1e-12 * max(float(np.abs(rows.outcome).max()), 1e-300):
        raise TooFewParticipants("The outcome has no variation left after adjustment: no interval can be given.")
    base = solve(triangle, along)
    base[0] += origin  # the first column is the intercept
    n, t = rows.participants, model.visits
    z = np.zeros((n, t, q.shape[1] + 1))
    z[rows.participant, rows.visit] = np.column_stack([q, residual / unit])
    seen = np.zeros((n, t), dtype=bool)
    seen[rows.participant, rows.visit] = True
    group = np.zeros(n, dtype=np.int64)
    if len(groups) > 1:
        group[rows.participant] = [groups.index(str(a)) for a in rows.arm]
    _check_identified(rows, seen, model, group)
    patterns = find_patterns(seen, group)
    return Problem(
        products=CrossProducts(z, patterns),
        patterns=patterns,
        model=model,
        groups=len(groups),
        n_observations=len(y),
        triangle=triangle,
        base=base,
        unit=unit,
        log_weights=float(np.log(rows.weights).sum()),
        sample=_sample_covariance(z[..., -1], seen),
    )


def _check_identified(rows: Rows, seen: BoolArray, model: CovarianceModel, group: IntArray) -> None:
    """An unstructured covariance needs somebody seen at each pair of visits."""
    if model.structure != "us":
        return
    for found in np.unique(group):
        here = seen[group == found].astype(np.int64)
        together = here.T @ here
        if (together < 2).any():
            a, b = (rows.visits[place] for place in np.argwhere(together < 2)[0])
            raise TooFewParticipants(
                f"Fewer than two participants have outcomes at both {a} and {b}, so an unstructured covariance cannot be "
                "estimated: use another structure or leave out a visit."
            )


def _sample_covariance(residual: FloatArray, seen: BoolArray) -> FloatArray:
    """Residual covariance from the pairs seen, to start from."""
    counts = seen.astype(np.float64).T @ seen.astype(np.float64)
    sample: FloatArray = (residual.T @ residual) / np.maximum(counts, 1.0)
    place = np.arange(len(sample))
    sample[place, place] = np.maximum(sample[place, place], 1e-3)
    return sample


def _contrasts(rows: Rows, design: Design, inference: Inference, level: float) -> tuple[VisitContrast, ...]:
    base = rows.arms[0]
    found = []
    for visit in rows.visits:
        for arm in rows.arms[1:]:
            test = inference.t_test(design.mean_rows[arm, visit] - design.mean_rows[base, visit], level)
            numbers = (test.estimate, test.standard_error, test.df, test.lower, test.upper, test.p_value, level)
            found.append(VisitContrast(visit, arm, base, *numbers))
    return tuple(found)


def _means(rows: Rows, design: Design, inference: Inference, level: float) -> tuple[VisitMean, ...]:
    found = []
    for place, visit in enumerate(rows.visits):
        for arm in rows.arms:
            test = inference.t_test(design.mean_rows[arm, visit], level)
            n = int(((rows.visit == place) & (rows.arm == arm)).sum())
            numbers = (test.estimate, test.standard_error, test.df, test.lower, test.upper)
            found.append(VisitMean(visit, arm, n, *numbers))
    return tuple(found)


def _coefficients(design: Design, inference: Inference, level: float) -> tuple[Coefficient, ...]:
    rows = np.eye(len(design.columns))
    return tuple(
        Coefficient(name, inference.t_test(row, level)) for name, row in zip(design.columns, rows, strict=True)
    )
