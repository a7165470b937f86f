"""Non-interference: two worlds that differ under seal alone are the same to everybody who is blinded, byte for byte.

*Swap*: list and kits with the treatments exchanged. *Redraw*: another sequence of arms, and the kits that were given
relabelled to fit, while the same kit numbers come. What is compared, and what is not, stands in
``tests/support/transcript.py``; how the worlds are made in ``tests/support/script/seal.py``.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.permissions import RouteAccess, route_table
from tests.support.randomization import arms_of_kits, true_arms
from tests.support.script.exchanges import redrawn, swapped
from tests.support.script.play import scripted
from tests.support.script.seal import Exchange
from tests.support.script.world import Begun, World, prologue
from tests.support.transcript import (
    NOT_SENT,
    UNBLINDED_ROLES,
    Reader,
    Visit,
    answers,
    blinded_readers,
    check_all_can_be_called,
    database_of,
    differences,
    is_closed,
    mails_of,
    may_enter,
    path_pattern,
    values_of,
)
from trial.reference.permissions import ROLES

NEVER_REACHED = {
    "show_decision": "there is no recommendation",
    "show_resume": "no cohort is paused",
    "show_linking": "no backup is restored, so no receipt came back",
    "show_release": "no bound on harm pauses recruitment",
    "download_opened_list": "the trial is not locked, so no list is open",
}
"""GET routes that no blinded person gets past a refusal of, in this script, and why; their refusals are compared."""


@dataclass(frozen=True)
class Base:
    """The world as it is drawn, and what the others are made from. Plain data: the world itself is gone."""

    record: dict[str, str]
    acts: tuple[str, ...]
    arms: dict[str, str]
    kits: dict[str, str]
    aside: tuple[str, ...]
    readers: tuple[Reader, ...]
    values: dict[str, tuple[str, ...]]
    routes: tuple[RouteAccess, ...]
    exchanges: dict[str, Exchange]


@pytest.fixture(scope="module")
def begun(server, template) -> Iterator[Begun]:
    with prologue(server, template) as made:
        yield made


@pytest.fixture(scope="module")
def base(begun: Begun) -> Base:
    """In the process that makes the other worlds: two processes salt passwords and order sets each in their own way."""
    with scripted(begun, Exchange()) as world:
        acts, arms, kits = tuple(world.acts), true_arms(world.house), arms_of_kits(world.house)
        exchanges = {"swapped": swapped(world), "redrawn": redrawn(world)}
        readers = tuple(blinded_readers(world))
        routes = tuple(route_table(Visit(world).app))
        values = values_of(world, readers[0])
        return Base(record_of(world), acts, arms, kits, world.set_aside, readers, values, routes, exchanges)


def record_of(world: World) -> dict[str, str]:
    """Everything that a blinded person can get, by where it was got."""
    return {
        **{f"route {key}": text for key, text in answers(world).items()},
        **{f"act {number}": text for number, text in enumerate(world.acts)},
        **{f"row {key}": text for key, text in database_of(world).items()},
        **{f"log {number}": line for number, line in enumerate(world.log_lines())},
        **{f"mail {number}": mail for number, mail in enumerate(mails_of(world))},
    }


def test_swap_changes_nothing_that_a_blinded_person_gets(begun: Begun, base: Base):
    with scripted(begun, base.exchanges["swapped"], aside=base.aside) as other:
        assert not set(true_arms(other.house).items()) & set(base.arms.items())
        assert differences(base.record, record_of(other)) == []


def test_redraw_changes_nothing_that_a_blinded_person_gets(begun: Begun, base: Base):
    with scripted(begun, base.exchanges["redrawn"], aside=base.aside) as other:
        assert len(set(true_arms(other.house).items()) - set(base.arms.items())) >= 4
        assert set(arms_of_kits(other.house)) == set(base.kits)
        assert differences(base.record, record_of(other)) == []


def test_the_script_meets_the_refusals_that_could_tell_an_arm(base: Base):
    told = "\n".join(base.acts)
    assert told.count("kit.none_usable") == 2
    assert told.count("stratum.exhausted") == 1
    assert told.count("RandomizationReceipt") == 9


def test_stock_and_ratio_are_unequal_under_seal(base: Base):
    for arms in (list(base.kits.values()), list(base.arms.values())):
        assert len({arms.count(arm) for arm in set(arms)}) == 2


def test_what_a_pharmacist_says_of_an_arm_stands_under_seal_and_nowhere_else(base: Base):
    sealed = [text for key, text in base.record.items() if key.startswith("row sealed.situation_account")]
    assert len(sealed) == 1
    assert not any("drawn from a vial" in text for text in base.record.values())
    assert any("Words under seal" in text for key, text in base.record.items() if "special-situations/" in key)


def test_every_blinded_role_is_asked_and_no_other(base: Base):
    blinded = {None, *(set(ROLES) - UNBLINDED_ROLES)}
    assert {reader.role for reader in base.readers} == blinded
    asked = Counter(key.split(" ")[1].partition("@")[0] for key in base.record if key.startswith("route "))
    assert set(asked) == {role or "stranger" for role in blinded}
    assert min(asked.values()) >= 8


def test_every_route_answers_somebody_with_more_than_a_refusal(base: Base):
    answered = [
        key.split(" ")[3].partition("?")[0]
        for key, text in base.record.items()
        if key.startswith("route ") and " GET " in key and text.startswith(("200", "303"))
        if "\nlocation: /sign-in" not in text
    ]
    silent = {
        route.name
        for route in base.routes
        if "GET" in route.methods and not is_closed(route) and any(may_enter(one, route) for one in base.readers)
        if not any(path_pattern(route).fullmatch(path) for path in answered)
    }
    assert silent == set(NEVER_REACHED), "change the script, or NEVER_REACHED with a reason"


def test_nothing_breaks_on_an_empty_form(base: Base):
    assert [key for key, text in base.record.items() if key.startswith("route ") and text.startswith("5")] == []


def test_a_route_that_the_script_cannot_call_is_named(base: Base):
    lacking = {name: value for name, value in base.values.items() if name != "meeting_id"}
    with pytest.raises(AssertionError, match=r"show_meeting\) needs a value for meeting_id"):
        check_all_can_be_called(base.routes, lacking)


def test_routes_that_are_not_sent_exist(base: Base):
    assert set(NOT_SENT) <= {route.name for route in base.routes}


def test_only_the_products_own_lines_are_in_the_log(base: Base):
    loggers = {json.loads(line)["logger"] for key, line in base.record.items() if key.startswith("log ")}
    assert loggers == {"equipoise"}


def test_rows_that_name_an_arm_are_the_protocols_and_the_guesses_alone(base: Base):
    """Not even a row that is the same in both worlds has a reason to name one."""
    named = [
        key.split(" ")[1]
        for key, text in base.record.items()
        if ('"KET"' in text or '"PBO"' in text) and key.startswith(("row ", "act ", "log ", "mail "))
    ]
    assert set(named) <= {"trial.protocol_version", "trial.blinding_guess"}
