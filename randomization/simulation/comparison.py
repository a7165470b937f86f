"""Schemes side by side, on the same simulated participants, with Monte Carlo errors.

Invariants
1. The same seed gives the same numbers; a scheme's numbers depend on its place among the candidates and no other scheme.
2. Every figure stands with its standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.random import SeedSequence, default_rng

from randomization.schemes import AnyScheme
from randomization.simulation import measures
from randomization.simulation.candidates import Candidate
from randomization.simulation.courses import Arrivals, Scenario, allocate
from randomization.simulation.lists import Floats

TRIALS_AT_ONCE = 500
_ARRIVALS, _NOISE, _SCHEMES = 0, 1, 2


@dataclass(frozen=True)
class Estimate:
    """A mean over simulated trials and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Performance:
    """What a scheme does. Imbalances in participants; biases in standard deviations; the rest are proportions."""

    candidate: Candidate
    largest_imbalance: Estimate
    final_imbalance: Estimate
    imbalance_in_strata: Estimate
    correct_guesses: Estimate
    selection_bias: Estimate
    selection_error: Estimate
    trend_bias: Estimate
    trend_error: Estimate
    power: Estimate
    power_loss: Estimate


MEASURES = tuple(field.name for field in fields(Performance) if field.name != "candidate")


def compare_schemes(
    candidates: Sequence[Candidate], scenario: Scenario, *, simulations: int, seed: int
) -> tuple[Performance, ...]:
    """The performance of each candidate over ``simulations`` trials."""
    return tuple(
        _performance(candidate, scenario, list(_batches(candidate.scheme, place, scenario, simulations, seed)))
        for place, candidate in enumerate(candidates)
    )


def _performance(candidate: Candidate, scenario: Scenario, batches: list[dict[str, Floats]]) -> Performance:
    whole = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    whole["power_loss"] = measures.best_power(scenario) - whole["power"]
    return Performance(candidate, **{name: _estimate(whole[name]) for name in MEASURES})


def _estimate(values: Floats) -> Estimate:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
    return Estimate(float(values.mean()), error)


def _batches(
    scheme: AnyScheme, place: int, scenario: Scenario, simulations: int, seed: int
) -> Iterator[dict[str, Floats]]:
    for batch, first in enumerate(range(0, simulations, TRIALS_AT_ONCE)):
        trials = min(TRIALS_AT_ONCE, simulations - first)
        arrivals = scenario.arrivals(default_rng(SeedSequence([seed, batch, _ARRIVALS])), trials)
        noise = default_rng(SeedSequence([seed, batch, _NOISE])).standard_normal(arrivals.strata.shape)
        arms_rng = default_rng(SeedSequence([seed, batch, _SCHEMES, place]))
        yield _measured(scheme, arrivals, noise, arms_rng)


def _measured(scheme: AnyScheme, arrivals: Arrivals, noise: Floats, rng: np.random.Generator) -> dict[str, Floats]:
    scenario = arrivals.scenario
    arms = allocate(scheme, arrivals, rng)
    paths = measures.imbalance_paths(arms, scenario.ratio)
    guesses = measures.guessed(arms, arrivals, scheme)
    preferred = noise + scenario.preference * measures.expectations(guesses, scenario)
    selection_bias, selection_error = measures.t_test(preferred, arms, scenario)
    trend_bias, trend_error = measures.t_test(noise + measures.trend(scenario), arms, scenario)
    return {
        "largest_imbalance": paths.max(axis=1),
        "final_imbalance": paths[:, -1],
        "imbalance_in_strata": measures.strata_imbalance(arms, arrivals),
        "correct_guesses": measures.correct_guesses(arms, guesses),
        "selection_bias": selection_bias,
        "selection_error": selection_error.astype(np.float64),
        "trend_bias": trend_bias,
        "trend_error": trend_error.astype(np.float64),
        "power": measures.powers(arms, scenario),
    }
