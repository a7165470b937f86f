"""From rows of a trial's data to the matrices of a repeated-measures model, with the rows that give LS means.

Terms, in this order: intercept, covariates, visits, factors, arms, then products with the visits of those named in
``by_visit``, and arm × visit. The first visit, the first level of a factor and the reference arm carry no column.

Invariants
1. A column that the columns before it determine is an error that says which it is, and for arm × visit why.
2. An LS mean holds covariates at their mean over the analysed rows and gives each level of a factor equal weight.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trial.statistics.checks import (
    EmptyArm,
    FloatArray,
    OutOfRange,
    check_named,
    check_no_twin,
    check_same_length,
    check_size,
    finite_vector,
    labels_of,
    measured,
)
from trial.statistics.checks import (
    numbers as as_numbers,
)
from trial.statistics.linear import SingularDesign, TooFewParticipants
from trial.statistics.matrices import cholesky, inverse

Labels = NDArray[np.str_]

_RANK = 1e-10
_CLOSE = 1e-4


@dataclass(frozen=True, eq=False)
class Rows:
    """The analysed rows: outcome (N,), who, when (index of visit), arm, and what is adjusted for."""

    outcome: FloatArray
    participant: NDArray[np.int64]
    visit: NDArray[np.int64]
    arm: Labels
    weights: FloatArray
    covariates: dict[str, FloatArray]
    factors: dict[str, Labels]
    visits: tuple[str, ...]
    arms: tuple[str, ...]

    @property
    def participants(self) -> int:
        return int(self.participant.max()) + 1


@dataclass(frozen=True, eq=False)
class Design:
    """X (N, p), its columns' names, and for (arm, visit) the row that gives the LS mean."""

    matrix: FloatArray
    columns: tuple[str, ...]
    mean_rows: dict[tuple[str, str], FloatArray]


@dataclass(frozen=True, eq=False)
class _Column:
    """A column of X; in the row of an LS mean it is ``mean``, or 0 where its arm or visit is another."""

    name: str
    values: FloatArray
    mean: float
    arm: str | None = None
    visit: str | None = None

    def at(self, arm: str, visit: str) -> float:
        return self.mean if self.arm in (None, arm) and self.visit in (None, visit) else 0.0

    def within(self, visit: str, here: FloatArray) -> _Column:
        return _Column(f"{self.name}:visit={visit}", self.values * here, self.mean, self.arm, visit)


def _listed(name: str, values: Any) -> NDArray[np.generic]:
    """Labels or numbers as they were given, none of them missing."""
    labels_of(name, values)
    array: NDArray[np.generic] = np.asarray(values)
    return array


def read_rows(
    outcome: ArrayLike,
    participant: ArrayLike,
    visit: ArrayLike,
    arm: ArrayLike,
    reference: str,
    covariates: Mapping[str, ArrayLike],
    factors: Mapping[str, ArrayLike],
    weights: ArrayLike | None,
    visits: Sequence[object] | None,
) -> Rows:
    """Checked rows without those whose outcome is NaN (not seen)."""
    y = as_numbers("outcome", outcome)
    if y.ndim != 1 or np.any(np.isinf(y)):
        raise OutOfRange("outcome must be one-dimensional and hold finite numbers, or NaN where a visit was missed.")
    check_size("outcome", y)
    columns: dict[str, NDArray[np.generic]] = {
        "participant": _listed("participant", participant),
        "visit": _whole(_listed("visit", visit)),
        "arm": labels_of("arm", arm),
        "weights": np.ones(len(y)) if weights is None else as_numbers("weights", weights),
        **{f"covariate {name}": as_numbers(name, v) for name, v in check_named("covariates", covariates).items()},
        **{f"factor {name}": labels_of(name, v) for name, v in check_named("factors", factors).items()},
    }
    check_no_twin(covariates, factors)
    check_same_length(columns, outcome=y)
    seen = ~np.isnan(y)
    if not seen.any():
        raise EmptyArm("No outcome was given at any visit: there is nothing to analyse.")
    kept = {name: values[seen] for name, values in columns.items()}
    arms = tuple(str(a) for a in np.unique(kept["arm"]))
    if len(arms) < 2 or reference not in arms:
        raise EmptyArm(f"At least two arms with outcomes are needed, one of them {reference!r}; found: {arms}.")
    order = visit_order(kept["visit"]) if visits is None else tuple(str(v) for v in _whole(_listed("visits", visits)))
    rows = Rows(
        outcome=y[seen],
        participant=np.unique(kept["participant"].astype(str), return_inverse=True)[1].reshape(-1),
        visit=_place(kept["visit"].astype(str), order),
        arm=kept["arm"].astype(str),
        weights=_positive(finite_vector("weights", kept["weights"])),
        covariates={name: measured(name, kept[f"covariate {name}"]) for name in covariates},
        factors={name: kept[f"factor {name}"].astype(str) for name in factors},
        visits=order,
        arms=(reference, *(a for a in arms if a != reference)),
    )
    _check_rows(rows)
    return rows


def visit_order(visit: NDArray[np.generic]) -> tuple[str, ...]:
    """Visits in order: numbers by size; labels by their words and the numbers in them (V2 before V10)."""
    found = np.unique(visit)
    if np.issubdtype(found.dtype, np.number):
        return tuple(str(v) for v in found)

    return tuple(sorted((str(v) for v in found), key=_natural))


def _whole(visit: NDArray[np.generic]) -> NDArray[np.generic]:
    """Visits 1.0, 2.0 … are called 1, 2 …"""
    if np.issubdtype(visit.dtype, np.floating) and np.all(visit == np.floor(visit)):
        return visit.astype(np.int64)
    return visit


def _natural(label: str) -> list[tuple[int, float, str]]:
    number = r"(\d+(?:\.\d+)?)"
    return [(0, float(p), "") if re.fullmatch(number, p) else (1, 0.0, p) for p in re.split(number, label)]


def build_design(rows: Rows, by_visit: Sequence[str] | None) -> Design:
    """X with its columns' names, and the LS means' rows.

    Raises OutOfRange, SingularDesign, TooFewParticipants.
    """
    covariates = {name: [_Column(name, v, float(v.mean()))] for name, v in rows.covariates.items()}
    factors = {name: _levels(name, values) for name, values in rows.factors.items()}
    crossed = tuple(covariates) if by_visit is None else tuple(by_visit)
    unknown = sorted(set(crossed) - set(covariates) - set(factors))
    if unknown:
        raise OutOfRange(f"by_visit may name covariates and factors only; {unknown} are neither.")
    arms = [_Column(f"arm={a}", (rows.arm == a).astype(np.float64), 1.0, arm=a) for a in rows.arms[1:]]
    later = [(v, (rows.visit == place).astype(np.float64)) for place, v in enumerate(rows.visits) if place]
    columns = [
        _Column("intercept", np.ones(len(rows.outcome)), 1.0),
        *(column for found in covariates.values() for column in found),
        *(_Column(f"visit={v}", here, 1.0, visit=v) for v, here in later),
        *(column for found in factors.values() for column in found),
        *arms,
    ]
    products = [column for name in crossed for column in (covariates | factors)[name]] + arms
    columns += [column.within(v, here) for column in products for v, here in later]
    _check_size(rows, columns)
    matrix = np.column_stack([column.values for column in columns])
    mean_rows = {(arm, v): np.array([c.at(arm, v) for c in columns]) for arm in rows.arms for v in rows.visits}
    return Design(matrix, tuple(column.name for column in columns), mean_rows)


def _levels(name: str, values: Labels) -> list[_Column]:
    levels = np.unique(values)
    return [_Column(f"{name}={at}", (values == at).astype(np.float64), 1.0 / len(levels)) for at in levels[1:]]


def _check_rows(rows: Rows) -> None:
    """Each participant once a visit, in one arm; somebody at every visit."""
    cell = rows.participant * len(rows.visits) + rows.visit
    if len(np.unique(cell)) < len(cell):
        raise OutOfRange("A participant has two outcomes at one visit: keep one of them.")
    arm = np.unique(rows.arm, return_inverse=True)[1]
    allocated = np.zeros(rows.participants, dtype=np.int64)
    allocated[rows.participant] = arm
    if np.any(allocated[rows.participant] != arm):
        raise OutOfRange("A participant is in two arms: compare as randomized.")
    seen = np.bincount(rows.visit, minlength=len(rows.visits))
    for place, name in enumerate(rows.visits):
        if seen[place] < 2:
            told = "nobody has" if seen[place] == 0 else "only one participant has"
            raise TooFewParticipants(f"At visit {name} {told} an outcome: leave the visit out.")


def _check_size(rows: Rows, columns: Sequence[_Column]) -> None:
    if len(rows.outcome) <= len(columns):
        raise TooFewParticipants(
            f"{len(rows.outcome)} outcomes cannot support {len(columns)} parameters: use fewer terms or visits."
        )
    for column in columns:
        if column.arm is not None and not column.values.any():
            raise EmptyArm(f"Arm {column.arm} has no outcome at visit {column.visit}: leave the visit or the arm out.")


def orthonormal_columns(matrix: FloatArray, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Q with orthonormal columns and the triangle R with ``matrix`` = Q R.

    Cholesky factors of crossed products, twice, are as accurate as Householder's method while columns are not close to
    dependence, and several times faster; where they are close, Householder's method decides.
    Raises SingularDesign with the name of the first column that those before it determine.
    """
    size = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    scaled = matrix / size
    factor = cholesky(scaled.T @ scaled)
    if factor is None or np.diag(factor).min() < _CLOSE:
        q, triangle = np.linalg.qr(scaled)
        left = np.abs(np.diag(triangle))
        if left.min() < _RANK:
            name = names[int(np.argmax(left < _RANK))]
            raise SingularDesign(f"{name} is determined by the other terms of the model: leave it out.")
        return q, triangle * size
    once = scaled @ inverse(factor.T)
    again = np.linalg.cholesky(once.T @ once)
    return once @ inverse(again.T), again.T @ factor.T * size


def _place(visit: Labels, order: tuple[str, ...]) -> NDArray[np.int64]:
    if len(set(order)) < len(order):
        raise OutOfRange("visits must name each visit once.")
    places = {name: place for place, name in enumerate(order)}
    unknown = sorted(set(visit.tolist()) - set(order))
    if unknown:
        raise OutOfRange(f"visits must name every visit of the data; {unknown} are missing.")
    return np.array([places[name] for name in visit.tolist()], dtype=np.int64)


def _positive(weights: FloatArray) -> FloatArray:
    if np.any(weights <= 0.0):
        raise OutOfRange("weights must be in (0, ∞).")
    return weights
