"""What a list is made from, besides its seed: arms, scheme, strata and their slots.

Invariants
1. Strata stand in the order of the factors and of their levels in the design; positions count from 1.
2. What does not fit is refused when the design is made: no list can fail when it is generated.
3. ``parameters()`` is plain JSON matter, and ``from_parameters`` gives the same design back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final, Self, TypeVar
from urllib.parse import parse_qsl, quote

from randomization.schemes import (
    AnyScheme,
    Balance,
    BiasedCoin,
    Imbalance,
    ListSchemes,
    MaximalProcedure,
    Minimization,
    PermutedBlocks,
    RandomAllocationRule,
    UploadedList,
    exact,
    scheme_from_parameters,
)
from randomization.schemes.stream import DOMAIN
from trial.errors import InvalidInput

Scheme = TypeVar("Scheme", bound=AnyScheme)

UNSTRATIFIED: Final = "all"
MOST_SLOTS: Final = 10_000_000


class ListDesignInvalid(InvalidInput):
    """Something in the design of a list is out of range."""

    code = "list.design_invalid"


class StratumUnknown(InvalidInput):
    """The levels name no stratum of this list."""

    code = "stratum.unknown"


@dataclass(frozen=True)
class Factor:
    """A stratification factor and its levels, as the protocol writes them; a site is a factor like any."""

    name: str
    levels: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(self.levels))
        if not self.name or not self.levels or not all(self.levels):
            raise ListDesignInvalid("A stratification factor needs a name and named levels. Complete it.")
        if len(set(self.levels)) != len(self.levels):
            raise ListDesignInvalid(f"The factor {self.name} names a level twice. Remove one.")


@dataclass(frozen=True)
class ListDesign:
    """``arms`` are codes; arm i has share i of the ratio. An uploaded list has its own slots in each stratum."""

    arms: tuple[str, ...]
    scheme: ListSchemes
    slots_per_stratum: int
    factors: tuple[Factor, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(self.arms))
        object.__setattr__(self, "factors", tuple(self.factors))
        check_arms(self.arms, self.scheme.ratio)
        names = [factor.name for factor in self.factors]
        if len(set(names)) != len(names):
            raise ListDesignInvalid("A stratification factor is named twice. Remove one.")
        self._check_slots()

    def _check_slots(self) -> None:
        # The product first: a list far too long must not be counted stratum by stratum.
        strata = prod(len(factor.levels) for factor in self.factors)
        if not 1 <= self.slots_per_stratum * strata <= MOST_SLOTS:
            raise ListDesignInvalid(f"A list has between 1 and {MOST_SLOTS:,} slots. Change the slots per stratum.")
        with design_refusals():
            if isinstance(self.scheme, RandomAllocationRule | MaximalProcedure):
                self.scheme.check_slots(self.slots_per_stratum)
            if isinstance(self.scheme, UploadedList):
                self._check_uploaded(self.scheme)

    def _check_uploaded(self, scheme: UploadedList) -> None:
        most = max(self.slots_of(key) for key in self.strata())
        if len(scheme.strata) != len(self.strata()) or most != self.slots_per_stratum:
            raise ValueError("strata must be those of the design, and slots_per_stratum their largest number")

    def slots_of(self, stratum: str) -> int:
        """How many slots a stratum has."""
        return self.scheme.length_of(stratum) if isinstance(self.scheme, UploadedList) else self.slots_per_stratum

    def strata(self) -> tuple[str, ...]:
        """The keys of all strata, in the design's order."""
        return strata_of(self.factors)

    def stratum_of(self, levels: Mapping[str, str]) -> str:
        """The stratum with these levels, which must name exactly the design's factors."""
        if set(levels) != {factor.name for factor in self.factors}:
            raise StratumUnknown("The levels must name each stratification factor of the list once.")
        for factor in self.factors:
            if levels[factor.name] not in factor.levels:
                raise StratumUnknown(f"{factor.name} has no such level in this list. Correct the recorded value.")
        return stratum_key(levels)

    def parameters(self) -> dict[str, Any]:
        return {
            "stream": DOMAIN.decode(),
            "arms": list(self.arms),
            "scheme": self.scheme.parameters(),
            "slots_per_stratum": self.slots_per_stratum,
            "factors": [[factor.name, list(factor.levels)] for factor in self.factors],
        }

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(
            arms=tuple(parameters["arms"]),
            scheme=_list_scheme(parameters["scheme"]),
            slots_per_stratum=parameters["slots_per_stratum"],
            factors=tuple(Factor(name, tuple(levels)) for name, levels in parameters["factors"]),
        )


@dataclass(frozen=True)
class AdaptiveDesign:
    """The counterpart for a scheme without a list: what is sealed is the rule and its seed."""

    arms: tuple[str, ...]
    scheme: Minimization

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(self.arms))
        check_arms(self.arms, self.scheme.ratio)

    def parameters(self) -> dict[str, Any]:
        return {"stream": DOMAIN.decode(), "arms": list(self.arms), "scheme": self.scheme.parameters()}

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        scheme = scheme_from_parameters(parameters["scheme"])
        if not isinstance(scheme, Minimization):
            raise ListDesignInvalid("This scheme makes a list; design it as a list.")
        return cls(tuple(parameters["arms"]), scheme)


def strata_of(factors: Sequence[Factor]) -> tuple[str, ...]:
    """The keys of all combinations of levels, in the order of the factors and of their levels."""
    names = [factor.name for factor in factors]
    combinations = product(*(factor.levels for factor in factors))
    return tuple(stratum_key(dict(zip(names, levels, strict=True))) for levels in combinations)


def stratum_key(levels: Mapping[str, str]) -> str:
    """One text for one combination of levels: ``opioid=yes&site=S01``, sorted by name, percent-encoded."""
    if not levels:
        return UNSTRATIFIED
    pairs = sorted(levels.items())
    return "&".join(f"{quote(name, safe='')}={quote(level, safe='')}" for name, level in pairs)


def stratum_levels(key: str) -> dict[str, str]:
    """The levels that a stratum's key names."""
    return {} if key == UNSTRATIFIED else dict(parse_qsl(key, strict_parsing=True, keep_blank_values=True))


def permuted_blocks(ratio: Sequence[int], sizes: Sequence[int]) -> PermutedBlocks:
    """The scheme, with what is out of range said as a refusal to the one who designs the list."""
    return made(lambda: PermutedBlocks(tuple(ratio), tuple(sizes)))


def minimization(
    ratio: Sequence[int],
    weights: Mapping[str, float],
    probability: float,
    imbalance: str,
    overall_weight: float = 0,
) -> Minimization:
    """The scheme with the factors' weights, read as they are written: 0.8 is four fifths."""

    def make() -> Minimization:
        balances = tuple(Balance(factor, exact(weight)) for factor, weight in weights.items())
        return Minimization(tuple(ratio), balances, exact(probability), Imbalance(imbalance), exact(overall_weight))

    return made(make)


def biased_coin(ratio: Sequence[int], probability: float | str) -> BiasedCoin:
    return made(lambda: BiasedCoin(tuple(ratio), exact(probability)))


def made(make: Callable[[], Scheme]) -> Scheme:
    """What ``make`` makes, with what is out of range said as ``ListDesignInvalid``."""
    with design_refusals():
        return make()


def _list_scheme(parameters: Mapping[str, Any]) -> ListSchemes:
    scheme = made(lambda: scheme_from_parameters(parameters))
    if isinstance(scheme, Minimization):
        raise ListDesignInvalid("This scheme makes no list; design it without one.")
    return scheme


@contextmanager
def design_refusals() -> Iterator[None]:
    try:
        yield
    except ValueError as refused:
        raise ListDesignInvalid(f"The scheme does not fit: {refused}.") from None


def check_arms(arms: tuple[str, ...], ratio: tuple[int, ...]) -> None:
    if len(set(arms)) != len(arms) or not all(arms):
        raise ListDesignInvalid("Each arm needs a code of its own. Correct the codes.")
    if len(arms) != len(ratio):
        raise ListDesignInvalid(f"There are {len(arms)} arms and {len(ratio)} shares in the ratio. Give each a share.")
