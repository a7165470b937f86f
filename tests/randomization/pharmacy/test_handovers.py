"""The hand-over of a bag: checked, of today's order, in time, for the participant on its label, and never telling an arm."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from randomization.pharmacy.handovers import (
    BagBeyondUse,
    BagHandover,
    BagNotChecked,
    BagOfAnother,
    BagOutdated,
    BagTaken,
    ReceiveBag,
    bag_of,
    bags_today,
    receive_bag,
)
from randomization.pharmacy.preparations import (
    PrepareDose,
    VerifyPreparation,
    get_preparation,
    prepare_dose,
    verify_preparation,
)
from tests.support.house import House
from tests.support.participants import order, participant, ready_to_randomize
from tests.support.randomization import open_for_randomization, randomize, true_arms
from trial.conduct.infusion_courses import InfusionOrder
from trial.errors import NotPermitted


def _prepared(house: House, *, checked: bool = True):
    one = ready_to_randomize(house)
    randomize(house, one)
    return one, _prepare(house, one, 82.4, checked=checked)


def _prepare(house: House, one, weight_kg: float, *, checked: bool = True):
    order(house, one, 1, weight_kg=weight_kg)
    with house.database.transaction() as session:
        order_id = session.exec(select(InfusionOrder.id).where(InfusionOrder.participant_id == one)).one()
        pharmacist = house.actor(session, "pharmacist_unblinded", "S1")
        sheet = prepare_dose(session, pharmacist, PrepareDose(order_id=order_id, idempotency_key=str(uuid4())))
        if checked:
            command = VerifyPreparation(preparation_id=sheet.preparation_id, idempotency_key=str(uuid4()))
            verify_preparation(session, house.actor(session, "monitor_unblinded"), command)
    return sheet


def _take(
    house: House, preparation_id, code: str, role: str = "infusion_nurse", site: str = "S1", key: str | None = None
):
    with house.database.transaction() as session:
        command = ReceiveBag(preparation_id=preparation_id, participant=code, idempotency_key=key or str(uuid4()))
        return receive_bag(session, house.actor(session, role, site), command)


@pytest.fixture
def opened(house: House) -> House:
    open_for_randomization(house)
    return house


def test_a_checked_bag_is_taken_once(opened: House):
    one, sheet = _prepared(opened)
    code, key = participant(opened, one).code, str(uuid4())
    made = _take(opened, sheet.preparation_id, code.lower(), key=key)
    assert _take(opened, sheet.preparation_id, code.lower(), key=key).id == made.id
    assert made.beyond_use_at == sheet.prepared_at + timedelta(hours=4)
    with pytest.raises(BagTaken):
        _take(opened, sheet.preparation_id, code)


def test_a_bag_that_nobody_checked_is_not_taken(opened: House):
    one, sheet = _prepared(opened, checked=False)
    with pytest.raises(BagNotChecked):
        _take(opened, sheet.preparation_id, participant(opened, one).code)


def test_a_bag_past_its_beyond_use_time_is_not_taken(opened: House):
    one, sheet = _prepared(opened)
    opened.clock.advance(timedelta(hours=4, minutes=1))
    with pytest.raises(BagBeyondUse):
        _take(opened, sheet.preparation_id, participant(opened, one).code)
    with opened.database.session() as session:
        assert session.exec(select(BagHandover)).all() == []


def test_a_bag_of_somebody_else_is_not_taken(opened: House):
    (_, sheet), (other, _) = _prepared(opened), _prepared(opened)
    with pytest.raises(BagOfAnother):
        _take(opened, sheet.preparation_id, participant(opened, other).code)


def test_a_bag_of_an_order_that_changed_is_not_taken(opened: House):
    one, sheet = _prepared(opened)
    opened.clock.advance(timedelta(minutes=5))
    again = _prepare(opened, one, 99.0)
    with pytest.raises(BagOutdated):
        _take(opened, sheet.preparation_id, participant(opened, one).code)
    assert _take(opened, again.preparation_id, participant(opened, one).code).infusion == 1


def test_a_bag_whose_dose_another_weight_leaves_as_it_was_is_taken(opened: House):
    one = ready_to_randomize(opened)
    randomize(opened, one)
    sheet = _prepare(opened, one, 160.0)
    order(opened, one, 1, weight_kg=170.0)
    assert _take(opened, sheet.preparation_id, participant(opened, one).code).infusion == 1


@pytest.mark.parametrize(
    ("role", "site"), [("infusion_nurse", "S2"), ("pharmacist_unblinded", "S1"), ("efficacy_assessor", "S1")]
)
def test_only_the_infusion_team_of_the_site_takes_it(opened: House, role: str, site: str):
    one, sheet = _prepared(opened)
    with pytest.raises(NotPermitted):
        _take(opened, sheet.preparation_id, participant(opened, one).code, role, site)


def test_labels_of_both_arms_differ_in_numbers_and_names_alone(opened: House):
    """The same weight, the same minute: what a bag shows does not depend on what is in it."""
    people = [_prepared(opened) for _ in range(6)]
    assert len(set(true_arms(opened).values())) == 2
    with opened.database.session() as session:
        bags = [bag_of(session, get_preparation(session, sheet.preparation_id)) for _, sheet in people]
        listed = bags_today(session, opened.actor(session, "infusion_nurse", "S1"), opened.site_id("S1"))
    same = {
        (bag.volume_ml, bag.rate_ml_per_h, bag.minutes, bag.words, bag.prepared_at, bag.beyond_use_at) for bag in bags
    }
    assert len(same) == 1
    assert [bag.participant for bag in listed] == sorted(bag.participant for bag in bags)


def test_every_bag_ends_at_the_same_volume(opened: House):
    """As much is withdrawn as is added, in each arm; the worksheet says the concentrations."""
    sheets = [_prepared(opened)[1] for _ in range(6)]
    assert {sheet.arm for sheet in sheets} == {"KET", "PBO"}
    for sheet in sheets:
        assert sheet.volume_ml - sheet.withdrawn_ml + sheet.drawing.drawn_ml == pytest.approx(100)
        assert sheet.final_mg_per_ml == pytest.approx(0.41 if sheet.arm == "KET" else 0.0)
        assert sheet.drawing.drawn_ml == 0.82
