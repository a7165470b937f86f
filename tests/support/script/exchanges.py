"""The two exchanges that blinded people must not see: treatments swapped, and another sequence of arms."""

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

from randomization.ledger.allocations import allocations_of
from tests.support.script.seal import Exchange
from tests.support.script.world import KET, PBO, World


def swapped(world: World) -> Exchange:
    """The same trial with the treatments exchanged: list and kits alike."""
    return Exchange(arms={KET: PBO, PBO: KET})


def redrawn(world: World) -> Exchange:
    """The same public transcript with another sequence of arms, and the kits that were given relabelled to fit.

    Kits that were not given keep their arms, so that the shelf which lacks an arm lacks it in both; the slot that is next
    then is another in each.
    """
    drawn = world.facts.lists[-1]  # the one before it was retired, and nobody was taken from it
    used = _positions(world)[: world.given_before_running_out]
    seed = next(seed for seed in _seeds() if _differs_enough(drawn, _redrawn_list(drawn, seed), used))
    taken = world.facts.taken[: world.given_before_running_out]
    arms = dict(zip(taken, _arms_at(_redrawn_list(drawn, seed), used), strict=True))
    arms |= dict.fromkeys(world.facts.stood_in, arms[taken[0]])  # it is the first one's kit that is replaced
    packing = tuple(tuple(arms.get(kit, arm) for kit, arm in packed) for packed in world.facts.packed)
    return Exchange(list_seed=seed, packing=packing, choices=tuple(taken), stand_ins=tuple(world.facts.stood_in))


def _positions(world: World) -> list[tuple[str, int]]:
    """Stratum and position of each allocation, in the order of randomization."""
    with world.house.database.transaction() as session:
        return [(one.stratum, one.position) for one in allocations_of(session, world.house.trial.id)]


def _seeds() -> Iterator[bytes]:
    return (hashlib.sha256(f"redraw {number}".encode()).digest() for number in itertools.count())


def _redrawn_list(drawn: Any, seed: bytes) -> Any:
    from randomization.lists import generate_list

    return generate_list(drawn.design, drawn.list_id, seed)


def _arms_at(made: Any, positions: list[tuple[str, int]]) -> list[str]:
    by_stratum = {stratum.key: made.arm_codes(stratum) for stratum in made.strata}
    return [by_stratum[stratum][position - 1] for stratum, position in positions]


def _differs_enough(drawn: Any, again: Any, used: list[tuple[str, int]]) -> bool:
    """At least four of the given arms differ, at both sites, and so does the next slot at the site that runs out."""
    before, after = _arms_at(drawn, used), _arms_at(again, used)
    changed = [stratum for (stratum, _), old, new in zip(used, before, after, strict=True) if old != new]
    last = max((place for place in used if "site=S2" in place[0]), key=lambda place: place[1])
    following = [(last[0], last[1] + 1)]
    return len(changed) >= 4 and len(set(changed)) == 2 and _arms_at(drawn, following) != _arms_at(again, following)
