"""Generation of stratified allocation lists, and diagnostics of what was generated.

Invariants
1. A list is a function of its design, its id and its seed; the order of any dict or set plays no part.
2. Each stratum has its own stream: adding a stratum, or slots to another, changes no slot.
3. Strata stand in the order of the factors and of their levels in the design; positions count from 1.

A list in the open exists only in memory: ``sealing`` is what makes it fit to store. Which list a participant
draws from, and when, is the ledger's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, Self
from urllib.parse import parse_qsl, quote

import numpy as np
from numpy.typing import NDArray

from randomization.schemes import (
    ArmIndices,
    Balance,
    Imbalance,
    Minimization,
    PermutedBlocks,
    Stream,
    exact,
    scheme_from_parameters,
)
from randomization.schemes.stream import DOMAIN
from trial.errors import InvalidInput

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
    """What a list is made from, besides its seed. ``arms`` are codes; arm i has share i of the ratio."""

    arms: tuple[str, ...]
    scheme: PermutedBlocks
    slots_per_stratum: int
    factors: tuple[Factor, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(self.arms))
        object.__setattr__(self, "factors", tuple(self.factors))
        check_arms(self.arms, self.scheme.ratio)
        names = [factor.name for factor in self.factors]
        if len(set(names)) != len(names):
            raise ListDesignInvalid("A stratification factor is named twice. Remove one.")
        if not 1 <= self.slots_per_stratum * len(self.strata()) <= MOST_SLOTS:
            raise ListDesignInvalid(f"A list has between 1 and {MOST_SLOTS:,} slots. Change the slots per stratum.")

    def strata(self) -> tuple[str, ...]:
        """The keys of all strata, in the design's order."""
        names = [factor.name for factor in self.factors]
        combinations = product(*(factor.levels for factor in self.factors))
        return tuple(stratum_key(dict(zip(names, levels, strict=True))) for levels in combinations)

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
            scheme=permuted_blocks(parameters["scheme"]["ratio"], parameters["scheme"]["sizes"]),
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


@dataclass(frozen=True)
class StratumSlots:
    """The arms of one stratum, as indices into the design's arms, in the order of their positions."""

    key: str
    arms: ArmIndices = field(repr=False)


@dataclass(frozen=True)
class StratifiedList:
    """A generated list in the open."""

    list_id: str
    design: ListDesign
    strata: tuple[StratumSlots, ...] = field(repr=False)

    def arm_codes(self, stratum: StratumSlots) -> list[str]:
        return [self.design.arms[arm] for arm in stratum.arms.tolist()]


@dataclass(frozen=True)
class StratumBalance:
    """How well one stratum keeps to the ratio.

    ``largest_departure`` is the largest distance, over all positions and arms, of an arm's count from its
    share of the position; ``final_departure`` is that at the end.
    """

    stratum: str
    counts: tuple[int, ...]
    largest_departure: float
    final_departure: float


def generate_list(design: ListDesign, list_id: str, seed: bytes) -> StratifiedList:
    """The list that the design, the id and the 32 bytes of the seed determine."""
    strata = tuple(generate_stratum(design, list_id, seed, key) for key in design.strata())
    return StratifiedList(list_id, design, strata)


def generate_stratum(design: ListDesign, list_id: str, seed: bytes, key: str) -> StratumSlots:
    """One stratum alone; the others are not needed for it."""
    return StratumSlots(key, design.scheme.generate(Stream(seed, list_id, key), design.slots_per_stratum))


def adaptive_stream(list_id: str, seed: bytes) -> Stream:
    """The stream that a scheme without a list draws from; each position takes its own part of it."""
    return Stream(seed, list_id, UNSTRATIFIED)


def diagnose(generated: StratifiedList) -> tuple[StratumBalance, ...]:
    """The balance of each stratum."""
    ratio = generated.design.scheme.ratio
    return tuple(balance_of(stratum, ratio) for stratum in generated.strata)


def balance_of(stratum: StratumSlots, ratio: Sequence[int]) -> StratumBalance:
    """The balance of one stratum; of an empty one, all zero."""
    counts = np.bincount(stratum.arms, minlength=len(ratio))
    departures = _departures(stratum.arms, np.array(ratio, dtype=np.float64))
    return StratumBalance(
        stratum=stratum.key,
        counts=tuple(counts.tolist()),
        largest_departure=float(departures.max(initial=0.0)),
        final_departure=float(departures[-1].max()) if len(departures) else 0.0,
    )


def _departures(arms: ArmIndices, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    given = np.cumsum(arms[:, np.newaxis] == np.arange(len(ratio)), axis=0)
    due = np.arange(1, len(arms) + 1)[:, np.newaxis] * (ratio / ratio.sum())
    departures: NDArray[np.float64] = np.abs(given - due)
    return departures


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
    with _design_refusals():
        return PermutedBlocks(tuple(ratio), tuple(sizes))


def minimization(
    ratio: Sequence[int], weights: Mapping[str, float], probability: float, imbalance: str
) -> Minimization:
    """The scheme with the factors' weights, read as they are written: 0.8 is four fifths."""
    with _design_refusals():
        balances = tuple(Balance(factor, exact(weight)) for factor, weight in weights.items())
        return Minimization(tuple(ratio), balances, exact(probability), Imbalance(imbalance))


@contextmanager
def _design_refusals() -> Iterator[None]:
    try:
        yield
    except ValueError as refused:
        raise ListDesignInvalid(f"The scheme does not fit: {refused}.") from None


def check_arms(arms: tuple[str, ...], ratio: tuple[int, ...]) -> None:
    if len(set(arms)) != len(arms) or not all(arms):
        raise ListDesignInvalid("Each arm needs a code of its own. Correct the codes.")
    if len(arms) != len(ratio):
        raise ListDesignInvalid(f"There are {len(arms)} arms and {len(ratio)} shares in the ratio. Give each a share.")
