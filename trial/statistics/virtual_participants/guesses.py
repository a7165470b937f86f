"""What participant, infusion nurse and assessor believe was given.

Invariants
1. A guess is "active", "inactive" or "dont_know"; the caller knows which arm of the protocol that is.

What it does not do: let a belief change an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from trial.statistics.virtual_participants.scenario import GuessBehaviour, Scenario

_LIKELY_REASON: Final = 0.75

Guesser = Literal["participant", "infusion_nurse", "assessor"]
Belief = Literal["active", "inactive", "dont_know"]
Reason = Literal["effects", "benefit", "lack", "other"]


@dataclass(frozen=True)
class Guess:
    """One answer; ``certainty`` is 1 to 5, None (as is ``reason``) for "don't know"."""

    occasion: str
    guesser: Guesser
    belief: Belief
    certainty: int | None
    reason: Reason | None


def simulate_guess(
    rng: np.random.Generator, scenario: Scenario, *, active: float, occasion: str, guesser: Guesser
) -> Guess:
    """One guess under exposure ``active``."""
    behaviour = scenario.guesses[guesser]
    if rng.random() < behaviour.dont_know:
        return Guess(occasion, guesser, "dont_know", None, None)
    believes = rng.random() < _chance_active(behaviour, active)
    certainty = 1 + int(rng.binomial(4, 0.6 if believes else 0.45))
    return Guess(
        occasion,
        guesser,
        "active" if believes else "inactive",
        certainty,
        _reason(rng, guesser, believes=believes),
    )


def _chance_active(behaviour: GuessBehaviour, active: float) -> float:
    exposed = min(active, 1.0)
    return behaviour.active_unexposed + exposed * (behaviour.active_exposed - behaviour.active_unexposed)


def _reason(rng: np.random.Generator, guesser: Guesser, *, believes: bool) -> Reason:
    """Why: those who saw the infusion name its effects, the assessor what came of it."""
    likely: Reason = "benefit" if guesser == "assessor" else "effects"
    if not believes:
        likely = "lack"
    return likely if rng.random() < _LIKELY_REASON else "other"
