"""Lists whose totals are fixed beforehand: the random allocation rule and the maximal procedure.

Random allocation rule: over the whole list every arm stands exactly as often as the ratio says, and all such
    lists are equally likely: one block as long as the list.
    Source: Lachin (1988), Control Clin Trials 9:289; Rosenberger & Lachin (2016), chapter 3.
Maximal procedure: all lists with equal totals in which no arm ever leads by more than the limit are equally
    likely: the largest set of lists with that bound. Two arms, 1:1.
    Source: Berger, Ivanova & Knoll (2003), Stat Med 22:3017; Salama, Ivanova & Qaqish (2008), Stat Med 27:1421.

Derivation from the stratum's stream (``stream.py``):
    random allocation rule  in the use ``list``, the one arrangement of the template with length/R · r₀ times
                            arm 0, then length/R · r₁ times arm 1, …, where R is the sum of the ratio
    maximal procedure       in the use ``list``, one integer below the number of admitted lists: the list of
                            that rank, from 0, when all are sorted with arm 0 before arm 1 at each position

Invariants
1. At the end the totals stand exactly in the ratio: the length is a multiple of the ratio's sum.
2. A longer list is another list, not a continuation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from randomization.schemes.scheme import check_length, check_limit, check_ratio, check_two_equal_arms
from randomization.schemes.stream import ArmIndices, Stream

LIST = "list"
LONGEST_MAXIMAL = 4096  # the numbers of admitted lists have about as many bits as a list has slots


@dataclass(frozen=True)
class RandomAllocationRule:
    """ratio: a whole number of at least 1 for each arm. A list's length is a multiple of its sum."""

    name: ClassVar[str] = "random_allocation_rule"

    ratio: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_ratio(self.ratio)

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        self.check_slots(length)
        times = np.array(self.ratio) * (length // sum(self.ratio))
        template = np.repeat(np.arange(len(self.ratio), dtype=np.uint8), times)
        arms: ArmIndices = stream.use(LIST).arrangements(template, 1)[0]
        return arms

    def check_slots(self, length: int) -> None:
        """Raise ``ValueError`` for a list of a length that the rule cannot have."""
        check_whole_ratios(length, self.ratio)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]))


@dataclass(frozen=True)
class MaximalProcedure:
    """limit: the largest lead that one arm may have, at least 1. A list has an even length of at most 4096."""

    name: ClassVar[str] = "maximal_procedure"

    limit: int
    ratio: tuple[int, ...] = (1, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_two_equal_arms(self.ratio, "the maximal procedure")
        check_limit(self.limit)

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        self.check_slots(length)
        endings = self.endings(length)
        rank, lead = stream.use(LIST).integer_below(endings[length].get(0, 0)), 0  # lead of arm 0 over arm 1
        arms = bytearray(length)
        for position in range(length):
            with_first = endings[length - position - 1].get(lead + 1, 0)
            arm = int(rank >= with_first)
            rank -= with_first * arm
            lead += 1 - 2 * arm
            arms[position] = arm
        return np.frombuffer(arms, dtype=np.uint8)

    def check_slots(self, length: int) -> None:
        """Raise ``ValueError`` for a list of a length that the procedure cannot have."""
        check_whole_ratios(length, self.ratio)
        if length > LONGEST_MAXIMAL:
            raise ValueError(f"slots must be at most {LONGEST_MAXIMAL} for the maximal procedure, not {length}")

    def endings(self, length: int) -> list[dict[int, int]]:
        """For each number of slots left and each lead, in how many ways an admitted list can end."""
        tables = [{0: 1}]
        for _ in range(length):
            last = tables[-1]
            reach = range(-self.limit, self.limit + 1)
            ways = {lead: last.get(lead + 1, 0) + last.get(lead - 1, 0) for lead in reach}
            tables.append({lead: count for lead, count in ways.items() if count})
        return tables

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio), "limit": self.limit}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]), limit=parameters["limit"])


def check_whole_ratios(length: int, ratio: tuple[int, ...]) -> None:
    check_length(length)
    if length % sum(ratio):
        raise ValueError(f"slots must be a multiple of {sum(ratio)}, the sum of the ratio, not {length}")
