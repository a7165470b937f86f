"""A kit from the shelf to its end: doubt, verdict, return, count, destruction, replacement; blinded at every step."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlmodel import select

from randomization.kits.accountability import accountability_of
from randomization.kits.counts import CountStock, DifferenceUnexplained, StockCount, count_stock, counts_of
from randomization.kits.destruction import (
    AlreadyInDestruction,
    AlreadyWitnessed,
    DestroyKits,
    Destruction,
    RefusalUnexplained,
    WitnessDestruction,
    WitnessIsDestroyer,
    destroy_kits,
    witness_destruction,
)
from randomization.kits.dispensing import DispenseKit, dispense_kit, expected_kit
from randomization.kits.excursions import (
    DecideExcursion,
    DecideKit,
    ExcursionDecided,
    ExcursionInFuture,
    KitInExcursion,
    KitNotInQuarantine,
    RecordExcursion,
    Verdict,
    decide_excursion,
    decide_kit,
    record_excursion,
)
from randomization.kits.kits import (
    ON_SITE,
    STEPS,
    Kit,
    KitNotFound,
    KitStatus,
    KitStepNotPossible,
    NoKitNamed,
    can_become,
    find_kit,
    kits_of_status,
    move_kit,
)
from randomization.kits.replacements import (
    AlreadyReplaced,
    NotThisParticipantsKit,
    ReplaceKit,
    replace_kit,
)
from randomization.kits.returns import (
    DepotReturnReceived,
    KitNotWithParticipant,
    NotInReturn,
    ReceiveAtDepot,
    SendBackKits,
    TakeBackKit,
    TooManyUnits,
    receive_at_depot,
    send_back_kits,
    take_back_kit,
)
from randomization.kits.shelves import NoUsableKit
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import (
    arms_of_kits,
    open_for_randomization,
    randomize,
    sealed_list,
    stocked,
    true_arms,
)
from trial.access.alerts import AlertKind, alerts_for
from trial.access.signatures import ReauthenticationNeeded, check_signed, signatures_on
from trial.errors import NotPermitted
from trial.ids import UnsafeSeededEntropy


class Site:
    """What people at one site do with its kits."""

    def __init__(self, house: House, code: str = "S1") -> None:
        self.house, self.code, self.id = house, code, house.site_id(code)

    def do(self, service, command, role: str = "coordinator"):
        place = None if role == "supply_manager_unblinded" else self.code
        with self.house.database.transaction() as session:
            return service(session, self.house.actor(session, role, place), command)

    def sign(self, service, command, role: str = "coordinator"):
        with self.house.database.transaction() as session:
            actor = self.house.actor(session, role, self.code)
            return service(session, actor, self.house.proof(role, self.code), command)

    def status(self, number: str) -> KitStatus:
        with self.house.database.session() as session:
            return find_kit(session, self.house.trial.id, number).status

    def numbers(self, *statuses: KitStatus) -> list[str]:
        with self.house.database.session() as session:
            return [kit.number for kit in kits_of_status(session, self.id, statuses or set(KitStatus))]

    def excursion(self, *numbers: str, key: str | None = None):
        now = self.house.clock.now()
        command = RecordExcursion(
            site_id=self.id,
            began_at=now - timedelta(hours=9),
            ended_at=now - timedelta(hours=2),
            lowest_c=19,
            highest_c=31.5,
            numbers=numbers,
            what="The refrigerator stood open overnight.",
            idempotency_key=key or str(uuid4()),
        )
        return self.do(record_excursion, command)

    def decide(self, excursion_id, verdict: Verdict, key: str | None = None):
        command = DecideExcursion(
            excursion_id=excursion_id,
            verdict=verdict,
            reason="Answer of the manufacturer.",
            idempotency_key=key or str(uuid4()),
        )
        return self.do(decide_excursion, command)

    def rejected(self, count: int) -> list[str]:
        """Kits that a storage excursion has spoilt."""
        chosen = self.numbers(KitStatus.AVAILABLE)[:count]
        self.decide(self.excursion(*chosen).id, Verdict.REJECTED)
        return chosen

    def treated(self) -> tuple:
        """Somebody who has a kit, and its number."""
        one = ready_to_randomize(self.house, self.code)
        number = randomize(self.house, one).kit_number
        self.do(dispense_kit, DispenseKit(participant_id=one, visit="INF1", idempotency_key=str(uuid4())))
        return one, number

    def replace(self, participant_id, number: str, key: str | None = None):
        command = ReplaceKit(
            participant_id=participant_id, number=number, reason="A vial broke.", idempotency_key=key or str(uuid4())
        )
        return self.do(replace_kit, command)


@pytest.fixture
def site(house: House) -> Site:
    open_for_randomization(house)
    return Site(house)


@pytest.mark.parametrize("status", list(KitStatus))
def test_every_pair_of_statuses_is_a_step_or_is_refused(site: Site, status: KitStatus):
    number = site.numbers(KitStatus.AVAILABLE)[0]
    with site.house.database.session() as session:
        kit = find_kit(session, site.house.trial.id, number)
        session.expunge(kit)
        for then in KitStatus:
            kit.status = status
            assert can_become(kit, then) == (then in STEPS[status])
            if not can_become(kit, then):
                with pytest.raises(KitStepNotPossible):
                    move_kit(session, kit, then)
                assert kit.status is status


def test_a_kit_that_has_ended_never_comes_back():
    for end in (KitStatus.DESTROYED, KitStatus.AT_DEPOT, KitStatus.LOST):
        assert STEPS[end] == frozenset()
    usable = {KitStatus.AVAILABLE, KitStatus.ASSIGNED, KitStatus.DISPENSED}
    for spoilt in (KitStatus.REJECTED, KitStatus.RETURNED, KitStatus.SENT_BACK):
        assert not STEPS[spoilt] & usable


def test_an_excursion_holds_every_kit_on_the_shelf_when_none_is_named(site: Site):
    site.excursion()
    assert site.numbers(KitStatus.AVAILABLE, KitStatus.ASSIGNED) == []
    with pytest.raises(NoUsableKit):
        randomize(site.house, ready_to_randomize(site.house))


@pytest.mark.parametrize(("verdict", "after"), [("released", KitStatus.AVAILABLE), ("rejected", KitStatus.REJECTED)])
def test_an_excursion_has_one_verdict_for_all_of_its_kits(site: Site, verdict: str, after: KitStatus):
    chosen = site.numbers(KitStatus.AVAILABLE)[:5]
    key, decision = str(uuid4()), str(uuid4())
    excursion = site.excursion(*chosen, key=key)
    assert site.excursion(*chosen, key=key).id == excursion.id
    site.decide(excursion.id, Verdict(verdict), decision)
    site.decide(excursion.id, Verdict(verdict), decision)
    assert {site.status(number) for number in chosen} == {after}
    with pytest.raises(ExcursionDecided):
        site.decide(excursion.id, Verdict.RELEASED)


def test_one_kit_of_an_excursion_is_not_decided_alone(site: Site):
    chosen = site.numbers(KitStatus.AVAILABLE)[:3]
    site.excursion(*chosen)
    command = DecideKit(
        trial_id=site.house.trial.id,
        number=chosen[0],
        verdict=Verdict.RELEASED,
        reason="I like it.",
        idempotency_key="k" * 9,
    )
    with pytest.raises(KitInExcursion):
        site.do(decide_kit, command)
    other = command.model_copy(update={"number": site.numbers(KitStatus.AVAILABLE)[0], "idempotency_key": "m" * 9})
    with pytest.raises(KitNotInQuarantine):
        site.do(decide_kit, other)


def test_a_promised_kit_goes_back_to_its_participant_alone(site: Site):
    one = ready_to_randomize(site.house)
    number = randomize(site.house, one).kit_number
    excursion = site.excursion()
    site.decide(excursion.id, Verdict.RELEASED)
    assert site.status(number) is KitStatus.ASSIGNED
    assert site.numbers(KitStatus.ASSIGNED) == [number]


def test_an_excursion_in_the_future_or_without_a_kit_is_refused(site: Site):
    now = site.house.clock.now()
    command = RecordExcursion(
        site_id=site.id, began_at=now, ended_at=now + timedelta(hours=1), lowest_c=2, highest_c=9, what="Too warm.",
        idempotency_key=str(uuid4()),
    )  # fmt: skip
    with pytest.raises(ExcursionInFuture):
        site.do(record_excursion, command)
    site.excursion()
    with pytest.raises(NoKitNamed):
        site.excursion()


def test_a_kit_comes_back_once_with_a_count_that_it_can_hold(site: Site):
    one, number = site.treated()
    command = TakeBackKit(participant_id=one, number=number, units=2, idempotency_key=str(uuid4()))
    with pytest.raises(TooManyUnits):
        site.do(take_back_kit, command.model_copy(update={"units": 6, "idempotency_key": str(uuid4())}))
    made = site.do(take_back_kit, command)
    assert site.do(take_back_kit, command).id == made.id
    assert (made.units, made.units_per_kit, site.status(number)) == (2, 5, KitStatus.RETURNED)
    with pytest.raises(KitNotWithParticipant):
        site.do(take_back_kit, command.model_copy(update={"idempotency_key": str(uuid4())}))


def test_a_kit_of_somebody_else_is_not_taken_back(site: Site):
    (one, _), (_, other) = site.treated(), site.treated()
    with pytest.raises(KitNotWithParticipant):
        site.do(take_back_kit, TakeBackKit(participant_id=one, number=other, units=0, idempotency_key=str(uuid4())))


def test_kits_go_to_the_depot_and_what_does_not_arrive_is_lost(site: Site):
    chosen = [*site.rejected(2), site.numbers(KitStatus.AVAILABLE)[0]]
    sent = site.do(
        send_back_kits,
        SendBackKits(
            site_id=site.id, numbers=tuple(chosen), reason="Spoilt, and one too many.", idempotency_key=str(uuid4())
        ),
    )
    assert {site.status(number) for number in chosen} == {KitStatus.SENT_BACK}
    received = ReceiveAtDepot(return_id=sent.id, lost=(chosen[0],), idempotency_key=str(uuid4()))
    with pytest.raises(NotInReturn):
        site.do(receive_at_depot, received.model_copy(update={"lost": ("0",)}), "supply_manager_unblinded")
    with pytest.raises(NotPermitted):
        site.do(receive_at_depot, received)
    site.do(receive_at_depot, received, "supply_manager_unblinded")
    assert [site.status(number) for number in chosen] == [KitStatus.LOST, KitStatus.AT_DEPOT, KitStatus.AT_DEPOT]
    again = received.model_copy(update={"idempotency_key": str(uuid4())})
    with pytest.raises(DepotReturnReceived):
        site.do(receive_at_depot, again, "supply_manager_unblinded")


def _destroyed(site: Site, numbers: list[str], key: str | None = None) -> Destruction:
    command = DestroyKits(
        site_id=site.id,
        numbers=tuple(numbers),
        method="Incinerated by the hospital pharmacy.",
        idempotency_key=key or str(uuid4()),
    )
    return site.sign(destroy_kits, command, "pharmacist_unblinded")


def _witnessed(site: Site, destruction: Destruction, role: str = "coordinator", *, seen: bool = True, remark: str = ""):
    command = WitnessDestruction(
        destruction_id=destruction.id,
        seen=seen,
        remark=remark,
        idempotency_key=str(uuid4()),
    )
    return site.sign(witness_destruction, command, role)


def test_two_different_people_sign_before_a_kit_counts_as_destroyed(site: Site):
    spoilt, key = site.rejected(2), str(uuid4())
    destruction = _destroyed(site, spoilt, key)
    assert _destroyed(site, spoilt, key).id == destruction.id
    assert {site.status(number) for number in spoilt} == {KitStatus.REJECTED}
    with pytest.raises(WitnessIsDestroyer):
        _witnessed(site, destruction, "pharmacist_unblinded")
    witness = _witnessed(site, destruction)
    assert {site.status(number) for number in spoilt} == {KitStatus.DESTROYED}
    with site.house.database.session() as session:
        people = {
            check_signed(session, session.get_one(type(record), record.id)).account_id
            for record in (destruction, witness)
        }
    assert len(people) == 2
    with pytest.raises(AlreadyWitnessed):
        _witnessed(site, destruction)


def test_a_destruction_that_nobody_saw_leaves_the_kits(site: Site):
    spoilt = site.rejected(1)
    destruction = _destroyed(site, spoilt)
    with pytest.raises(AlreadyInDestruction):
        _destroyed(site, spoilt)
    with pytest.raises(RefusalUnexplained):
        _witnessed(site, destruction, "monitor", seen=False, remark="")
    _witnessed(site, destruction, "monitor", seen=False, remark="I was not there.")
    assert site.status(spoilt[0]) is KitStatus.REJECTED
    _witnessed(site, _destroyed(site, spoilt), "monitor")
    assert site.status(spoilt[0]) is KitStatus.DESTROYED


def test_a_usable_kit_is_not_destroyed_and_nothing_is_signed_without_a_password(site: Site):
    with pytest.raises(KitStepNotPossible):
        _destroyed(site, site.numbers(KitStatus.AVAILABLE)[:1])
    spoilt = site.rejected(1)
    command = DestroyKits(site_id=site.id, numbers=tuple(spoilt), method="Burnt.", idempotency_key=str(uuid4()))
    proof = site.house.proof("coordinator", "S1")
    site.house.clock.advance(timedelta(minutes=2))
    with site.house.database.session() as session, pytest.raises(ReauthenticationNeeded):
        destroy_kits(session, site.house.actor(session, "coordinator", "S1"), proof, command)
    with site.house.database.session() as session:
        assert session.exec(select(Destruction)).all() == []
        assert signatures_on(session, Destruction(id=uuid4())) == []


def test_a_count_that_differs_needs_a_reason_and_alerts(site: Site):
    expected = len(site.numbers(*ON_SITE))
    command = CountStock(site_id=site.id, counted=expected - 1, idempotency_key=str(uuid4()))
    with pytest.raises(DifferenceUnexplained) as refused:
        site.do(count_stock, command)
    assert str(expected) not in refused.value.sentence
    with site.house.database.session() as session:
        assert session.exec(select(StockCount)).all() == []
    made = site.do(count_stock, command.model_copy(update={"reason": "One carton is not in the safe."}))
    assert (made.expected, made.counted, made.difference) == (expected, expected - 1, -1)
    with site.house.database.session() as session:
        for role in ("monitor", "supply_manager_unblinded"):
            place = "S1" if role == "monitor" else None
            found = alerts_for(session, site.house.actor(session, role, place), site.house.trial.id)
            (alert,) = [one for one in found if one.kind is AlertKind.COUNT_DIFFERS]
            assert "S1" in alert.sentence


def test_a_count_that_agrees_is_kept_and_tells_nobody(site: Site):
    site.do(count_stock, CountStock(site_id=site.id, counted=len(site.numbers(*ON_SITE)), idempotency_key=str(uuid4())))
    with site.house.database.session() as session:
        monitor = site.house.actor(session, "monitor", "S1")
        assert [one.difference for one in counts_of(session, monitor, site.id)] == [0]
        assert [
            one for one in alerts_for(session, monitor, site.house.trial.id) if one.kind is AlertKind.COUNT_DIFFERS
        ] == []


def test_a_missing_number_that_is_not_there_anyway_is_refused(site: Site):
    command = CountStock(site_id=site.id, counted=0, missing=("0",), reason="Not found.", idempotency_key=str(uuid4()))
    with pytest.raises(KitNotFound):
        site.do(count_stock, command)


def test_a_broken_kit_is_replaced_by_one_of_the_same_arm(site: Site):
    one = ready_to_randomize(site.house)
    number, key = randomize(site.house, one).kit_number, str(uuid4())
    receipt = site.replace(one, number, key)
    assert site.replace(one, number, key) == receipt
    arms = arms_of_kits(site.house)
    assert arms[receipt.kit_number] == arms[number] == next(iter(true_arms(site.house).values()))
    assert (site.status(number), site.status(receipt.kit_number)) == (KitStatus.REJECTED, KitStatus.ASSIGNED)
    with site.house.database.session() as session:
        assert expected_kit(session, one) == receipt.kit_number
    given = site.do(dispense_kit, DispenseKit(participant_id=one, visit="INF1", idempotency_key=str(uuid4())))
    assert given.kit_number == receipt.kit_number
    with pytest.raises(AlreadyReplaced):
        site.replace(one, number)


def test_a_kit_that_was_handed_out_is_replaced_in_the_participants_hands(site: Site):
    one, number = site.treated()
    first = site.replace(one, number).kit_number
    second = site.replace(one, first).kit_number
    assert [site.status(kit) for kit in (number, first, second)] == [
        KitStatus.REJECTED, KitStatus.REJECTED, KitStatus.DISPENSED,
    ]  # fmt: skip
    made = site.do(take_back_kit, TakeBackKit(participant_id=one, number=second, units=1, idempotency_key=str(uuid4())))
    assert made.units == 1
    with site.house.database.session() as session:
        log = accountability_of(session, site.house.actor(session, "coordinator", "S1"), site.id)
    lines = {line.number: line for line in log}
    assert lines[number].replaced_by == first
    assert lines[first].replaced_by == second
    assert (lines[second].visit, lines[second].units_returned) == ("INF1", 1)
    assert "KET" not in repr(log)


def test_somebody_elses_kit_is_not_replaced(site: Site):
    (one, _), (_, other) = site.treated(), site.treated()
    with pytest.raises(NotThisParticipantsKit):
        site.replace(one, other)


@pytest.mark.parametrize("scarce", ["KET", "PBO"])
def test_a_replacement_is_refused_when_any_arm_has_run_out_whatever_this_one_is(house: House, scarce: str):
    sealed_list(house)
    stocked(house, kits={"KET": 6, "PBO": 6})
    site = Site(house)
    one = ready_to_randomize(house)
    number = randomize(house, one).kit_number
    site.excursion(*[kit for kit, arm in arms_of_kits(house).items() if arm == scarce and kit != number])
    with pytest.raises(NoUsableKit) as refused:
        site.replace(one, number)
    assert refused.value.sentence.startswith("The stock at this site does not allow it now")
    assert site.status(number) is KitStatus.ASSIGNED


def test_each_kit_of_the_arm_is_equally_likely_to_stand_in(house: House):
    """One kit replaced 150 times under a fixed seed, undone each time: every matching kit is drawn."""
    sealed_list(house)
    stocked(house, kits={"KET": 6, "PBO": 6})
    site = Site(house)
    one = ready_to_randomize(house)
    number = randomize(house, one).kit_number
    arms = arms_of_kits(house)
    house.database.entropy = UnsafeSeededEntropy(5)
    drawn: Counter[str] = Counter()
    for _ in range(150):
        with house.database.session() as session:
            command = ReplaceKit(participant_id=one, number=number, reason="Broken.", idempotency_key=str(uuid4()))
            drawn[replace_kit(session, house.actor(session, "coordinator", "S1"), command).kit_number] += 1
            session.rollback()
    assert set(drawn) == {kit for kit, arm in arms.items() if arm == arms[number]} - {number}
    assert min(drawn.values()) > 15
    assert site.status(number) is KitStatus.ASSIGNED


def test_another_site_and_a_reader_change_nothing(site: Site):
    chosen = site.numbers(KitStatus.AVAILABLE)[:1]
    other = Site(site.house, "S2")
    now = site.house.clock.now()
    command = RecordExcursion(
        site_id=site.id, began_at=now - timedelta(hours=2), ended_at=now, lowest_c=2, highest_c=30, numbers=tuple(chosen),
        what="Too warm.", idempotency_key=str(uuid4()),
    )  # fmt: skip
    for who, role in ((other, "coordinator"), (site, "monitor"), (site, "efficacy_assessor")):
        with pytest.raises(NotPermitted):
            who.do(record_excursion, command, role)
    with site.house.database.session() as session:
        assert {kit.status for kit in session.exec(select(Kit).where(Kit.site_id == site.id))} == {KitStatus.AVAILABLE}
