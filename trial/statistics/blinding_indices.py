"""Blinding indices: did people guess what they were given more often than chance?

Bang: one index for each arm, from −1 (all guessed the other) over 0 (random) to 1 (all guessed right); also with answers
graded by how sure people were.
James: one index for the trial, from 0 (all right) over 0.5 (random) to 1 (all "don't know").

Invariants
1. Counts are of people; an arm in which nobody answered has no index, and that is an error.

What it does not do: say whether blinding has failed. Guesses mix side effects, benefit and hope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trial.errors import InvalidInput
from trial.statistics.checks import EmptyArm, FloatArray, OutOfRange, check_count, check_in, check_level, numbers
from trial.statistics.estimates import Estimate, normal_quantile

Alternative = Literal["two-sided", "greater", "less"]

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


def bang_index(guesses: ArmGuesses, level: float = 0.95, *, alternative: Alternative = "two-sided") -> Estimate:
    """Bang's index of one arm: the share that guessed right minus the share that guessed wrong.

    level: in (0, 1). alternative: two-sided limits, or one limit only: greater (lower limit) or less (upper limit).
    Returns Estimate with limits kept in [−1, 1]. When all say "don't know" the index is 0.
    Raises EmptyArm, OutOfRange.
    Source: Bang, Ni & Davis (2004). Oracle: R BI.

    >>> print(bang_index(ArmGuesses(82, 25, 170)))
    0.2058, 95 % (0.1367, 0.2748): Bang blinding index
    """
    counts = (guesses.right, guesses.wrong, guesses.dont_know)
    return _bang(counts, (1.0, -1.0, 0.0), level, alternative, "Bang blinding index")


def bang_index_graded(
    sure_right: int,
    rather_right: int,
    rather_wrong: int,
    sure_wrong: int,
    dont_know: int,
    level: float = 0.95,
    *,
    rather: float = 0.5,
    alternative: Alternative = "two-sided",
) -> Estimate:
    """Bang's index with five answers: a guess that is only rather believed weighs ``rather``.

    Counts of people in one arm. rather: in [0, 1]; 1 gives the index with three answers. Other arguments and errors as for
    ``bang_index``.
    Source: Bang, Ni & Davis (2004), the 2 × 5 format.

    >>> print(bang_index_graded(38, 44, 21, 4, 170))
    0.1643, 95 % (0.1138, 0.2147): Bang blinding index, graded
    """
    weight = check_in("rather", rather, 0.0, 1.0, "[]")
    names = ("sure_right", "rather_right", "rather_wrong", "sure_wrong", "dont_know")
    given = (sure_right, rather_right, rather_wrong, sure_wrong, dont_know)
    counts = tuple(check_count(name, count) for name, count in zip(names, given, strict=True))
    return _bang(counts, (1.0, weight, -weight, -1.0, 0.0), level, alternative, "Bang blinding index, graded")


def _bang(
    counts: tuple[int, ...], weights: tuple[float, ...], level: float, alternative: Alternative, method: str
) -> Estimate:
    """The mean weight with its multinomial standard error."""
    n = sum(counts)
    if n == 0:
        raise EmptyArm("Nobody in this arm gave an answer: the index does not exist.")
    shares, values = np.array(counts) / n, np.array(weights)
    index = float(shares @ values)
    error = float(np.sqrt(max(float(shares @ values**2) - index**2, 0.0) / n))
    return _bounded(index, error, level, alternative, -1.0, method)


def james_index(
    answers: Sequence[Sequence[int]], level: float = 0.95, *, alternative: Alternative = "two-sided"
) -> Estimate:
    """James's index of a trial with k arms.

    answers: k + 1 rows of k counts: row g, column a holds those of arm a who guessed arm g; the last row
    those who
        said "don't know". Weights 0 for right, 0.5 for wrong, 1 for don't know.
    level: in (0, 1). alternative: as for ``bang_index``; "less" asks whether the index is below 0.5.
    Returns Estimate with limits kept in [0, 1]; 1 when all say "don't know".
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
    return _bounded(value, error, level, alternative, 0.0, "James blinding index")


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
    table = numbers("answers", answers)
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[0] != table.shape[1] + 1:
        raise OutOfRange(f"answers must have one column per arm and one row more; its shape is {table.shape}.")
    for count in table.ravel():
        check_count("answers", float(count))
    if table.sum() == 0:
        raise EmptyArm("Nobody gave an answer: the index does not exist.")
    return table


def _bounded(
    value: float, error: float, level: float, alternative: Alternative, lowest: float, method: str
) -> Estimate:
    confidence = check_level(level)
    if alternative not in ("two-sided", "greater", "less"):
        raise OutOfRange(f"alternative must be two-sided, greater or less; {alternative!r} was given.")
    z = normal_quantile(confidence if alternative == "two-sided" else 2.0 * confidence - 1.0)
    lower = lowest if alternative == "less" else max(value - z * error, lowest)
    upper = 1.0 if alternative == "greater" else min(value + z * error, 1.0)
    name = method if alternative == "two-sided" else f"{method}, one-sided limit"
    return Estimate(value, lower, upper, level, name, error)
