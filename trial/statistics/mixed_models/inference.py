"""Standard errors, degrees of freedom and tests after a fit by REML.

Satterthwaite      df = 2 v² / (gᵀ W g), v the variance of the contrast, g its derivative by θ, W twice the inverse Hessian
                   of the deviance (observed information)
Kenward–Roger      the covariance of β is enlarged by Φ (2 Σ w_kl (Q_kl − P_k Φ P_l − R_kl / 4)) Φ; the F test is scaled.
                   Here R, which has the second derivatives of Σ, is left out ("linear", what SAS gives with ddfm=kr for an
                   unstructured covariance); ``kenward-roger-full`` keeps it
sandwich           participants' own cross products in place of the model's; df after Bell & McCaffrey with the working
                   covariance: (tr G)² / Σ G²

Invariants
1. All is computed in the orthonormal columns of the fit and turned into the caller's at the end.
2. A test of one row equals the square of its t test with the same degrees of freedom.

Source: Satterthwaite (1946); Fai & Cornelius (1996) for several rows; Kenward & Roger (1997), Biometrics 53, 983–997;
Bell & McCaffrey (2002), Survey Methodology 28, 169–181. Oracle: mmrm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from trial.statistics.checks import FloatArray, OutOfRange
from trial.statistics.matrices import inverse, solve
from trial.statistics.mixed_models.reml import Optimum, Problem, sigma_derivatives

Method = Literal["kenward-roger", "kenward-roger-full", "satterthwaite"]
Sandwich = Literal["empirical", "jackknife", "bias-reduced"]

METHODS: dict[str, str] = {
    "kenward-roger": "Kenward–Roger",
    "kenward-roger-full": "Kenward–Roger with second derivatives",
    "satterthwaite": "Satterthwaite",
}
SANDWICHES: dict[str, str] = {
    "empirical": "empirical sandwich",
    "jackknife": "jackknife sandwich",
    "bias-reduced": "bias-reduced sandwich",
}


@dataclass(frozen=True)
class TTest:
    """One linear combination of the coefficients, in the outcome's unit."""

    estimate: float
    standard_error: float
    df: float
    lower: float
    upper: float
    t: float
    p_value: float
    level: float


@dataclass(frozen=True)
class FTest:
    """Several linear combinations at once: all are 0 under the hypothesis."""

    statistic: float
    df: float
    denominator_df: float
    p_value: float
    method: str

    def __str__(self) -> str:
        return (
            f"F({self.df:g}, {self.denominator_df:.4g}) = {self.statistic:.4g}, p = {self.p_value:.4g} ({self.method})"
        )


@dataclass(frozen=True, eq=False)
class SandwichRows:
    """By participant, in whitened rows: X_i and A_i X_i, both (n, T, p)."""

    plain: FloatArray
    adjusted: FloatArray


@dataclass(frozen=True, eq=False)
class Inference:
    """What a contrast needs: Φ and its derivatives in the orthonormal columns, W (K, K), and the sandwich's rows."""

    problem: Problem
    theta: FloatArray
    gamma: FloatArray
    model_covariance: FloatArray
    covariance: FloatArray
    slopes: FloatArray
    theta_covariance: FloatArray
    method: str
    sandwich: SandwichRows | None

    def t_test(self, row: FloatArray, level: float) -> TTest:
        """``row`` (p,) in the caller's columns."""
        turned = solve(self.problem.triangle.T, row)
        estimate = float(row @ self.problem.base + self.problem.unit * (turned @ self.gamma))
        variance = float(turned @ self.covariance @ turned)
        error = self.problem.unit * float(np.sqrt(max(variance, 0.0)))
        if error == 0.0:
            raise OutOfRange("A combination of the coefficients that is always the same number cannot be tested.")
        df = self._df(turned)
        t = estimate / error
        half = float(stdtrit(df, (1.0 + level) / 2.0)) * error
        p_value = float(2.0 * stdtr(df, -abs(t)))
        return TTest(estimate, error, df, estimate - half, estimate + half, t, p_value, level)

    def f_test(self, rows: FloatArray) -> FTest:
        """``rows`` (r, p) in the caller's columns, linearly independent.

        Raises OutOfRange when the rows depend on one another, or with a sandwich.
        """
        if self.sandwich is not None:
            raise OutOfRange("A test of several rows has no degrees of freedom with a sandwich: test them one by one.")
        turned = solve(self.problem.triangle.T, rows.T).T
        if np.linalg.matrix_rank(turned) < len(turned):
            raise OutOfRange("The rows of a test must not depend on one another.")
        estimates = rows @ self.problem.base / self.problem.unit + turned @ self.gamma
        covariance = turned @ self.covariance @ turned.T
        statistic = float(estimates @ solve(covariance, estimates)) / len(rows)
        if self.method == "satterthwaite":
            df = self._several_satterthwaite(turned)
        else:
            df, scale = self._several_kenward_roger(turned)
            statistic *= scale
        p_value = float(fdtrc(len(rows), df, statistic))
        return FTest(statistic, float(len(rows)), df, p_value, METHODS[self.method])

    def _df(self, row: FloatArray) -> float:
        if self.sandwich is not None:
            return _sandwich_df(self.sandwich, self.model_covariance, row)
        spread = self.model_covariance @ row
        gradient = np.einsum("a,kab,b->k", spread, self.slopes, spread)
        return 2.0 * float(row @ spread) ** 2 / float(gradient @ self.theta_covariance @ gradient)

    def _several_satterthwaite(self, rows: FloatArray) -> float:
        """Fai and Cornelius: independent t statistics along the axes of the contrasts' covariance."""
        _, axes = np.linalg.eigh(rows @ self.model_covariance @ rows.T)
        each = np.array([self._df(row) for row in axes.T @ rows])
        if np.ptp(each) < 1e-8:
            return float(each.mean())
        if each.min() <= 2.0:
            return 2.0
        expected = float((each / (each - 2.0)).sum())
        return 2.0 * expected / (expected - len(rows))

    def _several_kenward_roger(self, rows: FloatArray) -> tuple[float, float]:
        """The denominator's degrees of freedom and the factor of F: section 3 of the paper."""
        r = len(rows)
        if r == 1:
            return self._df(rows[0]), 1.0
        phi, w = self.model_covariance, self.theta_covariance
        theta = rows.T @ solve(rows @ phi @ rows.T, rows)
        parts = -(theta @ phi @ self.slopes @ phi)
        traces = np.einsum("kaa->k", parts)
        a1 = float(traces @ w @ traces)
        a2 = float(np.einsum("kl,kab,lba->", w, parts, parts))
        b = (a1 + 6.0 * a2) / (2.0 * r)
        g = ((r + 1.0) * a1 - (r + 4.0) * a2) / ((r + 2.0) * a2)
        base = 3.0 * r + 2.0 * (1.0 - g)
        c1, c2, c3 = g / base, (r - g) / base, (r + 2.0 - g) / base
        expectation = 1.0 / (1.0 - a2 / r)
        variance = 2.0 / r * (1.0 + c1 * b) / ((1.0 - c2 * b) ** 2 * (1.0 - c3 * b))
        rho = variance / (2.0 * expectation**2)
        df = 4.0 + (r + 2.0) / (r * rho - 1.0)
        return df, df / (expectation * (df - 2.0))


def infer(problem: Problem, optimum: Optimum, method: str, sandwich: str | None) -> Inference:
    """The covariance of β and all that degrees of freedom need.

    Raises OutOfRange for names that do not exist or do not go together.
    """
    if method not in METHODS:
        raise OutOfRange(f"method must be one of {', '.join(METHODS)}; {method!r} was given.")
    if sandwich is not None and sandwich not in SANDWICHES:
        raise OutOfRange(f"robust must be one of {', '.join(SANDWICHES)} or None; {sandwich!r} was given.")
    if sandwich is not None and method != "satterthwaite":
        raise OutOfRange("robust standard errors go with method 'satterthwaite' only.")
    point, curvature = optimum.point, optimum.curvature
    w = 2.0 * inverse(curvature.hessian)
    covariance, rows = point.bread, None
    if sandwich is not None:
        covariance, rows = _sandwich(problem, optimum, sandwich)
    elif method != "satterthwaite":
        covariance = _kenward_roger(problem, optimum, w, full=method == "kenward-roger-full")
    return Inference(problem, point.theta, point.gamma, point.bread, covariance, curvature.slopes, w, method, rows)


def _kenward_roger(problem: Problem, optimum: Optimum, w: FloatArray, *, full: bool) -> FloatArray:
    point, slopes, patterns = optimum.point, optimum.curvature.slopes, problem.patterns
    phi = point.bread
    first, second = sigma_derivatives(problem, point.theta)
    inverses = point.inverses
    turned = inverses[:, None] @ first[patterns.group]
    mixed: FloatArray = np.tensordot(w, np.moveaxis(turned, 0, 1), axes=(1, 0))  # Σ_l w_kl Σ⁻¹Σ_l, (K, G, T, T)
    inner = np.einsum("gkab,kgbc->gac", turned, mixed, optimize=True) @ inverses
    if full:
        bent = np.einsum("kl,hklab->hab", w, second)
        inner -= 0.25 * inverses @ bent[patterns.group] @ inverses
    inner = 0.5 * (inner + np.swapaxes(inner, 1, 2))
    p = problem.columns
    q = problem.products.sandwich(inner[None])[0][:p, :p]
    weighted = np.tensordot(w, slopes, axes=(1, 0))
    q = q - np.einsum("kab,bc,kcd->ad", slopes, phi, weighted, optimize=True)
    adjusted: FloatArray = phi + 2.0 * phi @ (0.5 * (q + q.T)) @ phi
    return adjusted


def _sandwich(problem: Problem, optimum: Optimum, kind: str) -> tuple[FloatArray, SandwichRows]:
    """Φ (Σ z_i z_iᵀ) Φ with z_i = X_iᵀ A_i e_i."""
    phi = optimum.point.bread
    whitened = _whitened(problem, optimum.point.inverses)
    x, y = whitened[..., :-1], whitened[..., -1]
    residual = y - x @ optimum.point.gamma
    turned = x
    if kind != "empirical":
        kept = np.eye(x.shape[1]) - x @ phi @ np.swapaxes(x, 1, 2)
        values, vectors = np.linalg.eigh(kept)
        power = -1.0 if kind == "jackknife" else -0.5
        scaled = np.where(values > 1e-10, np.maximum(values, 1e-10) ** power, 0.0)
        turned = (vectors * scaled[:, None, :]) @ np.swapaxes(vectors, 1, 2) @ x
    scores = np.einsum("ntp,nt->np", turned, residual)
    return phi @ (scores.T @ scores) @ phi, SandwichRows(x, turned)


def _sandwich_df(rows: SandwichRows, phi: FloatArray, row: FloatArray) -> float:
    """(tr G)² / Σ G² for G_ij = u_iᵀ (I − H)_ij u_j with u_i = A_i X_i Φ row, summed without forming G."""
    pulls = rows.adjusted @ (phi @ row)
    own = np.einsum("nt,nt->n", pulls, pulls)
    crossed = np.einsum("ntp,nt->np", rows.plain, pulls)
    leaned = np.einsum("np,pq,nq->n", crossed, phi, crossed)
    inner = phi @ (crossed.T @ crossed)
    squares = float((own**2).sum() - 2.0 * (own * leaned).sum() + np.trace(inner @ inner))
    return float((own - leaned).sum()) ** 2 / squares


def _whitened(problem: Problem, inverses: FloatArray) -> FloatArray:
    """Σ_i^(−1/2) (X_i, y_i), patterns one after another: (n, T, p + 1). Any square root serves."""
    values, vectors = np.linalg.eigh(inverses)
    roots = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ np.swapaxes(vectors, 1, 2)
    return np.concatenate([roots[g] @ rows for g, rows in enumerate(problem.products.rows)])
