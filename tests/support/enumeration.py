"""Every list that a scheme can make, with its exact chance: the tree of all draws is walked.

The scheme asks its stream for integers; here each request branches into all answers, each equally likely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

import numpy as np

from randomization.schemes import Stream

SEED = bytes(range(32))


class BranchingStream(Stream):
    """Answers along one path; ``taken`` keeps each answer with the bound that it was drawn below."""

    def __init__(self, path: list[int], taken: list[tuple[int, int]]) -> None:
        super().__init__(SEED, "list", "all")
        self._path, self.taken = path, taken

    def use(self, label: str) -> BranchingStream:  # noqa: ARG002 - the path serves every use
        return BranchingStream(self._path, self.taken)

    def integer_below(self, bound: int) -> int:
        at = len(self.taken)
        answer = self._path[at] if at < len(self._path) else 0
        self.taken.append((answer, bound))
        return answer

    def one_by_one(self, expected: int):  # noqa: ARG002 - it reads nothing ahead
        return self.integer_below

    def integers(self, bound: int, count: int):
        return np.array([self.integer_below(bound) for _ in range(count)], dtype=np.uint64)

    def arrangements(self, template, count: int):
        """All orders of the template's places, each equally likely."""
        orders = list(permutations(range(len(template))))
        return np.array([template[list(orders[self.integer_below(len(orders))])] for _ in range(count)])


def distribution(scheme, length: int) -> dict[tuple[int, ...], Fraction]:
    """The exact chance of each list."""
    found: Counter[tuple[int, ...]] = Counter()
    for arms, chance in _walk(scheme, length):
        found[arms] += chance
    return dict(found)


def _walk(scheme, length: int) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    path: list[int] | None = []
    while path is not None:
        stream = BranchingStream(path, [])
        arms = tuple(scheme.generate(stream, length).tolist())
        chance = Fraction(1)
        for _, bound in stream.taken:
            chance /= bound
        yield arms, chance
        path = _next(stream.taken)


def _next(taken: list[tuple[int, int]]) -> list[int] | None:
    answers = [answer for answer, _ in taken]
    for at in reversed(range(len(taken))):
        if answers[at] + 1 < taken[at][1]:
            return [*answers[:at], answers[at] + 1]
    return None
