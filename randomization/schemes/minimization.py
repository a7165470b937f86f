"""Minimization: the next participant goes, most likely, where the arms become most alike.

Method: for each choice, the imbalance that would follow from it is summed over the factors, with their
    weights; the choice with the smallest sum is preferred and made with a high probability, each other one with
    an equal part of the rest; among choices that tie, each is equally likely to be the preferred one.
    Source: Pocock & Simon (1975), Biometrics 31:103.
Unequal ratios: minimization chooses among equal *seats*, and every arm holds as many seats as its share, in
    lowest terms (2:1:1 has four seats: 0 and 1 are the first arm's). By symmetry every participant, the first
    and each later one, has exactly the ratio's chance of each arm, before the others are known. Dividing
    counts by shares instead, or raising one arm's probability, bends the ratio at some positions, which biases
    the analysis. Source: Kuznetsova & Tymofyeyev (2012), Stat Med 31:701.

Derivation from the list's stream (``stream.py``): for the participant at position n the use is ``draw n``;
with D the least common denominator of the seats' probabilities, u is its first integer below D, and the seat
is the first one whose cumulative probability times D exceeds u.

Invariants
1. Arithmetic is whole numbers and fractions: no platform and no order of a dict can tip a tie.
2. The seat depends on the seats before, the participant's levels, the seed and the position; on nothing else.
3. A seat tells its arm: where seats are stored, they are sealed like arms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from math import gcd, isqrt, lcm
from typing import Any, ClassVar, Self

from randomization.schemes.scheme import check_fraction, check_ratio, exact, is_whole
from randomization.schemes.stream import Stream

Counts = tuple[int, ...]
MOST_SEATS = 250
_ROOT_BITS = 128
_ROUNDED_BITS = 64


class Imbalance(StrEnum):
    """How unlike the counts at one level are."""

    RANGE = "range"
    VARIANCE = "variance"
    STANDARD_DEVIATION = "standard_deviation"


@dataclass(frozen=True)
class Balance:
    """A factor to balance, with its weight (above 0, relative to the other factors)."""

    factor: str
    weight: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        check_fraction("weight", self.weight)
        if not self.factor:
            raise ValueError("factor must have a name")
        if self.weight <= 0:
            raise ValueError(f"weight of {self.factor} must be above 0, not {self.weight}")


@dataclass(frozen=True)
class MarginalCounts:
    """How many have each seat at each (factor, level), and in all: the state that minimization looks at."""

    seats: int
    total: Counts = ()
    at_level: Mapping[tuple[str, str], Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, seats: int, history: Iterable[tuple[Mapping[str, str], int]]) -> Self:
        """The counts after ``history``: the levels as used and the seat, one pair a participant."""
        total = [0] * seats
        at_level: dict[tuple[str, str], list[int]] = {}
        for levels, seat in history:
            total[seat] += 1
            for place in levels.items():
                at_level.setdefault(place, [0] * seats)[seat] += 1
        return cls(seats, tuple(total), {place: tuple(counts) for place, counts in at_level.items()})

    def after(self, levels: Mapping[str, str], seat: int) -> MarginalCounts:
        """The counts after one more participant."""
        changed = dict(self.at_level)
        for factor, level in levels.items():
            changed[factor, level] = _one_more(self.at(factor, level), seat)
        return MarginalCounts(self.seats, _one_more(self.overall(), seat), changed)

    def at(self, factor: str, level: str) -> Counts:
        return self.at_level.get((factor, level), (0,) * self.seats)

    def overall(self) -> Counts:
        return self.total or (0,) * self.seats


@dataclass(frozen=True)
class Minimization:
    """Pocock–Simon minimization, for any whole-number ratio.

    ratio: a whole number of at least 1 for each arm.
    factors: at least one, each named once.
    probability: of the preferred seat, in [1 / number of seats, 1]; for 1:1 that is the preferred arm.
    overall_weight: weight of the balance of the whole trial, at least 0; 0 leaves it out.
    """

    name: ClassVar[str] = "minimization"

    ratio: tuple[int, ...]
    factors: tuple[Balance, ...]
    probability: Fraction = Fraction(4, 5)
    imbalance: Imbalance = Imbalance.RANGE
    overall_weight: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", tuple(self.ratio))
        object.__setattr__(self, "factors", tuple(self.factors))
        check_ratio(self.ratio)
        if self.seats > MOST_SEATS:
            raise ValueError(f"ratio must have at most {MOST_SEATS} seats in lowest terms, not {self.seats}")
        self._check_factors()
        check_fraction("probability", self.probability)
        if not Fraction(1, self.seats) <= self.probability <= 1:
            raise ValueError(f"probability must lie in [1/{self.seats}, 1], not {self.probability}")

    def _check_factors(self) -> None:
        names = [balance.factor for balance in self.factors]
        if not names:
            raise ValueError("factors must name at least one factor")
        if len(set(names)) != len(names):
            raise ValueError("factors must each be named once")
        check_fraction("overall_weight", self.overall_weight)
        if self.overall_weight < 0:
            raise ValueError(f"overall_weight must be at least 0, not {self.overall_weight}")

    @cached_property
    def arms_of_seats(self) -> tuple[int, ...]:
        """For each seat the index of its arm, rising."""
        common = gcd(*self.ratio)
        return tuple(arm for arm, share in enumerate(self.ratio) for _ in range(share // common))

    @property
    def seats(self) -> int:
        return sum(self.ratio) // gcd(*self.ratio)

    def arm_of(self, seat: int) -> int:
        return self.arms_of_seats[seat]

    def assign(self, stream: Stream, position: int, state: MarginalCounts, levels: Mapping[str, str]) -> int:
        """The seat of the participant at ``position`` (1 is the first), who has these ``levels``."""
        if not is_whole(position) or position < 1:
            raise ValueError(f"position must be a whole number of at least 1, not {position!r}")
        chances = self.probabilities(state, levels)
        common = lcm(*(chance.denominator for chance in chances))
        drawn = stream.use(f"draw {position}").integer_below(common)
        return next(seat for seat, below in enumerate(accumulate(chances)) if drawn < below * common)

    def probabilities(self, state: MarginalCounts, levels: Mapping[str, str]) -> tuple[Fraction, ...]:
        """The exact chance of each seat for a participant with these ``levels``."""
        scores = self.scores(state, levels)
        best = [score == min(scores) for score in scores]
        other = (1 - self.probability) / (self.seats - 1)
        shared = (self.probability + (sum(best) - 1) * other) / sum(best)
        return tuple(shared if is_best else other for is_best in best)

    def arm_probabilities(self, state: MarginalCounts, levels: Mapping[str, str]) -> tuple[Fraction, ...]:
        """The exact chance of each arm: the sum over its seats."""
        chances = [Fraction(0)] * len(self.ratio)
        for arm, chance in zip(self.arms_of_seats, self.probabilities(state, levels), strict=True):
            chances[arm] += chance
        return tuple(chances)

    def scores(self, state: MarginalCounts, levels: Mapping[str, str]) -> tuple[Fraction, ...]:
        """For each seat, the weighted imbalance that giving it would leave."""
        self._check_levels(state, levels)
        tables = [(b.weight, state.at(b.factor, levels[b.factor])) for b in self.factors]
        if self.overall_weight:
            tables.append((self.overall_weight, state.overall()))
        return tuple(self._score(tables, seat) for seat in range(self.seats))

    def _score(self, tables: list[tuple[Fraction, Counts]], seat: int) -> Fraction:
        terms = [self._weighted(weight, _one_more(counts, seat)) for weight, counts in tables]
        total = sum(terms, Fraction(0))
        if self.imbalance is not Imbalance.STANDARD_DEVIATION:
            return total
        # Roots are irrational: cut to far fewer bits than they were taken with, so that true ties are ties.
        return Fraction(round(total / (1 << (_ROOT_BITS - _ROUNDED_BITS))))

    def _weighted(self, weight: Fraction, counts: Counts) -> Fraction:
        if self.imbalance is Imbalance.RANGE:
            return weight * (max(counts) - min(counts))
        # The variance times the squared number of seats, the same for all, so that it stays whole.
        variance = len(counts) * sum(count * count for count in counts) - sum(counts) ** 2
        if self.imbalance is Imbalance.VARIANCE:
            return weight * variance
        squared = weight * weight * variance
        return Fraction(isqrt((squared.numerator << (2 * _ROOT_BITS)) // squared.denominator))

    def _check_levels(self, state: MarginalCounts, levels: Mapping[str, str]) -> None:
        if state.seats != self.seats:
            raise ValueError(f"state must count {self.seats} seats, not {state.seats}")
        missing = [balance.factor for balance in self.factors if balance.factor not in levels]
        if missing:
            raise ValueError(f"levels must name a level of {missing[0]}")

    def replay(self, stream: Stream, participants: Iterable[Mapping[str, str]]) -> list[int]:
        """The seats of a whole trial again, from the levels as used, in the order of randomization."""
        state, seats = MarginalCounts(self.seats), []
        for position, levels in enumerate(participants, start=1):
            seat = self.assign(stream, position, state, levels)
            state = state.after(levels, seat)
            seats.append(seat)
        return seats

    def parameters(self) -> dict[str, Any]:
        return {
            "scheme": self.name,
            "ratio": list(self.ratio),
            "factors": [[balance.factor, str(balance.weight)] for balance in self.factors],
            "probability": str(self.probability),
            "imbalance": self.imbalance.value,
            "overall_weight": str(self.overall_weight),
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(
            ratio=tuple(parameters["ratio"]),
            factors=tuple(Balance(factor, exact(weight)) for factor, weight in parameters["factors"]),
            probability=exact(parameters["probability"]),
            imbalance=Imbalance(parameters["imbalance"]),
            overall_weight=exact(parameters["overall_weight"]),
        )


def _one_more(counts: Counts, seat: int) -> Counts:
    return (*counts[:seat], counts[seat] + 1, *counts[seat + 1 :])
