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
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.special import ndtr, stdtrit

from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers
from trial.statistics.group_sequential.crossing import crossing_probabilities
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.looks import Look

BATCH = 20_000  # arrays that stay in the cache
_MOST_TRIALS = 100_000_000


@dataclass(frozen=True, eq=False)
class OperatingCharacteristics:
    """What so many simulated trials did under one true difference.

    efficacy, futility, harm: share of trials that stopped at each look by each bound, (K,); trials that crossed nothing at
    the last look are in none. harm: the other side of a two-sided design, else 0. participants: with the outcome at each
    look, both arms. expected_participants: mean at stopping. mean_estimate: of the difference at stopping; its distance
    from ``difference`` is the bias. What ends in _error is a Monte Carlo standard error. power_by_integration,
    expected_by_integration: the same without simulation, for normal statistics.
    """

    name: str
    difference: float
    sd: float
    trials: int
    seed: int
    participants: FloatArray
    efficacy: FloatArray
    futility: FloatArray
    expected_participants: float
    expected_participants_error: float
    mean_estimate: float
    mean_estimate_error: float
    power_by_integration: float
    expected_by_integration: float
    harm: FloatArray
    sides: int = 1
    method: str = "t statistics simulated from sufficient statistics"

    @property
    def power(self) -> float:
        """Share of trials that declared efficacy."""
        return float(self.efficacy.sum())

    @property
    def power_error(self) -> float:
        return share_error(self.power, self.trials)

    @property
    def stopped_early(self) -> float:
        """Share of trials that stopped before the last look."""
        return float((self.efficacy + self.futility + self.harm)[:-1].sum())

    def __str__(self) -> str:
        lines = [
            f"{self.name}: true difference {self.difference:g}, SD {self.sd:g}, {self.trials} trials, seed {self.seed}",
            "look  participants          efficacy          futility"
            + ("        other side" if self.sides == 2 else ""),
        ]
        for k, n in enumerate(self.participants):
            up, low = float(self.efficacy[k]), float(self.futility[k])
            shares = [up, low, float(self.harm[k])] if self.sides == 2 else [up, low]
            told = "  ".join(f"{share:>7.4f} ± {share_error(share, self.trials):.4f}" for share in shares)
            lines.append(f"{k + 1:>4}  {n:>12.0f}  {told}")
        lines.append(
            f"efficacy declared {self.power:.4f} ± {self.power_error:.4f} (by integration {self.power_by_integration:.4f})"
        )
        lines.append(
            f"participants {self.expected_participants:.2f} ± {self.expected_participants_error:.2f} "
            f"(by integration {self.expected_by_integration:.2f})"
        )
        lines.append(f"mean estimate {self.mean_estimate:.4f} ± {self.mean_estimate_error:.4f}; {self.method}")
        return "\n".join(lines)


@dataclass
class Tally:
    """Sums over the trials of some batches."""

    efficacy: FloatArray
    futility: FloatArray
    harm: FloatArray
    trials: int = 0
    size: list[float] = field(default_factory=lambda: [0.0, 0.0])
    estimate: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def stop(self, participants: float, estimates: FloatArray) -> None:
        """Count trials that stop here."""
        count = len(estimates)
        self.trials += count
        self.size[0] += count * participants
        self.size[1] += count * participants**2
        self.estimate[0] += float(estimates.sum())
        self.estimate[1] += float(estimates @ estimates)


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
        for name, value, low, high in (("trials", self.trials, 1, _MOST_TRIALS), ("seed", self.seed, 0, 2**63)):
            if int(check_in(name, value, low, high, "[]")) != value:
                raise OutOfRange(f"{name} must be a whole number; {value!r} was given.")
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

    def z_bounds(self) -> tuple[list[float], list[float], list[float]]:
        """Upper bounds, lower ones, and the inner ones of a two-sided design."""
        upper = list(self.look.efficacy_bounds)
        none = [-math.inf] * len(upper)
        futility = none
        if self.look.futility_bounds is not None and (self.obey_futility or self.design.binding):
            futility = [*self.look.futility_bounds[:-1], -math.inf]
        return (upper, [-b for b in upper], futility) if self.design.sides == 2 else (upper, futility, none)

    def _signed_square(self, look: int, z: float) -> float:
        if math.isinf(z):
            return math.copysign(1e300, z)
        tail = float(ndtr(-abs(z)))
        t = -float(stdtrit(float(self.participants[look]) - 2.0, tail)) if tail > 0.0 else 1e150
        return math.copysign(t * t, z)

    def by_integration(self, difference: float) -> tuple[float, float]:
        """Power and mean participants under a difference, for normal statistics, without simulation."""
        upper, lower, inner = self.z_bounds()
        share = self.ratio / (1.0 + self.ratio) ** 2
        chances = crossing_probabilities(self.participants * share, upper, lower, difference / self.sd, inner)
        return chances.any_efficacy, chances.expected_information / share

    def summary(self, tally: Tally) -> OperatingCharacteristics:
        """Shares and means of a tally, with their errors and what integration says."""
        return summarised(self, tally, self.by_integration(self.difference))


def batch_seeds(trials: int, seed: int) -> list[tuple[int, np.random.SeedSequence]]:
    """The sizes of all batches, each with a seed of its own."""
    sizes = [BATCH] * (trials // BATCH) + ([trials % BATCH] if trials % BATCH else [])
    return list(zip(sizes, np.random.SeedSequence(seed).spawn(len(sizes)), strict=True))


def summarised(
    of: MeansSimulation,
    tally: Tally,
    integrated: tuple[float, float],
    method: str = "t statistics simulated from sufficient statistics",
) -> OperatingCharacteristics:
    """Shares and means of a tally, with their errors, beside power and mean participants by integration."""
    size, size_error = _mean_and_error(tally.size, tally.trials)
    estimate, estimate_error = _mean_and_error(tally.estimate, tally.trials)
    return OperatingCharacteristics(
        name=of.name,
        difference=of.difference,
        sd=of.sd,
        trials=tally.trials,
        seed=of.seed,
        participants=of.participants,
        efficacy=tally.efficacy / tally.trials,
        futility=tally.futility / tally.trials,
        expected_participants=size,
        expected_participants_error=size_error,
        mean_estimate=estimate,
        mean_estimate_error=estimate_error,
        power_by_integration=integrated[0],
        expected_by_integration=integrated[1],
        harm=tally.harm / tally.trials,
        sides=of.design.sides,
        method=method,
    )


def share_error(share: float, trials: int) -> float:
    """Monte Carlo standard error of a share of trials.

    >>> round(share_error(0.025, 100_000), 6)
    0.000494
    """
    return math.sqrt(max(share * (1.0 - share), 0.0) / trials)


def _mean_and_error(sums: list[float], count: int) -> tuple[float, float]:
    mean = sums[0] / count
    spread = max(sums[1] / count - mean * mean, 0.0)
    return mean, math.sqrt(spread / max(count - 1, 1))
