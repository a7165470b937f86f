"""Operating characteristics of a design for proportions, by simulation: whole two-arm trials with pooled z tests.

Invariants
1. The seed decides everything, and every chance comes with its Monte Carlo standard error, as in ``simulation``.
2. Events are drawn exactly, as binomial counts at each step; where nobody or everybody has had an event, z is 0.

What it does not do: strata, or exact tests at a look.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trial.statistics.checks import FloatArray, check_in
from trial.statistics.group_sequential.characteristics import (
    OperatingCharacteristics,
    Tally,
    batch_seeds,
    summarised,
)
from trial.statistics.group_sequential.crossing import crossing_probabilities
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.simulation import MeansSimulation


@dataclass(frozen=True)
class ProportionsSimulation:
    """Whole trials of two proportions, tested by the pooled z test at each look.

    treated, control: true proportions, in (0, 1); a higher one is a benefit. Other arguments as for ``MeansSimulation``.
    Raises OutOfRange, FallingInformation.

    >>> from trial.statistics.group_sequential import Spending
    >>> design = GroupSequentialDesign((0.5, 1.0), Spending("lan_demets_obrien_fleming"))
    >>> result = ProportionsSimulation(design, 0.55, 0.40, (120, 240), trials=20_000).run()
    >>> abs(result.power - result.power_by_integration) < 0.02
    True
    """

    design: GroupSequentialDesign
    treated: float
    control: float
    per_arm: tuple[int, ...]
    trials: int = 100_000
    seed: int = 1
    ratio: float = 1.0
    obey_futility: bool = True
    name: str = "simulated"

    def __post_init__(self) -> None:
        check_in("treated", self.treated, 0.0, 1.0)
        check_in("control", self.control, 0.0, 1.0)
        check_in("ratio", self.ratio, 0.1, 10.0, "[]")
        _ = self._plan

    @cached_property
    def _plan(self) -> MeansSimulation:
        """The same trial with means: its checks, looks and bounds are those of this one."""
        share = (self.control + self.ratio * self.treated) / (1.0 + self.ratio)
        return MeansSimulation(
            self.design,
            self.treated - self.control,
            math.sqrt(share * (1.0 - share)),
            self.per_arm,
            trials=self.trials,
            seed=self.seed,
            ratio=self.ratio,
            obey_futility=self.obey_futility,
            name=self.name,
        )

    def run(self) -> OperatingCharacteristics:
        """All trials, and what they did."""
        tally = self.new_tally()
        for _ in self.batches(tally):
            pass
        return self.summary(tally)

    def new_tally(self) -> Tally:
        return self._plan.new_tally()

    def summary(self, tally: Tally) -> OperatingCharacteristics:
        """Shares and means of a tally, with their errors and what integration says."""
        return summarised(
            self,
            tally,
            self.by_integration(),
            "pooled z tests of simulated binomial counts",
            truth=(self._plan.difference, self._plan.sd),
            at_looks=self._plan.participants,
        )

    def batches(self, tally: Tally) -> Iterator[int]:
        """Simulate into ``tally``, telling after each batch how many trials are done."""
        for size, seed in batch_seeds(self.trials, self.seed):
            self._batch(size, np.random.default_rng(seed), tally)
            yield tally.trials

    def _batch(self, size: int, random: np.random.Generator, tally: Tally) -> None:
        bounds = self._plan.z_bounds()
        n0 = np.asarray(self.per_arm, dtype=np.float64)
        n1 = np.round(n0 * self.ratio)
        x0, x1 = np.zeros(size), np.zeros(size)
        for look in range(len(n0)):
            before = (n0[look - 1], n1[look - 1]) if look else (0.0, 0.0)
            x0 += random.binomial(int(n0[look] - before[0]), self.control, len(x0))
            x1 += random.binomial(int(n1[look] - before[1]), self.treated, len(x1))
            z = pooled_z(x1, n1[look], x0, n0[look])
            stops = tally.cross(look, z, bounds, two_sided=self.design.sides == 2)
            tally.stop(float(n0[look] + n1[look]), x1[stops] / n1[look] - x0[stops] / n0[look])
            x0, x1 = x0[~stops], x1[~stops]

    def by_integration(self, difference: float | None = None) -> tuple[float, float]:
        """Power and mean participants for normal statistics, without simulation.

        The test divides by the pooled error, the difference moves by the unpooled one: bounds stretch by their ratio.
        difference: true, of treated and control; the simulation's own where it is not given.
        """
        upper, lower, inner = self._plan.z_bounds()
        n0 = np.asarray(self.per_arm, dtype=np.float64)
        true = self.treated - self.control if difference is None else difference
        treated = check_in("control + difference", self.control + true, 0.0, 1.0)
        unpooled = self.control * (1.0 - self.control) + treated * (1.0 - treated) / self.ratio
        pooled = (self.control + self.ratio * treated) / (1.0 + self.ratio)
        stretch = math.sqrt(pooled * (1.0 - pooled) * (1.0 + 1.0 / self.ratio) / unpooled)
        information = n0 / unpooled
        above, below, inside = (np.asarray(side) * stretch for side in (upper, lower, inner))
        chances = crossing_probabilities(information, above, below, true, inside)
        return chances.any_efficacy, chances.expected_information * float(self._plan.participants[-1] / information[-1])


def pooled_z(events1: FloatArray, n1: float, events0: FloatArray, n0: float) -> FloatArray:
    """The pooled z statistic of many tables; 0 where nobody or everybody has had an event."""
    pooled = (events1 + events0) / (n1 + n0)
    variance = pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n0)
    difference = events1 / n1 - events0 / n0
    z: FloatArray = np.divide(difference, np.sqrt(variance), out=np.zeros_like(difference), where=variance > 0.0)
    return z
