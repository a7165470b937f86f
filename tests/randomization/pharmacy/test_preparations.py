"""Preparing a dose: the worksheet, the second person, and what everybody else may see of it."""

from dataclasses import asdict
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlmodel import select

from randomization.pharmacy.preparations import (
    AlreadyPrepared,
    AlreadyVerified,
    KitDiffers,
    OrderChanged,
    OrderNotOfToday,
    Preparation,
    PreparationStatus,
    PrepareDose,
    SecondPersonNeeded,
    VerifyPreparation,
    WorksheetReading,
    prepare_dose,
    read_worksheet,
    verify_preparation,
)
from randomization.pharmacy.worksheets import Worksheet
from tests.support.house import House
from tests.support.participants import order, participant, ready_to_randomize
from tests.support.randomization import arms_of_kits, open_for_randomization, randomize, stocked, true_arms
from tests.support.variants import variant
from trial.access.alerts import alerts_for
from trial.access.grants import actor_for
from trial.audit.verification import verify_audit
from trial.conduct.infusion_courses import InfusionOrder
from trial.errors import NotPermitted
from trial.protocol.loader import parse_protocol


def _order_id(house: House, participant_id: UUID) -> UUID:
    with house.database.transaction() as session:
        found = select(InfusionOrder.id).where(InfusionOrder.participant_id == participant_id)
        return session.exec(found).one()


def _ordered(house: House, weight_kg: float = 82.4) -> UUID:
    participant_id = ready_to_randomize(house)
    randomize(house, participant_id)
    order(house, participant_id, 1, weight_kg=weight_kg)
    return participant_id


def _prepare(house: House, participant_id: UUID, *, key: str | None = None, role="pharmacist_unblinded", site="S1"):
    with house.database.transaction() as session:
        command = PrepareDose(order_id=_order_id(house, participant_id), idempotency_key=key or str(uuid4()))
        return prepare_dose(session, house.actor(session, role, site), command)


def _verify(house: House, preparation_id: UUID, actor=None) -> Preparation:
    with house.database.transaction() as session:
        command = VerifyPreparation(preparation_id=preparation_id, idempotency_key=str(uuid4()))
        return verify_preparation(session, actor or house.actor(session, "monitor_unblinded"), command)


def _worksheet_of_each_arm(house: House, weight_kg: float = 82.4) -> dict[str, Worksheet]:
    found: dict[str, Worksheet] = {}
    while len(found) < 2:
        sheet = _prepare(house, _ordered(house, weight_kg))
        found[sheet.arm] = sheet
    return found


def test_the_worksheet_gives_the_worked_value_and_the_same_bag_for_every_arm(house: House):
    open_for_randomization(house)
    sheets = _worksheet_of_each_arm(house)
    ketamine, placebo = sheets["KET"], sheets["PBO"]
    assert asdict(ketamine.drawing) == {"dose_mg": 41.2, "drawn_ml": 0.82, "drawn_mg": 41.0}
    assert asdict(placebo.drawing) == {"dose_mg": 0.0, "drawn_ml": 0.82, "drawn_mg": 0.0}
    assert (ketamine.volume_ml, ketamine.rate_ml_per_h) == (placebo.volume_ml, placebo.rate_ml_per_h) == (100, 150)
    assert ketamine.ordered_mg == placebo.ordered_mg == 41.2
    assert ketamine.lot == "LOT-KET"
    assert true_arms(house)[ketamine.participant] == "KET"


def test_the_cap_holds(house: House):
    open_for_randomization(house)
    assert _worksheet_of_each_arm(house, weight_kg=86.0)["KET"].drawing.dose_mg == 43.0
    heavy = _worksheet_of_each_arm(house, weight_kg=160.0)
    assert heavy["KET"].drawing.drawn_mg <= 50


def test_a_printed_worksheet_object_shows_no_arm(house: House):
    open_for_randomization(house)
    sheet = _prepare(house, _ordered(house))
    shown = repr(sheet)
    assert all(word not in shown for word in ("KET", "PBO", "LOT", "Ketamine", "Sodium"))


def test_a_second_person_checks(house: House):
    open_for_randomization(house)
    sheet = _prepare(house, _ordered(house))
    with house.database.transaction() as session, pytest.raises(SecondPersonNeeded):
        command = VerifyPreparation(preparation_id=sheet.preparation_id, idempotency_key=str(uuid4()))
        verify_preparation(session, house.actor(session, "pharmacist_unblinded", "S1"), command)
    with house.database.transaction() as session:
        second = actor_for(session, house.hire(session, "pharmacist_unblinded", "S1", suffix="second"))
    assert _verify(house, sheet.preparation_id, second).status is PreparationStatus.VERIFIED
    with pytest.raises(AlreadyVerified):
        _verify(house, sheet.preparation_id)


def test_pressing_twice_prepares_once(house: House):
    open_for_randomization(house)
    participant_id, key = _ordered(house), str(uuid4())
    assert _prepare(house, participant_id, key=key) == _prepare(house, participant_id, key=key)
    with pytest.raises(AlreadyPrepared):
        _prepare(house, participant_id)


def test_an_order_of_yesterday_is_not_prepared(house: House):
    open_for_randomization(house)
    participant_id = _ordered(house)
    house.clock.advance(timedelta(days=1))
    with pytest.raises(OrderNotOfToday):
        _prepare(house, participant_id)


def test_the_pharmacist_of_the_site_is_told_of_each_order_in_the_same_words_for_every_arm(house: House):
    open_for_randomization(house)
    ordered = []
    while len(set(true_arms(house).values())) < 2:
        ordered.append(participant(house, _ordered(house)).code)
    with house.database.session() as session:
        told = alerts_for(session, house.actor(session, "pharmacist_unblinded", "S1"), house.trial.id)
        assert alerts_for(session, house.actor(session, "pharmacist_unblinded", "S2"), house.trial.id) == []
    words = "Infusion 1 of {} is ordered for 2026-03-02. Prepare it from its worksheet."
    assert {one.sentence for one in told} == {words.format(code) for code in ordered}


def test_an_order_that_changed_is_prepared_anew(house: House):
    open_for_randomization(house)
    participant_id = _ordered(house)
    sheet = _prepare(house, participant_id)
    order(house, participant_id, 1, weight_kg=60.0)
    with pytest.raises(OrderChanged):
        _verify(house, sheet.preparation_id)
    again = _prepare(house, participant_id)
    assert again.ordered_mg == 30.0
    assert _verify(house, again.preparation_id).status is PreparationStatus.VERIFIED


def test_a_weight_that_leaves_the_computed_dose_as_it_was_leaves_the_bag_valid(house: House):
    """Both are beyond the cap. The worksheet tells the weight of now, and the same dose."""
    open_for_randomization(house)
    participant_id = _ordered(house, 160.0)
    sheet = _prepare(house, participant_id)
    order(house, participant_id, 1, weight_kg=170.0)
    with pytest.raises(AlreadyPrepared):
        _prepare(house, participant_id)
    assert _verify(house, sheet.preparation_id).status is PreparationStatus.VERIFIED
    with house.database.transaction() as session:
        again = read_worksheet(session, house.actor(session, "pharmacist_unblinded", "S1"), sheet.preparation_id)
    assert (again.weight_kg, again.ordered_mg, again.drawing) == (170.0, sheet.ordered_mg, sheet.drawing)


def test_a_dose_that_changed_in_one_arm_alone_is_prepared_anew_in_every_arm(database, clock):
    """The nominal dose is at its cap and midazolam has none: whoever has which arm, the bag is outdated."""
    capped = variant(third_arm=True, ratio="{KET: 1, PBO: 1, MID: 1}")
    house = House.build(database, clock, loaded=parse_protocol(capped.text.replace("cap_mg: 4.5, diluent", "diluent")))
    open_for_randomization(house, blocks=(3, 6))
    stocked(house)
    arms: set[str] = set()
    while len(arms) < 3:
        participant_id = _ordered(house, 160.0)
        sheet = _prepare(house, participant_id)
        order(house, participant_id, 1, weight_kg=170.0)
        with pytest.raises(OrderChanged):
            _verify(house, sheet.preparation_id)
        again = _prepare(house, participant_id)
        assert again.ordered_mg == sheet.ordered_mg
        assert _verify(house, again.preparation_id).status is PreparationStatus.VERIFIED
        arms.add(again.arm)


@pytest.mark.parametrize("role", ["coordinator", "investigator", "infusion_nurse", "monitor", "sponsor"])
def test_no_blinded_role_sees_a_worksheet(house: House, role: str):
    open_for_randomization(house)
    participant_id = _ordered(house)
    with pytest.raises(NotPermitted):
        _prepare(house, participant_id, role=role, site=None)
    sheet = _prepare(house, participant_id)
    with house.database.session() as session, pytest.raises(NotPermitted):
        read_worksheet(session, house.actor(session, role), sheet.preparation_id)


def test_a_pharmacist_of_another_site_sees_nothing(house: House):
    open_for_randomization(house)
    with pytest.raises(NotPermitted):
        _prepare(house, _ordered(house), site="S2")


def test_each_reading_leaves_a_record(house: House):
    open_for_randomization(house)
    sheet = _prepare(house, _ordered(house))
    with house.database.transaction() as session:
        checker = house.actor(session, "monitor_unblinded")
        assert read_worksheet(session, checker, sheet.preparation_id) == sheet
    with house.database.transaction() as session:
        assert session.exec(select(WorksheetReading.read_by)).all() == [checker.account_id]


def test_a_kit_that_does_not_fit_the_slot_is_not_prepared(house: House, owner_url: str):
    """The allocation is moved to a kit of the other arm behind the triggers."""
    open_for_randomization(house)
    participant_id = _ordered(house)
    arm = true_arms(house)[participant(house, participant_id).code]
    wrong = next(number for number, holds in arms_of_kits(house).items() if holds != arm)
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute("ALTER TABLE trial.allocation DISABLE TRIGGER USER")
        connection.execute("ALTER TABLE trial.kit DISABLE TRIGGER USER")
        connection.execute("UPDATE trial.kit SET status = 'assigned' WHERE number = %s", [wrong])
        connection.execute("UPDATE trial.allocation SET kit_id = (SELECT id FROM trial.kit WHERE number = %s)", [wrong])
    with pytest.raises(KitDiffers):
        _prepare(house, participant_id)


def test_the_audit_stays_whole_over_lists_kits_and_preparations(house: House):
    open_for_randomization(house)
    sheet = _prepare(house, _ordered(house))
    _verify(house, sheet.preparation_id)
    with house.database.transaction() as session:
        assert verify_audit(session).is_whole
