"""Operating characteristics of a design for time to event, by simulation: whole two-arm trials with log-rank tests.

Invariants
1. The seed decides everything, and every chance and mean comes with its Monte Carlo standard error, as in ``simulation``.
2. Participants enter uniformly over the accrual time; times to event and to leaving are exponential. A look takes place at
   the very event that it waits for, and sees nobody who has not entered and nothing that has not happened by then.
3. Where nobody is left to wait for, a look takes place with the events there are; how often is told (``ran_out``).

What it does not do: hazards that are not proportional, accrual that is not uniform, or strata.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trial.statistics.checks import FloatArray, OutOfRange, check_in, numbers
from trial.statistics.group_sequential.characteristics import (
    OperatingCharacteristics,
    Tally,
    add_up,
    applied_bounds,
    check_run,
    mean_and_error,
    summarised,
    sums_of,
)
from trial.statistics.group_sequential.crossing import crossing_probabilities
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.looks import Look

_AT_ONCE: Final = 400_000  # participants whose arrays stay in the cache
_EVENT, _TREATED = np.int64(1), np.int64(2)  # the two lowest bits of a time, 1e-15 of it
_FLAGS: Final = np.int64(3)


@dataclass(frozen=True, eq=False)
class EventCharacteristics(OperatingCharacteristics):
    """What so many simulated trials did under one true hazard ratio.

    difference: −ln of the hazard ratio; sd is 1. participants, expected_participants: here events, at each look and at stopping.
    mean_estimate: one-step log hazard ratio (O − E)/V, positive for benefit. duration: mean time from the first entry to
    stopping; entered: mean participants entered by then. ran_out: share of trials in which a look had fewer events than
    planned, nobody being left to wait for.
    """

    hazard_ratio: float = 1.0
    duration: float = 0.0
    duration_error: float = 0.0
    entered: float = 0.0
    entered_error: float = 0.0
    ran_out: float = 0.0

    @property
    def truth(self) -> str:
        return f"true hazard ratio {self.hazard_ratio:g}"

    @property
    def counted(self) -> str:
        return "events"

    @property
    def further(self) -> tuple[str, ...]:
        """What only this kind of trial has to tell."""
        duration = f"time to stopping {self.duration:.3f} ± {self.duration_error:.3f}"
        entered = f"participants entered by then {self.entered:.2f} ± {self.entered_error:.2f}"
        short = f"too few events for a look in {100 * self.ran_out:.2f} % of trials"
        return (duration, entered, short) if self.ran_out else (duration, entered)


@dataclass
class _EventTally(Tally):
    """Also time and entries at stopping, and looks without their events."""

    duration: list[float] = field(default_factory=lambda: [0.0, 0.0])
    entered: list[float] = field(default_factory=lambda: [0.0, 0.0])
    short: int = 0


@dataclass(frozen=True)
class EventsSimulation:
    """Whole trials of time to event, tested by the log-rank test when the planned number of events is reached.

    hazard_ratio: true, arm 1 over arm 0, in (0, 100]; below 1 is a benefit. control_hazard: events per unit of time, in (0, 1e6).
    participants: of arm 0 and arm 1, each from 2. events: (K,) of both arms at each look, whole, rising, none above the number
    of participants. accrual: time over which they enter, 0 or more. dropout_hazard: of leaving, same in both arms, 0 or more.
    Other arguments as for ``MeansSimulation``. Raises OutOfRange, FallingInformation.
    Source: Mantel (1966); Schoenfeld (1981) for the integration beside it.

    >>> from trial.statistics.group_sequential import Spending
    >>> design = GroupSequentialDesign((0.5, 1.0), Spending("lan_demets_obrien_fleming"))
    >>> result = EventsSimulation(design, 0.7, 0.1, (220, 220), (170, 340), accrual=12.0, trials=2_000).run()
    >>> abs(result.power - result.power_by_integration) < 0.03
    True
    """

    design: GroupSequentialDesign
    hazard_ratio: float
    control_hazard: float
    participants: tuple[int, int]
    events: tuple[int, ...]
    accrual: float
    dropout_hazard: float = 0.0
    trials: int = 100_000
    seed: int = 1
    obey_futility: bool = True
    name: str = "simulated"

    def __post_init__(self) -> None:
        check_in("hazard_ratio", self.hazard_ratio, 0.0, 100.0, "(]")
        check_in("control_hazard", self.control_hazard, 0.0, 1e6)
        check_in("accrual", self.accrual, 0.0, 1e6, "[)")
        check_in("dropout_hazard", self.dropout_hazard, 0.0, 1e6, "[)")
        check_run(self.design, self.trials, self.seed)
        arms, events = numbers("participants", self.participants), numbers("events", self.events)
        if arms.shape != (2,) or not np.all(np.isfinite(arms)) or np.any((arms % 1.0 != 0.0) | (arms < 2.0)):
            raise OutOfRange("participants must be two whole numbers, of arm 0 and arm 1, each from 2.")
        if events.ndim != 1 or len(events) == 0 or not np.all(np.isfinite(events)) or np.any(events % 1.0):
            raise OutOfRange("events must hold a whole number for each look.")
        if np.any(np.diff(events, prepend=0.0) < 1.0) or events[-1] > arms.sum():
            raise OutOfRange("events must rise from look to look, from 1 to no more than there are participants.")

    @cached_property
    def look(self) -> Look:
        """The bounds that are applied."""
        return self.design.at(np.asarray(self.events, dtype=np.float64) / self.events[-1], final=True)

    def run(self) -> EventCharacteristics:
        """All trials, and what they did."""
        tally = self.new_tally()
        for _ in self.batches(tally):
            pass
        return self.summary(tally)

    def new_tally(self) -> _EventTally:
        looks = len(self.events)
        return _EventTally(np.zeros(looks), np.zeros(looks), np.zeros(looks))

    def batches(self, tally: Tally) -> Iterator[int]:
        """Simulate into ``tally``, telling after each batch how many trials are done."""
        assert isinstance(tally, _EventTally)
        size = max(1, min(self.trials, _AT_ONCE // sum(self.participants)))
        seeds = np.random.SeedSequence(self.seed).spawn(math.ceil(self.trials / size))
        for number, seed in enumerate(seeds):
            now = min(size, self.trials - number * size)
            self._batch(now, np.random.Generator(np.random.SFC64(seed)), tally)
            yield tally.trials

    def _batch(self, size: int, random: np.random.Generator, tally: _EventTally) -> None:
        trials = _Trials.drawn(self, size, random)
        bounds = applied_bounds(self.design, self.look, obey=self.obey_futility)
        for look, wanted in enumerate(self.events):
            times, enough = trials.times_of(wanted)
            tally.short += int(np.count_nonzero(~enough & ~trials.short))
            trials.short |= ~enough
            z, estimate = trials.log_rank(times)
            stops = tally.cross(look, z, bounds, two_sided=self.design.sides == 2)
            tally.stop(trials.events(times)[stops], estimate[stops])
            add_up(tally.duration, *sums_of(times[stops]))
            add_up(tally.entered, *sums_of(trials.entered(times)[stops]))
            trials = trials.only(~stops)
            if not len(trials.short):
                return

    def by_integration(self, difference: float | None = None) -> tuple[float, float]:
        """Power and mean events for normal statistics with Schoenfeld's information, without simulation.

        difference: −ln of a true hazard ratio; the simulation's own where it is not given.
        """
        upper, lower, inner = applied_bounds(self.design, self.look, obey=self.obey_futility)
        share = self.participants[1] / sum(self.participants)
        events = np.asarray(self.events, dtype=np.float64)
        true = -math.log(self.hazard_ratio) if difference is None else difference
        chances = crossing_probabilities(events * share * (1.0 - share), upper, lower, true, inner)
        return chances.any_efficacy, chances.expected_information / (share * (1.0 - share))

    def summary(self, tally: Tally) -> EventCharacteristics:
        """Shares and means of a tally, with their errors and what integration says."""
        assert isinstance(tally, _EventTally)
        duration, duration_error = mean_and_error(tally.duration, tally.trials)
        entered, entered_error = mean_and_error(tally.entered, tally.trials)
        shared = summarised(
            self,
            tally,
            self.by_integration(),
            "log-rank tests of simulated exponential times, looks at events",
            truth=(0.0 - math.log(self.hazard_ratio), 1.0),
            at_looks=np.asarray(self.events, dtype=np.float64),
        )
        return EventCharacteristics(
            **vars(shared),
            hazard_ratio=self.hazard_ratio,
            duration=duration,
            duration_error=duration_error,
            entered=entered,
            entered_error=entered_error,
            ran_out=tally.short / tally.trials,
        )


@dataclass
class _Trials:
    """Trials that still go on, a row each, a participant a column.

    entry: into the trial. followed: time to an event or to leaving. happens: when the event happens, ∞ for none; entry and
    this are on the trial's clock. treated: the column's arm bit. short: whether a look has already had too few events.
    """

    entry: FloatArray
    followed: FloatArray
    happens: FloatArray
    treated: NDArray[np.int64]
    short: NDArray[np.bool_]

    @classmethod
    def drawn(cls, plan: EventsSimulation, size: int, random: np.random.Generator) -> _Trials:
        """The first of two exponential times is exponential with the sum of their hazards, and says nothing of which it is."""
        n0, n1 = plan.participants
        hazards = np.repeat([plan.control_hazard, plan.control_hazard * plan.hazard_ratio], [n0, n1])
        leaving = hazards + plan.dropout_hazard
        shape = (size, n0 + n1)
        entry = random.random(shape) * plan.accrual
        followed = random.standard_exponential(shape) / leaving
        happens = entry + followed
        if plan.dropout_hazard:
            happens[random.random(shape) >= hazards / leaving] = np.inf
        treated = np.repeat(np.array([0, _TREATED], dtype=np.int64), [n0, n1])
        return cls(entry, followed, happens, treated, np.zeros(size, dtype=np.bool_))

    def only(self, going: NDArray[np.bool_]) -> _Trials:
        """Those that go on."""
        if going.all():
            return self
        return _Trials(self.entry[going], self.followed[going], self.happens[going], self.treated, self.short[going])

    def times_of(self, wanted: int) -> tuple[FloatArray, NDArray[np.bool_]]:
        """When each trial has so many events, and whether it ever has; if not, the time of the last thing that happens in it."""
        times = np.partition(self.happens, wanted - 1, axis=1)[:, wanted - 1]
        enough = np.isfinite(times)
        if not enough.all():
            times[~enough] = (self.entry[~enough] + self.followed[~enough]).max(axis=1)
        return times, enough

    def events(self, times: FloatArray) -> FloatArray:
        """Events by a time."""
        count: FloatArray = np.count_nonzero(self.happens <= times[:, None], axis=1).astype(np.float64)
        return count

    def entered(self, times: FloatArray) -> FloatArray:
        """Participants who have entered by a time."""
        count: FloatArray = np.count_nonzero(self.entry <= times[:, None], axis=1).astype(np.float64)
        return count

    def log_rank(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The log-rank z, positive where arm 1 has fewer events than expected, and the one-step estimate of −ln hazard ratio."""
        event, treated = self._in_order(times)
        at_risk = np.arange(event.shape[1], 0, -1.0)
        expected = np.cumsum(treated[:, ::-1], axis=1)[:, ::-1] / at_risk
        expected *= event
        variance = np.einsum("ij,ij->i", expected, 1.0 - expected)
        surplus = expected.sum(axis=1) - np.einsum("ij,ij->i", treated, event)
        none = variance <= 0.0
        variance[none] = 1.0
        surplus[none] = 0.0
        return surplus / np.sqrt(variance), surplus / variance

    def _in_order(self, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Whether the time under observation ends in an event, and whether it is arm 1's, from the shortest to the longest.

        Sorted as whole numbers with both answers in the lowest bits. Who has not entered comes first and is never at risk.
        """
        seen = np.maximum(np.minimum(self.followed, times[:, None] - self.entry), 0.0)
        keys = seen.view(np.int64) & ~_FLAGS
        keys |= self.treated
        keys |= self.happens <= times[:, None]
        keys.sort(axis=1)
        return (keys & _EVENT).astype(np.float64), ((keys & _TREATED) >> 1).astype(np.float64)
