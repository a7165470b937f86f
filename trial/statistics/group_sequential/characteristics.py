"""What so many simulated trials did: shares and means with their Monte Carlo errors, and the tally that they come from.

Invariants
1. Every chance and mean comes with its Monte Carlo standard error, and beside it what integration says.

What it does not do: simulate (``simulation``, ``binary_simulation``, ``event_simulation``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from trial.statistics.checks import FloatArray, OutOfRange, check_in
from trial.statistics.group_sequential.design import GroupSequentialDesign, check_design
from trial.statistics.group_sequential.looks import Look

BATCH: Final = 20_000  # arrays that stay in the cache
_MOST_TRIALS: Final = 100_000_000
Bounds = tuple[list[float], list[float], list[float]]


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
    def truth(self) -> str:
        """What was true in these trials, in words."""
        return f"true difference {self.difference:g}, SD {self.sd:g}"

    @property
    def counted(self) -> str:
        """What ``participants`` counts, in words."""
        return "participants"

    @property
    def further(self) -> tuple[str, ...]:
        """What only one kind of trial has to tell, in sentences."""
        return ()

    @property
    def stopped_early(self) -> float:
        """Share of trials that stopped before the last look."""
        return float((self.efficacy + self.futility + self.harm)[:-1].sum())

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.truth}, {self.trials} trials, seed {self.seed}",
            f"look  {self.counted:>12}          efficacy          futility"
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
            f"{self.counted} {self.expected_participants:.2f} ± {self.expected_participants_error:.2f} "
            f"(by integration {self.expected_by_integration:.2f})"
        )
        lines.append(f"mean estimate {self.mean_estimate:.4f} ± {self.mean_estimate_error:.4f}; {self.method}")
        return "\n".join([*lines, *self.further])


@dataclass
class Tally:
    """Sums over the trials of some batches."""

    efficacy: FloatArray
    futility: FloatArray
    harm: FloatArray
    trials: int = 0
    size: list[float] = field(default_factory=lambda: [0.0, 0.0])
    estimate: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def cross(self, look: int, z: FloatArray, bounds: Bounds, *, two_sided: bool) -> NDArray[np.bool_]:
        """Count what crosses at a look, and tell which trials stop there; all do at the last one."""
        upper, lower, inner = (side[look] for side in bounds)
        crossed, below, inside = z >= upper, z < lower, np.abs(z) < inner
        self.efficacy[look] += np.count_nonzero(crossed)
        (self.harm if two_sided else self.futility)[look] += np.count_nonzero(below)
        self.futility[look] += np.count_nonzero(inside)
        return crossed | below | inside | (look + 1 == len(bounds[0]))

    def stop(self, sizes: float | FloatArray, estimates: FloatArray) -> None:
        """Count trials that stop here, all of one size or each of its own."""
        count = len(estimates)
        self.trials += count
        if isinstance(sizes, float):
            add_up(self.size, count * sizes, count * sizes * sizes)
        else:
            add_up(self.size, *sums_of(sizes))
        add_up(self.estimate, *sums_of(estimates))


def add_up(sums: list[float], first: float, second: float) -> None:
    """Add to a sum and a sum of squares."""
    sums[0] += first
    sums[1] += second


def sums_of(values: FloatArray) -> tuple[float, float]:
    """A sum and a sum of squares; not by BLAS, which would wake a second thread for it and wait."""
    return float(values.sum()), float(np.einsum("i,i->", values, values))


class Simulated(Protocol):
    """What a summary reads of a simulation."""

    @property
    def name(self) -> str: ...
    @property
    def design(self) -> GroupSequentialDesign: ...
    @property
    def seed(self) -> int: ...


def check_run(design: GroupSequentialDesign, trials: int, seed: int) -> None:
    """A design, how many trials, 1 to 10^8, and a seed, 0 or more."""
    check_design(design)
    for name, value, low, high in (("trials", trials, 1, _MOST_TRIALS), ("seed", seed, 0, 2**63)):
        if int(check_in(name, value, low, high, "[]")) != value:
            raise OutOfRange(f"{name} must be a whole number; {value!r} was given.")


def applied_bounds(design: GroupSequentialDesign, look: Look, *, obey: bool) -> Bounds:
    """Upper bounds, lower ones, and the inner ones of a two-sided design; futility where it binds or is obeyed."""
    upper = list(look.efficacy_bounds)
    none = [-math.inf] * len(upper)
    futility = none
    if look.futility_bounds is not None and (obey or design.binding):
        futility = [*look.futility_bounds[:-1], -math.inf]
    return (upper, [-b for b in upper], futility) if design.sides == 2 else (upper, futility, none)


def batch_seeds(trials: int, seed: int) -> list[tuple[int, np.random.SeedSequence]]:
    """The sizes of all batches, each with a seed of its own."""
    sizes = [BATCH] * (trials // BATCH) + ([trials % BATCH] if trials % BATCH else [])
    return list(zip(sizes, np.random.SeedSequence(seed).spawn(len(sizes)), strict=True))


def summarised(
    of: Simulated,
    tally: Tally,
    integrated: tuple[float, float],
    method: str,
    *,
    truth: tuple[float, float],
    at_looks: FloatArray,
) -> OperatingCharacteristics:
    """Shares and means of a tally, with their errors, beside power and mean size by integration.

    truth: difference and SD. at_looks: (K,) participants, or what else is counted, at each look.
    """
    size, size_error = mean_and_error(tally.size, tally.trials)
    estimate, estimate_error = mean_and_error(tally.estimate, tally.trials)
    return OperatingCharacteristics(
        name=of.name,
        difference=truth[0],
        sd=truth[1],
        trials=tally.trials,
        seed=of.seed,
        participants=at_looks,
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


def mean_and_error(sums: list[float], count: int) -> tuple[float, float]:
    """A mean and its Monte Carlo standard error, from a sum and a sum of squares."""
    mean = sums[0] / count
    spread = max(sums[1] / count - mean * mean, 0.0)
    return mean, math.sqrt(spread / max(count - 1, 1))
