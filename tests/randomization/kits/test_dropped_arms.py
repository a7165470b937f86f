"""Arms that an amendment drops: their kits stand in nobody's way, and whoever is on such an arm goes on with it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from randomization.kits.dispensing import SetAsideKit, set_aside_kit
from randomization.kits.kits import Kit, KitStatus
from randomization.kits.replacements import ReplaceKit, replace_kit
from randomization.kits.resupply import ArmLot, PlanSupply, ShipSets, plan_supply, sealed_stock, ship_sets
from randomization.kits.shelves import NoUsableKit
from randomization.kits.shipments import ShipmentLacksArm
from randomization.ledger.allocations import find_allocation
from randomization.pharmacy.preparations import PrepareDose, prepare_dose, read_worksheet
from tests.support.house import House
from tests.support.participants import adopt, amended, order, participant
from tests.support.randomization import GOOD_UNTIL, arms_of_kits, randomized, sealed_list, stocked, true_arms
from tests.support.variants import variant
from trial.conduct.infusion_courses import InfusionOrder

THREE = variant(ratio="{KET: 1, PBO: 1, MID: 1}", third_arm=True)


@pytest.fixture
def people(database, clock):
    """A house with one participant of each of three arms, at whose first site an amendment has dropped the third."""
    house = House.build(database, clock, loaded=THREE)
    sealed_list(house, blocks=(3, 6))
    stocked(house, "S1")
    found: dict[str, UUID] = {}
    while len(found) < 3:
        one = randomized(house, "S1")
        found[true_arms(house)[participant(house, one).code]] = one
    house.clock.advance(timedelta(minutes=1))
    adopt(house, amended(house, loaded=variant(version="2.0")), "S1")
    return house, found


def _kit(house: House, one: UUID) -> str:
    with house.database.session() as session:
        return session.get_one(Kit, find_allocation(session, participant(house, one)).kit_id).number


def _replaced(house: House, one: UUID) -> str:
    command = ReplaceKit(
        participant_id=one, number=_kit(house, one), reason="A vial broke.", idempotency_key=str(uuid4())
    )
    with house.database.transaction() as session:
        return replace_kit(session, house.actor(session, "coordinator", "S1"), command).kit_number


def _set_aside(house: House, arm: str) -> None:
    arms = arms_of_kits(house)
    with house.database.transaction() as session:
        actor = house.actor(session, "coordinator", "S1")
        for kit in session.exec(select(Kit).where(Kit.status == KitStatus.AVAILABLE)).all():
            if arms[kit.number] == arm:
                command = SetAsideKit(trial_id=house.trial.id, number=kit.number, reason="too warm")
                set_aside_kit(session, actor, command)


def test_kits_of_a_dropped_arm_stand_in_nobodys_way(people):
    house, before = people
    sealed_list(house)
    given = arms_of_kits(house)
    fresh = [randomized(house, "S1") for _ in range(6)]
    arms = true_arms(house)
    for one in fresh:
        assert given[_kit(house, one)] == arms[participant(house, one).code] != "MID"
    assert [arms[participant(house, one).code] for one in before.values()] == list(before)


def test_people_of_the_earlier_version_are_served_with_their_own_arm(people):
    house, before = people
    arms = arms_of_kits(house)
    assert {arm: arms[_replaced(house, one)] for arm, one in before.items()} == {arm: arm for arm in before}


def test_a_shelf_without_the_dropped_arm_refuses_everybody_of_the_earlier_version_alike(people):
    """Whatever their own arm is; those of the version without it are randomized."""
    house, before = people
    _set_aside(house, "MID")
    told = set()
    for one in before.values():
        with pytest.raises(NoUsableKit) as refused:
            _replaced(house, one)
        told.add((refused.value.code, refused.value.sentence))
    assert len(told) == 1
    sealed_list(house)
    randomized(house, "S1")
    stocked(house, "S1", {"KET": 2, "PBO": 2, "MID": 2})
    arms = arms_of_kits(house)
    assert {arm: arms[_replaced(house, one)] for arm, one in before.items()} == {arm: arm for arm in before}


def test_a_shipment_holds_every_arm_of_one_version(people):
    house, _ = people
    stocked(house, "S1", {"KET": 1, "PBO": 1})
    stocked(house, "S2", {"KET": 1, "PBO": 1, "MID": 1})
    with pytest.raises(ShipmentLacksArm):
        stocked(house, "S1", {"KET": 1, "MID": 1})


def test_the_supply_manager_sees_kits_of_a_dropped_arm_and_sends_sets_of_either_version(people):
    house, _ = people
    with house.database.transaction() as session:
        manager = house.actor(session, "supply_manager_unblinded")
        plan = PlanSupply(
            trial_id=house.trial.id, times=2, weekday=0, lead_days=7, confidence=0.95, idempotency_key=str(uuid4())
        )
        plan_supply(session, manager, plan)
        seen = sealed_stock(session, manager, house.site_id("S1"))
        assert list(seen.usable) == ["KET", "PBO", "MID"]
        assert not seen.is_short
        sizes = [
            ship_sets(session, manager, _sets(house, arms)).kits for arms in (("KET", "PBO"), THREE.protocol.arm_codes)
        ]
    assert sizes == [4, 6]


def _sets(house: House, arms: tuple[str, ...]) -> ShipSets:
    lots = tuple(ArmLot(arm=arm, lot=f"LOT-{arm}", expires_on=GOOD_UNTIL) for arm in arms)
    site = house.site_id("S1")
    return ShipSets(trial_id=house.trial.id, site_id=site, sets=1, lots=lots, idempotency_key=str(uuid4()))


def test_the_worksheet_is_of_the_participants_own_arm(people):
    house, before = people
    products = {}
    for arm, one in before.items():
        order(house, one, 1, weight_kg=80.0)
        with house.database.transaction() as session:
            wanted = select(InfusionOrder.id).where(InfusionOrder.participant_id == one)
            command = PrepareDose(order_id=session.exec(wanted).one(), idempotency_key=str(uuid4()))
            pharmacist = house.actor(session, "pharmacist_unblinded", "S1")
            sheet = prepare_dose(session, pharmacist, command)
            assert read_worksheet(session, pharmacist, sheet.preparation_id) == sheet
        assert sheet.arm == arm
        products[arm] = (sheet.product, sheet.drawing.dose_mg)
    assert products == {
        "KET": ("Ketamine hydrochloride 50 mg/mL", 40.0),
        "PBO": ("Sodium chloride 0.9 %", 0.0),
        "MID": ("Midazolam 1 mg/mL", 3.6),
    }
