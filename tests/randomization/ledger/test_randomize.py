"""Randomizing one participant: what is given, what is refused, and what it says."""

from dataclasses import fields
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from randomization.kits.kits import Kit, KitStatus
from randomization.kits.shelves import NoUsableKit
from randomization.ledger.allocation_lists import ListNotSealed, StratumExhausted
from randomization.ledger.allocations import Allocation, RandomizationReceipt, allocations_of
from randomization.ledger.tallies import SiteCapReached, TrialFull, set_numbers_aside
from tests.support.house import House
from tests.support.participants import consented, participant, ready_to_randomize
from tests.support.randomization import (
    arms_of_kits,
    open_for_randomization,
    randomize,
    randomized,
    sealed_list,
    stocked,
    true_arms,
)
from trial.access.actions import Action
from trial.access.exactly_once import KeyUsedForAnother
from trial.access.policies import declare
from trial.access.signatures import check_signed
from trial.conduct.eligibility import EligibilityLapsed, EligibilityNotSigned
from trial.conduct.participants import AlreadyRandomized, ParticipantStatus
from trial.conduct.trials import LeverClosed, Trial
from trial.protocol.loader import load_shipped


def test_the_participant_gets_a_number_and_a_kit_of_the_arm_on_the_slot(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    receipt = randomize(house, participant_id)
    done = participant(house, participant_id)
    assert done.status is ParticipantStatus.RANDOMIZED
    assert done.randomization_number == receipt.randomization_number == "R0001"
    assert arms_of_kits(house)[receipt.kit_number] == true_arms(house)[done.code]


def test_the_receipt_holds_no_arm():
    assert {field.name for field in fields(RandomizationReceipt)} == {
        "allocation_id",
        "participant",
        "randomization_number",
        "kit_number",
        "randomized_at",
        "line",
    }


def test_the_allocation_is_signed(house: House):
    open_for_randomization(house)
    randomized(house)
    with house.database.transaction() as session:
        allocation = session.exec(select(Allocation)).one()
        signature = check_signed(session, allocation)
        assert signature.account_id == house.people[("coordinator", "S1")].id


def test_the_signature_holds_at_an_instant_that_is_no_whole_second(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    house.clock.set(house.clock.now() + timedelta(microseconds=123_457))
    randomize(house, participant_id)
    with house.database.transaction() as session:
        assert check_signed(session, session.exec(select(Allocation)).one())


def test_positions_follow_each_other_within_a_stratum(house: House):
    open_for_randomization(house)
    for _ in range(5):
        randomized(house, "S1")
    randomized(house, "S2")
    with house.database.transaction() as session:
        made = session.exec(select(Allocation).order_by(Allocation.number)).all()
        assert [one.position for one in made] == [1, 2, 3, 4, 5, 1]
        assert [one.number for one in made] == [f"R{number:04d}" for number in range(1, 7)]


def test_a_whole_block_keeps_the_ratio(house: House):
    open_for_randomization(house, blocks=(4, 8), slots=8)
    for _ in range(8):
        randomized(house)
    arms = list(true_arms(house).values())
    assert sorted(arms) == ["KET"] * 4 + ["PBO"] * 4


def test_pressing_twice_gives_one_allocation_and_the_same_receipt(house: House):
    open_for_randomization(house)
    participant_id, key = ready_to_randomize(house), str(uuid4())
    assert randomize(house, participant_id, key=key) == randomize(house, participant_id, key=key)
    assert len(true_arms(house)) == 1


def test_a_second_request_for_the_same_participant_is_refused(house: House):
    open_for_randomization(house)
    participant_id = randomized(house)
    with pytest.raises(AlreadyRandomized):
        randomize(house, participant_id)
    assert len(true_arms(house)) == 1


def test_a_key_serves_one_participant_only(house: House):
    open_for_randomization(house)
    key = str(uuid4())
    randomize(house, ready_to_randomize(house), key=key)
    with pytest.raises(KeyUsedForAnother):
        randomize(house, ready_to_randomize(house), key=key)


def test_nobody_is_randomized_before_a_list_is_sealed(house: House):
    stocked(house)
    with pytest.raises(ListNotSealed):
        randomized(house)


def test_nobody_is_randomized_whom_no_investigator_signed(house: House):
    open_for_randomization(house)
    with pytest.raises(EligibilityNotSigned):
        randomize(house, consented(house))


def test_eligibility_that_has_lapsed_is_refused(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    house.clock.advance(timedelta(days=8))
    with pytest.raises(EligibilityLapsed):
        randomize(house, participant_id)


def test_a_closed_lever_stops_randomizing(house: House, owner_url: str):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    _close_randomizing(house)
    with pytest.raises(LeverClosed):
        randomize(house, participant_id)


def _close_randomizing(house: House) -> None:
    with house.database.transaction() as session:
        declare(session, house.actor(session, "sponsor"), Action.DECISION_TAKEN)
        trial = session.get(Trial, house.trial.id)
        trial.randomizing_open = False
        session.add(trial)


def test_a_stratum_that_is_used_up_is_refused_and_an_extension_continues_it(house: House):
    open_for_randomization(house, blocks=(2, 4), slots=2)
    randomized(house)
    randomized(house)
    third = ready_to_randomize(house)
    with pytest.raises(StratumExhausted):
        randomize(house, third)
    sealed_list(house, blocks=(2, 4), slots=4)
    randomize(house, third)
    with house.database.transaction() as session:
        assert [one.position for one in session.exec(select(Allocation).order_by(Allocation.number))] == [1, 2, 1]


def test_a_new_site_gets_a_fresh_list_of_its_own(house: House):
    first = sealed_list(house, sites=("S1",))
    stocked(house, "S2")
    participant_id = ready_to_randomize(house, "S2")
    with pytest.raises(ListNotSealed):
        randomize(house, participant_id)
    second = sealed_list(house, sites=("S2",))
    randomize(house, participant_id)
    assert first.root != second.root


def test_a_site_stops_at_its_cap(database, clock):
    house = House.build(database, clock, planned=5)  # 40 % of five: two a site
    open_for_randomization(house)
    randomized(house)
    randomized(house)
    with pytest.raises(SiteCapReached):
        randomized(house)


def test_the_trial_stops_at_its_planned_number(database, clock):
    house = House.build(database, clock, planned=5, sites=("S1", "S2", "S3"))
    open_for_randomization(house)
    for site in ("S1", "S1", "S2", "S2", "S3"):
        randomized(house, site)
    with pytest.raises(TrialFull):
        randomized(house, "S3")


def test_a_refusal_leaves_number_position_and_kits_as_they_were(house: House):
    sealed_list(house)
    stocked(house, kits={"KET": 1, "PBO": 1})
    first, second = ready_to_randomize(house), ready_to_randomize(house)
    randomize(house, first)
    with pytest.raises(NoUsableKit):
        randomize(house, second)
    stocked(house)
    assert randomize(house, second).randomization_number == "R0002"
    with house.database.transaction() as session:
        assert session.exec(select(Allocation.position).order_by(Allocation.number)).all() == [1, 2]
        assert len(session.exec(select(Kit).where(Kit.status == KitStatus.ASSIGNED)).all()) == 2


def test_minimization_with_three_arms_serves_the_second_protocol(database, clock):
    house = House.build(database, clock, loaded=load_shipped("second"))
    made = open_for_randomization(house, blocks=())
    assert made.scheme == "minimization"
    for number in range(12):
        randomized(house, "S1" if number % 2 else "S2")
    arms = true_arms(house)
    counts = [list(arms.values()).count(arm) for arm in ("DUL60", "DUL30", "PBO")]
    assert sum(counts) == 12
    assert counts[0] > max(counts[1:])
    by_kit = arms_of_kits(house)
    with house.database.transaction() as session:
        for allocation, number in session.exec(select(Allocation, Kit.number).join(Kit)):
            assert by_kit[number] == arms[participant(house, allocation.participant_id).code]


def test_allocations_stand_in_the_order_of_their_numbers_beyond_four_digits(database, clock):
    house = House.build(database, clock, planned=20_000)
    open_for_randomization(house)
    with house.database.transaction() as session:
        declare(session, house.actor(session, "sponsor"), Action.DECISION_TAKEN)
        set_numbers_aside(session, house.trial.id, "main", up_to=9_997)
    for _ in range(4):
        randomized(house)
    with house.database.transaction() as session:
        numbers = [one.number for one in allocations_of(session, house.trial.id)]
    assert numbers == ["R9998", "R9999", "R10000", "R10001"]
