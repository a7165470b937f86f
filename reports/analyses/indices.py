"""Adapter: the two blinding indices in the form in which reports print them.

What it does not do: any arithmetic that ``trial.statistics`` already does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Index:
    """An index with its standard error, where one is defined."""

    value: float
    standard_error: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        if self.standard_error is None:
            return None
        half = 1.959963984540054 * self.standard_error
        return self.value - half, self.value + half


def bang_index(right: int, wrong: int, dont_know: int) -> Index | None:
    """Bang's index of one arm: 0 random, 1 everybody right, -1 everybody wrong."""
    n = right + wrong + dont_know
    if not n:
        return None
    p, q = right / n, wrong / n
    return Index(p - q, sqrt((p * (1 - p) + q * (1 - q) + 2 * p * q) / n))


def james_index(
    guessed_first: tuple[int, int], guessed_second: tuple[int, int], dont_know: tuple[int, int]
) -> Index | None:
    """James's index over two arms: 1 blind, 0.5 random, 0 unblinded. Pairs are (first arm, second arm)."""
    told = sum(guessed_first) + sum(guessed_second)
    everybody = told + sum(dont_know)
    if not everybody:
        return None
    unknown = sum(dont_know) / everybody
    if not told:
        return Index(1.0, None)
    observed = 0.5 * (guessed_first[1] + guessed_second[0]) / told
    in_arm = (guessed_first[0] + guessed_second[0], guessed_first[1] + guessed_second[1])
    expected = 0.5 * (sum(guessed_first) * in_arm[1] + sum(guessed_second) * in_arm[0]) / told**2
    if expected == 0:
        return None
    kappa = (observed - expected) / expected
    return Index((1 + unknown + (1 - unknown) * kappa) / 2, None)
