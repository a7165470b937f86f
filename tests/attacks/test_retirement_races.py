"""A list retired while people are randomized from it: everybody gets one slot, of the old list before or of the new one after."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlmodel import select

from randomization.ledger.allocation_lists import AllocationList, ListStatus
from randomization.ledger.allocations import Allocation, RandomizationReceipt
from randomization.ledger.extensions import ExtendList, extend_list
from randomization.ledger.generation import ConfirmList, confirm_list
from randomization.ledger.randomize import RandomizeParticipant, randomize_participant
from randomization.ledger.retirements import ListRetired
from tests.attacks.test_ledger_races import at_once, check_in_agreement
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.randomization import (
    SECOND,
    confirmed_list,
    designed_list,
    open_for_randomization,
    randomize,
    sealed_list,
    stocked,
)
from trial.database.session import Database, TrialSession, open_engine
from trial.ids import SystemEntropy

PEOPLE = 12


@pytest.fixture
def busy(app_url, database, clock):
    """Entropy and connections that many threads may use."""
    many = Database(open_engine(app_url, pool_size=PEOPLE + 3), database.keyring, clock=clock, entropy=SystemEntropy())
    try:
        yield House.build(many, clock, planned=400)
    finally:
        many.close()


@pytest.fixture
def waiting_for_a_lock(app_url):
    """Returns once the act waits for a lock of this database, or is over without."""
    with psycopg.connect(app_url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:

        def until(act: Future[object]) -> bool:
            while not act.done():
                found = connection.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ).fetchone()
                if found:
                    return True
            return False

        yield until


def _retiring(house: House, *lists: AllocationList, **design) -> AllocationList:
    return designed_list(house, retires=tuple(one.id for one in lists), retirement_reason="a seed was seen", **design)


def _confirm(house: House, session: TrialSession, list_id: UUID) -> AllocationList:
    actor = house.actor(session, "statistician_unblinded")
    return confirm_list(session, actor, ConfirmList(list_id=list_id, contribution=SECOND))


def _press(house: House, session: TrialSession, one: UUID) -> RandomizationReceipt:
    actor, proof = house.actor(session, "coordinator", "S1"), house.proof("coordinator", "S1")
    return randomize_participant(
        session, actor, proof, RandomizeParticipant(participant_id=one, idempotency_key=str(uuid4()))
    )


def _randomized_meanwhile(house: House, second: AllocationList, one: UUID, waiting_for_a_lock, *, sealed: bool = True):
    """What they get who press while the new list is being sealed, and wait for it to be, or not to be after all."""
    with ThreadPoolExecutor(1) as pool:
        with house.database.transaction() as session:
            _confirm(house, session, second.id)
            answer = pool.submit(randomize, house, one)
            assert waiting_for_a_lock(answer)
            if not sealed:
                session.rollback()
        return answer.result()


def _lists(house: House) -> list[UUID]:
    with house.database.transaction() as session:
        return list(session.exec(select(Allocation.list_id).order_by(Allocation.number)))


def test_who_waits_for_a_list_that_is_retired_meanwhile_gets_the_new_ones_slot(busy: House, waiting_for_a_lock):
    first = open_for_randomization(busy)
    second, one = _retiring(busy, first), ready_to_randomize(busy)
    assert isinstance(_randomized_meanwhile(busy, second, one, waiting_for_a_lock), RandomizationReceipt)
    assert _lists(busy) == [second.id]
    check_in_agreement(busy)


def test_who_waits_for_a_list_whose_continuation_is_used_up_gets_the_new_ones_slot(busy: House, waiting_for_a_lock):
    """There is a stratum left that counts, and it is empty: the second look is needed all the same."""
    used_up = open_for_randomization(busy, blocks=(2, 4), slots=1)
    randomize(busy, ready_to_randomize(busy))
    first = _continued(busy, used_up)
    second, one = _retiring(busy, first), ready_to_randomize(busy)
    _randomized_meanwhile(busy, second, one, waiting_for_a_lock)
    assert _lists(busy) == [used_up.id, second.id]


def _continued(house: House, before: AllocationList) -> AllocationList:
    with house.database.transaction() as session:
        command = ExtendList(list_id=before.id, slots_per_stratum=8, contribution=bytes(range(90, 122)))
        made = extend_list(session, house.actor(session, "statistician_randomization"), command)
    return confirmed_list(house, made.id)


def test_who_waits_gets_the_old_slot_when_the_new_list_is_not_sealed_after_all(busy: House, waiting_for_a_lock):
    first = open_for_randomization(busy)
    second, one = _retiring(busy, first), ready_to_randomize(busy)
    _randomized_meanwhile(busy, second, one, waiting_for_a_lock, sealed=False)
    assert _lists(busy) == [first.id]
    check_in_agreement(busy)


def test_a_retirement_waits_for_whoever_holds_the_old_slot(busy: House, waiting_for_a_lock):
    first = open_for_randomization(busy)
    second, (one, other) = _retiring(busy, first), (ready_to_randomize(busy), ready_to_randomize(busy))
    with ThreadPoolExecutor(1) as pool:
        with busy.database.transaction() as session:
            _press(busy, session, one)
            answer = pool.submit(confirmed_list, busy, second.id)
            assert waiting_for_a_lock(answer)
        assert answer.result().status is ListStatus.SEALED
    randomize(busy, other)
    assert _lists(busy) == [first.id, second.id]
    check_in_agreement(busy)


def test_everybody_who_presses_while_a_list_is_retired_gets_one_slot(busy: House):
    first = open_for_randomization(busy)
    stocked(busy)
    second, people = _retiring(busy, first), [ready_to_randomize(busy) for _ in range(PEOPLE)]
    acts: list[Callable[[], object]] = [lambda one=one: randomize(busy, one) for one in people]
    acts.insert(PEOPLE // 2, lambda: confirmed_list(busy, second.id))
    answers = at_once(acts)
    assert sum(isinstance(answer, RandomizationReceipt) for answer in answers) == PEOPLE
    taken = _lists(busy)
    old = taken.count(first.id)
    assert taken == [first.id] * old + [second.id] * (PEOPLE - old)
    check_in_agreement(busy)


def test_two_lists_that_retire_each_others_are_sealed_one_after_the_other(busy: House):
    """The later one retires what the earlier one retires, and the earlier one itself."""
    first, other = sealed_list(busy), sealed_list(busy)
    second = _retiring(busy, first, other)
    third = _retiring(busy, first, second)
    line = threading.Barrier(2)

    def seal(one: AllocationList) -> object:
        line.wait()
        return confirmed_list(busy, one.id)

    with ThreadPoolExecutor(2) as pool:
        acts = [pool.submit(seal, one) for one in (second, third)]
        ended = [type(act.exception()) for act in acts]
    assert sorted(ended, key=str) in ([ListRetired, type(None)], [type(None), ListRetired])
