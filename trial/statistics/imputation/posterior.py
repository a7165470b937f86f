"""Draws from the posterior of a multivariate regression of visits on covariates, with outcomes missing in any pattern.

y_i | x_i ~ N(x_i B, Σ), prior |Σ|^(−(T+1)/2). Data augmentation (Schafer 1997, ch. 5): outcomes that are missing are drawn
given B and Σ, then Σ ~ inverse Wishart and B | Σ ~ matrix normal given the completed outcomes.

Invariants
1. Randomness comes from the generator that is given, and from nothing else.
2. With nothing missing each draw is independent and exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from trial.statistics.checks import FloatArray
from trial.statistics.linear import SingularDesign, TooFewParticipants
from trial.statistics.matrices import cholesky, inverse, solve
from trial.statistics.mixed_models.covariance import nearest_positive_definite
from trial.statistics.mixed_models.patterns import BoolArray, find_patterns


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw: ``slopes`` (q, T) and ``sigma`` (T, T)."""

    slopes: FloatArray
    sigma: FloatArray


def posterior_draws(
    y: FloatArray, x: FloatArray, rng: np.random.Generator, *, count: int, burn_in: int, between: int
) -> Iterator[Draw]:
    """``count`` draws, ``between`` steps apart after ``burn_in``; y (n, T) with NaN where missing, x (n, q).

    Raises TooFewParticipants.
    """
    seen = ~np.isnan(y)
    _check(seen, x)
    bread = inverse(x.T @ x)
    here = _start(y, x, seen)
    complete = bool(seen.all())
    for step in range(burn_in + count * between if not complete else count):
        filled = y if complete else draw_missing(y, seen, x @ here.slopes, here.sigma, rng)
        here = _draw(filled, x, bread, rng)
        if complete or (step >= burn_in and (step - burn_in) % between == between - 1):
            yield here


def draw_missing(
    y: FloatArray, seen: BoolArray, mean: FloatArray, sigma: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """``y`` with every missing entry drawn given the participant's others, for means (n, T) and one Σ."""
    filled = np.where(seen, y, 0.0)
    patterns = find_patterns(seen, np.zeros(len(y), dtype=np.int64))
    for place, pattern in enumerate(patterns.seen):
        if pattern.all():
            continue
        rows = np.flatnonzero(patterns.member == place)
        slope, factor = conditional(sigma, pattern)
        gone = np.ix_(rows, ~pattern)
        middle = mean[gone] + (filled[np.ix_(rows, pattern)] - mean[np.ix_(rows, pattern)]) @ slope.T
        filled[gone] = middle + rng.standard_normal(middle.shape) @ factor.T
    return filled


def conditional(sigma: FloatArray, seen: BoolArray) -> tuple[FloatArray, FloatArray]:
    """The regression of the visits missed on those seen, and the Cholesky factor of what is left of their variance."""
    gone = ~seen
    cross = sigma[np.ix_(gone, seen)]
    slope = solve(sigma[np.ix_(seen, seen)], cross.T).T if seen.any() else np.zeros((int(gone.sum()), 0))
    left = sigma[np.ix_(gone, gone)] - slope @ cross.T
    factor = cholesky(0.5 * (left + left.T))
    if factor is None:
        raise TooFewParticipants(
            "The visits determine one another, so missing ones cannot be drawn: leave out a visit."
        )
    return slope, factor


def _determined() -> TooFewParticipants:
    return TooFewParticipants(
        "The visits determine one another, or too few outcomes were seen: missing ones cannot be drawn. Leave out a visit."
    )


def _check(seen: BoolArray, x: FloatArray) -> None:
    n, q = x.shape
    t = seen.shape[1]
    if n < q + t + 1:
        raise TooFewParticipants(
            f"{n} participants cannot support imputation over {t} visits with {q} terms in the model."
        )
    if np.linalg.matrix_rank(x) < q:
        raise SingularDesign("A covariate or factor does not vary, or is determined by the others: leave it out.")
    if seen.sum(axis=0).min() < q + 1:
        raise TooFewParticipants(
            f"At some visit fewer than {q + 1} outcomes were seen: leave out the visit or a covariate."
        )


def _start(y: FloatArray, x: FloatArray, seen: BoolArray) -> Draw:
    """Least squares at each visit by itself, and the covariance of its residuals over the pairs seen."""
    slopes = np.column_stack([np.linalg.lstsq(x[here], y[here, t], rcond=None)[0] for t, here in enumerate(seen.T)])
    residual = np.where(seen, y - x @ slopes, 0.0)
    pairs = seen.astype(np.float64).T @ seen.astype(np.float64)
    sample = residual.T @ residual / np.maximum(pairs, 1.0)
    level = np.nanmean(np.where(seen, y, np.nan) ** 2, axis=0)
    if np.any(np.diag(sample) <= 1e-24 * level):
        raise TooFewParticipants(
            "At some visit the outcome has no variation left after adjustment: nothing can be drawn."
        )
    return Draw(slopes, nearest_positive_definite(sample))


def _draw(y: FloatArray, x: FloatArray, bread: FloatArray, rng: np.random.Generator) -> Draw:
    fitted = bread @ (x.T @ y)
    residual = y - x @ fitted
    sigma = _inverse_wishart(residual.T @ residual, len(y) - x.shape[1], rng)
    left, right = cholesky(bread), cholesky(sigma)
    if left is None or right is None:
        raise _determined()
    slopes: FloatArray = fitted + left @ rng.standard_normal(fitted.shape) @ right.T
    return Draw(slopes, sigma)


def _inverse_wishart(scale: FloatArray, df: int, rng: np.random.Generator) -> FloatArray:
    """Σ with Σ⁻¹ ~ Wishart(df, scale⁻¹), by Bartlett's decomposition."""
    t = len(scale)
    lower = cholesky(scale)
    if lower is None:
        raise TooFewParticipants(
            "The visits determine one another, so missing ones cannot be drawn: leave out a visit."
        )
    bartlett = np.tril(rng.standard_normal((t, t)), -1)
    bartlett[np.diag_indices(t)] = np.sqrt(rng.chisquare(df - np.arange(t)))
    half = solve(bartlett, lower.T)
    sigma: FloatArray = half.T @ half
    return sigma
