"""Treatment differences within subgroups, with a test of interaction for each: the numbers of a forest plot.

For a subgroup variable the model is outcome = covariates + factors + subgroup + arm + arm × subgroup + e; the difference in
a level is a contrast of that one fit, so that all levels share its residual variance.

Invariants
1. A level in which an arm has nobody has no difference and says so; it takes no part in the test of interaction.
2. With one variable of one level the difference is that of ``ancova``.

What it does not do: adjust for the number of subgroups, or find subgroups.

Source: Assmann et al. (2000), Lancet 355, 1064–1069, for interaction tests in place of tests within subgroups.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, fdtrc, stdtr, stdtrit

from trial.statistics.checks import (
    FloatArray,
    OutOfRange,
    check_level,
    check_named,
    check_same_length,
    finite_vector,
    labels_of,
    measured,
)
from trial.statistics.linear import Contrast, SingularDesign, TooFewParticipants, ancova
from trial.statistics.matrices import inverse, solve
from trial.statistics.mixed_models.inference import FTest
from trial.statistics.strata import ChiSquareTest


@dataclass(frozen=True)
class SubgroupRow:
    """One arm against the reference in one level; ``contrast`` is None where ``problem`` says why."""

    subgroup: str
    level: str
    arm: str
    n: int
    n_reference: int
    contrast: Contrast | None
    problem: str = ""

    def __str__(self) -> str:
        told = str(self.contrast) if self.contrast else self.problem
        return f"{self.subgroup} = {self.level} (n = {self.n} and {self.n_reference}): {told}"


@dataclass(frozen=True)
class Interaction:
    """The test that the difference is the same in every level; None where fewer than two levels can be compared."""

    subgroup: str
    test: FTest | None

    def __str__(self) -> str:
        return f"{self.subgroup}: {self.test or 'no interaction can be tested'}"


@dataclass(frozen=True)
class SubgroupForest:
    """The overall difference, the rows by subgroup and level, and one interaction a subgroup, in the order given."""

    overall: tuple[Contrast, ...]
    rows: tuple[SubgroupRow, ...]
    interactions: tuple[Interaction, ...]
    method: str
    unit: str = ""

    def interaction(self, subgroup: str) -> FTest | None:
        """The test of one subgroup variable."""
        found = [i.test for i in self.interactions if i.subgroup == subgroup]
        if not found:
            raise OutOfRange(f"There is no subgroup {subgroup!r} in this forest.")
        return found[0]

    def __str__(self) -> str:
        head = f"{self.method}, in {self.unit}" if self.unit else self.method
        return "\n".join([head, *map(str, self.overall), *map(str, self.rows), *map(str, self.interactions)])


def subgroup_forest(
    outcome: ArrayLike,
    arm: ArrayLike,
    *,
    reference: str,
    subgroups: Mapping[str, ArrayLike],
    covariates: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, ArrayLike] | None = None,
    level: float = 0.95,
    unit: str = "",
) -> SubgroupForest:
    """Differences between arms in each level of each subgroup variable, and their interactions.

    outcome: (N,) finite, any unit. arm: (N,) labels; reference: one of them. subgroups: name → (N,) labels.
    covariates: name → (N,) finite numbers. factors: name → (N,) labels; a factor that is also a subgroup stands once.
    level: in (0, 1). unit: of the outcome, kept with the result and printed.
    Raises what ``ancova`` raises for the whole; within a subgroup a problem is told in its rows.

    >>> y = [1.0, 2.0, 3.0, 5.0, 2.0, 2.5, 3.0, 3.5]
    >>> forest = subgroup_forest(y, list("AABBAABB"), reference="A", subgroups={"sex": list("ffffmmmm")})
    >>> print(forest.interaction("sex"))
    F(1, 4) = 1.636, p = 0.27 (interaction, residual degrees of freedom)
    """
    confidence = check_level(level)
    whole = ancova(outcome, arm, reference=reference, covariates=covariates, factors=factors, level=confidence)
    y, arms = finite_vector("outcome", outcome), labels_of("arm", arm)
    others = tuple(c.arm for c in whole.contrasts)
    rows: list[SubgroupRow] = []
    interactions = []
    for name, values in check_named("subgroups", subgroups).items():
        labels = labels_of(name, values)
        check_same_length({name: labels}, outcome=y)
        adjusting = {key: labels_of(key, v) for key, v in (factors or {}).items()}
        kept = {key: v for key, v in adjusting.items() if not _same_partition(v, labels)}
        base = _adjustment(len(y), covariates or {}, kept)
        found, test = _one(name, y - y.mean(), arms, labels, base, reference, others, confidence)
        rows += found
        interactions.append(Interaction(name, test))
    return SubgroupForest(
        whole.contrasts, tuple(rows), tuple(interactions), "subgroups by ANCOVA with interaction", unit
    )


def heterogeneity(estimates: ArrayLike, standard_errors: ArrayLike) -> ChiSquareTest:
    """Cochran's Q: the same effect in every subgroup, from independent estimates of any kind (log ratios, differences).

    estimates, standard_errors: (S,) with at least two; errors in (0, ∞).
    Raises OutOfRange.
    Source: Cochran (1954).

    >>> print(heterogeneity([0.2, 0.8], [0.2, 0.3]))
    χ²(1) = 2.769, p = 0.09609: Cochran's Q
    """
    q, errors = finite_vector("estimates", estimates), measured("standard_errors", standard_errors)
    size = check_same_length(estimates=q, standard_errors=errors)
    if size < 2 or np.any(errors <= 0.0):
        raise OutOfRange("estimates must be at least two, with standard_errors in (0, ∞).")
    weights = errors**-2.0
    statistic = float(weights @ (q - weights @ q / weights.sum()) ** 2)
    return ChiSquareTest(statistic, size - 1, float(chdtrc(size - 1, statistic)), "Cochran's Q")


def _same_partition(one: NDArray[np.str_], other: NDArray[np.str_]) -> bool:
    pairs = len({*zip(one.tolist(), other.tolist(), strict=True)})
    return pairs == len(set(one.tolist())) == len(set(other.tolist()))


def _adjustment(n: int, covariates: Mapping[str, ArrayLike], factors: Mapping[str, NDArray[np.str_]]) -> FloatArray:
    columns = [values - values.mean() for values in (finite_vector(k, v) for k, v in covariates.items())]
    columns += [(v == at).astype(np.float64) for v in factors.values() for at in np.unique(v)[1:]]
    return np.column_stack(columns) if columns else np.zeros((n, 0))


def _one(
    name: str,
    y: FloatArray,
    arms: NDArray[np.str_],
    labels: NDArray[np.str_],
    base: FloatArray,
    reference: str,
    others: tuple[str, ...],
    level: float,
) -> tuple[list[SubgroupRow], FTest | None]:
    """A cell for each level and arm that has participants; differences and their equality are contrasts of the cells."""
    cells = [(at, a) for at in np.unique(labels).tolist() for a in (reference, *others)]
    sizes = {cell: int(((labels == cell[0]) & (arms == cell[1])).sum()) for cell in cells}
    filled = [cell for cell in cells if sizes[cell]]
    means = np.column_stack([((labels == at) & (arms == a)).astype(np.float64) for at, a in filled])
    try:
        fit = _fit(y, np.column_stack([means, base]), name)
    except (SingularDesign, TooFewParticipants) as refused:
        return [_row(name, at, a, reference, sizes, None, refused.sentence) for at, a in cells if a != reference], None
    rows: list[SubgroupRow] = []
    gaps: dict[str, list[FloatArray]] = {}
    for at, a in cells:
        if a == reference:
            continue
        if not sizes[at, a] or not sizes[at, reference]:
            rows.append(_row(name, at, a, reference, sizes, None, "an arm has nobody in this subgroup"))
            continue
        row = np.zeros(means.shape[1] + base.shape[1])
        row[filled.index((at, a))], row[filled.index((at, reference))] = 1.0, -1.0
        gaps.setdefault(a, []).append(row)
        rows.append(_row(name, at, a, reference, sizes, _contrast(fit, row, a, reference, level), ""))
    apart = [row - same[0] for same in gaps.values() for row in same[1:]]
    return rows, _f_test(fit, np.array(apart)) if apart else None


def _row(
    name: str,
    at: str,
    arm: str,
    reference: str,
    sizes: Mapping[tuple[str, str], int],
    found: Contrast | None,
    told: str,
) -> SubgroupRow:
    return SubgroupRow(name, at, arm, sizes[at, arm], sizes[at, reference], found, told)


@dataclass(frozen=True, eq=False)
class _Fit:
    coefficients: FloatArray
    covariance: FloatArray
    df: int


def _fit(y: FloatArray, x: FloatArray, name: str) -> _Fit:
    n, p = x.shape
    if n <= p:
        raise TooFewParticipants(f"{n} participants cannot support {p} parameters in the subgroups of {name}.")
    size = np.linalg.norm(x, axis=0)
    q, r = np.linalg.qr(x / np.maximum(size, 1e-300))
    if np.abs(np.diag(r)).min() < 1e-9:
        raise SingularDesign(f"The subgroups of {name} are determined by the other terms of the model.")
    half = inverse(r * size)
    coefficients: FloatArray = half @ (q.T @ y)
    residual = y - x @ coefficients
    variance = float(residual @ residual) / (n - p)
    if variance <= 0.0:
        raise TooFewParticipants("The outcome has no variation left after adjustment: no interval can be given.")
    return _Fit(coefficients, variance * half @ half.T, n - p)


def _contrast(fit: _Fit, row: FloatArray, arm: str, reference: str, level: float) -> Contrast:
    difference, error = float(row @ fit.coefficients), float(np.sqrt(row @ fit.covariance @ row))
    half = float(stdtrit(fit.df, (1.0 + level) / 2.0)) * error
    p_value = float(2.0 * stdtr(fit.df, -abs(difference) / error))
    numbers = (difference, error, float(fit.df), difference - half, difference + half, p_value, level)
    return Contrast(arm, reference, *numbers)


def _f_test(fit: _Fit, rows: FloatArray) -> FTest:
    gaps = rows @ fit.coefficients
    df = len(rows)
    statistic = float(gaps @ solve(rows @ fit.covariance @ rows.T, gaps)) / df
    p_value = float(fdtrc(df, fit.df, statistic))
    return FTest(statistic, float(df), float(fit.df), p_value, "interaction, residual degrees of freedom")
