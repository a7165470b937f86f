"""Columns of a regression on arm, covariates and factors, for models other than least squares.

Invariants
1. Arms come first, then covariates, then levels of factors; the reference arm and each first level have no column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trial.statistics.checks import EmptyArm, FloatArray, check_same_length, finite_vector


@dataclass(frozen=True, eq=False)
class Columns:
    """(N, p) without an intercept, and the names of its columns."""

    matrix: FloatArray
    names: tuple[str, ...]
    arms: tuple[str, ...]


def arm_columns(
    n: int, arm: ArrayLike, reference: str, covariates: Mapping[str, ArrayLike], factors: Mapping[str, ArrayLike]
) -> Columns:
    """Indicators of the other arms, covariates as they are, indicators of levels.

    Raises OutOfRange; EmptyArm when there are not two arms, or the reference is not one of them.
    """
    arms: NDArray[np.str_] = np.asarray(arm).astype(str)
    numbers = {name: finite_vector(name, values) for name, values in covariates.items()}
    labels = {name: np.asarray(values).astype(str) for name, values in factors.items()}
    check_same_length(outcome=range(n), arm=arms, **numbers, **labels)
    found = tuple(str(a) for a in np.unique(arms))
    if len(found) < 2 or reference not in found:
        raise EmptyArm(f"At least two arms with participants are needed, one of them {reference!r}; found: {found}.")
    others = [name for name in found if name != reference]
    columns = [(f"arm={name}", (arms == name).astype(np.float64)) for name in others]
    columns += list(numbers.items())
    for name, values in labels.items():
        columns += [(f"{name}={at}", (values == at).astype(np.float64)) for at in np.unique(values)[1:]]
    return Columns(
        np.column_stack([column for _, column in columns]), tuple(name for name, _ in columns), (reference, *others)
    )
