"""Trials without numbered kits: an allocation names none, and the unblinded pharmacist prepares from the worksheet."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlmodel import select

from randomization.kits.dispensing import DispenseKit, dispense_kit
from randomization.kits.kits import NoKitsInTrial
from randomization.kits.resupply import PlanSupply, plan_supply
from randomization.ledger.allocations import receipt_for
from randomization.ledger.envelopes import (
    MakeEnvelopes,
    ReconcileEnvelope,
    envelope_stage,
    make_envelopes,
    reconcile_envelope,
)
from randomization.ledger.reconciliation import reconcile_lists
from randomization.pharmacy.accountability import preparations_at
from randomization.pharmacy.handovers import ReceiveBag, bag_of, receive_bag
from randomization.pharmacy.lots import LotExpired, LotKnown, RecordLot, record_lot
from randomization.pharmacy.preparations import (
    AlreadyVerified,
    LotNotRecorded,
    PrepareDose,
    VerifyPreparation,
    get_preparation,
    prepare_dose,
    read_worksheet,
    verify_preparation,
)
from randomization.unblinding.envelopes import print_envelopes
from randomization.unblinding.register import UnblindingKind, register_for
from tests.support.house import House
from tests.support.participants import order, participant, ready_to_randomize
from tests.support.randomization import (
    confirmed_list,
    designed_list,
    open_for_randomization,
    randomize,
    sealed_list,
    shipped,
    true_arms,
)
from tests.support.variants import without_kits
from trial.access.alerts import AlertKind, alerts_for
from trial.conduct.infusion_courses import InfusionOrder
from trial.conduct.randomization_errors import RandomizationErrorKind
from trial.errors import NotPermitted
from trial.protocol.loader import ProtocolInvalid, load_protocol

GOOD = date(2027, 5, 31)


@pytest.fixture
def bare(database, clock) -> House:
    """The small trial, without kits, with a sealed list."""
    house = House.build(database, clock, loaded=without_kits())
    sealed_list(house, blocks=(2, 4))
    return house


def _ordered(house: House) -> tuple[UUID, UUID]:
    one = ready_to_randomize(house)
    randomize(house, one)
    order(house, one, 1, weight_kg=82.4)
    with house.database.session() as session:
        return one, session.exec(select(InfusionOrder.id).where(InfusionOrder.participant_id == one)).one()


def _pharmacy(house: House, service, command, role: str = "pharmacist_unblinded", site: str | None = "S1"):
    with house.database.transaction() as session:
        return service(session, house.actor(session, role, site), command)


def _lot(preparation_id: UUID, lot: str = "VIAL-7", expires_on: date = GOOD) -> RecordLot:
    return RecordLot(preparation_id=preparation_id, lot=lot, expires_on=expires_on)


def _check(house: House, preparation_id: UUID):
    command = VerifyPreparation(preparation_id=preparation_id, idempotency_key=str(uuid4()))
    return _pharmacy(house, verify_preparation, command, "monitor_unblinded", None)


def test_an_allocation_names_no_kit_and_the_pharmacist_of_the_site_is_told_without_the_arm(bare: House):
    told = []
    while len(told) < 2 or len(set(true_arms(bare).values())) < 2:
        one = ready_to_randomize(bare)
        receipt = randomize(bare, one)
        assert receipt.kit_number is None
        with bare.database.session() as session:
            assert receipt_for(session, bare.actor(session, "coordinator", "S1"), one) == receipt
        told.append((participant(bare, one).code, receipt.randomization_number))
    with bare.database.session() as session:
        waiting = alerts_for(session, bare.actor(session, "pharmacist_unblinded", "S1"), bare.trial.id)
        assert alerts_for(session, bare.actor(session, "pharmacist_unblinded", "S2"), bare.trial.id) == []
    words = "{} is randomized as {}. Prepare each dose from its worksheet, once it is ordered."
    assert {one.sentence for one in waiting} == {words.format(*pair) for pair in told}
    assert {one.kind for one in waiting} == {AlertKind.TO_PREPARE}


def test_the_worksheet_tells_the_arm_of_the_slot_and_keeps_the_lot_under_seal(bare: House):
    while len(set(true_arms(bare).values())) < 2:
        lot = "批号" * 20
        one, order_id = _ordered(bare)
        sheet = _pharmacy(bare, prepare_dose, PrepareDose(order_id=order_id, idempotency_key=str(uuid4())))
        assert (sheet.arm, sheet.kit_number, sheet.lot) == (true_arms(bare)[sheet.participant], None, None)
        with pytest.raises(LotNotRecorded):
            _check(bare, sheet.preparation_id)
        with pytest.raises(LotExpired):
            _pharmacy(bare, record_lot, _lot(sheet.preparation_id, expires_on=date(2026, 3, 1)))
        with pytest.raises(NotPermitted):
            _pharmacy(bare, record_lot, _lot(sheet.preparation_id), "coordinator")
        _pharmacy(bare, record_lot, _lot(sheet.preparation_id, "WRONG"))
        _pharmacy(bare, record_lot, _lot(sheet.preparation_id, lot))
        _check(bare, sheet.preparation_id)
        with pytest.raises(AlreadyVerified):
            _pharmacy(bare, record_lot, _lot(sheet.preparation_id))
        again = _pharmacy(bare, read_worksheet, sheet.preparation_id)
        assert (again.lot, again.expires_on, again.drawing) == (lot, GOOD, sheet.drawing)
        with pytest.raises(NotPermitted):
            _pharmacy(bare, read_worksheet, sheet.preparation_id, "infusion_nurse")
        _taken(bare, one, sheet.preparation_id)
    with bare.database.session() as session:
        site = bare.site_id("S1")
        accounts = preparations_at(session, bare.actor(session, "monitor", None), site)
        assert [(one.participant, one.lot_recorded) for one in accounts] == [(code, True) for code in true_arms(bare)]
        assert all(one.received_at is not None for one in accounts)


def _taken(house: House, one: UUID, preparation_id: UUID) -> None:
    code = participant(house, one).code
    command = ReceiveBag(preparation_id=preparation_id, participant=code, idempotency_key=str(uuid4()))
    _pharmacy(house, receive_bag, command, "infusion_nurse")
    with house.database.session() as session:
        bag = bag_of(session, get_preparation(session, preparation_id))
    assert (bag.kit_number, bag.participant) == (None, code)


def test_what_is_done_with_kits_is_refused_by_name(bare: House):
    one, _ = _ordered(bare)
    give = DispenseKit(participant_id=one, visit="INF1", idempotency_key=str(uuid4()))
    plan = PlanSupply(
        trial_id=bare.trial.id, times=1, weekday=0, lead_days=14, confidence=0.95, idempotency_key=str(uuid4())
    )
    with pytest.raises(NoKitsInTrial):
        _pharmacy(bare, dispense_kit, give, "coordinator")
    with pytest.raises(NoKitsInTrial):
        _pharmacy(bare, plan_supply, plan, "supply_manager_unblinded", None)
    with pytest.raises(NoKitsInTrial):
        shipped(bare)


def test_a_lot_is_not_written_beside_a_kit(house: House):
    open_for_randomization(house)
    _, order_id = _ordered(house)
    sheet = _pharmacy(house, prepare_dose, PrepareDose(order_id=order_id, idempotency_key=str(uuid4())))
    with pytest.raises(LotKnown):
        _pharmacy(house, record_lot, _lot(sheet.preparation_id))


def test_envelopes_name_the_treatment_for_the_pharmacist_and_each_printing_is_in_the_register(bare: House):
    designed = designed_list(bare, blocks=(2, 4), slots=6, sites=("S1",), stage=envelope_stage("S1"))
    list_id = confirmed_list(bare, designed.id).id
    with bare.database.transaction() as session:
        command = MakeEnvelopes(list_id=list_id, site_id=bare.site_id("S1"), idempotency_key=str(uuid4()))
        make_envelopes(session, bare.actor(session, "statistician_unblinded"), command)
    with bare.database.transaction() as session:
        printed = print_envelopes(session, bare.actor(session, "statistician_unblinded"), list_id)
        entries = register_for(session, bare.actor(session, "medical_monitor"), bare.trial.id)
        with pytest.raises(NotPermitted):
            print_envelopes(session, bare.actor(session, "coordinator", "S1"), list_id)
    assert [one.kind for one in entries] == [UnblindingKind.ENVELOPES]
    assert len({one.treatment for one in printed}) == 2
    one = ready_to_randomize(bare)
    with bare.database.transaction() as session:
        command = ReconcileEnvelope(
            trial_id=bare.trial.id, number=printed[0].envelope.number, participant_id=one,
            opened_at=bare.clock.now() - timedelta(minutes=5), opened_by="The pharmacist", idempotency_key=str(uuid4()),
        )  # fmt: skip
        actor, proof = bare.actor(session, "coordinator", "S1"), bare.proof("coordinator", "S1")
        assert reconcile_envelope(session, actor, proof, command).in_order
    arm = true_arms(bare)[participant(bare, one).code]
    assert without_kits().protocol.arm(arm).treatment == printed[0].treatment
    with bare.database.session() as session:
        (line,) = reconcile_lists(session, bare.actor(session, "data_manager"), bare.trial.id).lines
    assert (line.kits_assigned, line.kits_given, line.errors) == ((), (), ())
    assert RandomizationErrorKind.WRONG_KIT not in line.errors


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  numbered_kits: false\n", "  numbered_kits: false\n  kit: A carton\n", "there are no numbered kits"),
        ("  numbered_kits: false\n", "", "say what a kit is"),
    ],
)
def test_a_protocol_describes_kits_exactly_where_it_has_some(old: str, new: str, said: str):
    text = without_kits().text
    assert old in text
    with pytest.raises(ProtocolInvalid, match=said):
        load_protocol(text.replace(old, new))
