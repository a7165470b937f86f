"""Restricted maximum likelihood for y = Xβ + e with one covariance matrix over visits.

−2 log L_R(θ) = Σ_i log|Σ_i| + log|XᵀV⁻¹X| + rᵀV⁻¹r + (N − p) log 2π,  r = y − Xβ̂(θ)

is minimized by Newton's method with its exact gradient and Hessian: β is profiled out, and the data enter through sums over
patterns of missing visits (``patterns``).

Invariants
1. Columns of X are made orthonormal and y is replaced by its least-squares residual in units of its spread, so that units
   and origins do not touch the accuracy; results are in the caller's units.
2. A fit that is returned has converged: Newton's decrement is at rounding error and the Hessian is positive
   definite. Otherwise there is an error.

Source: Patterson & Thompson (1971); the derivatives as in Jennrich & Schluchter (1986) and Kenward & Roger (1997).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trial.errors import InvalidInput
from trial.statistics.checks import FloatArray
from trial.statistics.matrices import cholesky, inverse, is_positive_definite
from trial.statistics.mixed_models.covariance import CovarianceModel, nearest_positive_definite
from trial.statistics.mixed_models.patterns import CrossProducts, Patterns

_MOST_ITERATIONS = 200
_DECREMENT = 1e-18
_ROUNDING = 1e-13
_SINGULAR = 1e-7
_SUSPECT = 1e-3
_DRIFTING = 1e-4
_PATIENCE = 30
_FEW_PARTICIPANTS = 100


class NotConverged(InvalidInput):
    code = "statistics.not_converged"


class SingularCovariance(InvalidInput):
    code = "statistics.singular_covariance"


@dataclass(frozen=True, eq=False)
class Problem:
    """The data of one fit, by participant and visit: X̃ (n, T, p) and ỹ (n, T), zero where nothing was seen.

    The columns of X̃ over all rows are orthonormal: X = X̃ ``triangle``. ỹ = (y − X ``base``) / ``unit``.
    """

    products: CrossProducts
    patterns: Patterns
    model: CovarianceModel
    groups: int
    n_observations: int
    triangle: FloatArray
    base: FloatArray
    unit: float
    log_weights: float
    sample: FloatArray

    @property
    def columns(self) -> int:
        return len(self.base)


@dataclass(frozen=True, eq=False)
class Point:
    """The likelihood at one θ with what later steps need of it."""

    theta: FloatArray
    deviance: float
    inverses: FloatArray
    bread: FloatArray
    gamma: FloatArray


@dataclass(frozen=True, eq=False)
class Curvature:
    """Gradient (K,) and Hessian (K, K) of the deviance, with ∂Σ⁻¹'s sums −∂(X̃ᵀV⁻¹X̃)/∂θ_k (K, p, p)."""

    gradient: FloatArray
    hessian: FloatArray
    slopes: FloatArray


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the likelihood is highest."""

    point: Point
    curvature: Curvature
    iterations: int


def maximize(problem: Problem) -> Optimum:
    """The highest of the likelihood's maxima that are reached from several covariances.

    With few participants a Toeplitz or ante-dependence covariance has several maxima, or a way from the residuals' own
    covariance that runs towards a singular matrix while others do not. Elsewhere the first maximum is the only one.
    Raises NotConverged, SingularCovariance when no way leads to a maximum: what the first met.
    """
    found: list[Optimum] = []
    refused: list[SingularCovariance | NotConverged] = []
    for sample in _starts(problem):
        try:
            found.append(_climb(problem, sample))
        except (SingularCovariance, NotConverged) as error:
            refused.append(error)
        if found and not _has_several_maxima(problem):
            break
    if not found:
        raise refused[0]
    return min(found, key=lambda optimum: optimum.point.deviance)


def _starts(problem: Problem) -> Iterator[FloatArray]:
    """The residuals' covariance; their variances alone; and with correlations of either sign that fade or stay."""
    scale = np.sqrt(np.diag(problem.sample))
    place = np.arange(len(scale))
    lags = np.abs(place[:, None] - place[None, :])
    outer = np.outer(scale, scale)
    yield nearest_positive_definite(problem.sample)
    yield np.diag(scale**2)
    if problem.model.structure != "us":
        for correlation in (0.5**lags, np.where(lags == 0, 1.0, 0.5), (-0.5) ** lags, 0.9**lags):
            yield outer * correlation


def _has_several_maxima(problem: Problem) -> bool:
    few = int(problem.patterns.counts.sum()) <= _FEW_PARTICIPANTS
    return few and problem.model.structure in ("toep", "toeph", "ad", "adh")


def _climb(problem: Problem, sample: FloatArray) -> Optimum:
    """Newton's method with a Hessian made positive definite and steps halved until the deviance falls."""
    point, before = _start(problem, sample), np.inf
    narrowest: list[float] = []
    for iteration in range(1, _MOST_ITERATIONS + 1):
        curvature = _curvature(problem, point)
        step, decrement = _newton_step(curvature)
        stagnant = decrement < _ROUNDING and decrement > 0.1 * before
        if decrement < _DECREMENT or stagnant:
            return _checked(problem, Optimum(point, curvature, iteration))
        before = decrement
        point = _line_search(problem, point, step, decrement)
        narrowest.append(_check_not_singular(problem, point))
        if iteration >= _PATIENCE and narrowest[-1] < min(_DRIFTING, 0.8 * narrowest[-_PATIENCE // 2]):
            raise _singular()
    _check_not_singular(problem, point, _SUSPECT)
    raise NotConverged(
        f"The covariance did not settle in {_MOST_ITERATIONS} steps: use a covariance with fewer parameters."
    )


def evaluate(problem: Problem, theta: FloatArray) -> Point | None:
    """The profiled likelihood at ``theta``; None where a matrix is not positive definite."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        sigmas = [problem.model.sigma(part) for part in np.split(theta, problem.groups)]
    if not all(is_positive_definite(sigma) for sigma in sigmas):
        return None
    inverses, log_determinants = _inverses(problem.patterns, np.stack(sigmas))
    total = problem.products.sandwich(inverses[None])[0]
    p = problem.columns
    factor = cholesky(total[:p, :p])
    if factor is None:
        return None
    half = inverse(factor)
    bread = half.T @ half
    gamma = bread @ total[:p, p]
    residual = float(total[p, p] - total[:p, p] @ gamma)
    deviance = float(problem.patterns.counts @ log_determinants) + 2.0 * float(np.log(np.diag(factor)).sum()) + residual
    return Point(theta, deviance, inverses, bread, gamma) if np.isfinite(deviance) else None


def log_likelihood(problem: Problem, point: Point) -> float:
    """The restricted log-likelihood in the caller's units, with all constants."""
    free = problem.n_observations - problem.columns
    scale = 2.0 * free * np.log(problem.unit) + free * np.log(2.0 * np.pi)
    design = 2.0 * float(np.log(np.abs(np.diag(problem.triangle))).sum())
    return -0.5 * float(point.deviance + scale + design - problem.log_weights)


def _inverses(patterns: Patterns, sigmas: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Σ_g⁻¹ over the visits seen, zero elsewhere, and log|Σ_g|."""
    seen = patterns.seen[:, :, None] & patterns.seen[:, None, :]
    filled = np.where(seen, sigmas[patterns.group], np.eye(sigmas.shape[-1]))
    factors = np.linalg.cholesky(filled)
    halves = inverse(factors)
    log_determinants = 2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    inverses: FloatArray = np.where(seen, np.swapaxes(halves, 1, 2) @ halves, 0.0)
    return inverses, log_determinants


def sigma_derivatives(problem: Problem, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """∂Σ_g/∂θ (H, K, T, T) and ∂²Σ_g/∂θ² (H, K, K, T, T) for each covariance group; other groups' parameters give 0."""
    t, size = problem.model.visits, problem.model.size
    first = np.zeros((problem.groups, len(theta), t, t))
    second = np.zeros((problem.groups, len(theta), len(theta), t, t))
    for group, part in enumerate(np.split(theta, problem.groups)):
        found = problem.model.derivatives(part)
        own = slice(group * size, (group + 1) * size)
        first[group, own] = found.first
        second[group, own, own] = found.second
    return first, second


def _curvature(problem: Problem, point: Point) -> Curvature:
    patterns, p = problem.patterns, problem.columns
    first, second = sigma_derivatives(problem, point.theta)
    inverses = point.inverses
    turned = inverses[:, None] @ first[patterns.group]  # Σ⁻¹Σ_k, (G, K, T, T)
    both = turned @ inverses[:, None]  # Σ⁻¹Σ_kΣ⁻¹
    spread = problem.products.spread(_residual_weights(point))  # Σ_i (X C Xᵀ + r rᵀ)
    counts = patterns.counts
    gradient = np.einsum("g,gkaa->k", counts, turned) - np.einsum("gkab,gab->k", both, spread)

    k = len(point.theta)
    across = np.transpose(turned, (0, 3, 2, 1)).reshape(len(counts), -1, k)  # (Σ⁻¹Σ_l)ᵀ in columns
    flat = turned.reshape(len(counts), k, -1)
    hessian = -np.tensordot(counts, flat @ across, axes=1)
    inner = (inverses @ spread @ inverses)[:, None] @ first[patterns.group]  # Σ⁻¹SΣ⁻¹Σ_k
    paired = (inner.reshape(len(counts), k, -1) @ across).sum(axis=0)
    hessian += paired + paired.T
    pull = counts[:, None, None] * inverses - inverses @ spread @ inverses
    by_group = np.stack([pull[patterns.group == h].sum(axis=0) for h in range(problem.groups)])
    hessian += np.einsum("hklab,hab->kl", second, by_group)

    sums = problem.products.sandwich(np.moveaxis(both, 0, 1))
    slopes = sums[:, :p, :p]
    pulls = sums[:, :p, p] - slopes @ point.gamma
    weighted = point.bread @ slopes
    hessian -= weighted.reshape(k, -1) @ np.swapaxes(weighted, 1, 2).reshape(k, -1).T
    hessian -= 2.0 * pulls @ point.bread @ pulls.T
    return Curvature(gradient, 0.5 * (hessian + hessian.T), slopes)


def _residual_weights(point: Point) -> FloatArray:
    """B with Z B Zᵀ = X C Xᵀ + r rᵀ, for Z = (X, y) and r = y − Xγ."""
    row = np.append(-point.gamma, 1.0)
    weights = np.outer(row, row)
    weights[:-1, :-1] += point.bread
    return weights


def _newton_step(curvature: Curvature) -> tuple[FloatArray, float]:
    values, vectors = np.linalg.eigh(curvature.hessian)
    floor = 1e-8 * max(float(np.abs(values).max()), 1e-300)
    along = vectors.T @ curvature.gradient
    scaled = along / np.maximum(np.abs(values), floor)
    return -vectors @ scaled, float(along @ scaled)


def _line_search(problem: Problem, point: Point, step: FloatArray, decrement: float) -> Point:
    """The first of the step and its halves that lowers the deviance; near the end the whole step is taken."""
    length = min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
    for _ in range(60):
        moved = evaluate(problem, point.theta + length * step)
        if moved is not None:
            gained = point.deviance - moved.deviance
            if gained >= 1e-4 * length * decrement or decrement < 1e-9 * max(1.0, abs(point.deviance) * 1e-3):
                return moved
        length *= 0.5
    _check_not_singular(problem, point, _SUSPECT)
    raise NotConverged("The likelihood could not be raised further from a point that is not its maximum.")


def _start(problem: Problem, sample: FloatArray) -> Point:
    theta = problem.model.start(sample)
    point = evaluate(problem, np.tile(theta, problem.groups))
    if point is None:
        raise NotConverged("No covariance could be found to start from: the outcome barely varies at some visit.")
    return point


def _check_not_singular(problem: Problem, point: Point, least: float = _SINGULAR) -> float:
    """The smallest of scales (in units of the residual spread) and eigenvalues of the correlations; at least ``least``."""
    narrowest = np.inf
    for part in np.split(point.theta, problem.groups):
        sigma = problem.model.sigma(part)
        scale = np.sqrt(np.diag(sigma))
        if scale.min() < least:
            raise _singular()
        values = np.linalg.eigvalsh(sigma / np.outer(scale, scale))
        narrowest = min(narrowest, float(scale.min()), float(values[0]))
    if narrowest < least:
        raise _singular()
    return narrowest


def _singular() -> SingularCovariance:
    return SingularCovariance(
        "The covariance between visits runs towards a singular one (a visit without variation of its own, or visits that "
        "determine one another): leave out a visit or use a covariance with fewer parameters."
    )


def _checked(problem: Problem, optimum: Optimum) -> Optimum:
    values = np.linalg.eigvalsh(optimum.curvature.hessian)
    if values[0] <= 1e-9 * values[-1]:
        raise NotConverged(
            "The data do not determine every parameter of the covariance: use a covariance with fewer parameters."
        )
    _check_not_singular(problem, optimum.point)
    return optimum
