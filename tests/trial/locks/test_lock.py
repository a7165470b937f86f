"""The staged lock: two people, a green checklist, and a database that refuses what comes after."""

import itertools
import threading
from datetime import date, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from tests.support.events import assessed, reported, serious, signed
from tests.support.house import House
from tests.support.locking import (
    LAST_STAGE,
    MANAGER,
    OUTSIDE,
    SPONSOR,
    STATISTICIAN,
    UNLOCKERS,
    locked,
    miss_what_is_due,
    sign_casebooks,
    sign_for_lock,
    sign_for_unlock,
)
from tests.support.participants import consented, infused, participant, pretend_randomized
from trial.access.actions import Action
from trial.access.grants import actor_for
from trial.access.policies import authorize
from trial.access.signatures import Reauthenticated, signatures_on
from trial.conduct.departures import EndReason, EndStudy, StudyEndKind, end_study
from trial.conduct.queries import DataDomain, RaiseQuery, raise_query
from trial.conduct.trials import get_trial
from trial.conduct.visits import due_visits
from trial.database.refusals import DataFrozen, DataLocked
from trial.errors import Conflict, NotPermitted
from trial.locks.checklist import (
    ITEMS,
    UNBLINDINGS_UNASSESSED,
    ChecklistItem,
    ChecklistNotGreen,
    check_green,
    checklist,
    checklist_for,
)
from trial.locks.freezes import (
    AlreadyFrozen,
    FreezeData,
    FreezeOfLock,
    LiftFreeze,
    check_not_frozen,
    freeze_data,
    freezes_in_force,
    lift_freeze,
)
from trial.locks.lock import (
    NEXT,
    LockAct,
    LockState,
    LockStateRefuses,
    TwoPeopleNeeded,
    is_locked,
    lock_of_stage,
    signing_roles,
    signings_of,
)
from trial.locks.snapshots import load_snapshot

RENAME = text("UPDATE trial.participant SET race = 'ASIAN'")


def write_plainly(house: House, statement=RENAME) -> None:
    """Plain SQL under the application's own role, with an actor declared as a service would."""
    with house.database.transaction() as session:
        authorize(
            session,
            house.actor(session, "coordinator", "S1"),
            Action.SCREENING_RECORDED,
            trial_id=house.trial.id,
            site_id=house.site_id("S1"),
        )
        session.execute(statement)


def red(house: House, stage: str = LAST_STAGE) -> dict[str, tuple[str, ...]]:
    with house.database.session() as session:
        return {
            each.code: each.examples for each in checklist(session, house.trial.id, stage, OUTSIDE) if not each.is_green
        }


def test_the_table_of_states_names_every_pair_and_ends():
    assert set(NEXT) == set(itertools.product(LockState, LockAct))
    assert not any(NEXT[(LockState.UNLOCKED, act)] for act in LockAct)
    reached = {LockState.SIGNED_ONCE}
    for _ in LockState:
        reached |= {after for (before, _), after in NEXT.items() if before in reached and after is not None}
    assert reached == set(LockState)


def test_the_two_roles_that_sign_are_those_of_the_matrix():
    assert signing_roles(LockAct.LOCK) == {MANAGER, STATISTICIAN}
    assert signing_roles(LockAct.UNLOCK) == {MANAGER, SPONSOR}


def test_one_signature_locks_nothing(house: House):
    lock = sign_for_lock(house, MANAGER)
    assert lock.state is LockState.SIGNED_ONCE
    with house.database.session() as session:
        assert get_trial(session, house.trial.id).locked_at is None
        assert not is_locked(session, house.trial.id, LAST_STAGE)


def test_two_people_in_two_roles_lock_the_trial_with_a_snapshot(house: House):
    consented(house)
    lock = locked(house)
    assert (lock.state, lock.whole_trial, lock.locked_at) == (LockState.LOCKED, True, house.clock.now())
    with house.database.session() as session:
        assert get_trial(session, house.trial.id).locked_at == house.clock.now()
        assert load_snapshot(session, lock.snapshot_id)["participants"].height == 1
        signings = signings_of(session, lock.id, LockAct.LOCK)
        assert {signing.role for signing in signings} == {MANAGER, STATISTICIAN}
        assert all(len(signatures_on(session, signing)) == 1 for signing in signings)


def test_the_same_person_cannot_sign_twice(house: House):
    sign_for_lock(house, MANAGER)
    with pytest.raises(TwoPeopleNeeded, match=STATISTICIAN):
        sign_for_lock(house, MANAGER)


def test_a_second_person_of_the_same_role_is_no_second_role(house: House):
    sign_for_lock(house, MANAGER)
    with house.database.transaction() as session:
        other = house.hire(session, MANAGER, suffix="other")
    house.people[(MANAGER, None)] = other
    with pytest.raises(TwoPeopleNeeded):
        sign_for_lock(house, MANAGER)


def test_nobody_else_signs(house: House):
    for role in ("sponsor", "statistician_unblinded", "administrator", "medical_monitor"):
        with pytest.raises(NotPermitted):
            sign_for_lock(house, role)


def test_a_repeated_request_signs_once(house: House):
    key = str(uuid4())
    assert sign_for_lock(house, MANAGER, key=key).id == sign_for_lock(house, MANAGER, key=key).id
    assert sign_for_lock(house, STATISTICIAN).state is LockState.LOCKED


def test_a_locked_trial_refuses_a_plain_sql_update_and_insert(house: House):
    consented(house)
    locked(house)
    with pytest.raises(DataLocked, match="locked"):
        write_plainly(house)
    copy = text(
        "INSERT INTO trial.participant SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(),"
        " 'code', 'P-9999'))).* FROM trial.participant AS p"
    )
    with pytest.raises(DataLocked, match="locked"):
        write_plainly(house, copy)


def test_a_locked_trial_refuses_even_the_databases_owner(house: House, owner_url: str):
    consented(house)
    locked(house)
    with (
        psycopg.connect(owner_url.replace("+psycopg", "")) as connection,
        pytest.raises(psycopg.DatabaseError, match="locked") as refused,
    ):
        connection.execute("UPDATE trial.participant SET race = 'ASIAN'")
    assert refused.value.sqlstate == "EQ004"


def test_the_same_statements_pass_while_the_trial_is_open(house: House):
    consented(house)
    write_plainly(house)
    assert {row.race for row in house.database.ask("SELECT race FROM trial.participant")} == {"ASIAN"}


def test_services_refuse_a_locked_trial_with_a_sentence(house: House):
    who = consented(house)
    locked(house)
    with pytest.raises(Conflict, match="locked"):
        reported(house, who)


def test_a_writer_that_began_before_the_lock_is_waited_for_and_is_in_the_snapshot(house: House):
    consented(house)
    sign_for_lock(house, MANAGER)
    done: list[UUID] = []
    with house.database.transaction() as session:
        authorize(
            session,
            house.actor(session, "coordinator", "S1"),
            Action.SCREENING_RECORDED,
            trial_id=house.trial.id,
            site_id=house.site_id("S1"),
        )
        session.execute(RENAME)
        locker = threading.Thread(target=lambda: done.append(sign_for_lock(house, STATISTICIAN).snapshot_id))
        locker.start()
        locker.join(timeout=1.5)
        assert not done, "the lock waits until the writer has committed"
    locker.join(timeout=30)
    with house.database.session() as session:
        assert load_snapshot(session, done[0])["participants"]["race"].to_list() == ["ASIAN"]


def test_unlocking_needs_two_people_again_and_then_writes_pass(house: House):
    consented(house)
    lock = locked(house)
    assert sign_for_unlock(house, lock.id, MANAGER).state is LockState.UNLOCK_SIGNED_ONCE
    with pytest.raises(DataLocked, match="locked"):
        write_plainly(house)
    with pytest.raises(TwoPeopleNeeded):
        sign_for_unlock(house, lock.id, MANAGER)
    assert sign_for_unlock(house, lock.id, SPONSOR).state is LockState.UNLOCKED
    write_plainly(house)


def test_after_an_unlock_the_next_lock_is_another_with_its_own_snapshot(house: House):
    consented(house)
    first = locked(house)
    for role in UNLOCKERS:
        sign_for_unlock(house, first.id, role)
    write_plainly(house)
    second = locked(house)
    assert second.id != first.id
    assert second.snapshot_id != first.snapshot_id
    with house.database.session() as session:
        assert lock_of_stage(session, house.trial.id, LAST_STAGE).id == second.id
        assert load_snapshot(session, first.snapshot_id)["participants"]["race"].to_list() == ["WHITE"]


def test_a_locked_stage_is_not_signed_again(house: House):
    locked(house)
    with pytest.raises(LockStateRefuses):
        sign_for_lock(house, MANAGER)


def test_a_lock_that_waits_for_its_second_signature_cannot_be_unlocked(house: House):
    lock = sign_for_lock(house, MANAGER)
    with pytest.raises(LockStateRefuses):
        sign_for_unlock(house, lock.id, SPONSOR)


def test_a_person_who_holds_no_free_role_does_not_unlock(house: House):
    lock = locked(house)
    with house.database.transaction() as session:
        other = house.hire(session, MANAGER, suffix="third")
    sign_for_unlock(house, lock.id, MANAGER)
    with house.database.session() as session:
        actor = actor_for(session, other)
    with pytest.raises(TwoPeopleNeeded):
        sign_for_unlock(house, lock.id, MANAGER, (actor, Reauthenticated(other.id, house.clock.now())))


def test_the_first_stage_freezes_its_visits_and_lets_the_later_ones_go_on(house: House):
    consented(house)
    lock = locked(house, "PRIMARY")
    assert not lock.whole_trial
    with house.database.session() as session:
        assert get_trial(session, house.trial.id).locked_at is None
        frozen = {freeze.visit for freeze in freezes_in_force(session, house.trial.id)}
        assert "M3" in frozen
        assert "M6" not in frozen
        check_not_frozen(session, house.trial.id, house.site_id("S1"), "M6")
        with pytest.raises(DataFrozen):
            check_not_frozen(session, house.trial.id, house.site_id("S1"), "M3")
        kept = freezes_in_force(session, house.trial.id)[0]
    with house.database.session() as session, pytest.raises(FreezeOfLock):
        lift_freeze(session, house.actor(session, MANAGER), LiftFreeze(freeze_id=kept.id, reason="by myself"))
    write_plainly(house)
    for role in UNLOCKERS:
        sign_for_unlock(house, lock.id, role)
    with house.database.session() as session:
        assert freezes_in_force(session, house.trial.id) == []


@pytest.mark.parametrize(
    "names",
    [{"site": True}, {"visit": "SCR"}, {"form": "vitals"}, {"site": True, "visit": "SCR", "form": "vitals"}],
)
def test_a_freeze_refuses_a_plain_sql_write_that_it_covers_until_it_is_lifted(house: House, names: dict):
    pretend_randomized(house)
    change = text("UPDATE trial.form_record SET performed_on = performed_on - 1 WHERE visit = 'SCR'")
    with house.database.transaction() as session:
        freeze = freeze_data(
            session,
            house.actor(session, MANAGER),
            FreezeData(
                trial_id=house.trial.id,
                site_id=house.site_id("S1") if names.get("site") else None,
                visit=names.get("visit"),
                form=names.get("form"),
                reason="cleaned",
            ),
        )
    with pytest.raises(DataFrozen, match="frozen"):
        write_plainly(house, change)
    with house.database.transaction() as session:
        lift_freeze(
            session, house.actor(session, MANAGER), LiftFreeze(freeze_id=freeze.id, reason="a correction came in")
        )
    write_plainly(house, change)


def test_a_freeze_leaves_other_sites_and_visits_open(house: House):
    pretend_randomized(house)
    with house.database.transaction() as session:
        manager = house.actor(session, MANAGER)
        other = FreezeData(trial_id=house.trial.id, site_id=house.site_id("S2"), reason="cleaned")
        later = FreezeData(trial_id=house.trial.id, visit="M3", reason="cleaned")
        form = FreezeData(trial_id=house.trial.id, form="follow_up_safety", reason="cleaned")
        for command in (other, later, form):
            freeze_data(session, manager, command)
        with pytest.raises(AlreadyFrozen):
            freeze_data(session, manager, later)
    write_plainly(house, text("UPDATE trial.form_record SET performed_on = performed_on - 1 WHERE visit = 'SCR'"))


def test_an_empty_trial_is_green_and_every_item_is_counted(house: House):
    with house.database.session() as session:
        items = checklist_for(session, house.actor(session, MANAGER), house.trial.id, LAST_STAGE, OUTSIDE)
    assert [each.code for each in items] == list(ITEMS)
    check_green(items)


def test_an_open_query_is_in_the_way(house: House):
    who = consented(house)
    with house.database.transaction() as session:
        command = RaiseQuery(participant_id=who, domain=DataDomain.CONDUCT, question="Is this date right?")
        raise_query(session, house.actor(session, MANAGER), command)
    assert red(house) == {"queries_open": ("P-0001",)}
    with pytest.raises(ChecklistNotGreen, match="Queries"):
        sign_for_lock(house, MANAGER)


def test_a_serious_event_is_in_the_way_until_its_signature_holds(house: House):
    event = serious(house, consented(house))
    assert red(house) == {"saes_unsigned": ("P-0001 event 1",)}
    assessed(house, event.id, "possible")
    signed(house, event.id)
    assert red(house) == {}


def test_missing_visits_and_unsigned_casebooks_are_in_the_way_until_settled(house: House):
    who = infused(house)
    house.clock.advance(timedelta(days=400))
    assert set(red(house)) == {"casebooks_unsigned", "visits_missing"}
    miss_what_is_due(house)
    assert set(red(house)) == {"casebooks_unsigned"}
    with house.database.transaction() as session:
        day = date(2027, 1, 5)
        command = EndStudy(participant_id=who, kind=StudyEndKind.LOST, ended_on=day, reason=EndReason.LOST_TO_FOLLOW_UP)
        end_study(session, house.actor(session, "coordinator", "S1"), command)
    sign_casebooks(house)
    assert red(house) == {}
    locked(house)


@pytest.mark.parametrize("infusions", [0, 2, 5])
def test_a_visit_in_the_way_of_the_lock_stands_on_somebodys_agenda(house: House, infusions: int):
    """Otherwise the lock is blocked, and nobody at the site is told by what."""
    _ = infused(house, infusions=infusions) if infusions else pretend_randomized(house)
    house.clock.advance(timedelta(days=20))
    with house.database.session() as session:
        due = due_visits(session, house.actor(session, "coordinator", "S1"), house.trial.id)
        items = {item.code: item for item in checklist(session, house.trial.id, LAST_STAGE, OUTSIDE)}
    assert len(due) == items["visits_missing"].count > 0


def test_a_change_after_the_casebook_was_signed_makes_it_unsigned_again(house: House):
    who = infused(house)
    house.clock.advance(timedelta(days=400))
    miss_what_is_due(house)
    sign_casebooks(house)
    assert red(house) == {}
    reported(house, who)
    assert red(house) == {"casebooks_unsigned": (participant(house, who).code,)}


def test_an_earlier_stage_asks_for_no_casebook_and_no_later_visit(house: House):
    infused(house)
    house.clock.advance(timedelta(days=130))
    miss_what_is_due(house)
    house.clock.advance(timedelta(days=200))
    assert red(house, "PRIMARY") == {}
    assert "visits_missing" in red(house)


def test_an_unassessed_unblinding_is_in_the_way_and_an_uncounted_one_too(house: House):
    waiting = ChecklistItem(UNBLINDINGS_UNASSESSED, "Unblindings that nobody has assessed", 1, ("P-0003",))
    for outside in ((waiting,), ()):
        with pytest.raises(ChecklistNotGreen):
            sign_for_lock(house, MANAGER, outside=outside)
