"""Many lists of one scheme at once: one row a list, from a numpy generator.

The rules are those of ``randomization.schemes``, written for whole columns of lists; tests compare both by enumeration.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from randomization.schemes import (
    BiasedCoin,
    BigStick,
    BlockUrn,
    Complete,
    ListSchemes,
    MaximalProcedure,
    PermutedBlocks,
    RandomAllocationRule,
    Urn,
    in_lowest_terms,
)

Arms = NDArray[np.uint8]
Floats = NDArray[np.float64]
ChanceOfFirst = Callable[[int, NDArray[np.int64]], Floats]


@singledispatch
def simulate_lists(scheme: ListSchemes, rng: Generator, count: int, length: int) -> Arms:  # noqa: ARG001 - the signature of all
    """``count`` independent lists of ``length`` slots. An uploaded list cannot be simulated: ``ValueError``."""
    raise ValueError(f"{scheme.name} has no chance in it to simulate")


@simulate_lists.register
def _(scheme: Complete, rng: Generator, count: int, length: int) -> Arms:
    ends = np.cumsum(in_lowest_terms(scheme.ratio))
    return np.searchsorted(ends, rng.integers(ends[-1], size=(count, length)), side="right").astype(np.uint8)


@simulate_lists.register
def _(scheme: RandomAllocationRule, rng: Generator, count: int, length: int) -> Arms:
    whole = -(-length // sum(scheme.ratio))
    template = np.repeat(np.arange(len(scheme.ratio), dtype=np.uint8), np.array(scheme.ratio) * whole)
    return rng.permuted(np.tile(template, (count, 1)), axis=1)[:, :length]


@simulate_lists.register
def _(scheme: PermutedBlocks, rng: Generator, count: int, length: int) -> Arms:
    most = -(-length // scheme.sizes[0])
    sizes = np.array(scheme.sizes)[rng.integers(len(scheme.sizes), size=(count, most))]
    width = most * scheme.sizes[-1]
    starts = np.cumsum(sizes, axis=1) - sizes + np.arange(count)[:, np.newaxis] * width
    arms = np.zeros(count * width, dtype=np.uint8)
    for size in scheme.sizes:
        of_size = starts[sizes == size]
        times = np.array(scheme.ratio) * (size // sum(scheme.ratio))
        template = np.repeat(np.arange(len(scheme.ratio), dtype=np.uint8), times)
        blocks = rng.permuted(np.tile(template, (len(of_size), 1)), axis=1)
        arms[of_size[:, np.newaxis] + np.arange(size)] = blocks
    return arms.reshape(count, width)[:, :length]


@simulate_lists.register
def _(scheme: BiasedCoin, rng: Generator, count: int, length: int) -> Arms:
    behind = float(scheme.probability)
    by_sign = np.array([behind, 0.5, 1 - behind])  # a lead below 0, of 0, above 0
    return _by_lead(rng, count, length, lambda _, lead: by_sign[np.sign(lead) + 1])


@simulate_lists.register
def _(scheme: BigStick, rng: Generator, count: int, length: int) -> Arms:
    limit = scheme.limit
    return _by_lead(rng, count, length, lambda _, lead: 0.5 - 0.5 * (lead >= limit) + 0.5 * (lead <= -limit))


@simulate_lists.register
def _(scheme: MaximalProcedure, rng: Generator, count: int, length: int) -> Arms:
    even = length + length % 2
    limit = min(scheme.limit, even)
    chances = _chances_of_the_first(MaximalProcedure(limit).endings(even), limit)
    return _by_lead(rng, count, even, lambda position, lead: chances[even - position, lead + limit])[:, :length]


def _chances_of_the_first(endings: list[dict[int, int]], limit: int) -> Floats:
    """For each number of slots left and each lead, the chance of arm 0: exact, then rounded once."""
    chances = np.zeros((len(endings), 2 * limit + 1))
    for left in range(1, len(endings)):
        for lead, ways in endings[left].items():
            chances[left, lead + limit] = endings[left - 1].get(lead + 1, 0) / ways
    return chances


def _by_lead(rng: Generator, count: int, length: int, chance_of_first: ChanceOfFirst) -> Arms:
    arms = np.empty((count, length), dtype=np.uint8)
    lead = np.zeros(count, dtype=np.int64)
    for position in range(length):
        second = rng.random(count) >= chance_of_first(position, lead)
        arms[:, position] = second
        lead += 1 - 2 * second
    return arms


@simulate_lists.register
def _(scheme: Urn, rng: Generator, count: int, length: int) -> Arms:
    arms = np.empty((count, length), dtype=np.uint8)
    given = np.zeros((count, len(scheme.ratio)), dtype=np.int64)
    for position in range(length):
        balls = scheme.start + scheme.added * (position - given)
        arms[:, position] = _draw(rng, balls if balls.any() else np.ones_like(given))
        given[np.arange(count), arms[:, position]] += 1
    return arms


@simulate_lists.register
def _(scheme: BlockUrn, rng: Generator, count: int, length: int) -> Arms:
    unit = np.array(in_lowest_terms(scheme.ratio))
    arms = np.empty((count, length), dtype=np.uint8)
    given = np.zeros((count, len(unit)), dtype=np.int64)
    for position in range(length):
        whole = (given // unit).min(axis=1, keepdims=True)
        arms[:, position] = _draw(rng, unit * (scheme.limit + whole) - given)
        given[np.arange(count), arms[:, position]] += 1
    return arms


def _draw(rng: Generator, balls: NDArray[np.int64]) -> NDArray[np.intp]:
    ends = np.cumsum(balls, axis=1)
    drawn = rng.integers(ends[:, -1])
    picked: NDArray[np.intp] = (drawn[:, np.newaxis] >= ends).sum(axis=1)
    return picked
