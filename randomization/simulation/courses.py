"""Simulated trials: participants arrive one after the other, each at a site and with levels, and are allocated.

Invariants
1. Arrivals depend on the seed and the batch alone: every scheme is tried on the same participants.
2. A list scheme has a list of its own in each stratum, as long as the stratum that needs most, to a whole ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from randomization.schemes import AnyScheme, Imbalance, Minimization
from randomization.simulation.lists import Arms, Floats, simulate_lists

Groups = NDArray[np.intp]


@dataclass(frozen=True)
class Scenario:
    """What is simulated. Effects are in standard deviations of the outcome.

    factors: names with their numbers of levels; participants fall into each combination equally often.
    experimental, control: the arms (as indices) that are compared. preference: how much better off than average a
    participant is whom the recruiter expects to get the experimental arm, and worse off if the control is expected.
    trend: how much the outcome drifts, linearly, from the first participant to the last.
    """

    participants: int
    ratio: tuple[int, ...]
    factors: tuple[tuple[str, int], ...]
    experimental: int
    control: int
    effect: float
    preference: float
    trend: float
    alpha: float = 0.05

    @property
    def strata(self) -> int:
        return prod(levels for _, levels in self.factors)

    def arrivals(self, rng: Generator, trials: int) -> Arrivals:
        return Arrivals(rng.integers(self.strata, size=(trials, self.participants)), self)


@dataclass(frozen=True)
class Arrivals:
    """The stratum of each participant of each trial, in the order of arrival."""

    strata: Groups
    scenario: Scenario

    @property
    def trials(self) -> int:
        return len(self.strata)

    def levels(self, factor: str) -> Groups:
        """The level of each participant."""
        rest = self.strata
        for name, count in reversed(self.scenario.factors):
            if name == factor:
                return rest % count
            rest = rest // count
        raise KeyError(factor)

    @cached_property
    def ordinals(self) -> Groups:
        """For each participant, how many of the same stratum came before."""
        order = np.argsort(self.strata, axis=1, kind="stable")
        ranked = np.arange(self.strata.shape[1]) - starts_of_groups(np.take_along_axis(self.strata, order, axis=1))
        ordinals = np.empty_like(order)
        np.put_along_axis(ordinals, order, ranked, axis=1)
        return ordinals


def starts_of_groups(grouped: Groups) -> Groups:
    """In rows that are sorted into groups, where the group of each place begins."""
    places = np.arange(grouped.shape[1])
    is_first = np.ones(grouped.shape, dtype=bool)
    is_first[:, 1:] = grouped[:, 1:] != grouped[:, :-1]
    starts: Groups = np.maximum.accumulate(np.where(is_first, places, 0), axis=1)
    return starts


def allocate(scheme: AnyScheme, arrivals: Arrivals, rng: Generator) -> Arms:
    """The arm of each participant of each trial."""
    if isinstance(scheme, Minimization):
        return _minimize(scheme, arrivals, rng)
    unit, most = sum(scheme.ratio), int(arrivals.ordinals.max()) + 1
    count = arrivals.trials * arrivals.scenario.strata
    lists = simulate_lists(scheme, rng, count, -(-most // unit) * unit)
    rows = np.arange(arrivals.trials)[:, np.newaxis] * arrivals.scenario.strata + arrivals.strata
    arms: Arms = lists[rows, arrivals.ordinals]
    return arms


def _minimize(scheme: Minimization, arrivals: Arrivals, rng: Generator) -> Arms:
    trials, participants = arrivals.strata.shape
    rows = np.arange(trials)
    tables = [(float(b.weight), arrivals.levels(b.factor)) for b in scheme.factors]
    if scheme.overall_weight:
        tables.append((float(scheme.overall_weight), np.zeros_like(arrivals.strata)))
    counts = [np.zeros((trials, int(levels.max(initial=0)) + 1, scheme.seats)) for _, levels in tables]
    owners, arms = np.array(scheme.arms_of_seats, dtype=np.uint8), np.empty((trials, participants), dtype=np.uint8)
    for at in range(participants):
        scores = np.zeros((trials, scheme.seats))
        for (weight, levels), count in zip(tables, counts, strict=True):
            scores += weight * _imbalances(count[rows, levels[:, at]], scheme.imbalance)
        seats = _pick(scores, float(scheme.probability), rng)
        for (_, levels), count in zip(tables, counts, strict=True):
            count[rows, levels[:, at], seats] += 1
        arms[:, at] = owners[seats]
    return arms


def _imbalances(counts: Floats, imbalance: Imbalance) -> Floats:
    """For each trial and each seat, the imbalance that giving it would leave."""
    after = counts[:, np.newaxis, :] + np.eye(counts.shape[1])
    if imbalance is Imbalance.RANGE:
        ranges: Floats = after.max(axis=2) - after.min(axis=2)
        return ranges
    variances: Floats = after.shape[2] * (after**2).sum(axis=2) - after.sum(axis=2) ** 2
    return variances if imbalance is Imbalance.VARIANCE else np.sqrt(variances)


def _pick(scores: Floats, probability: float, rng: Generator) -> Groups:
    best = scores <= scores.min(axis=1, keepdims=True) + 1e-9
    other = (1 - probability) / (scores.shape[1] - 1)
    ties = best.sum(axis=1, keepdims=True)
    chances = np.where(best, (probability + (ties - 1) * other) / ties, other)
    ends = np.cumsum(chances, axis=1)
    picked: Groups = (rng.random((len(scores), 1)) * ends[:, -1:] >= ends).sum(axis=1)
    return picked
