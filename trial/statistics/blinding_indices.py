"""Blinding indices: did people guess what they were given more often than chance?

Bang: one index for each arm, from −1 (all guessed the other) over 0 (random) to 1 (all guessed right).
James: one index for the trial, from 0 (all right) over 0.5 (random) to 1 (all "don't know").

Invariants
1. Counts are of people; an arm in which nobody answered has no index, and that is an error.

What it does not do: say whether blinding has failed. Guesses mix side effects, benefit and hope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trial.errors import InvalidInput
from trial.statistics.checks import EmptyArm, FloatArray, OutOfRange, check_count, check_level
from trial.statistics.estimates import Estimate, normal_quantile

_RIGHT, _WRONG, _DONT_KNOW = 0.0, 0.5, 1.0


class UndefinedIndex(InvalidInput):
    code = "statistics.undefined_index"


@dataclass(frozen=True)
class ArmGuesses:
    """Answers in one arm: right, wrong (any other arm), and don't know."""

    right: int
    wrong: int
    dont_know: int

    def __post_init__(self) -> None:
        for name in ("right", "wrong", "dont_know"):
            check_count(name, getattr(self, name))

    @property
    def n(self) -> int:
        return self.right + self.wrong + self.dont_know


def bang_index(guesses: ArmGuesses, level: float = 0.95) -> Estimate:
    """Bang's index of one arm: the share that guessed right minus the share that guessed wrong.

    level: in (0, 1). Returns Estimate with limits kept in [−1, 1]. When all say "don't know" the index is 0.
    Raises EmptyArm, OutOfRange.
    Source: Bang, Ni & Davis (2004). Oracle: R BI.

    >>> print(bang_index(ArmGuesses(82, 25, 170)))
    0.2058, 95 % (0.1367, 0.2748): Bang blinding index
    """
    n = guesses.n
    if n == 0:
        raise EmptyArm("Nobody in this arm gave an answer: the index does not exist.")
    right, wrong = guesses.right / n, guesses.wrong / n
    error = float(np.sqrt((right * (1 - right) + wrong * (1 - wrong) + 2 * right * wrong) / n))
    return _bounded(right - wrong, error, level, -1.0, "Bang blinding index")


def james_index(answers: Sequence[Sequence[int]], level: float = 0.95) -> Estimate:
    """James's index of a trial with k arms.

    answers: k + 1 rows of k counts: row g, column a holds those of arm a who guessed arm g; the last row
    those who
        said "don't know". Weights 0 for right, 0.5 for wrong, 1 for don't know.
    level: in (0, 1). Returns Estimate with limits kept in [0, 1]; 1 when all say "don't know".
    Raises OutOfRange, EmptyArm; UndefinedIndex when chance alone could not be wrong (one arm, or one guess
    only).
    Source: James et al. (1996); the standard error by the delta method for one multinomial. Oracle: R BI.

    >>> print(james_index([[82, 27], [25, 29], [170, 83]]))
    0.7479, 95 % (0.7053, 0.7905): James blinding index
    """
    table = _checked_table(answers)
    cells = table / table.sum()
    value, gradient = _james(cells)
    variance = float((cells * gradient**2).sum() - (cells * gradient).sum() ** 2)
    error = float(np.sqrt(max(variance, 0.0) / table.sum()))
    return _bounded(value, error, level, 0.0, "James blinding index")


def _james(cells: FloatArray) -> tuple[float, FloatArray]:
    """The index and its derivative by each cell's share.

    With s the share of guesses, O the observed and E the expected disagreement (sums, not shares of s), the
    index is
    [2(1 − s) + s·(O/s)/(E/s²)] / 2 = 1 − s + O s² / (2 E).
    """
    arms = cells.shape[1]
    guessed = cells[:arms]
    weights = np.where(np.eye(arms, dtype=bool), _RIGHT, _WRONG)
    s = float(guessed.sum())
    rows, columns = guessed.sum(axis=1), guessed.sum(axis=0)
    observed = float((weights * guessed).sum())
    expected = float(rows @ weights @ columns)
    if s == 0.0:
        return _DONT_KNOW, np.zeros_like(cells)
    if expected == 0.0:
        raise UndefinedIndex("Every guess and every arm is the same one, so James's index does not exist.")
    by_expected = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    gradient = np.zeros_like(cells)
    gradient[:arms] = (
        -1.0
        + weights * s**2 / (2 * expected)
        + observed * s / expected
        - observed * s**2 * by_expected / (2 * expected**2)
    )
    return 1.0 - s + observed * s**2 / (2.0 * expected), gradient


def _checked_table(answers: Sequence[Sequence[int]]) -> FloatArray:
    table: FloatArray = np.asarray(answers, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[0] != table.shape[1] + 1:
        raise OutOfRange(f"answers must have one column per arm and one row more; its shape is {table.shape}.")
    for count in table.ravel():
        check_count("answers", float(count))
    if table.sum() == 0:
        raise EmptyArm("Nobody gave an answer: the index does not exist.")
    return table


def _bounded(value: float, error: float, level: float, lowest: float, method: str) -> Estimate:
    half = normal_quantile(check_level(level)) * error
    return Estimate(value, max(value - half, lowest), min(value + half, 1.0), level, method, error)
