"""Lists during the trial: a stratum that runs low is continued, a new site gets a list of its own; no list changes."""

import pytest
from sqlmodel import select

from randomization.ledger.allocation_lists import AllocationList, ListNotSealed, ListStatus, StratumExhausted
from randomization.ledger.allocations import allocations_of
from randomization.ledger.extensions import ExtendList, ListNotContinued, extend_list
from randomization.ledger.generation import SecondPersonNeeded, published_commitment
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.sealed_matter import open_matter
from randomization.lists import ListDesignInvalid
from randomization.verification import check_root
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import (
    confirmed_list,
    designed_list,
    open_for_randomization,
    randomize,
    randomized,
    sealed_list,
    stocked,
    true_arms,
)
from trial.database.session import strongroom
from trial.errors import NotPermitted
from trial.protocol.loader import load_shipped

THIRD = bytes(range(100, 132))


def extended(house: House, list_id, slots: int = 8, role: str = "statistician_randomization") -> AllocationList:
    with house.database.transaction() as session:
        command = ExtendList(list_id=list_id, slots_per_stratum=slots, contribution=THIRD)
        return extend_list(session, house.actor(session, role), command)


def levels(house: House) -> dict[str, tuple[int, int | None, bool]]:
    with house.database.transaction() as session:
        found = stratum_levels_of(session, house.trial.id)
    return {one.stratum: (one.used, one.left, one.runs_low) for one in found}


def test_a_used_up_stratum_goes_on_in_its_continuation(house: House):
    first = open_for_randomization(house, blocks=(2, 4), slots=2)
    for _ in range(2):
        randomized(house)
    waiting = ready_to_randomize(house, "S1")
    with pytest.raises(StratumExhausted):
        randomize(house, waiting)
    second = confirmed_list(house, extended(house, first.id).id)
    randomize(house, waiting)
    with house.database.transaction() as session:
        lists = [one.list_id for one in allocations_of(session, house.trial.id)]
    assert lists == [first.id, first.id, second.id]
    assert len(true_arms(house)) == 3


def test_a_continuation_has_the_rule_of_the_list_before_and_a_seed_and_commitment_of_its_own(house: House):
    first = sealed_list(house, blocks=(4, 6), slots=12)
    second = confirmed_list(house, extended(house, first.id, slots=30).id)
    assert (second.ordinal, second.slots_per_stratum, second.status) == (2, 30, ListStatus.SEALED)
    assert second.root != first.root
    with house.database.transaction() as session:
        check_root(published_commitment(session, second))
        with strongroom(session):
            before, after = open_matter(session, first), open_matter(session, second)
            assert after.list_design.scheme == before.list_design.scheme
            assert after.list_design.factors == before.list_design.factors
            assert after.seed != before.seed
        assert session.get(AllocationList, first.id).root == first.root


def test_a_list_counts_as_low_before_it_is_empty_and_a_continuation_ends_that(house: House):
    first = open_for_randomization(house, blocks=(2, 4), slots=8)
    randomized(house)
    low = {stratum for stratum, (_, _, runs_low) in levels(house).items() if runs_low}
    assert len(low) == 1
    assert levels(house)[low.pop()] == (1, 7, True)
    confirmed_list(house, extended(house, first.id).id)
    assert not any(runs_low for _, _, runs_low in levels(house).values())
    assert len(levels(house)) == 12


def test_a_continuation_that_waits_for_its_second_person_counts_for_nothing(house: House):
    first = sealed_list(house, slots=12)
    extended(house, first.id)
    assert all(left == 12 for _, left, _ in levels(house).values())


def test_two_people_make_a_continuation_too(house: House):
    first = sealed_list(house)
    with pytest.raises(NotPermitted):
        extended(house, first.id, role="statistician_unblinded")
    waiting = extended(house, first.id)
    with house.database.session() as session, pytest.raises((SecondPersonNeeded, NotPermitted)):
        from randomization.ledger.generation import ConfirmList, confirm_list

        confirm_list(
            session,
            house.actor(session, "statistician_randomization"),
            ConfirmList(list_id=waiting.id, contribution=bytes(range(40, 72))),
        )


def test_what_cannot_be_continued_is_refused(database, clock, house: House):
    waiting = designed_list(house)
    with pytest.raises(ListNotSealed):
        extended(house, waiting.id)
    made = confirmed_list(house, waiting.id)
    with pytest.raises(ListDesignInvalid):
        extended(house, made.id, slots=10_000_000)


def test_minimization_has_no_end_to_continue(database, clock):
    house = House.build(database, clock, loaded=load_shipped("second"))
    made = sealed_list(house, blocks=())
    with pytest.raises(ListNotContinued):
        extended(house, made.id)
    assert levels(house) == {"all": (0, None, False)}


def test_a_site_that_comes_later_gets_a_list_of_its_own_and_changes_no_other(house: House):
    """First a list for one site alone; the second site has none until its own is sealed."""
    first = sealed_list(house, sites=("S1",))
    for site in ("S1", "S2"):
        stocked(house, site)
    randomized(house, "S1")
    late = ready_to_randomize(house, "S2")
    with pytest.raises(ListNotSealed):
        randomize(house, late)
    second = sealed_list(house, sites=("S2",))
    randomize(house, late)
    with house.database.transaction() as session:
        both = session.exec(select(AllocationList).order_by(AllocationList.ordinal)).all()
        assert [one.root for one in both] == [first.root, second.root]
        assert len(published_commitment(session, second).slots) == 24 * 6
        assert [one.list_id for one in allocations_of(session, house.trial.id)] == [first.id, second.id]
