"""Covariance structures of repeated measurements, with their first and second derivatives.

A structure is a map from unconstrained parameters θ to a visits × visits matrix Σ:

unstructured         Σ = L Lᵀ with L = diag(exp θ₁…θ_T) · (unit lower triangle, filled row by row)
every other          Σ_ij = s_i s_j R_ij; log s are parameters (one, or one a visit in the heterogeneous variants), and
                     each correlation is ρ = x / √(1 + x²), except in compound symmetry, where ρ is logistic between
                     −1 / (T − 1) and 1, all that a common correlation may be

Invariants
1. ``first[k]`` is ∂Σ/∂θ_k and ``second[k, l]`` is ∂²Σ/∂θ_k∂θ_l, exactly, both symmetric in the visits.
2. A θ whose Σ is not positive definite is a legal argument: whoever asks checks (``is_positive_definite``).

The parametrization matters in one place: the second-order term of Kenward and Roger's full adjustment depends on it. This
is the one of the R package mmrm, so that both give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from trial.statistics.checks import FloatArray, check_choice
from trial.statistics.matrices import is_positive_definite

Structure = Literal["us", "ar1", "ar1h", "cs", "csh", "toep", "toeph", "ad", "adh"]

NAMES: dict[str, str] = {
    "us": "unstructured",
    "ar1": "first-order autoregressive",
    "ar1h": "heterogeneous first-order autoregressive",
    "cs": "compound symmetry",
    "csh": "heterogeneous compound symmetry",
    "toep": "Toeplitz",
    "toeph": "heterogeneous Toeplitz",
    "ad": "ante-dependence",
    "adh": "heterogeneous ante-dependence",
}

_HIGHEST_START = 0.95


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Σ (T, T) with ``first`` (K, T, T) and ``second`` (K, K, T, T) by the parameters."""

    sigma: FloatArray
    first: FloatArray
    second: FloatArray


@dataclass(frozen=True, eq=False)
class CovarianceModel:
    """One structure over ``visits`` visits."""

    structure: Structure
    visits: int

    @property
    def size(self) -> int:
        """How many parameters."""
        t = self.visits
        if self.structure == "us":
            return t * (t + 1) // 2
        return self._scales + self._correlations

    @property
    def _kind(self) -> str:
        return self.structure.removesuffix("h")

    @property
    def _scales(self) -> int:
        return self.visits if self.structure.endswith("h") else 1

    @property
    def _correlations(self) -> int:
        if self.visits == 1:
            return 0
        return 1 if self._kind in ("cs", "ar1") else self.visits - 1

    def sigma(self, theta: FloatArray) -> FloatArray:
        """Σ at ``theta``."""
        if self.structure == "us":
            factor = _unstructured_factor(theta, self.visits)
            return factor @ factor.T
        scale = self._sd(theta)
        rho = self._rho(theta)[0]
        return np.outer(scale, scale) * _CORRELATIONS[self._kind](rho, self.visits)[0]

    def derivatives(self, theta: FloatArray) -> Derivatives:
        """Σ with all its first and second derivatives at ``theta``."""
        if self.structure == "us":
            return _unstructured_derivatives(theta, self.visits)
        return self._scaled_derivatives(theta)

    def start(self, sample: FloatArray) -> FloatArray:
        """Parameters near a sample covariance matrix (T, T), always within the structure."""
        if self.structure == "us":
            return _unstructured_start(sample)
        variances = np.diag(sample)
        scale = np.sqrt(variances) if self._scales > 1 or self.visits == 1 else np.sqrt(variances.mean(keepdims=True))
        rho = self._start_correlations(sample / np.sqrt(np.outer(variances, variances)))
        theta = np.concatenate([np.log(scale), self._from_rho(rho)])
        while not is_positive_definite(self.sigma(theta)):
            theta[self._scales :] *= 0.7
        return theta

    def _start_correlations(self, correlation: FloatArray) -> FloatArray:
        t = self.visits
        if t == 1:
            return np.zeros(0)
        bands = [float(np.diag(correlation, k=lag).mean()) for lag in range(1, t)]
        if self._kind == "toep":
            found = np.array(bands)
        elif self._kind == "ad":
            found = np.diag(correlation, k=1).copy()
        elif self._kind == "ar1":
            found = np.array([bands[0]])
        else:
            found = np.array([correlation[np.triu_indices(t, 1)].mean()])
        clipped: FloatArray = np.clip(found, -_HIGHEST_START, _HIGHEST_START)
        return clipped

    def _rho(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The correlations with their first and second derivatives by their own parameters."""
        x = theta[self._scales :]
        return _logistic(x, self._lowest) if self._kind == "cs" else _bounded(x)

    def _from_rho(self, rho: FloatArray) -> FloatArray:
        x: FloatArray = rho / np.sqrt(1.0 - rho**2)
        if self._kind == "cs":
            x = np.log((np.maximum(rho, 0.9 * self._lowest) - self._lowest) / (1.0 - rho))
        return x

    @property
    def _lowest(self) -> float:
        return -1.0 / max(self.visits - 1, 1)

    def _sd(self, theta: FloatArray) -> FloatArray:
        sd: FloatArray = np.exp(theta[: self._scales]) * np.ones(self.visits)
        return sd

    def _scaled_derivatives(self, theta: FloatArray) -> Derivatives:
        """Products of scales and correlations: every derivative is taken entry by entry."""
        t, scales = self.visits, self._scales
        sd = self._sd(theta)
        rho, slope, bend = self._rho(theta)
        r, dr, ddr = _CORRELATIONS[self._kind](rho, t)
        outer = np.outer(sd, sd)
        sigma = outer * r
        by_x = dr * slope[:, None, None]
        by_xx = ddr * np.multiply.outer(slope, slope)[:, :, None, None]
        index = np.arange(len(rho))
        by_xx[index, index] += dr * bend[:, None, None]
        power = _log_scale_powers(scales, t)
        first = np.concatenate([power * sigma, outer * by_x])
        second = np.empty((self.size, self.size, t, t))
        second[:scales, :scales] = power[:, None] * power[None, :] * sigma
        second[:scales, scales:] = power[:, None] * (outer * by_x)[None, :]
        second[scales:, :scales] = np.swapaxes(second[:scales, scales:], 0, 1)
        second[scales:, scales:] = outer * by_xx
        return Derivatives(sigma, first, second)


def covariance_model(structure: str, visits: int) -> CovarianceModel:
    """The model of that name over that many visits.

    Raises OutOfRange for an unknown name.
    """
    check_choice("covariance", structure, NAMES)
    return CovarianceModel(structure, visits)  # type: ignore[arg-type]  # the line above has checked the name


def nearest_positive_definite(matrix: FloatArray, floor: float = 0.05) -> FloatArray:
    """A correlation-preserving repair: eigenvalues of the correlation matrix are raised to ``floor`` of their mean."""
    scale = np.sqrt(np.diag(matrix))
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    raised = (vectors * np.maximum(values, floor)) @ vectors.T
    back = scale / np.sqrt(np.diag(raised))
    repaired: FloatArray = raised * np.outer(back, back)
    return repaired


def _bounded(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """x / √(1 + x²) in (−1, 1), with its two derivatives."""
    root = np.sqrt(1.0 + x * x)
    return x / root, root**-3.0, -3.0 * x * root**-5.0


def _logistic(x: FloatArray, low: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """low + (1 − low) / (1 + e^−x), with its two derivatives."""
    share = expit(x)
    slope = (1.0 - low) * share * (1.0 - share)
    return low + (1.0 - low) * share, slope, slope * (1.0 - 2.0 * share)


def _log_scale_powers(scales: int, t: int) -> FloatArray:
    """How often each scale occurs in each entry of Σ."""
    if scales == 1:
        return np.full((1, t, t), 2.0)
    eye = np.eye(t)
    powers: FloatArray = eye[:, :, None] + eye[:, None, :]
    return powers


Correlation = Callable[[FloatArray, int], tuple[FloatArray, FloatArray, FloatArray]]


def _lags(t: int) -> FloatArray:
    place = np.arange(t)
    lags: FloatArray = np.abs(place[:, None] - place[None, :]).astype(np.float64)
    return lags


def _compound_symmetry(rho: FloatArray, t: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    c = len(rho)
    off = 1.0 - np.eye(t)
    r = np.eye(t) + (rho[0] * off if c else 0.0)
    return r, np.repeat(off[None], c, axis=0), np.zeros((c, c, t, t))


def _autoregressive(rho: FloatArray, t: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    c, lag = len(rho), _lags(t)
    if not c:
        return np.eye(t), np.zeros((0, t, t)), np.zeros((0, 0, t, t))
    first = np.where(lag >= 1, lag * rho[0] ** np.maximum(lag - 1, 0), 0.0)
    second = np.where(lag >= 2, lag * (lag - 1) * rho[0] ** np.maximum(lag - 2, 0), 0.0)
    return rho[0] ** lag, first[None], second[None, None]


def _toeplitz(rho: FloatArray, t: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    bands: FloatArray = (_lags(t)[None] == np.arange(1, t)[:, None, None]).astype(np.float64)
    c = len(rho)
    return np.eye(t) + np.tensordot(rho, bands, 1), bands, np.zeros((c, c, t, t))


def _ante_dependence(rho: FloatArray, t: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """R_ij is the product of the neighbours' correlations between i and j."""
    place = np.arange(t)
    low, high = np.minimum.outer(place, place), np.maximum.outer(place, place)
    c = len(rho)

    def product(without: tuple[int, ...]) -> FloatArray:
        kept = rho.copy()
        kept[list(without)] = 1.0
        out = np.ones((t, t))
        for step in range(c):
            out *= np.where((low <= step) & (step < high), kept[step], 1.0)
        return out

    spans = [(low <= step) & (step < high) for step in range(c)]
    first, second = np.zeros((c, t, t)), np.zeros((c, c, t, t))
    for a in range(c):
        first[a] = np.where(spans[a], product((a,)), 0.0)
        for b in range(a):
            second[a, b] = second[b, a] = np.where(spans[a] & spans[b], product((a, b)), 0.0)
    return product(()), first, second


_CORRELATIONS: dict[str, Correlation] = {
    "cs": _compound_symmetry,
    "ar1": _autoregressive,
    "toep": _toeplitz,
    "ad": _ante_dependence,
}


def _unstructured_factor(theta: FloatArray, t: int) -> FloatArray:
    factor = np.eye(t)
    factor[np.tril_indices(t, -1)] = theta[t:]
    scaled: FloatArray = factor * np.exp(theta[:t])[:, None]
    return scaled


def _unstructured_start(sample: FloatArray) -> FloatArray:
    factor = np.linalg.cholesky(sample)
    sd = np.diag(factor)
    below = (factor / sd[:, None])[np.tril_indices(len(sd), -1)]
    start: FloatArray = np.concatenate([np.log(sd), below])
    return start


def _unstructured_derivatives(theta: FloatArray, t: int) -> Derivatives:
    factor = _unstructured_factor(theta, t)
    size = len(theta)
    rows, columns = np.tril_indices(t, -1)
    sd = np.exp(theta[:t])
    by_one = np.zeros((size, t, t))
    by_two = np.zeros((size, size, t, t))
    for i in range(t):
        by_one[i, i] = factor[i]
        by_two[i, i, i] = factor[i]
    below = np.arange(t, size)
    by_one[below, rows, columns] = sd[rows]
    by_two[below, rows, rows, columns] = by_two[rows, below, rows, columns] = sd[rows]
    half = by_one @ factor.T
    bent = by_two @ factor.T + np.einsum("kab,lcb->klac", by_one, by_one)
    return Derivatives(factor @ factor.T, half + np.swapaxes(half, 1, 2), bent + np.swapaxes(bent, 2, 3))
