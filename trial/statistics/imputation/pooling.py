"""Rubin's rules, the comparison of arms over imputations, and the tipping point.

Invariants
1. With no variation between imputations the result is that of the complete data.
2. The total variance is never below the within-imputation variance.

Source: Rubin (1987); Barnard & Rubin (1999), Biometrika 86, 948–955, for the degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from trial.statistics.checks import (
    OutOfRange,
    check_choice,
    check_count,
    check_in,
    check_level,
    check_same_length,
    finite_vector,
    labels_of,
    measured,
)
from trial.statistics.imputation.multiple import Imputations
from trial.statistics.linear import Robust, ancova


@dataclass(frozen=True)
class PooledEstimate:
    """An estimate over imputations, in the unit of what was pooled; ``missing_information`` is its share (λ)."""

    estimate: float
    standard_error: float
    df: float
    lower: float
    upper: float
    p_value: float
    level: float
    within: float
    between: float
    missing_information: float
    imputations: int
    method: str
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        interval = f"{100 * self.level:g} % ({self.lower:.4g}, {self.upper:.4g})"
        return (
            f"{self.estimate:.4g}{unit} (SE {self.standard_error:.4g}), {interval}, "
            f"p = {self.p_value:.4g}, df {self.df:.4g}: {self.method}, {self.imputations} imputations"
        )


@dataclass(frozen=True)
class TippingStep:
    """The comparison when what was imputed in an arm is worse (or better) by ``delta``."""

    delta: float
    result: PooledEstimate


@dataclass(frozen=True)
class TippingPoint:
    """Comparisons in order of delta; ``delta`` is the first, from none outwards, at which there is no significance.

    None: there is at every delta. 0: there is none without a shift either.
    """

    steps: tuple[TippingStep, ...]
    delta: float | None
    alpha: float
    method: str
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        found = "is never lost in the range" if self.delta is None else f"is lost at delta = {self.delta:g}{unit}"
        found = "is absent without a shift" if self.delta == 0.0 else found
        lines = [f"{step.delta:g}: {step.result}" for step in self.steps]
        return "\n".join([f"{self.method}: significance at {self.alpha:g} {found}", *lines])


def pool(
    estimates: ArrayLike,
    standard_errors: ArrayLike,
    *,
    complete_df: float = np.inf,
    level: float = 0.95,
    method: str = "Rubin's rules, Barnard–Rubin df",
    unit: str = "",
) -> PooledEstimate:
    """Combine one estimate over imputations.

    estimates, standard_errors: (M,), M at least 2; errors above 0. complete_df: of the analysis without missing outcomes,
    in (0, ∞]. level: in (0, 1). unit: of the estimates, kept with the result and printed.
    Raises OutOfRange.
    Source: module docstring. Oracle: R mice ``pool.scalar``.

    >>> print(pool([1.0, 1.2, 0.9], [0.5, 0.5, 0.5], complete_df=50))
    1.033 (SE 0.5302), 95 % (-0.04427, 2.111), p = 0.05961, df 33.9: Rubin's rules, Barnard–Rubin df, 3 imputations
    """
    q, u = finite_vector("estimates", estimates), measured("standard_errors", standard_errors) ** 2
    m = check_same_length(estimates=q, standard_errors=u)
    if m < 2:
        raise OutOfRange(f"At least 2 imputations are needed; {m} were given.")
    if np.any(u <= 0.0):
        raise OutOfRange("standard_errors must be in (0, ∞).")
    check_in("complete_df", complete_df, 0.0, np.inf, "(]")
    confidence = check_level(level)
    within, between = float(u.mean()), float(q.var(ddof=1))
    total = within + (1.0 + 1.0 / m) * between
    share = (1.0 + 1.0 / m) * between / total
    df = _barnard_rubin(share, m, complete_df)
    error = float(np.sqrt(total))
    estimate = float(q.mean())
    half = float(stdtrit(df, (1.0 + confidence) / 2.0)) * error
    p_value = float(2.0 * stdtr(df, -abs(estimate) / error))
    numbers = (estimate, error, df, estimate - half, estimate + half, p_value, confidence, within, between, share)
    return PooledEstimate(*numbers, imputations=m, method=method, unit=unit)


def compare_imputed(
    imputations: Imputations,
    arm: ArrayLike,
    *,
    visit: int,
    reference: str,
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    robust: Robust | None = None,
    level: float = 0.95,
) -> dict[str, PooledEstimate]:
    """ANCOVA at one visit in every imputation, pooled: arm → difference from the reference.

    visit: index in [0, T). Other arguments as for ``ancova``.
    Raises what ``ancova`` and ``pool`` raise.
    """
    t = imputations.values.shape[2]
    visit = check_count("visit", visit, t - 1)
    fits = [
        ancova(
            y, arm, reference=reference, covariates=covariates, factors=factors, robust=robust, level=level
        ).contrasts
        for y in imputations.values[:, :, visit]
    ]
    method = f"{imputations.method}; ANCOVA pooled by Rubin's rules"
    return {
        first.arm: pool(
            [fit[place].difference for fit in fits],
            [fit[place].standard_error for fit in fits],
            complete_df=first.df,
            level=level,
            method=method,
            unit=imputations.unit,
        )
        for place, first in enumerate(fits[0])
    }


def tipping_point(
    imputations: Imputations,
    arm: ArrayLike,
    *,
    visit: int,
    reference: str,
    shifted_arm: str,
    deltas: Sequence[float],
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    alpha: float = 0.05,
) -> TippingPoint:
    """How much worse the imputed outcomes of ``shifted_arm`` must be before its difference is no longer significant.

    deltas: in the outcome's unit, added to what was imputed after the last seen visit. alpha: two-sided, in (0, 1).
    Other arguments as for ``compare_imputed``; ``shifted_arm`` is compared with the reference.
    Raises OutOfRange, and what ``compare_imputed`` raises.
    Source: Yan, Lee & Li (2009); O'Kelly & Ratitch (2014), ch. 7.
    """
    limit = check_in("alpha", alpha, 0.0, 1.0)
    labels = labels_of("arm", arm)
    check_same_length(outcome=imputations.missing, arm=labels)
    check_choice("shifted_arm", shifted_arm, np.unique(labels).tolist())
    compared = (
        shifted_arm if shifted_arm != reference else next((a for a in np.unique(labels) if a != reference), reference)
    )
    mine = (labels == shifted_arm)[:, None]
    steps = []
    for delta in sorted(finite_vector("deltas", deltas).tolist()):
        moved = imputations.shifted(np.where(mine, delta, 0.0) * np.ones(imputations.after.shape))
        pooled = compare_imputed(
            moved, arm, visit=visit, reference=reference, covariates=covariates, factors=factors, level=1.0 - limit
        )
        steps.append(TippingStep(delta, pooled[str(compared)]))
    lost = [step.delta for step in steps if step.result.p_value >= limit]
    method = f"{imputations.method}, delta added in {shifted_arm}"
    return TippingPoint(tuple(steps), min(lost, key=abs) if lost else None, limit, method, imputations.unit)


def _barnard_rubin(share: float, m: int, complete_df: float) -> float:
    """Degrees of freedom that never exceed those of the complete data."""
    observed = (
        complete_df
        if np.isinf(complete_df)
        else (complete_df + 1.0) / (complete_df + 3.0) * complete_df * (1.0 - share)
    )
    if share <= 1e-14:
        return 1e12 if np.isinf(observed) else observed
    old = (m - 1.0) / share**2
    return old if np.isinf(observed) else old * observed / (old + observed)
