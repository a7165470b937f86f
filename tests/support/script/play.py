"""A small trial in which every outcome, id, instant and random choice is scripted: what non-interference compares.

    with prologue(server, template) as begun, scripted(begun, Exchange()) as world: ...

Two sites, twelve participants of one stratum a site, 2:1 by a variant of the shipped protocol, unequal stock of unequal
lots. Everything goes through the services that real use goes through. ``World.acts`` is what each act told the person who
did it; refusals are acts as well. What the people of the trial do never depends on ``Exchange``: they do not know it.

This module holds the order of the acts; ``supply``, ``treatment``, ``safety`` and ``oversight`` the acts;
``seal`` what is under it, ``world`` where it happens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from tests.support import randomization
from tests.support.script.oversight import (
    board_meets,
    bounds_are_checked,
    codings_are_reviewed,
    infusions_are_read_by_a_grant,
    lock_the_first_stage,
    mark_mistakes,
)
from tests.support.script.player import Player
from tests.support.script.safety import serious_cases
from tests.support.script.seal import Exchange
from tests.support.script.supply import fill_shelf, lives_of_kits, run_out_of_one_arm, weekly_review
from tests.support.script.treatment import treat
from tests.support.script.world import SLOTS, Begun, World, world_of

BLOCKS = (3, 6)


@contextmanager
def scripted(begun: Begun, exchange: Exchange, *, short: bool = False, aside: tuple[str, ...] = ()) -> Iterator[World]:
    """A world in which the script was played. ``short``: nobody is treated. ``aside``: kits set aside at the end."""
    with world_of(
        begun, exchange, lambda world, waiting: play_script(Player(world, waiting), short=short), aside=aside
    ) as world:
        yield world


def play_script(play: Player, *, short: bool) -> None:
    seal_a_list(play)
    play.randomize(play.second[0])  # refused: nothing is on the shelf yet
    for site in play.house.sites:
        fill_shelf(play, site)
    early, *others = play.second[:3]
    for one in (*play.first[:2], others[0], *play.first[2:4], others[1], *play.first[4:], early):
        play.randomize(one)  # the last of the first site is refused: its stratum is used up
    if not short:
        treat(play)
        bounds_are_checked(play)
        codings_are_reviewed(play)
        lives_of_kits(play)
        weekly_review(play)
        board_meets(play)
        infusions_are_read_by_a_grant(play)
        mark_mistakes(play)
    run_out_of_one_arm(play)
    if not short:
        serious_cases(play)
        lock_the_first_stage(play)


def seal_a_list(play: Player) -> None:
    """The second list; the first was found wrong before anybody was taken from it, and what it holds is left over."""
    wrong = _sealed(play)
    _sealed(play, retires=(wrong,), retirement_reason="Somebody may have seen the seed.")


def _sealed(play: Player, **retiring: Any) -> UUID:
    list_id = randomization.designed_list(play.house, blocks=BLOCKS, slots=SLOTS, **retiring).id
    play.world.act("list", lambda: randomization.confirmed_list(play.house, list_id))
    return list_id
