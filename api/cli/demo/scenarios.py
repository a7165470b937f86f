"""What a demo trial assumes: a scenario of the simulator, without the one event that the demo tells itself."""

from __future__ import annotations

from dataclasses import replace

from trial.statistics.virtual_participants import SCENARIOS, Scenario


def scenario_called(name: str) -> Scenario:
    """The assumptions of this name; the one serious event is a story of its own, so the simulator draws none."""
    return replace(SCENARIOS[name], serious_risk=0.0)
