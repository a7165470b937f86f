"""Coins: complete randomization, Efron's biased coin and the big stick.

Complete randomization: every participant has the ratio's chance of each arm, whatever came before.
    Source: Rosenberger & Lachin (2016), chapter 3.
Biased coin: the arm that is behind is given with probability p, each with 1/2 where both are even.
    Source: Efron (1971), Biometrika 58:403. Two arms, 1:1.
Big stick: a fair coin, until one arm leads by the limit; then the other arm is given.
    Source: Soares & Wu (1983), Commun Stat Theory Methods 12:2017. Two arms, 1:1.

Derivation from the stratum's stream (``stream.py``), use ``draws``, one integer for every position:
    complete     below the sum of the ratio in lowest terms: arm 0 has the first r₀ values, arm 1 the next r₁, …
    biased coin  below c, the least common denominator of 1/2 and p: arm 0 if smaller than c times its chance
    big stick    below 2, drawn and left unused where the limit decides: 0 is arm 0

Invariants
1. A shorter list is the beginning of a longer one.
2. The big stick's lead never exceeds its limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, ClassVar, Self

import numpy as np

from randomization.schemes.scheme import (
    check_fraction,
    check_length,
    check_limit,
    check_ratio,
    check_two_equal_arms,
    exact,
    in_lowest_terms,
)
from randomization.schemes.stream import ArmIndices, Stream

DRAWS = "draws"
EQUAL = (1, 1)


@dataclass(frozen=True)
class Complete:
    """ratio: a whole number of at least 1 for each arm."""

    name: ClassVar[str] = "complete"

    ratio: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_ratio(self.ratio)

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        check_length(length)
        ends = np.cumsum(in_lowest_terms(self.ratio)).astype(np.uint64)
        drawn = stream.use(DRAWS).integers(int(ends[-1]), length)
        return np.searchsorted(ends, drawn, side="right").astype(np.uint8)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]))


@dataclass(frozen=True)
class BiasedCoin:
    """probability: of the arm that is behind, in [1/2, 1]. At 1 it is a block of two, at 1/2 a fair coin."""

    name: ClassVar[str] = "biased_coin"

    ratio: tuple[int, ...] = EQUAL
    probability: Fraction = Fraction(2, 3)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_two_equal_arms(self.ratio, "the biased coin")
        check_fraction("probability", self.probability)
        if not Fraction(1, 2) <= self.probability <= 1:
            raise ValueError(f"probability must lie in [1/2, 1], not {self.probability}")

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        check_length(length)
        whole = lcm(2, self.probability.denominator)
        behind, ahead = int(whole * self.probability), int(whole * (1 - self.probability))
        arms, lead = bytearray(length), 0  # of arm 0 over arm 1
        for position, drawn in enumerate(stream.use(DRAWS).integers(whole, length).tolist()):
            limit = whole // 2 if lead == 0 else behind if lead < 0 else ahead
            arms[position] = drawn >= limit
            lead += -1 if drawn >= limit else 1
        return np.frombuffer(arms, dtype=np.uint8)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio), "probability": str(self.probability)}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]), probability=exact(parameters["probability"]))


@dataclass(frozen=True)
class BigStick:
    """limit: the largest lead that one arm may have, at least 1. At 1 it is a block of two."""

    name: ClassVar[str] = "big_stick"

    limit: int
    ratio: tuple[int, ...] = EQUAL

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_two_equal_arms(self.ratio, "the big stick")
        check_limit(self.limit)

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        check_length(length)
        arms, lead, limit = bytearray(length), 0, self.limit  # of arm 0 over arm 1
        for position, drawn in enumerate(stream.use(DRAWS).integers(2, length).tolist()):
            arm = drawn if -limit < lead < limit else int(lead > 0)
            arms[position] = arm
            lead += 1 - 2 * arm
        return np.frombuffer(arms, dtype=np.uint8)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio), "limit": self.limit}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]), limit=parameters["limit"])
