"""Emergency envelopes: a list of their own, a reserved kit in each, and a ledger that uses no slot twice."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlmodel import select

from randomization.kits.dispensing import DispenseKit, dispense_kit
from randomization.kits.excursions import (
    DecideExcursion,
    RecordExcursion,
    Verdict,
    decide_excursion,
    record_excursion,
)
from randomization.kits.kits import Kit, KitStatus
from randomization.kits.shelves import NoUsableKit
from randomization.ledger.allocation_lists import get_list
from randomization.ledger.allocations import Allocation
from randomization.ledger.envelopes import (
    EnvelopeNotFound,
    EnvelopeReconciled,
    EnvelopesMade,
    EnvelopesNotOfSite,
    MakeEnvelopes,
    OpenedInFuture,
    ReconcileEnvelope,
    envelope_stage,
    envelopes_at,
    make_envelopes,
    reconcile_envelope,
)
from randomization.ledger.reconciliation import reconcile_lists
from randomization.ledger.sealed_matter import open_matter, open_slots
from randomization.ledger.tallies import SiteCapReached
from randomization.unblinding.envelopes import print_envelopes
from tests.support.house import House
from tests.support.participants import participant, ready_to_randomize
from tests.support.randomization import (
    arms_of_kits,
    confirmed_list,
    designed_list,
    open_for_randomization,
    randomize,
    randomized,
    stocked,
    true_arms,
)
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.conduct.participants import AlreadyRandomized
from trial.conduct.trials import Lever, LeverClosed, get_trial
from trial.database.session import strongroom
from trial.errors import NotPermitted
from trial.oversight.decisions import set_levers


def _listed(house: House, slots: int = 2) -> UUID:
    designed = designed_list(house, blocks=(2, 4), slots=slots, sites=("S1",), stage=envelope_stage("S1"))
    return confirmed_list(house, designed.id).id


def _made(house: House, list_id: UUID, site: str = "S1", role: str = "statistician_unblinded", key: str | None = None):
    with house.database.transaction() as session:
        command = MakeEnvelopes(list_id=list_id, site_id=house.site_id(site), idempotency_key=key or str(uuid4()))
        return make_envelopes(session, house.actor(session, role), command)


def _opened(
    house: House, number: str, one: UUID | None, *, key: str | None = None, minutes: int = 30, site: str = "S1"
):
    with house.database.transaction() as session:
        command = ReconcileEnvelope(
            trial_id=house.trial.id,
            number=number,
            participant_id=one,
            opened_at=house.clock.now() - timedelta(minutes=minutes),
            opened_by="Dr A. Investigator",
            remark="" if one else "Torn in the drawer.",
            idempotency_key=key or str(uuid4()),
        )
        return reconcile_envelope(
            session, house.actor(session, "coordinator", site), house.proof("coordinator", site), command
        )


@pytest.fixture
def opened(house: House) -> House:
    open_for_randomization(house)
    stocked(house)
    return house


def test_each_envelope_holds_a_kit_of_its_slots_arm(opened: House):
    made = _made(opened, _listed(opened))
    arms = arms_of_kits(opened)
    with opened.database.session() as session:
        printed = print_envelopes(session, opened.actor(session, "statistician_unblinded"), made[0].list_id)
        statuses = {session.get_one(Kit, envelope.kit_id).status for envelope in made}
        with strongroom(session):
            matter = open_matter(session, get_list(session, made[0].list_id))
            slots = {
                (counter, sealed.position): slot.arm
                for counter, sealed, slot in open_slots(session, matter.key, made[0].list_id)
            }
    assert statuses == {KitStatus.ASSIGNED}
    assert {one.treatment for one in printed} == {None}
    assert {(one.envelope.counter_id, one.envelope.position): arms[one.kit_number] for one in printed} == slots
    assert len({one.kit_number for one in printed}) == len(printed)


def test_an_opened_envelope_is_an_allocation_of_the_moment_at_which_it_was_opened(opened: House):
    made = _made(opened, _listed(opened))
    one, key = ready_to_randomize(opened), str(uuid4())
    number = made[0].number
    recorded = _opened(opened, number, one, key=key)
    assert _opened(opened, number, one, key=key).id == recorded.id
    with opened.database.session() as session:
        allocation = session.exec(select(Allocation).where(Allocation.participant_id == one)).one()
        kit = session.get_one(Kit, allocation.kit_id)
        assert allocation.randomized_at == recorded.opened_at < allocation.recorded_at
        assert (allocation.list_id, allocation.position, kit.id) == (made[0].list_id, made[0].position, made[0].kit_id)
    assert true_arms(opened)[participant(opened, one).code] == arms_of_kits(opened)[kit.number]
    with opened.database.transaction() as session:
        command = DispenseKit(participant_id=one, visit="INF1", idempotency_key=str(uuid4()))
        assert dispense_kit(session, opened.actor(session, "coordinator", "S1"), command).kit_number == kit.number


def test_no_slot_is_used_twice_by_system_and_envelope(opened: House):
    made = _made(opened, _listed(opened))
    people = [ready_to_randomize(opened) for _ in range(4)]
    randomize(opened, people[0])
    _opened(opened, made[0].number, people[1])
    randomize(opened, people[2])
    with pytest.raises(EnvelopeReconciled):
        _opened(opened, made[0].number, people[3])
    with opened.database.session() as session:
        rows = session.exec(select(Allocation)).all()
    assert len({(row.counter_id, row.position) for row in rows}) == len({row.kit_id for row in rows}) == 3
    assert len({row.number for row in rows}) == 3


def test_somebody_randomized_by_the_system_gets_no_envelope_too(opened: House):
    made = _made(opened, _listed(opened))
    one = ready_to_randomize(opened)
    randomize(opened, one)
    with pytest.raises(AlreadyRandomized):
        _opened(opened, made[0].number, one)
    with opened.database.session() as session:
        rows = envelopes_at(session, opened.actor(session, "coordinator", "S1"), opened.site_id("S1"))
        assert all(what is None for _, what in rows)


def test_an_envelope_opened_out_of_order_is_recorded_as_such(opened: House):
    made = _made(opened, _listed(opened))
    first, second = [one for one in made if one.stratum == made[0].stratum]
    assert not _opened(opened, second.number, ready_to_randomize(opened)).in_order
    assert not _opened(opened, first.number, ready_to_randomize(opened)).in_order


def test_what_was_given_is_recorded_though_the_caps_are_reached_and_randomizing_is_stopped_by_now(database, clock):
    house = House.build(database, clock, planned=5)  # of whom a site may have two
    open_for_randomization(house)
    made = _made(house, _listed(house))
    late, next_one = ready_to_randomize(house), ready_to_randomize(house)
    for _ in range(2):
        randomized(house)
    with pytest.raises(SiteCapReached):
        randomize(house, late)
    with database.transaction() as session:
        trial = get_trial(session, house.trial.id)
        authorize(session, house.actor(session, "sponsor"), Action.LEVERS_MOVED, trial_id=trial.id, reason="Stopped.")
        set_levers(session, trial.id, {Lever.RANDOMIZING: False})
    _opened(house, made[0].number, late)
    assert participant(house, late).randomization_number == "R0003"
    with pytest.raises(LeverClosed):
        randomize(house, next_one)


def test_a_spoilt_envelope_rejects_its_kit_and_needs_a_reason(opened: House):
    made = _made(opened, _listed(opened))
    assert _opened(opened, made[0].number, None).in_order
    with opened.database.session() as session:
        assert session.get_one(Kit, made[0].kit_id).status is KitStatus.REJECTED
    with pytest.raises(ValidationError):
        ReconcileEnvelope(
            trial_id=opened.trial.id,
            number="E-S1-1-001",
            opened_at=opened.clock.now(),
            opened_by="Dr A",
            idempotency_key="k" * 9,
        )


def test_a_reserved_kit_goes_back_to_its_envelope_after_an_excursion(opened: House):
    made = _made(opened, _listed(opened))
    now = opened.clock.now()
    with opened.database.transaction() as session:
        coordinator = opened.actor(session, "coordinator", "S1")
        command = RecordExcursion(
            site_id=opened.site_id("S1"), began_at=now - timedelta(hours=3), ended_at=now, lowest_c=2, highest_c=31,
            what="Warm night.", idempotency_key=str(uuid4()),
        )  # fmt: skip
        excursion = record_excursion(session, coordinator, command)
        release = DecideExcursion(
            excursion_id=excursion.id, verdict=Verdict.RELEASED, reason="Within limits.", idempotency_key=str(uuid4())
        )
        decide_excursion(session, coordinator, release)
    with opened.database.session() as session:
        assert {session.get_one(Kit, one.kit_id).status for one in made} == {KitStatus.ASSIGNED}


def test_envelopes_are_refused_without_stock_for_another_site_twice_and_to_the_site(house: House):
    open_for_randomization(house)
    with pytest.raises(NoUsableKit):
        _made(house, _listed(house, slots=20))
    list_id = _listed(house)
    with pytest.raises(EnvelopesNotOfSite):
        _made(house, list_id, "S2")
    with pytest.raises(NotPermitted):
        _made(house, list_id, role="supply_manager_unblinded")
    made, key = _made(house, list_id, key="one-key-for-all"), "one-key-for-all"
    assert [one.id for one in _made(house, list_id, key=key)] == [one.id for one in made]
    with pytest.raises(EnvelopesMade):
        _made(house, list_id)
    with house.database.session() as session, pytest.raises(NotPermitted):
        print_envelopes(session, house.actor(session, "coordinator", "S1"), list_id)


def test_an_unknown_envelope_one_of_the_future_and_one_of_another_site_are_refused(opened: House):
    made = _made(opened, _listed(opened))
    one = ready_to_randomize(opened)
    with pytest.raises(EnvelopeNotFound):
        _opened(opened, "E-S9-1-001", one)
    with pytest.raises(OpenedInFuture):
        _opened(opened, made[0].number, one, minutes=-5)
    with pytest.raises(NotPermitted):
        _opened(opened, made[0].number, ready_to_randomize(opened, "S2"), site="S2")
    with pytest.raises(EnvelopesNotOfSite):
        _opened(opened, made[0].number, ready_to_randomize(opened, "S2"))


def _findings(house: House) -> tuple[str, ...]:
    with house.database.session() as session:
        return reconcile_lists(session, house.actor(session, "data_manager"), house.trial.id).findings


def test_the_lists_reconciliation_knows_envelopes_by_their_own_list(opened: House):
    """Opened for nobody with a remark: explained. Passed over: found."""
    made = _made(opened, _listed(opened))
    assert _findings(opened) == ()
    strata = sorted({one.stratum for one in made})
    first, second = (
        next(one for one in made if one.position == 1 and one.stratum == stratum) for stratum in strata[:2]
    )
    _opened(opened, first.number, None)
    assert _findings(opened) == ()
    later = next(one for one in made if one.position == 2 and one.stratum == second.stratum)
    _opened(opened, later.number, None)
    (found,) = _findings(opened)
    assert found.startswith("Position 1 of stratum")
    assert "holds nobody" in found
