"""Sample size for time to event by the log-rank test: events, and the participants who give them.

What it does not do: hazards that are not proportional, or accrual that is not uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trial.statistics.checks import FloatArray, OutOfRange, check_in
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.information import fixed_drift
from trial.statistics.sample_size.result import wanted


@dataclass(frozen=True)
class EventSize:
    """Events and participants, both arms together, unrounded; time in the unit that was given.

    fixed_events: of a fixed design. events: at the last look. participants: who give them by the end of follow-up.
    """

    fixed_events: float
    inflation: float
    event_probability: float
    ratio: float
    method: str
    design: GroupSequentialDesign | None

    @property
    def events(self) -> float:
        return self.fixed_events * self.inflation

    @property
    def participants(self) -> float:
        return self.events / self.event_probability

    @property
    def per_arm(self) -> tuple[int, int]:
        """Whole participants of arm 0 and 1, each rounded up."""
        first = self.participants / (1.0 + self.ratio)
        return math.ceil(first - 1e-9), math.ceil(first * self.ratio - 1e-9)

    @property
    def at_looks(self) -> FloatArray:
        """Events at each look, unrounded."""
        fractions = (1.0,) if self.design is None else self.design.information_fractions
        return self.events * np.array(fractions)

    def expected(self, effect: float = 1.0) -> float:
        """Mean events at stopping when the log hazard ratio is ``effect`` times the design's."""
        if self.design is None:
            return self.events
        return self.design.crossing(effect).expected_information * self.events

    def __str__(self) -> str:
        said = (
            f"{self.method}\n"
            f"{self.fixed_events:.1f} events fixed × {self.inflation:.4f} for the looks = {self.events:.1f}; / "
            f"{self.event_probability:.4f} with an event = {self.per_arm[0]} + {self.per_arm[1]} participants"
        )
        if self.design is None:
            return said
        looks = ", ".join(f"{n:.1f}" for n in self.at_looks)
        means = ", ".join(f"{self.expected(effect):.1f}" for effect in (0.0, 0.5, 1.0))
        return f"{said}\nevents at the looks: {looks}; expected without, at half, and at the effect: {means}"


def sample_size_events(
    hazard_ratio: float,
    control_hazard: float,
    *,
    accrual: float,
    follow_up: float,
    dropout_hazard: float = 0.0,
    alpha: float = 0.025,
    power: float = 0.9,
    ratio: float = 1.0,
    inflation: float = 1.0,
    design: GroupSequentialDesign | None = None,
) -> EventSize:
    """Events and participants for a one-sided log-rank test of proportional exponential hazards.

    hazard_ratio: arm 1 over arm 0, in (0, 100], not 1. control_hazard: events per unit of time, in (0, 1e6).
    accrual: time over which participants enter uniformly, 0 or more; follow_up: after the last entry, 0 or more; not both 0.
    dropout_hazard: of leaving without event, per unit of time, 0 or more, same in both arms.
    Other arguments and errors as for ``sample_size_means``.
    Source: Schoenfeld (1981); Lachin & Foulkes (1986).

    >>> print(sample_size_events(0.7, 0.1, accrual=12, follow_up=12))
    log-rank, Schoenfeld, arms 1:1
    330.4 events fixed × 1.0000 for the looks = 330.4; / 0.7663 with an event = 216 + 216 participants
    """
    relative = check_in("hazard_ratio", hazard_ratio, 0.0, 100.0, "(]")
    if relative == 1.0:
        raise OutOfRange("hazard_ratio must not be 1: no number of events can show it.")
    base = check_in("control_hazard", control_hazard, 0.0, 1e6)
    entering = check_in("accrual", accrual, 0.0, 1e6, "[)")
    after = check_in("follow_up", follow_up, 0.0, 1e6, "[)")
    lost = check_in("dropout_hazard", dropout_hazard, 0.0, 1e6, "[)")
    if entering + after == 0.0:
        raise OutOfRange("accrual and follow_up must not both be 0.")
    goal = wanted(alpha, power, ratio, 0.0, inflation, design)
    share = goal.ratio / (1.0 + goal.ratio)
    events = (fixed_drift(goal.alpha, goal.power) / math.log(relative)) ** 2 / (share * (1.0 - share))
    chance = (1.0 - share) * event_probability(base, entering, after, lost)
    chance += share * event_probability(base * relative, entering, after, lost)
    return EventSize(events, goal.inflation, chance, goal.ratio, f"log-rank, Schoenfeld, arms 1:{goal.ratio:g}", design)


def event_probability(hazard: float, accrual: float, follow_up: float, dropout_hazard: float = 0.0) -> float:
    """The chance that a participant has an event by the end, entering uniformly over ``accrual``, leaving or not.

    >>> round(event_probability(0.1, 12.0, 12.0), 4)
    0.8246
    """
    check_in("hazard", hazard, 0.0, 1e6)
    check_in("dropout_hazard", dropout_hazard, 0.0, 1e6, "[)")
    check_in("accrual", accrual, 0.0, 1e6, "[)")
    check_in("follow_up", follow_up, 0.0, 1e6, "[)")
    leaving = hazard + dropout_hazard
    if accrual == 0.0:
        still = math.exp(-leaving * follow_up)
    else:
        still = math.exp(-leaving * follow_up) * -math.expm1(-leaving * accrual) / (leaving * accrual)
    return hazard / leaving * (1.0 - still)
