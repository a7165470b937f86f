"""Which trials ``equipoise simulate design`` plays: sizes and scenarios for means, proportions and time to event.

Means are the protocol's own endpoint, with the participants it expects to have the outcome. Proportions and time to event
take the protocol's alpha, power, looks and rules, the truth that is given, and the size that the design then needs.

What it does not do: run them (``simulating``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from trial.errors import InvalidInput
from trial.protocol.schema import Protocol
from trial.protocol.schema.arms import ArmRole
from trial.statistics.group_sequential import (
    EventsSimulation,
    GroupSequentialDesign,
    MeansSimulation,
    ProportionsSimulation,
)
from trial.statistics.virtual_participants import SCENARIOS

Simulation = MeansSimulation | ProportionsSimulation | EventsSimulation


class TruthMissing(InvalidInput):
    code = "simulation.truth_missing"


@dataclass(frozen=True)
class Run:
    """How many trials, from which seed, futility obeyed or not."""

    trials: int
    seed: int
    obey_futility: bool

    @property
    def settings(self) -> dict[str, Any]:
        """As every simulation takes them."""
        return asdict(self)


@dataclass(frozen=True)
class Truth:
    """What is true under the design's effect, for an endpoint other than the protocol's; None where it is not given."""

    treated: float | None = None
    control: float | None = None
    hazard_ratio: float | None = None
    control_hazard: float | None = None
    accrual: float | None = None
    follow_up: float | None = None
    dropout_hazard: float = 0.0

    def needed(self, *names: str) -> list[float]:
        """These values, all given. Raises TruthMissing."""
        values = [getattr(self, name) for name in names]
        for name, value in zip(names, values, strict=True):
            if value is None:
                raise TruthMissing(f"--{name.replace('_', '-')} must be given for this endpoint.")
        return values


@dataclass(frozen=True)
class SimulationPlan:
    """Simulations, one a scenario. effect: the design's, in ``unit``. size: in words, where it is not the protocol's own."""

    simulations: list[Simulation]
    effect: float
    unit: str
    size: str = ""


def means_plan(protocol: Protocol, design: GroupSequentialDesign, run: Run, further: Sequence[float]) -> SimulationPlan:
    """The protocol's endpoint under no effect, its own effect, the review's, and further differences."""
    size = protocol.sample_size
    control, ratio = contrast(protocol)
    observed = size.total * (1.0 - size.missing_fraction) * control / ratio.denominator
    scenarios = [("no effect", 0.0), ("the protocol's effect", size.difference)]
    if protocol.code == "KETA-PAIN":
        scenarios.append(("the review's effect", abs(SCENARIOS["study"].effect)))
    scenarios += [(f"difference {value:g}", value) for value in further]
    per_arm = tuple(ratio.denominator * round(observed * t) for t in design.information_fractions)
    simulations: list[Simulation] = [
        MeansSimulation(
            design,
            difference,
            size.standard_deviation,
            per_arm,
            ratio=float(ratio),
            name=name,
            **run.settings,
        )
        for name, difference in scenarios
    ]
    return SimulationPlan(simulations, size.difference, "outcome's unit")


def proportions_plan(
    protocol: Protocol, design: GroupSequentialDesign, run: Run, further: Sequence[float], truth: Truth
) -> SimulationPlan:
    """Two proportions under no effect, the given one, and further ones of the treated arm."""
    treated, control = truth.needed("treated", "control")
    ratio = contrast(protocol)[1]
    missing = protocol.sample_size.missing_fraction
    size = design.sample_size("proportions", treated, control, ratio=float(ratio), missing=missing)
    in_control = size.at_looks / (1.0 + float(ratio)) / ratio.denominator
    per_arm = tuple(ratio.denominator * math.ceil(n - 1e-9) for n in in_control.tolist())
    scenarios = [("no effect", control), ("the design's effect", treated)]
    scenarios += [(f"treated {value:g}", value) for value in further]
    simulations: list[Simulation] = [
        ProportionsSimulation(
            design,
            value,
            control,
            per_arm,
            ratio=float(ratio),
            name=name,
            **run.settings,
        )
        for name, value in scenarios
    ]
    return SimulationPlan(simulations, treated - control, "difference of proportions", str(size))


def events_plan(
    protocol: Protocol, design: GroupSequentialDesign, run: Run, further: Sequence[float], truth: Truth
) -> SimulationPlan:
    """Time to event under no effect, the given hazard ratio, and further ones; looks at their events."""
    hazard_ratio, hazard, accrual, follow_up = truth.needed("hazard_ratio", "control_hazard", "accrual", "follow_up")
    shared: dict[str, Any] = {"accrual": accrual, "dropout_hazard": truth.dropout_hazard}
    ratio = float(contrast(protocol)[1])
    size = design.sample_size("events", hazard_ratio, hazard, follow_up=follow_up, ratio=ratio, **shared)
    events = tuple(math.ceil(n - 1e-9) for n in size.at_looks.tolist())
    scenarios = [("no effect", 1.0), ("the design's effect", hazard_ratio)]
    scenarios += [(f"hazard ratio {value:g}", value) for value in further]
    simulations: list[Simulation] = [
        EventsSimulation(
            design,
            value,
            hazard,
            size.per_arm,
            events,
            name=name,
            **shared,
            **run.settings,
        )
        for name, value in scenarios
    ]
    return SimulationPlan(simulations, -math.log(hazard_ratio), "−ln hazard ratio", str(size))


def contrast(protocol: Protocol) -> tuple[float, Fraction]:
    """The share of all participants in the control arm, and how many of the first active arm there are to each of them."""
    roles = {arm.code: arm.role for arm in protocol.arms}
    first = next((code for code, role in roles.items() if role is ArmRole.ACTIVE), None)
    control = next((code for code, role in roles.items() if role is not ArmRole.ACTIVE), None)
    codes = list(roles)
    first, control = first or codes[0], control or next(code for code in codes if code != first)
    shares = protocol.ratio
    return shares[control] / sum(shares.values()), Fraction(shares[first], shares[control])
