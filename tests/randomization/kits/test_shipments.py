"""Shipments, shelves and the numbers of kits: nothing of them tells an arm."""

import hashlib
import itertools
from collections import Counter
from datetime import date
from uuid import uuid4

import pytest
from scipy import stats
from sqlalchemy import text
from sqlmodel import select

from randomization.kits.accountability import accountability_of
from randomization.kits.contents import contents_of
from randomization.kits.dispensing import (
    AlreadyDispensed,
    AnotherKit,
    DispenseKit,
    NoKitAtVisit,
    SetAsideKit,
    dispense_kit,
    set_aside_kit,
)
from randomization.kits.kits import (
    STEPS,
    Kit,
    KitNotFound,
    KitStatus,
    KitStepNotPossible,
    draw_number,
    number_is_well_formed,
)
from randomization.kits.shelves import NoUsableKit, OpenShelf, ShelvedKit, take_kit
from randomization.kits.shipments import (
    KitNotInShipment,
    ReceiveKits,
    ShipKits,
    ShipmentAlreadyReceived,
    ShipmentExpired,
    ShipmentLacksArm,
    ShippedLot,
    kits_in,
    receive_kits,
    ship_kits,
)
from randomization.kits.stock import low_stock_level, stock_of
from tests.support.house import House
from tests.support.participants import protocol_at, ready_to_randomize
from tests.support.randomization import (
    GOOD_UNTIL,
    arms_of_kits,
    open_for_randomization,
    randomize,
    randomized,
    sealed_list,
    shipped,
    stocked,
)
from trial.access.actions import Action
from trial.access.alerts import AlertKind, alerts_for
from trial.access.exactly_once import KeyUsedForAnother
from trial.access.policies import declare
from trial.database.session import strongroom
from trial.errors import NotPermitted
from trial.ids import UnsafeSeededEntropy
from trial.protocol.loader import load_shipped


def _lots(**counts: int) -> tuple[ShippedLot, ...]:
    return tuple(ShippedLot(arm=arm, lot="L1", expires_on=GOOD_UNTIL, kits=count) for arm, count in counts.items())


def _ship(house: House, lots: tuple[ShippedLot, ...], key: str | None = None, role: str = "supply_manager_unblinded"):
    with house.database.transaction() as session:
        command = ShipKits(
            trial_id=house.trial.id,
            site_id=house.site_id("S1"),
            lots=lots,
            idempotency_key=key or str(uuid4()),
        )
        return ship_kits(session, house.actor(session, role), command)


def _receive(house: House, shipment_id, **found):
    with house.database.transaction() as session:
        command = ReceiveKits(shipment_id=shipment_id, idempotency_key=str(uuid4()), **found)
        return receive_kits(session, house.actor(session, "coordinator", "S1"), command)


def test_a_number_has_a_check_digit_that_notices_a_wrong_digit():
    entropy = UnsafeSeededEntropy(1)
    for _ in range(50):
        number = draw_number(entropy)
        assert number_is_well_formed(number)
        for place in range(len(number)):
            wrong = str((int(number[place]) + 1) % 10)
            assert not number_is_well_formed(number[:place] + wrong + number[place + 1 :])


def test_every_status_of_a_kit_has_its_steps():
    assert set(STEPS) == set(KitStatus)
    assert KitStatus.AVAILABLE not in STEPS[KitStatus.DISPENSED]


def test_kits_of_a_shipment_are_all_alike_outside(house: House):
    shipment = _ship(
        house,
        (
            ShippedLot(arm="KET", lot="K7", expires_on=date(2027, 1, 31), kits=6),
            ShippedLot(arm="PBO", lot="P2", expires_on=date(2026, 9, 30), kits=3),
        ),
    )
    with house.database.transaction() as session:
        kits = kits_in(session, shipment.id)
        sizes = {len(row) for row in _sealed_contents(session)}
    assert {(kit.use_by, kit.status, kit.shipment_id) for kit in kits} == {
        (date(2026, 9, 30), KitStatus.IN_TRANSIT, shipment.id)
    }
    assert Counter(arms_of_kits(house).values()) == {"KET": 6, "PBO": 3}
    assert len(sizes) == 1


def _sealed_contents(session):
    with strongroom(session):
        return session.execute(text("SELECT content FROM sealed.kit_content")).scalars().all()


@pytest.mark.parametrize("lots", [_lots(KET=5), _lots(KET=5, PBO=5, XXX=1)])
def test_a_shipment_holds_every_arm_and_no_other(house: House, lots):
    with pytest.raises(ShipmentLacksArm):
        _ship(house, lots)


def test_a_lot_may_be_as_long_as_it_may_be_in_any_script(house: House):
    longest = {"KET": "серия" * 8, "PBO": "批号" * 20}
    lots = tuple(ShippedLot(arm=arm, lot=lot, expires_on=date(2027, 6, 30), kits=1) for arm, lot in longest.items())
    shipment = _ship(house, lots)
    with house.database.transaction() as session:
        kits = kits_in(session, shipment.id)
        with strongroom(session):
            held = contents_of(session, house.trial.id, [kit.id for kit in kits]).values()
    assert {one.arm: one.lot for one in held} == longest


def test_expired_lots_are_not_shipped(house: House):
    old = ShippedLot(arm="KET", lot="K1", expires_on=date(2026, 3, 1), kits=2)
    with pytest.raises(ShipmentExpired):
        _ship(house, (old, *_lots(PBO=2)))


def test_the_same_shipment_sent_twice_is_one_shipment(house: House):
    key = str(uuid4())
    assert _ship(house, _lots(KET=2, PBO=2), key).id == _ship(house, _lots(KET=2, PBO=2), key).id
    with pytest.raises(KeyUsedForAnother):
        _ship(house, _lots(KET=1, PBO=3), key)


def test_counts_by_arm_cannot_be_guessed_back_from_the_kept_hash(house: House):
    """Whoever knows the whole command but the counts cannot find the counts by trying."""
    key = str(uuid4())
    _ship(house, _lots(KET=2, PBO=3), key)
    with house.database.transaction() as session:
        kept = session.execute(text("SELECT command_hash FROM trial.idempotency_key WHERE key = :key"), {"key": key})
        kept_hash = kept.scalar_one()
    for ket in range(1, 5):
        guess = ShipKits(
            trial_id=house.trial.id,
            site_id=house.site_id("S1"),
            lots=_lots(KET=ket, PBO=5 - ket),
            idempotency_key=key,
        )
        assert hashlib.sha256(guess.model_dump_json().encode()).hexdigest() != kept_hash


@pytest.mark.parametrize("role", ["coordinator", "pharmacist_unblinded", "sponsor", "monitor"])
def test_only_the_supply_manager_ships(house: House, role: str):
    with pytest.raises(NotPermitted):
        _ship(house, _lots(KET=1, PBO=1), role=role)


def test_lost_and_doubtful_kits_are_not_usable(house: House):
    shipment = shipped(house, kits={"KET": 3, "PBO": 3})
    with house.database.transaction() as session:
        numbers = [kit.number for kit in kits_in(session, shipment.id)]
    _receive(house, shipment.id, lost=(numbers[0],), quarantined=(numbers[1], numbers[2]))
    with house.database.transaction() as session:
        view = stock_of(session, house.actor(session, "coordinator", "S1"), house.site_id("S1"))
    assert (view.available, view.counts[KitStatus.LOST], view.counts[KitStatus.QUARANTINED]) == (3, 1, 2)
    with pytest.raises(ShipmentAlreadyReceived):
        _receive(house, shipment.id)


def test_a_number_of_another_shipment_is_refused_on_receipt(house: House):
    shipment = shipped(house, kits={"KET": 1, "PBO": 1})
    with pytest.raises(KitNotInShipment):
        _receive(house, shipment.id, lost=("1234567",))


def test_kits_in_transit_are_not_randomized_from(house: House):
    sealed_list(house)
    shipped(house)
    with pytest.raises(NoUsableKit):
        randomized(house)


def test_kits_that_expire_within_the_course_are_not_used(house: House):
    sealed_list(house)
    stocked(house, until=date(2026, 3, 9))  # day 8 of nine
    participant_id = ready_to_randomize(house)
    with pytest.raises(NoUsableKit):
        randomize(house, participant_id)
    stocked(house, until=date(2026, 3, 10))
    randomize(house, participant_id)


def test_each_matching_kit_is_equally_likely(house: House):
    """Chi-square over ten kits, 2,000 draws, fixed seed; each draw is undone."""
    stocked(house, kits={"KET": 10, "PBO": 4})
    arms = arms_of_kits(house)
    house.database.entropy = UnsafeSeededEntropy(77)
    with house.database.session() as session:
        rows = session.exec(select(Kit).order_by(Kit.number)).all()
        shelf = OpenShelf({"KET": [ShelvedKit(str(kit.id), kit.number) for kit in rows if arms[kit.number] == "KET"]})
        declare(session, house.actor(session, "coordinator"), Action.PARTICIPANT_RANDOMIZED)
        taken: Counter[str] = Counter()
        for _ in range(2000):
            undo = session.begin_nested()
            taken[take_kit(session, shelf, "KET").number] += 1
            undo.rollback()
    assert set(taken) == {number for number, arm in arms.items() if arm == "KET"}
    assert stats.chisquare(list(taken.values())).pvalue > 0.01


def test_numbers_and_order_of_kits_are_uncorrelated_with_the_arm(house: House):
    """Rank-sum of the numbers, and of the order in which rows were written, at 2:1 over 300 kits, fixed seed."""
    shipped(house, kits={"KET": 200, "PBO": 100})
    arms = arms_of_kits(house)
    with house.database.transaction() as session:
        written = session.execute(text("SELECT number FROM trial.kit ORDER BY ctid")).scalars().all()
    for order in (sorted(arms), list(written)):
        ranks = {number: rank for rank, number in enumerate(order)}
        by_arm = {arm: [ranks[number] for number in arms if arms[number] == arm] for arm in ("KET", "PBO")}
        assert stats.mannwhitneyu(by_arm["KET"], by_arm["PBO"]).pvalue > 0.01
        runs = sum(arms[one] != arms[two] for one, two in itertools.pairwise(order))
        assert 100 < runs < 167  # 133 expected; grouped by arm it would be 1


def test_descending_kit_numbers_prove_nothing(house: House):
    """Kits taken in order would make every descending pair two different arms."""
    open_for_randomization(house)
    receipts = [randomize(house, ready_to_randomize(house)) for _ in range(12)]
    arms = arms_of_kits(house)
    numbers = [receipt.kit_number for receipt in receipts]
    falls = [(one, two) for one, two in itertools.pairwise(numbers) if one > two]
    assert any(arms[one] == arms[two] for one, two in falls)


def _dispense(house: House, participant_id, visit: str = "INF1", number: str | None = None, key: str | None = None):
    with house.database.transaction() as session:
        command = DispenseKit(
            participant_id=participant_id, visit=visit, number=number, idempotency_key=key or str(uuid4())
        )
        return dispense_kit(session, house.actor(session, "infusion_nurse", "S1"), command)


def test_the_assigned_kit_is_dispensed_once(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    receipt, key = randomize(house, participant_id), str(uuid4())
    first = _dispense(house, participant_id, number=receipt.kit_number, key=key)
    assert first.kit_number == receipt.kit_number
    assert _dispense(house, participant_id, number=receipt.kit_number, key=key) == first
    with pytest.raises(AlreadyDispensed):
        _dispense(house, participant_id)


def test_another_carton_is_refused_and_so_is_a_visit_without_a_kit(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    receipt = randomize(house, participant_id)
    other = next(number for number in arms_of_kits(house) if number != receipt.kit_number)
    with pytest.raises(AnotherKit):
        _dispense(house, participant_id, number=other)
    with pytest.raises(NoKitAtVisit):
        _dispense(house, participant_id, visit="M1")


def test_later_kits_of_a_course_hold_the_same_arm(database, clock):
    house = House.build(database, clock, loaded=load_shipped("second"))
    open_for_randomization(house, blocks=())
    participant_id = ready_to_randomize(house)
    receipt = randomize(house, participant_id)
    with house.database.transaction() as session:
        pharmacist = house.actor(session, "pharmacist_unblinded", "S1")
        given = [
            dispense_kit(
                session,
                pharmacist,
                DispenseKit(participant_id=participant_id, visit=visit, idempotency_key=str(uuid4())),
            ).kit_number
            for visit in protocol_at(house).supply.dispensed_at
        ]
    arms = arms_of_kits(house)
    assert given[0] == receipt.kit_number
    assert len(set(given)) == 3
    assert len({arms[number] for number in given}) == 1


def test_a_dispensed_kit_is_not_quarantined_and_an_unknown_one_not_found(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    number = randomize(house, participant_id).kit_number
    _dispense(house, participant_id)
    with house.database.session() as session:
        coordinator = house.actor(session, "coordinator", "S1")
        with pytest.raises(KitStepNotPossible):
            set_aside_kit(session, coordinator, SetAsideKit(trial_id=house.trial.id, number=number, reason="warm"))
        with pytest.raises(KitNotFound):
            set_aside_kit(session, coordinator, SetAsideKit(trial_id=house.trial.id, number="0", reason="warm"))


def test_accountability_names_who_got_which_kit_and_never_an_arm(house: House):
    open_for_randomization(house)
    participant_id = ready_to_randomize(house)
    number = randomize(house, participant_id).kit_number
    _dispense(house, participant_id)
    with house.database.transaction() as session:
        log = accountability_of(session, house.actor(session, "coordinator", "S1"), house.site_id("S1"))
    assert len(log) == 32
    assert [one.number for one in log] == sorted(one.number for one in log)
    (given,) = [one for one in log if one.participant is not None]
    assert (given.number, given.visit, given.participant) == (number, "INF1", "P-0001")
    assert "KET" not in repr(log)
    assert "PBO" not in repr(log)


def test_another_site_does_not_see_the_stock(house: House):
    stocked(house)
    with house.database.session() as session, pytest.raises(NotPermitted):
        stock_of(session, house.actor(session, "coordinator", "S2"), house.site_id("S1"))


@pytest.mark.parametrize("kits", [{"KET": 8, "PBO": 4}, {"KET": 4, "PBO": 8}])
def test_the_alert_of_low_stock_follows_the_total_alone(house: House, kits: dict[str, int]):
    sealed_list(house)
    stocked(house, kits=kits)
    level = low_stock_level(protocol_at(house))
    told = []
    for _ in range(6):
        randomized(house)
        with house.database.transaction() as session:
            manager = house.actor(session, "supply_manager_unblinded")
            told.append(
                len([one for one in alerts_for(session, manager, house.trial.id) if one.kind is AlertKind.STOCK_LOW])
            )
    assert level == 6
    assert told == [0, 0, 0, 0, 0, 1]
