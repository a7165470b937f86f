"""Non-interference: two worlds that differ under seal alone are the same to everybody who is blinded, byte for byte.

*Swap*: list and kits with the treatments exchanged. *Redraw*: another sequence of arms, and the kits that were given
relabelled to fit, while the same kit numbers come. What is compared, and what is not, stands in
``tests/support/transcript.py``; how the worlds are made in ``tests/support/script_seal.py``.
"""

import json
from collections.abc import Iterator

import pytest

from api.permissions import route_table
from tests.support.randomization import arms_of_kits, true_arms
from tests.support.script import Begun, World, prologue, redrawn, scripted, swapped
from tests.support.script_seal import Exchange
from tests.support.transcript import (
    NOT_SENT,
    UNBLINDED_ROLES,
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
}
"""GET routes that no blinded person gets past a refusal of, in this script, and why; their refusals are compared."""


@pytest.fixture(scope="module")
def begun(server, template) -> Iterator[Begun]:
    with prologue(server, template) as made:
        yield made


@pytest.fixture(scope="module")
def base(begun: Begun) -> Iterator[World]:
    with scripted(begun, Exchange()) as world:
        yield world


@pytest.fixture(scope="module")
def record(base: World) -> dict[str, str]:
    return record_of(base)


def record_of(world: World) -> dict[str, str]:
    """Everything that a blinded person can get, by where it was got."""
    return {
        **{f"route {key}": text for key, text in answers(world).items()},
        **{f"act {number}": text for number, text in enumerate(world.acts)},
        **{f"row {key}": text for key, text in database_of(world).items()},
        **{f"log {number}": line for number, line in enumerate(world.log_lines())},
        **{f"mail {number}": mail for number, mail in enumerate(mails_of(world))},
    }


def test_swap_changes_nothing_that_a_blinded_person_gets(begun, base, record):
    with scripted(begun, swapped(base), aside=base.set_aside) as other:
        assert true_arms(other.house) != true_arms(base.house)
        assert not set(true_arms(other.house).items()) & set(true_arms(base.house).items())
        assert differences(record, record_of(other)) == []


def test_redraw_changes_nothing_that_a_blinded_person_gets(begun, base, record):
    with scripted(begun, redrawn(base), aside=base.set_aside) as other:
        changed = set(true_arms(other.house).items()) - set(true_arms(base.house).items())
        assert len(changed) >= 4
        assert set(arms_of_kits(other.house)) == set(arms_of_kits(base.house))
        assert differences(record, record_of(other)) == []


def test_the_script_meets_the_refusals_that_could_tell_an_arm(base):
    told = "\n".join(base.acts)
    assert told.count("kit.none_usable") == 2
    assert told.count("stratum.exhausted") == 1
    assert told.count("RandomizationReceipt") == 9


def test_stock_lots_and_ratio_are_unequal_under_seal(base):
    arms = list(arms_of_kits(base.house).values())
    assert len({arms.count(arm) for arm in set(arms)}) == 2
    given = list(true_arms(base.house).values())
    assert len({given.count(arm) for arm in set(given)}) == 2


def test_every_blinded_role_is_asked_and_no_other(base):
    asked = {reader.role for reader in blinded_readers(base)}
    assert asked == {None, *(set(ROLES) - UNBLINDED_ROLES)}


def test_every_route_is_asked_and_answers_somebody_with_more_than_a_refusal(base, record, app_of):
    good = [key.removeprefix("route ") for key, text in record.items() if text.startswith(("200", "303"))]
    silent = []
    for route in route_table(app_of(base)):
        if "GET" in route.methods and not is_closed(route) and _may_anybody(base, route):
            pattern = path_pattern(route)
            if not any(pattern.fullmatch(key.split(" ", 2)[2].partition("?")[0]) for key in good if " GET " in key):
                silent.append(route.name)
    assert set(silent) == set(NEVER_REACHED), "change the script, or NEVER_REACHED with a reason"


def _may_anybody(world: World, route) -> bool:
    return any(may_enter(reader, route) for reader in blinded_readers(world))


@pytest.fixture
def app_of():
    return lambda world: Visit(world).app


def test_nothing_breaks_on_an_empty_form(record):
    assert [key for key, text in record.items() if key.startswith("route ") and text.startswith("5")] == []


def test_a_route_that_the_script_cannot_call_is_named(base, app_of):
    routes = route_table(app_of(base))
    lacking = {name: value for name, value in values_of(base, blinded_readers(base)[0]).items() if name != "meeting_id"}
    with pytest.raises(AssertionError, match=r"show_meeting\) needs a value for meeting_id"):
        check_all_can_be_called(routes, lacking)


def test_routes_that_are_not_sent_exist(base, app_of):
    assert set(NOT_SENT) <= {route.name for route in route_table(app_of(base))}


def test_only_the_products_own_lines_are_in_the_log(base, record):
    loggers = {json.loads(line)["logger"] for key, line in record.items() if key.startswith("log ")}
    assert loggers == {"equipoise"}


def test_no_arm_is_named_anywhere_but_in_what_is_public_of_both(record):
    """The protocol's text, its arms and a nurse's guess name arms; nothing else may, not even where it says nothing."""
    named = [
        key
        for key, text in record.items()
        if ('"KET"' in text or '"PBO"' in text) and not key.startswith(("row trial.protocol_version", "route "))
    ]
    assert {key.partition(" ")[2].split(" ")[0] for key in named} <= {
        "trial.blinding_guess",
        "audit.entry",
        "trial.blob",
    }
