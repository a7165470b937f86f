"""Linear algebra with the types of this room.

What it does not do: anything that numpy does not; these are its functions, typed as double precision.
"""

from __future__ import annotations

import numpy as np

from trial.statistics.checks import FloatArray


def inverse(matrix: FloatArray) -> FloatArray:
    """The inverse of one or of many square matrices."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """x with ``matrix`` x = ``right``."""
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)


def cholesky(matrix: FloatArray) -> FloatArray | None:
    """The lower triangle L with L Lᵀ = ``matrix``; None when it is not positive definite."""
    if not np.all(np.isfinite(matrix)):
        return None
    try:
        return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None


def is_positive_definite(matrix: FloatArray) -> bool:
    """Whether a symmetric matrix has a Cholesky factor."""
    return cholesky(matrix) is not None
