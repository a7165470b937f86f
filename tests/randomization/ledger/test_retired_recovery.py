"""Retired lists after a restored backup and after a rotation of the keys: old receipts, old arms, no second slot."""

from dataclasses import replace
from datetime import timedelta

import pytest

from api.jobs.contexts import write_milestone
from api.jobs.restores import look, notice_restore
from randomization.ledger.allocation_lists import AllocationList, ListHeld
from randomization.ledger.holds import ask_release, confirm_release, open_holds
from randomization.ledger.reseating import ReceiptForged
from randomization.ledger.rotation import rotate_key
from tests.conftest import FixedKey
from tests.randomization.ledger.test_recovery import backups, declared, installed, release, seats, take
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, randomized, sealed_list, true_arms
from trial.access.actors import system_actor

__all__ = ["backups"]


def _in_place_of(house: House, first: AllocationList) -> AllocationList:
    return sealed_list(house, retires=(first.id,), retirement_reason="somebody saw the seed")


def _released(house: House, *, without: bool = False) -> None:
    for act, role in ((ask_release, "statistician_randomization"), (confirm_release, "statistician_unblinded")):
        release(house, act, role, without=without)


def test_a_receipt_of_a_retired_list_gets_its_own_slot_back(house, app_url, tmp_path, backups, clock):
    """Nobody whose receipt is still out gets a slot of the new list meanwhile: the hold outlasts the retirement."""
    installation = installed(house, app_url, tmp_path)
    first = open_for_randomization(house)
    waiting = [ready_to_randomize(house) for _ in range(3)]
    randomize(house, waiting[0])
    write_milestone(installation, "by the clock")
    backups.take(house.database)
    line = randomize(house, waiting[1]).line
    before, arms = seats(house), true_arms(house)
    write_milestone(installation, "by the clock")
    clock.advance(timedelta(hours=1))
    backups.restore(house.database)
    declared(installation)
    second = _in_place_of(house, first)
    for one in waiting[1:]:
        with pytest.raises(ListHeld):
            randomize(house, one)
    assert take(house, line) == 1
    _released(house)
    assert randomize(house, waiting[1]).line == line
    assert seats(house) == before
    randomize(house, waiting[2])
    assert [seat[0] for seat in seats(house).values()] == [first.id, first.id, second.id]
    assert list(true_arms(house).values())[:2] == list(arms.values())


def test_a_list_is_held_when_the_list_that_retired_it_is_lost(house, app_url, tmp_path, backups, clock):
    """Nothing is missing of it: without the hold the database would just go on with a list that was found wrong."""
    installation = installed(house, app_url, tmp_path)
    first = open_for_randomization(house)
    one = ready_to_randomize(house)
    write_milestone(installation, "by the clock")
    backups.take(house.database)
    lost = _in_place_of(house, first)
    line = randomize(house, one).line
    write_milestone(installation, "by the clock")
    clock.advance(timedelta(hours=1))
    backups.restore(house.database)
    behind = look(installation).behind
    assert (behind.missing, behind.lost_lists, behind.revived) == ((), (str(lost.id),), (first.id,))
    assert notice_restore(installation)
    with house.database.transaction() as session:
        (hold,) = open_holds(session)
        assert hold.list_id == first.id
        assert "is lost" in hold.reason
    with pytest.raises(ListHeld):
        randomize(house, one)
    declared(installation)
    with pytest.raises(ReceiptForged):
        take(house, line)
    second = _in_place_of(house, first)
    _released(house)
    assert not notice_restore(installation)
    randomize(house, one)
    assert [seat[0] for seat in seats(house).values()] == [second.id]


def test_arms_of_a_retired_list_open_after_a_rotation_of_the_key(house: House):
    first = open_for_randomization(house)
    randomized(house)
    _in_place_of(house, first)
    randomized(house)
    arms = true_arms(house)
    new = FixedKey(b"n" * 32)
    with house.database.transaction() as session:
        rotate_key(session, system_actor("keyholder"), new)
    house.database.keyring = replace(house.database.keyring, sealing=new)
    assert true_arms(house) == arms
    randomized(house)
