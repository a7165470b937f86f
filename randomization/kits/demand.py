"""Simulated demand of one site: how likely any arm runs out before the next delivery, from what everybody may know.

The arms of what was used are not looked at: they are simulated, as the ratio says. So the answer is a function of public
counts, and a shipment that follows it tells nothing of any arm. Pure: counts in, a probability out.

Invariants
1. Nothing here reads a slot, a kit's content, or stock by arm. The seed comes from public facts, so that the same facts
   give the same answer.
2. A site is out of stock as soon as one arm has no kit left: then nobody is randomized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

RUNS: Final = 4000


@dataclass(frozen=True, slots=True)
class SiteSupply:
    """``ratio`` is the protocol's, by arm; ``kits_each`` how many kits one participant takes in the whole course.

    ``received`` kits ever came to the site in sets that keep the ratio, ``usable`` of them stand on the shelf or are on
    their way; ``per_day`` is the rate at which participants come, ``days`` the time until the delivery after this one.
    """

    ratio: tuple[int, ...]
    kits_each: int
    received: int
    usable: int
    per_day: float
    days: float


def chance_of_running_out(supply: SiteSupply, sets: int = 0, set_size: int = 0, *, seed: int = 1) -> float:
    """The probability that any arm has no kit left before the next delivery, with ``sets`` sent now."""
    rng = np.random.default_rng(seed)
    shares = np.asarray(supply.ratio) / sum(supply.ratio)
    came = np.floor((supply.received + sets * set_size) * shares + 0.5).astype(int)
    gone = _by_arm(rng, came, max(0, supply.received - supply.usable), supply.kits_each, shares)
    people = rng.poisson(supply.per_day * supply.days, RUNS)
    wanted = rng.multinomial(people, shares) * supply.kits_each
    return float(np.mean(((came - gone - wanted) < 1).any(axis=1)))


def _by_arm(rng: np.random.Generator, came: np.ndarray, gone: int, kits_each: int, shares: np.ndarray) -> np.ndarray:
    """How many kits of each arm are gone, simulated: people by the ratio, and never more than came."""
    people, rest = divmod(gone, kits_each)
    taken = rng.multinomial(np.full(RUNS, people), shares) * kits_each + rng.multinomial(np.full(RUNS, rest), shares)
    return np.asarray(np.minimum(taken, came))


def sets_needed(supply: SiteSupply, set_size: int, confidence: float, *, most: int, seed: int = 1) -> int:
    """The fewest sets with which the site gets through with this confidence; ``most`` at most."""
    for sets in range(most):
        if chance_of_running_out(supply, sets, set_size, seed=seed) <= 1 - confidence:
            return sets
    return most
