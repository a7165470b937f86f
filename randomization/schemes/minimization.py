"""Minimization: the next participant goes, most likely, where the arms become most alike.

Method: for each arm, the imbalance that would follow from giving it is summed over the factors, with their
    weights; the arm with the smallest sum is preferred and given with a high probability.
    Source: Pocock & Simon (1975), Biometrics 31:103. Unequal ratios after Han, Enas & McEntegart (2009),
    Stat Med 28:3329: counts are divided by the arm's share before they are compared, and the probabilities
    depend on which arm is preferred, so that the allocation keeps the ratio. (One probability for every
    preferred arm, as many packages have it, draws an unequal ratio towards equality.)

Let r be the ratio, R its sum, ``probability`` the chance p of the preferred arm when that arm has the
smallest share rₘ. With q = 1 - p, preferred arm i: P(i) = 1 - q (R - rᵢ)/(R - rₘ), and every other arm j has
P(j) = q rⱼ/(R - rₘ). Equal ratios give p and q/(k - 1). Among arms that tie, the preferred one is drawn in
the ratio. All of this is one exact distribution, and one draw from it.

Derivation from the list's stream (``stream.py``): for the participant at position n the use is ``draw n``;
with D the least common denominator of the probabilities, u is its first integer below D, and the arm is the
first one whose cumulative probability times D exceeds u.

Invariants
1. Arithmetic is whole numbers and fractions: no platform and no order of a dict can tip a tie.
2. The arm depends on the counts before, the participant's levels, the seed and the position; on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from math import isqrt, lcm
from typing import Any, ClassVar, Self

from randomization.schemes.scheme import check_fraction, check_ratio, exact, is_whole
from randomization.schemes.stream import Stream

Counts = tuple[int, ...]
_ROOT_BITS = 128
_ROUNDED_BITS = 64


class Imbalance(StrEnum):
    """How unlike the arms' counts at one level are."""

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
    """How many of each arm there are at each (factor, level), and in all: minimization's state."""

    arms: int
    total: Counts = ()
    at_level: Mapping[tuple[str, str], Counts] = field(default_factory=dict)

    @classmethod
    def of(cls, arms: int, history: Iterable[tuple[Mapping[str, str], int]]) -> Self:
        """The counts after ``history``: the levels as used and the arm, one pair a participant."""
        total = [0] * arms
        at_level: dict[tuple[str, str], list[int]] = {}
        for levels, arm in history:
            total[arm] += 1
            for place in levels.items():
                at_level.setdefault(place, [0] * arms)[arm] += 1
        return cls(arms, tuple(total), {place: tuple(counts) for place, counts in at_level.items()})

    def after(self, levels: Mapping[str, str], arm: int) -> MarginalCounts:
        """The counts after one more participant."""
        changed = dict(self.at_level)
        for factor, level in levels.items():
            changed[factor, level] = _one_more(self.at(factor, level), arm)
        return MarginalCounts(self.arms, _one_more(self.overall(), arm), changed)

    def at(self, factor: str, level: str) -> Counts:
        return self.at_level.get((factor, level), (0,) * self.arms)

    def overall(self) -> Counts:
        return self.total or (0,) * self.arms


@dataclass(frozen=True)
class Minimization:
    """Pocock–Simon minimization.

    ratio: a whole number of at least 1 for each arm.
    factors: at least one, each named once.
    probability: of the preferred arm when it has the smallest share, in [that share, 1].
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
        check_fraction("probability", self.probability)
        check_fraction("overall_weight", self.overall_weight)
        self._check_factors()
        least = Fraction(min(self.ratio), sum(self.ratio))
        if not least <= self.probability <= 1:
            raise ValueError(f"probability must lie in [{least}, 1], not {self.probability}")

    def _check_factors(self) -> None:
        names = [balance.factor for balance in self.factors]
        if not names:
            raise ValueError("factors must name at least one factor")
        if len(set(names)) != len(names):
            raise ValueError("factors must each be named once")
        if self.overall_weight < 0:
            raise ValueError(f"overall_weight must be at least 0, not {self.overall_weight}")

    def assign(self, stream: Stream, position: int, state: MarginalCounts, levels: Mapping[str, str]) -> int:
        """The arm of the participant at ``position`` (1 is the first), who has these ``levels``."""
        if not is_whole(position) or position < 1:
            raise ValueError(f"position must be a whole number of at least 1, not {position!r}")
        chances = self.probabilities(state, levels)
        common = lcm(*(chance.denominator for chance in chances))
        drawn = stream.use(f"draw {position}").integer_below(common)
        return next(arm for arm, below in enumerate(accumulate(chances)) if drawn < below * common)

    def probabilities(self, state: MarginalCounts, levels: Mapping[str, str]) -> tuple[Fraction, ...]:
        """The exact chance of each arm for a participant with these ``levels``."""
        scores = self.scores(state, levels)
        best = [arm for arm, score in enumerate(scores) if score == min(scores)]
        share = sum(self.ratio[arm] for arm in best)
        chances = [Fraction(0)] * len(self.ratio)
        for preferred in best:
            for arm, chance in enumerate(self._when_preferred(preferred)):
                chances[arm] += Fraction(self.ratio[preferred], share) * chance
        return tuple(chances)

    def _when_preferred(self, preferred: int) -> list[Fraction]:
        whole, least = sum(self.ratio), min(self.ratio)
        coin = (1 - self.probability) / (whole - least)
        chances = [coin * share for share in self.ratio]
        chances[preferred] = 1 - coin * (whole - self.ratio[preferred])
        return chances

    def scores(self, state: MarginalCounts, levels: Mapping[str, str]) -> tuple[Fraction, ...]:
        """For each arm, the weighted imbalance that giving it would leave."""
        self._check_levels(state, levels)
        tables = [(b.weight, state.at(b.factor, levels[b.factor])) for b in self.factors]
        if self.overall_weight:
            tables.append((self.overall_weight, state.overall()))
        return tuple(self._score(tables, arm) for arm in range(len(self.ratio)))

    def _score(self, tables: list[tuple[Fraction, Counts]], arm: int) -> Fraction:
        total = sum(
            (self._weighted(weight, _one_more(counts, arm)) for weight, counts in tables), Fraction(0)
        )
        if self.imbalance is not Imbalance.STANDARD_DEVIATION:
            return total
        # Roots are irrational: cut to far fewer bits than they were taken with, so that true ties are ties.
        return Fraction(round(total / (1 << (_ROOT_BITS - _ROUNDED_BITS))))

    def _weighted(self, weight: Fraction, counts: Counts) -> Fraction:
        common = lcm(*self.ratio)
        scaled = [count * common // share for count, share in zip(counts, self.ratio, strict=True)]
        if self.imbalance is Imbalance.RANGE:
            return weight * (max(scaled) - min(scaled))
        # The variance times a constant that is the same for every arm and factor, so that it stays whole.
        variance = len(scaled) * sum(x * x for x in scaled) - sum(scaled) ** 2
        if self.imbalance is Imbalance.VARIANCE:
            return weight * variance
        squared = weight * weight * variance
        return Fraction(isqrt((squared.numerator << (2 * _ROOT_BITS)) // squared.denominator))

    def _check_levels(self, state: MarginalCounts, levels: Mapping[str, str]) -> None:
        if state.arms != len(self.ratio):
            raise ValueError(f"state must count {len(self.ratio)} arms, not {state.arms}")
        missing = [balance.factor for balance in self.factors if balance.factor not in levels]
        if missing:
            raise ValueError(f"levels must name a level of {missing[0]}")

    def replay(self, stream: Stream, participants: Iterable[Mapping[str, str]]) -> list[int]:
        """The arms of a whole trial again, from the levels as used, in the order of randomization."""
        state, arms = MarginalCounts(len(self.ratio)), []
        for position, levels in enumerate(participants, start=1):
            arm = self.assign(stream, position, state, levels)
            state = state.after(levels, arm)
            arms.append(arm)
        return arms

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


def _one_more(counts: Counts, arm: int) -> Counts:
    return (*counts[:arm], counts[arm] + 1, *counts[arm + 1 :])
