"""Generation of stratified allocation lists, and diagnostics of what was generated.

Invariants
1. A list is a function of its design, its id and its seed; the order of any dict or set plays no part.
2. Each stratum has its own stream: adding a stratum, or slots to another, changes no slot.

A list in the open exists only in memory: ``sealing`` is what makes it fit to store. Which list a participant
draws from, and when, is the ledger's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from randomization.lists.designs import UNSTRATIFIED, ListDesign
from randomization.schemes import ArmIndices, Stream


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
    return StratumSlots(key, design.scheme.generate(Stream(seed, list_id, key), design.slots_of(key)))


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
