"""A list that was found wrong under its seal: another one takes its place for those to come, and the past is kept."""

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlmodel import select

from randomization.ledger.allocation_lists import (
    AllocationList,
    ListNotFound,
    StratumCounter,
    list_facts,
)
from randomization.ledger.allocations import allocations_of
from randomization.ledger.envelopes import (
    EnvelopeOpening,
    EnvelopesRetired,
    MakeEnvelopes,
    ReconcileEnvelope,
    envelope_stage,
    make_envelopes,
    reconcile_envelope,
)
from randomization.ledger.extensions import ExtendList, ListNotContinued, can_extend, extend_list
from randomization.ledger.generation import ConfirmList, SecondPersonNeeded, confirm_list, published_commitment
from randomization.ledger.lists_in_use import lists_missing
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.reconciliation import Reconciliation, reconcile_lists
from randomization.ledger.retirements import (
    ListRetired,
    RetirementReasonNeeded,
    RetiresAnotherRule,
    StrataLeftWithout,
    cannot_be_confirmed,
    retirements_of,
)
from randomization.unblinding.envelopes import print_envelopes
from randomization.verification import check_root, commitment_document
from tests.randomization.ledger.test_further_stages import duo
from tests.support.house import House
from tests.support.participants import adopt, amended, ready_to_randomize
from tests.support.randomization import (
    confirmed_list,
    designed_list,
    open_for_randomization,
    randomized,
    sealed_list,
    true_arms,
)
from tests.support.variants import variant
from trial.access.alerts import Alert, AlertKind
from trial.audit.reading import AuditFilter, read_audit
from trial.audit.verification import verify_audit
from trial.conduct.trials import get_trial
from trial.errors import NotPermitted
from trial.protocol.loader import load_shipped

WHY = "Blocks of 2 and 4 are guessed too easily."


def _replaced(house: House, *lists: AllocationList, **design) -> AllocationList:
    return sealed_list(house, **_naming(*lists), **design)


def _naming(*lists: AllocationList) -> dict[str, object]:
    return {"retires": tuple(one.id for one in lists), "retirement_reason": WHY}


def _taken_from(house: House, stage: str = "main") -> list[UUID]:
    with house.database.transaction() as session:
        return [one.list_id for one in allocations_of(session, house.trial.id, stage=stage)]


def _reconciled(house: House) -> Reconciliation:
    with house.database.transaction() as session:
        return reconcile_lists(session, house.actor(session, "data_manager"), house.trial.id)


def _extended(house: House, list_id: UUID) -> AllocationList:
    with house.database.transaction() as session:
        command = ExtendList(list_id=list_id, slots_per_stratum=8, contribution=bytes(range(100, 132)))
        return extend_list(session, house.actor(session, "statistician_randomization"), command)


def _told_low(house: House) -> list[str]:
    with house.database.transaction() as session:
        return list(session.exec(select(Alert.sentence).where(Alert.kind == AlertKind.STRATUM_LOW)))


def test_those_to_come_are_taken_from_the_new_list_and_the_past_is_kept(house: House):
    first = open_for_randomization(house, blocks=(2, 4))
    for site in ("S1", "S1", "S2"):
        randomized(house, site)
    before = true_arms(house)
    waiting = designed_list(house, **_naming(first))
    randomized(house, "S1")  # nothing is retired before the second person confirms
    second = confirmed_list(house, waiting.id)
    for site in ("S1", "S2"):
        randomized(house, site)
    assert _taken_from(house) == [first.id] * 4 + [second.id] * 2
    assert {code: arm for code, arm in true_arms(house).items() if code in before} == before
    with house.database.transaction() as session:
        kept = session.get(AllocationList, first.id)
        assert (kept.root, kept.sealed_at, kept.status) == (first.root, first.sealed_at, first.status)
        check_root(published_commitment(session, kept))
        assert verify_audit(session).is_whole


def test_what_is_left_of_a_retired_list_is_told_without_the_reason_or_an_arm(house: House):
    first = open_for_randomization(house, slots=4, blocks=(2, 4))
    randomized(house, "S1")
    assert _reconciled(house).left_over == ()
    _replaced(house, first, slots=8, blocks=(2, 4))
    told = _reconciled(house)
    assert told.findings == ()
    assert len(told.left_over) == 12
    assert sum(one.startswith("Positions 2 to 4 of stratum") for one in told.left_over) == 1
    assert all(one.endswith("left over: list 2 retired the list and took its place.") for one in told.left_over)
    assert not any(word in " ".join(told.left_over) for word in ("KET", "PBO", "Blocks", WHY))


def test_the_commitment_and_the_anchors_name_what_a_list_retires(house: House):
    first, other = sealed_list(house, blocks=(2, 4)), sealed_list(house, blocks=(2, 4))
    second = _replaced(house, first, other)
    with house.database.transaction() as session:
        told = commitment_document(published_commitment(session, second))
        assert told["retires"] == sorted([str(first.id), str(other.id)])
        assert "retires" not in commitment_document(published_commitment(session, first))
        facts = {one["list"]: one.get("retires") for one in list_facts(session)}
        assert facts == {str(first.id): None, str(other.id): None, str(second.id): told["retires"]}
        check_root(published_commitment(session, second))


def test_two_people_retire_a_list_with_a_reason_that_who_confirms_lists_can_read(house: House):
    first = sealed_list(house, blocks=(2, 4))
    with pytest.raises(RetirementReasonNeeded) as refused:
        designed_list(house, retires=(first.id,))
    assert "retirement_reason" in refused.value.fields
    with pytest.raises(RetirementReasonNeeded) as refused:
        designed_list(house, retirement_reason=WHY)
    assert "retires" in refused.value.fields
    waiting = designed_list(house, **_naming(first))
    with house.database.transaction() as session, pytest.raises((SecondPersonNeeded, NotPermitted)):
        designer = house.actor(session, "statistician_randomization")
        confirm_list(session, designer, ConfirmList(list_id=waiting.id, contribution=bytes(range(32))))
    confirmed_list(house, waiting.id)
    with house.database.transaction() as session:
        (one,) = retirements_of(session, house.trial.id)
        assert (one.retired.id, one.by.id, one.reason, one.at) == (first.id, waiting.id, WHY, house.clock.now())
        trial = get_trial(session, house.trial.id)
        told = read_audit(session, house.actor(session, "statistician_unblinded"), trial, AuditFilter(limit=500))
        (entry,) = [each for each in told if each.table == "trial.list_retirement"]
        assert entry.after["reason"] == WHY
        assert entry.actor == house.actor(session, "statistician_randomization").name
        stopped = [each for each in told if "retired_at" in each.after and each.operation == "UPDATE"]
        assert {each.actor for each in stopped} == {house.actor(session, "statistician_unblinded").name}
        for role in ("data_manager", "statistician_blinded", "sponsor"):
            read = read_audit(session, house.actor(session, role), trial, AuditFilter(limit=500))
            assert WHY not in str(read)


def test_a_retirement_is_never_changed_and_never_taken_back(house: House, owner_url: str):
    _replaced(house, sealed_list(house, blocks=(2, 4)))
    for change in (
        "UPDATE trial.stratum_counter SET retired_at = NULL WHERE retired_at IS NOT NULL",
        "UPDATE trial.list_retirement SET reason = 'none'",
        "DELETE FROM trial.list_retirement",
    ):
        with (
            psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as owner,
            pytest.raises(psycopg.Error),
        ):
            owner.execute(change)


def test_a_list_is_retired_once(house: House):
    first = sealed_list(house, blocks=(2, 4))
    one, other = designed_list(house, **_naming(first)), designed_list(house, **_naming(first))
    confirmed_list(house, other.id)
    with house.database.transaction() as session:
        assert cannot_be_confirmed(one, retirements_of(session, house.trial.id))
    with pytest.raises(ListRetired) as refused:
        confirmed_list(house, one.id)
    assert refused.value.code == "list.retired"
    assert "list 3 took its place" in refused.value.sentence
    with pytest.raises(ListRetired):
        designed_list(house, **_naming(first))


def test_a_list_that_waits_can_be_retired_and_is_then_never_confirmed(house: House):
    """A continuation that is designed already would go on with the rule that was found wrong."""
    first = open_for_randomization(house, blocks=(2, 4))
    further = _extended(house, first.id)
    second = _replaced(house, first, further)
    with house.database.transaction() as session:
        assert cannot_be_confirmed(further, retirements_of(session, house.trial.id))
    with pytest.raises(ListRetired):
        confirmed_list(house, further.id)
    randomized(house)
    assert _taken_from(house) == [second.id]


def test_a_retired_list_is_not_continued_and_the_list_in_its_place_is(house: House):
    first = open_for_randomization(house, blocks=(2, 4))
    second = _replaced(house, first)
    with pytest.raises(ListNotContinued) as refused:
        _extended(house, first.id)
    assert "retired" in refused.value.sentence
    with house.database.transaction() as session:
        assert [can_extend(session, one) for one in (first, second)] == [False, True]
    confirmed_list(house, _extended(house, second.id).id)


def test_a_list_is_retired_by_one_of_its_stage_trial_and_rule_alone(house: House):
    first = open_for_randomization(house, blocks=(2, 4))
    with pytest.raises(RetiresAnotherRule):
        designed_list(house, sites=("S1",), stage=envelope_stage("S1"), **_naming(first))
    with pytest.raises(ListNotFound):
        designed_list(house, retires=(uuid4(),), retirement_reason=WHY)
    house.clock.advance(timedelta(minutes=1))
    version = amended(house, loaded=variant(ratio="{KET: 3, PBO: 1}", scheme="{name: complete}", version="2.0"))
    with pytest.raises(RetiresAnotherRule):
        designed_list(house, blocks=(), slots=24, **_naming(first))
    _replaced(house, first, version="1.0")
    adopt(house, version, "S1")


def test_no_stratum_is_left_without_a_list(house: House):
    first = open_for_randomization(house, blocks=(2, 4))
    waiting = designed_list(house, sites=("S1",), **_naming(first))
    with pytest.raises(StrataLeftWithout) as refused:
        confirmed_list(house, waiting.id)
    assert "site=S2" in refused.value.sentence
    randomized(house, "S2")
    assert _taken_from(house) == [first.id]
    with house.database.transaction() as session:
        assert lists_missing(session, house.trial.id) == []
        assert session.exec(select(StratumCounter).where(StratumCounter.retired_at.is_not(None))).all() == []


def test_a_list_for_one_site_is_retired_by_one_for_that_site(house: House):
    first = sealed_list(house, blocks=(2, 4), sites=("S1",))
    other = sealed_list(house, blocks=(2, 4), sites=("S2",))
    second = _replaced(house, first, sites=("S1",))
    with house.database.transaction() as session:
        assert lists_missing(session, house.trial.id) == []
        retired = session.exec(select(StratumCounter.list_id).where(StratumCounter.retired_at.is_not(None))).all()
    assert set(retired) == {first.id}
    assert {other.id, second.id}.isdisjoint(retired)


def test_only_lists_in_use_are_counted_when_a_stratum_runs_low(house: House):
    """The retired list is full and no reserve; the new one has three slots, which is few."""
    first = open_for_randomization(house, blocks=(2, 4), slots=40)
    _replaced(house, first, blocks=(2, 4), slots=3)
    with house.database.transaction() as session:
        assert {(one.used, one.left) for one in stratum_levels_of(session, house.trial.id)} == {(0, 3)}
    randomized(house)
    (sentence,) = _told_low(house)
    assert "has 2 slots left of 3." in sentence


def test_minimization_begins_anew_with_the_new_list(database, clock):
    balanced = House.build(database, clock, loaded=load_shipped("second"))
    first = open_for_randomization(balanced, blocks=())
    for _ in range(3):
        randomized(balanced)
    before = true_arms(balanced)
    second = _replaced(balanced, first, blocks=())
    for _ in range(2):
        randomized(balanced)
    assert _taken_from(balanced) == [first.id] * 3 + [second.id] * 2
    assert {code: arm for code, arm in true_arms(balanced).items() if code in before} == before
    (told,) = _reconciled(balanced).left_over
    assert told.startswith("Every position from 4 on of stratum “all” (list 1, main) is left over")


def test_the_list_of_a_further_stage_is_retired_alone(database, clock):
    house = House.build(database, clock, loaded=duo())
    main, later = sealed_list(house, blocks=()), sealed_list(house, blocks=(), stage="second")
    with pytest.raises(RetiresAnotherRule):
        designed_list(house, blocks=(), **_naming(later))
    second = _replaced(house, later, blocks=(), stage="second")
    with house.database.transaction() as session:
        gone = {one.retired.id: one.by.id for one in retirements_of(session, house.trial.id)}
    assert gone == {later.id: second.id}
    assert main.id not in gone


def _envelopes(house: House, made: AllocationList):
    with house.database.transaction() as session:
        command = MakeEnvelopes(list_id=made.id, site_id=house.site_id("S1"), idempotency_key=str(uuid4()))
        return make_envelopes(session, house.actor(session, "statistician_unblinded"), command)


def test_envelopes_of_a_retired_list_are_not_made_or_printed_and_one_that_was_opened_is_recorded(house: House):
    open_for_randomization(house)
    stage = envelope_stage("S1")
    design = {"blocks": (2, 4), "slots": 2, "sites": ("S1",), "stage": stage}
    old, unused = sealed_list(house, **design), sealed_list(house, **design)
    made = _envelopes(house, old)
    new = _replaced(house, old, unused, **design)
    for refused in (lambda: _envelopes(house, unused), lambda: _printed(house, old)):
        with pytest.raises(EnvelopesRetired) as told:
            refused()
        assert told.value.code == "envelope.list_retired"
    house.clock.advance(timedelta(hours=1))
    opened = _opened(house, made[0].number, ready_to_randomize(house, "S1"))
    assert opened.allocation_id is not None
    assert _reconciled(house).findings == (
        f"Envelope {made[0].number} was opened for a participant after its list was retired.",
    )
    assert len(_envelopes(house, new)) == 12


def _opened(house: House, number: str, one: UUID) -> EnvelopeOpening:
    with house.database.transaction() as session:
        command = ReconcileEnvelope(
            trial_id=house.trial.id,
            number=number,
            participant_id=one,
            opened_at=house.clock.now() - timedelta(minutes=5),
            opened_by="Dr A. Investigator",
            idempotency_key=str(uuid4()),
        )
        actor = house.actor(session, "coordinator", "S1")
        return reconcile_envelope(session, actor, house.proof("coordinator", "S1"), command)


def _printed(house: House, made: AllocationList):
    with house.database.transaction() as session:
        return print_envelopes(session, house.actor(session, "statistician_unblinded"), made.id)
