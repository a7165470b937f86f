"""Columns of a regression on arm, covariates and factors, for models other than least squares.

Invariants
1. Arms come first, then covariates, then levels of factors; the reference arm and each first level have no column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trial.statistics.checks import (
    EmptyArm,
    FloatArray,
    check_named,
    check_no_twin,
    check_same_length,
    labels_of,
    measured,
)


@dataclass(frozen=True, eq=False)
class Columns:
    """(N, p) without an intercept, the names of its columns, and each one's value in an adjusted mean.

    ``balanced`` has covariates at their mean and 1 / levels for the levels of a factor; the arms' columns come first.
    """

    matrix: FloatArray
    names: tuple[str, ...]
    arms: tuple[str, ...]
    balanced: FloatArray

    def mean_row(self, arm: str) -> FloatArray:
        """The row of an arm's adjusted mean, without intercept."""
        row = self.balanced.copy()
        row[: len(self.arms) - 1] = [float(other == arm) for other in self.arms[1:]]
        return row


def arm_columns(
    n: int, arm: ArrayLike, reference: str, covariates: Mapping[str, ArrayLike], factors: Mapping[str, ArrayLike]
) -> Columns:
    """Indicators of the other arms, covariates as they are, indicators of levels.

    Raises OutOfRange; EmptyArm when there are not two arms, or the reference is not one of them.
    """
    arms = labels_of("arm", arm)
    numbers = {name: measured(name, values) for name, values in check_named("covariates", covariates).items()}
    labels = {name: labels_of(name, values) for name, values in check_named("factors", factors).items()}
    check_no_twin(numbers, labels)
    check_same_length(numbers, labels, outcome=range(n), arm=arms)
    found = tuple(str(a) for a in np.unique(arms))
    if len(found) < 2 or reference not in found:
        raise EmptyArm(f"At least two arms with participants are needed, one of them {reference!r}; found: {found}.")
    others = [name for name in found if name != reference]
    columns = [(f"arm={name}", (arms == name).astype(np.float64), 0.0) for name in others]
    columns += [(name, values, float(values.mean())) for name, values in numbers.items()]
    for name, values in labels.items():
        levels = np.unique(values)
        columns += [(f"{name}={at}", (values == at).astype(np.float64), 1.0 / len(levels)) for at in levels[1:]]
    return Columns(
        np.column_stack([values for _, values, _ in columns]),
        tuple(name for name, _, _ in columns),
        (reference, *others),
        np.array([middle for _, _, middle in columns]),
    )
