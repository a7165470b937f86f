"""The reconciliation of the lists: every position told once, gaps found, errors shown, and no arm anywhere."""

from datetime import date

import psycopg
import pytest
from sqlmodel import select

from randomization.kits.accountability import accountability_of
from randomization.kits.dispensing import DispenseKit, dispense_kit
from randomization.kits.kits import Kit, KitStatus, find_kit
from randomization.kits.replacements import ReplaceKit, replace_kit
from randomization.kits.returns import TakeBackKit, kits_with, take_back_kit
from randomization.ledger.allocations import find_allocation
from randomization.ledger.reconciliation import reconcile_lists
from randomization.ledger.wrong_kits import KitNotAtSite, KitWasAssigned, MarkWrongKit, mark_wrong_kit
from tests.support.house import House
from tests.support.participants import participant
from tests.support.randomization import open_for_randomization, randomized, true_arms
from trial.conduct.randomization_errors import (
    AlreadyMarked,
    MarkRandomizedInError,
    RandomizationErrorKind,
    mark_randomized_in_error,
)
from trial.errors import NotPermitted

TOLD = {"reason": "Taken from the wrong shelf", "found_on": date(2026, 3, 2)}


@pytest.fixture
def people(house: House):
    open_for_randomization(house)
    return [randomized(house, site) for site in ("S1", "S1", "S2")]


def reconciled(house: House, role: str = "data_manager"):
    with house.database.session() as session:
        return reconcile_lists(session, house.actor(session, role), house.trial.id)


def kit_of(house: House, who) -> Kit:
    with house.database.session() as session:
        kit = session.get(Kit, find_allocation(session, participant(house, who)).kit_id)
    assert kit is not None
    return kit


def spare_kit(house: House, site: str) -> Kit:
    with house.database.session() as session:
        wanted = select(Kit).where(Kit.site_id == house.site_id(site), Kit.status == KitStatus.AVAILABLE)
        found = session.exec(wanted).first()
    assert found is not None
    return found


def given_by_mistake(house: House, who, number: str):
    with house.database.transaction() as session:
        command = MarkWrongKit(participant_id=who, kit_given=number, **TOLD)
        return mark_wrong_kit(session, house.actor(session, "coordinator", "S1"), command)


def test_every_position_has_its_line_and_nothing_is_found(house: House, people):
    found = reconciled(house)
    assert sorted(line.participant for line in found.lines) == sorted(participant(house, who).code for who in people)
    assert found.findings == ()
    assert found.with_errors == 0


def test_a_position_that_holds_nobody_is_found(house: House, people, owner_url):
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as owner:
        owner.execute("SELECT set_config('equipoise.actor', 'system:test', true)")
        owner.execute("SELECT set_config('equipoise.action', 'system:job:run', true)")
        owner.execute("SELECT set_config('equipoise.at', '2026-03-02T09:00:00+00:00', true)")
        owner.execute("UPDATE trial.stratum_counter SET next_position = next_position + 1 WHERE next_position > 1")
    assert any("holds nobody" in finding for finding in reconciled(house).findings)


def test_a_kit_given_by_mistake_is_used_up_and_the_assignment_stays(house: House, people):
    spare, own = spare_kit(house, "S1"), kit_of(house, people[0])
    given_by_mistake(house, people[0], spare.number)
    assert kit_of(house, people[0]).number == own.number
    line = next(one for one in reconciled(house).lines if one.participant == participant(house, people[0]).code)
    assert (line.kits_assigned, line.kits_given) == ((own.number,), (spare.number,))
    assert line.errors == (RandomizationErrorKind.WRONG_KIT,)
    with house.database.session() as session:
        kept = session.get(Kit, spare.id)
        assert kept is not None
        assert kept.status is KitStatus.DISPENSED
    with pytest.raises(AlreadyMarked):
        given_by_mistake(house, people[0], spare.number)


def test_a_kit_given_by_mistake_stands_in_the_log_under_who_got_it_and_comes_back_from_them(house: House, people):
    spare, own = spare_kit(house, "S1"), kit_of(house, people[0])
    given_by_mistake(house, people[0], spare.number)
    with house.database.transaction() as session:
        actor = house.actor(session, "coordinator", "S1")
        log = {one.number: one for one in accountability_of(session, actor, house.site_id("S1"))}
        code = participant(house, people[0]).code
        assert (log[spare.number].participant, log[spare.number].by_mistake) == (code, True)
        assert (log[own.number].participant, log[own.number].by_mistake) == (code, False)
        assert [kit.number for kit in kits_with(session, people[0])] == [spare.number]
        assert kits_with(session, people[1]) == []
        command = TakeBackKit(participant_id=people[0], number=spare.number, units=0, idempotency_key="a-key-for-this")
        take_back_kit(session, actor, command)
        assert find_kit(session, house.trial.id, spare.number).status is KitStatus.RETURNED


def test_the_kit_that_was_assigned_and_a_kit_of_another_site_are_refused(house: House, people):
    with pytest.raises(KitWasAssigned):
        given_by_mistake(house, people[0], kit_of(house, people[0]).number)
    with pytest.raises(KitNotAtSite):
        given_by_mistake(house, people[0], spare_kit(house, "S2").number)


def test_a_kit_that_replaced_the_assigned_one_is_no_wrong_kit(house: House, people):
    own = kit_of(house, people[0])
    with house.database.transaction() as session:
        command = ReplaceKit(
            participant_id=people[0], number=own.number, reason="Broken.", idempotency_key="a-key-for-this-kit"
        )
        replacing = replace_kit(session, house.actor(session, "coordinator", "S1"), command).kit_number
    with pytest.raises(KitWasAssigned):
        given_by_mistake(house, people[0], replacing)
    line = next(one for one in reconciled(house).lines if one.participant == participant(house, people[0]).code)
    assert line.kits_assigned == (own.number, replacing)


def test_a_kit_that_was_given_by_mistake_is_never_handed_out_to_the_one_it_was_for(house: House, people):
    """Their kit is gone: the pharmacy is told at once, and nobody is given a used carton."""
    meant_for_another = kit_of(house, people[1])
    given_by_mistake(house, people[0], meant_for_another.number)
    with house.database.session() as session:
        pharmacist = house.actor(session, "coordinator", "S1")
        command = DispenseKit(participant_id=people[1], visit="INF1", idempotency_key="a-key-for-this-kit")
        with pytest.raises(Exception, match="dispensed"):
            dispense_kit(session, pharmacist, command)


def test_a_mark_takes_nobody_off_the_list(house: House, people):
    with house.database.transaction() as session:
        command = MarkRandomizedInError(participant_id=people[2], **TOLD)
        mark_randomized_in_error(session, house.actor(session, "investigator", "S2"), command)
    found = reconciled(house)
    assert len(found.lines) == len(people)
    assert found.with_errors == 1


def test_people_of_one_site_and_the_pharmacy_do_not_see_it(house: House, people):
    for role, site in (("coordinator", "S1"), ("pharmacist_unblinded", "S1"), ("monitor", None)):
        with house.database.session() as session:
            actor = house.actor(session, role, site) if site else house.actor(session, role)
            with pytest.raises(NotPermitted):
                reconcile_lists(session, actor, house.trial.id)


def test_it_names_no_arm(house: House, people):
    told = repr(reconciled(house))
    assert not any(arm in told for arm in set(true_arms(house).values()))
