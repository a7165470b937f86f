"""Schemes compared before a trial begins: many simulated trials, and what each scheme does to them.

``lists`` draws many lists of one scheme at once, ``courses`` lets participants arrive, ``measures`` looks at what came of
it, ``comparison`` puts schemes side by side, ``candidates`` says which ones fit a protocol. Simulations use numpy's
generators: they need no secrecy, and no list of a trial is ever made here.
"""

from __future__ import annotations

from randomization.simulation.candidates import Candidate, candidates_for, scenario_of
from randomization.simulation.comparison import Estimate, Performance, compare_schemes
from randomization.simulation.courses import Scenario
from randomization.simulation.lists import simulate_lists

__all__ = [
    "Candidate",
    "Estimate",
    "Performance",
    "Scenario",
    "candidates_for",
    "compare_schemes",
    "scenario_of",
    "simulate_lists",
]
