"""Operating characteristics by simulation: whole two-arm trials with t statistics, many at once.

Invariants
1. The seed decides everything: the same arguments give the same numbers, however they are cut into batches to show.
2. Every chance and mean comes with its Monte Carlo standard error.
3. Trials are drawn exactly, from sufficient statistics: at each step the difference of the two means, and the sum of
   squares within arms. The part of the new sum of squares that the difference decides is computed, not drawn.

What it does not do: simulate participants one by one (``virtual_participants``), or fit the mixed model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, stdtrit

from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers
from trial.statistics.group_sequential.characteristics import (
    Bounds,
    OperatingCharacteristics,
    Tally,
    applied_bounds,
    batch_seeds,
    check_run,
    summarised,
)
from trial.statistics.group_sequential.crossing import crossing_probabilities
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.looks import Look


@dataclass(frozen=True)
class MeansSimulation:
    """Whole trials of two means with a common SD, tested by t at each look.

    difference: true, positive for benefit. sd: above 0. per_arm: (K,) participants of arm 0 with the outcome at each look,
    strictly increasing, at least 2. ratio: of arm 1 to arm 0, in [0.1, 10]; whole numbers at each look must come out.
    trials: 1 to 10^8. seed: 0 or more. obey_futility: stop at futility bounds; always where they bind.
    Bounds are those of the design at the information that per_arm gives, over that of the last look.
    Raises OutOfRange, FallingInformation.
    """

    design: GroupSequentialDesign
    difference: float
    sd: float
    per_arm: tuple[int, ...]
    trials: int = 100_000
    seed: int = 1
    ratio: float = 1.0
    obey_futility: bool = True
    name: str = "simulated"

    def __post_init__(self) -> None:
        check_in("difference", self.difference, -1e7, 1e7)
        check_in("sd", self.sd, 0.0, 1e7)
        check_in("ratio", self.ratio, 0.1, 10.0, "[]")
        check_run(self.design, self.trials, self.seed)
        n0 = numbers("per_arm", self.per_arm)
        n1 = n0 * self.ratio
        if n0.ndim != 1 or len(n0) == 0 or not np.all(np.isfinite(n0)) or np.any(np.diff(n0, prepend=0.0) < 2.0):
            raise OutOfRange("per_arm must hold whole numbers, at least two more from look to look.")
        if np.any(n0 % 1.0) or np.any(np.abs(n1 - np.round(n1)) > 1e-9) or np.any(np.diff(n1, prepend=0.0) < 1.5):
            raise OutOfRange("per_arm times ratio must give whole numbers, at least two more from look to look.")

    @cached_property
    def look(self) -> Look:
        """The bounds that are applied."""
        fractions = np.asarray(self.per_arm, dtype=np.float64) / self.per_arm[-1]
        return self.design.at(fractions, final=True)

    @property
    def participants(self) -> FloatArray:
        """Both arms at each look."""
        total: FloatArray = np.round(np.asarray(self.per_arm) * (1.0 + self.ratio))
        return total

    def run(self) -> OperatingCharacteristics:
        """All trials, and what they did."""
        tally = self.new_tally()
        for _ in self.batches(tally):
            pass
        return self.summary(tally)

    def new_tally(self) -> Tally:
        looks = len(self.per_arm)
        return Tally(np.zeros(looks), np.zeros(looks), np.zeros(looks))

    def batches(self, tally: Tally) -> Iterator[int]:
        """Simulate into ``tally``, telling after each batch how many trials are done."""
        for size, seed in batch_seeds(self.trials, self.seed):
            self._batch(size, np.random.Generator(np.random.SFC64(seed)), tally)
            yield tally.trials

    def _batch(self, size: int, random: np.random.Generator, tally: Tally) -> None:
        """``size`` trials from look to look, in units of the SD; those that stop are dropped at once."""
        steps = np.diff(np.asarray(self.per_arm, dtype=np.float64), prepend=0.0)
        share = self.ratio / (1.0 + self.ratio)
        upper, lower, inner = self._critical
        below_is = tally.harm if self.design.sides == 2 else tally.futility
        true = self.difference / self.sd
        mean, squares, before = np.zeros(size), np.zeros(size), 0.0
        for look, step in enumerate(steps.tolist()):
            weight = step * share  # information of this step's difference
            total = before + weight
            new = random.standard_normal(len(mean))
            new *= 1.0 / math.sqrt(weight)
            new += true
            new -= mean
            freedom = step * (1.0 + self.ratio) - 2.0 + (look > 0)
            drawn = random.standard_gamma(0.5 * freedom, len(mean))
            drawn *= 2.0
            squares += drawn
            if before:
                squares += (before * weight / total) * new * new
            new *= weight / total
            mean += new
            before = total
            # t ≥ c without a root or a division: sign(m)·m²·w·df ≥ sign(c)·c²·SS
            freedom = float(self.participants[look]) - 2.0
            signed = mean * np.abs(mean)
            signed *= total * freedom
            crossed = signed >= upper[look] * squares
            below = signed < lower[look] * squares
            tally.efficacy[look] += np.count_nonzero(crossed)
            below_is[look] += np.count_nonzero(below)
            if look + 1 == len(steps):
                tally.stop(float(self.participants[look]), mean * self.sd)
                return
            crossed |= below
            if inner[look] > 0.0:
                inside = np.abs(signed) < inner[look] * squares
                tally.futility[look] += np.count_nonzero(inside)
                crossed |= inside
            tally.stop(float(self.participants[look]), mean[crossed] * self.sd)
            going = ~crossed
            mean, squares = mean[going], squares[going]

    @cached_property
    def _critical(self) -> tuple[list[float], list[float], list[float]]:
        """Signed squares of the t values whose tail is that of the z bounds; the last look has no futility bound."""
        upper, lower, inner = ([self._signed_square(k, b) for k, b in enumerate(z)] for z in self.z_bounds())
        return upper, lower, inner

    def z_bounds(self) -> Bounds:
        """Upper bounds, lower ones, and the inner ones of a two-sided design."""
        return applied_bounds(self.design, self.look, obey=self.obey_futility)

    def _signed_square(self, look: int, z: float) -> float:
        if math.isinf(z):
            return math.copysign(1e300, z)
        tail = float(ndtr(-abs(z)))
        t = -float(stdtrit(float(self.participants[look]) - 2.0, tail)) if tail > 0.0 else 1e150
        return math.copysign(t * t, z)

    def by_integration(self, difference: float | None = None) -> tuple[float, float]:
        """Power and mean participants for normal statistics, without simulation.

        difference: the true one; the simulation's own where it is not given.
        """
        upper, lower, inner = self.z_bounds()
        share = self.ratio / (1.0 + self.ratio) ** 2
        true = self.difference if difference is None else difference
        chances = crossing_probabilities(self.participants * share, upper, lower, true / self.sd, inner)
        return chances.any_efficacy, chances.expected_information / share

    def summary(self, tally: Tally) -> OperatingCharacteristics:
        """Shares and means of a tally, with their errors and what integration says."""
        return summarised(
            self,
            tally,
            self.by_integration(),
            "t statistics simulated from sufficient statistics",
            truth=(self.difference, self.sd),
            at_looks=self.participants,
        )
