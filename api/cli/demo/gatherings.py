"""Mondays on which everything stands still for a moment, at every site.

What concerns a whole site or the whole trial (a shipment, a new version, a cut-off) happens then: nothing later has been
recorded anywhere yet, and everything earlier has.
"""

from __future__ import annotations

from datetime import date

from api.cli.demo.calendar import at
from api.cli.demo.stage import Stage
from api.cli.demo.timeline import InTurn, Story

_HOUR, _MINUTE = 6, 0


def gathering(stage: Stage, monday: date) -> InTurn:
    """The moment of that Monday at which nobody goes on before everybody has come."""
    return InTurn(at(monday, _HOUR, _MINUTE, stage.gathering_zone))


def gather(stage: Stage) -> Story:
    """To be told by every process that conducts the trial, after the stories that act at a gathering."""
    for monday in stage.calendar.mondays():
        yield gathering(stage, monday)
