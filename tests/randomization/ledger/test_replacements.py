"""Replacement participants come on top of the planned number, take the next slot of their own stratum, and pass no cap."""

import pytest
from sqlmodel import select

from randomization.ledger.allocations import Allocation
from randomization.ledger.reconciliation import reconcile_lists
from randomization.ledger.tallies import SiteCapReached, TrialFull
from tests.support.house import House
from tests.support.participants import participant, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize
from tests.support.replacing import leave, stand_in
from tests.support.variants import variant
from trial.conduct.participants import ParticipantStatus

SITES = ("S1", "S2", "S3")
RULE = "{when: before_first_dose, at_most: 3}"


@pytest.fixture
def small(database, clock) -> House:
    """Ten are planned, of whom a site may have four."""
    return House.build(database, clock, loaded=variant(replaces=RULE), sites=SITES, planned=10)


def allocation(house: House, participant_id) -> Allocation:
    with house.database.reading() as session:
        return session.exec(select(Allocation).where(Allocation.participant_id == participant_id)).one()


def test_a_full_trial_takes_stand_ins_and_nobody_else(small: House):
    open_for_randomization(small)
    several = [ready_to_randomize(small, site) for site in ("S1", "S1", "S1", "S2", "S2", "S2", "S2", "S3", "S3", "S3")]
    receipts = [randomize(small, one) for one in several]
    ordinary = ready_to_randomize(small, "S1")
    with pytest.raises(TrialFull, match=r"planned \(10\).*The sponsor can raise"):
        randomize(small, ordinary)
    left = leave(small, several[0])
    stand_in_here, stand_in_there = ready_to_randomize(small, "S1"), ready_to_randomize(small, "S3")
    stand_in(small, stand_in_here, left)
    with pytest.raises(TrialFull):
        randomize(small, ordinary)
    receipt = randomize(small, stand_in_here)
    assert (receipt.randomization_number, len(receipts)) == ("R0011", 10)
    with pytest.raises(TrialFull):
        randomize(small, ordinary)
    stand_in(small, stand_in_there, leave(small, several[9]))
    assert randomize(small, stand_in_there).randomization_number == "R0012"
    with pytest.raises(TrialFull):
        randomize(small, ordinary)
    gone, replaced_by = participant(small, several[0]), participant(small, stand_in_here)
    assert (gone.status, gone.randomization_number) == (ParticipantStatus.WITHDRAWN, receipts[0].randomization_number)
    assert replaced_by.status is ParticipantStatus.RANDOMIZED
    with small.database.reading() as session:
        found = reconcile_lists(session, small.actor(session, "data_manager"), small.trial.id)
    assert found.replacements == 2
    assert {line.participant: line.stands_in_for for line in found.lines if line.stands_in_for} == {
        replaced_by.code: gone.code,
        participant(small, stand_in_there).code: participant(small, several[9]).code,
    }


def test_a_stand_in_takes_the_next_slot_of_their_own_stratum_and_another_kit(small: House):
    open_for_randomization(small)
    opioid = ("baseline", "opioid_use")
    first = ready_to_randomize(small, "S1", {opioid: "yes"})
    second = ready_to_randomize(small, "S1", {opioid: "no"})
    for one in (first, second):
        randomize(small, one)
    same, other = ready_to_randomize(small, "S1", {opioid: "yes"}), ready_to_randomize(small, "S2", {opioid: "no"})
    stand_in(small, same, leave(small, first))
    stand_in(small, other, leave(small, second))
    for one in (same, other):
        randomize(small, one)
    left, came, moved = allocation(small, first), allocation(small, same), allocation(small, other)
    assert (came.counter_id, came.position) == (left.counter_id, left.position + 1)
    assert came.kit_id != left.kit_id
    assert (moved.counter_id != allocation(small, second).counter_id, moved.position) == (True, 1)


def test_the_cap_of_a_site_holds_for_stand_ins_too(small: House):
    open_for_randomization(small)
    several = [ready_to_randomize(small, "S1") for _ in range(4)]
    for one in several:
        randomize(small, one)
    newcomer = ready_to_randomize(small, "S1")
    stand_in(small, newcomer, leave(small, several[0]))
    with pytest.raises(SiteCapReached, match="cap of 4"):
        randomize(small, newcomer)
