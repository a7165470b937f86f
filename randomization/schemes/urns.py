"""Urns: Wei's urn and the block urn. Balls stand for chances; every allocation changes the urn.

Urn: it begins with α balls of each arm; after each allocation β balls of every other arm are added. Early
    imbalance is corrected, later allocations come close to complete randomization.
    Source: Wei (1977), J Am Stat Assoc 72:382, two arms; Wei (1978), J Am Stat Assoc 73:559, more. Equal ratio.
Block urn: it begins with λ balls for each share of the ratio; a drawn ball leaves the urn, and whenever one
    whole ratio has been drawn it is put back. Less predictable than blocks of λ times the ratio, with the same
    bound on imbalance.
    Source: Zhao & Weng (2011), Contemp Clin Trials 32:953. Any ratio, any number of arms.

Derivation from the stratum's stream (``stream.py``), use ``draws``: for every position one integer below the
number of balls in the urn; arm 0 has the first balls, arm 1 the next, …. With n₀, n₁, … allocated before and
m their sum: Wei's urn holds α + β(m - nᵢ) balls of arm i (where all are 0, one of each); the block urn holds
wᵢ(λ + k) - nᵢ, where w is the ratio in lowest terms and k is the smallest of floor(nᵢ / wᵢ).

Invariants
1. A shorter list is the beginning of a longer one.
2. In the block urn no arm is ever given more than λ shares beyond the arm that is most behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from randomization.schemes.coins import DRAWS
from randomization.schemes.scheme import (
    check_length,
    check_limit,
    check_ratio,
    in_lowest_terms,
    is_whole,
)
from randomization.schemes.stream import ArmIndices, Stream

MOST_BALLS = 10_000


@dataclass(frozen=True)
class Urn:
    """start: balls of each arm at the beginning, at least 0. added: balls of every other arm, at least 1."""

    name: ClassVar[str] = "urn"

    ratio: tuple[int, ...]
    start: int = 0
    added: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_ratio(self.ratio)
        if len(set(self.ratio)) > 1:
            raise ValueError("ratio must be equal for the urn; the block urn keeps any ratio")
        for name, number, least in (("start", self.start, 0), ("added", self.added, 1)):
            if not is_whole(number) or not least <= number <= MOST_BALLS:
                raise ValueError(f"{name} must be a whole number in [{least}, {MOST_BALLS}], not {number!r}")

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        check_length(length)
        below = stream.use(DRAWS).one_by_one(length)
        arms, given = bytearray(length), [0] * len(self.ratio)
        for position in range(length):
            arm = draw_ball(below, self.balls(given))
            given[arm] += 1
            arms[position] = arm
        return np.frombuffer(arms, dtype=np.uint8)

    def balls(self, given: list[int]) -> list[int]:
        """What the urn holds of each arm after these were given."""
        before = sum(given)
        balls = [self.start + self.added * (before - own) for own in given]
        return balls if any(balls) else [1] * len(given)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio), "start": self.start, "added": self.added}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]), start=parameters["start"], added=parameters["added"])


@dataclass(frozen=True)
class BlockUrn:
    """limit: λ, how often the ratio lies in the urn at the beginning, at least 1. At 1 it is the smallest block."""

    name: ClassVar[str] = "block_urn"

    ratio: tuple[int, ...]
    limit: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        check_ratio(self.ratio)
        check_limit(self.limit)

    def generate(self, stream: Stream, length: int) -> ArmIndices:
        check_length(length)
        below = stream.use(DRAWS).one_by_one(length)
        unit = in_lowest_terms(self.ratio)
        balls, given = [share * self.limit for share in unit], [0] * len(unit)
        arms = bytearray(length)
        for position in range(length):
            arm = draw_ball(below, balls)
            given[arm] += 1
            balls[arm] -= 1
            if all(own >= share for own, share in zip(given, unit, strict=True)):
                balls = [ball + share for ball, share in zip(balls, unit, strict=True)]
                given = [own - share for own, share in zip(given, unit, strict=True)]
            arms[position] = arm
        return np.frombuffer(arms, dtype=np.uint8)

    def parameters(self) -> dict[str, Any]:
        return {"scheme": self.name, "ratio": list(self.ratio), "limit": self.limit}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(ratio=tuple(parameters["ratio"]), limit=parameters["limit"])


def draw_ball(below: Callable[[int], int], balls: list[int]) -> int:
    """The arm of one ball, each ball equally likely."""
    drawn = below(sum(balls))
    for arm, count in enumerate(balls):
        if drawn < count:
            return arm
        drawn -= count
    raise AssertionError("a draw lies below the number of balls")
