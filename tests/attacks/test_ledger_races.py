"""Attacks on the ledger by haste and by force: threads at once, the same button twice, backends killed half-way."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from randomization.kits.dispensing import SetAsideKit, set_aside_kit
from randomization.kits.kits import Kit, KitStatus
from randomization.ledger.allocation_lists import StratumCounter
from randomization.ledger.allocations import Allocation, RandomizationReceipt
from randomization.ledger.planned_numbers import (
    ChangePlannedNumber,
    PlannedBelowRandomized,
    change_planned_number,
)
from randomization.ledger.tallies import SiteCapReached, TrialFull
from tests.support.house import House
from tests.support.participants import pretend_randomized, ready_to_randomize, registered
from tests.support.randomization import arms_of_kits, open_for_randomization, randomize, stocked, true_arms
from tests.support.replacing import leave, stand_in
from tests.support.variants import variant
from trial.audit.verification import verify_audit
from trial.conduct.participants import AlreadyRandomized, Participant
from trial.conduct.replacements import ParticipantReplacement, ReplacedAlready, ReplacementsUsedUp, stand_ins
from trial.conduct.trials import get_trial
from trial.database.session import Database, open_engine
from trial.errors import DomainError
from trial.ids import SystemEntropy

SITES = ("S1", "S2", "S3")
THREADS = 20
KILLS = 25


@pytest.fixture
def many(app_url, database, clock):
    """A database whose entropy and connections may be used by many threads."""
    many = Database(open_engine(app_url, pool_size=THREADS), database.keyring, clock=clock, entropy=SystemEntropy())
    try:
        yield many
    finally:
        many.close()


@pytest.fixture
def busy(many, clock):
    return House.build(many, clock, planned=400)


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    """Run all acts from one starting line; each gives its answer or its refusal."""
    line = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        line.wait()
        try:
            return act()
        except DomainError as refused:
            return refused

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def check_in_agreement(house: House) -> list[Allocation]:
    """Slots, counters, kits, participants, tallies and audit tell one story."""
    with house.database.transaction() as session:
        allocations = session.exec(select(Allocation).order_by(Allocation.number)).all()
        numbers = [one.number for one in allocations]
        assert numbers == [f"R{number:04d}" for number in range(1, len(numbers) + 1)]
        for counter in session.exec(select(StratumCounter)):
            used = sorted(one.position for one in allocations if one.counter_id == counter.id)
            assert used == list(range(1, counter.next_position))
        assigned = session.exec(select(Kit.id).where(Kit.status == KitStatus.ASSIGNED)).all()
        assert sorted(assigned) == sorted(one.kit_id for one in allocations)
        done = session.exec(select(Participant).where(Participant.randomized_at.is_not(None))).all()
        assert {one.id: one.randomization_number for one in done} == {
            one.participant_id: one.number for one in allocations
        }
        tally = session.execute(text("SELECT randomized FROM trial.recruitment_tally WHERE place = 'trial'")).scalar()
        assert (tally or 0) == len(allocations)
        assert verify_audit(session).is_whole
    arms, kits = true_arms(house), arms_of_kits(house)
    with house.database.transaction() as session:
        for code, number in session.exec(
            select(Participant.code, Kit.number).select_from(Allocation).join(Participant).join(Kit)
        ):
            assert kits[number] == arms[code]
    return list(allocations)


def test_twenty_threads_in_one_stratum_take_twenty_slots_in_their_order(busy: House):
    open_for_randomization(busy, slots=24)
    stocked(busy)
    waiting = [ready_to_randomize(busy) for _ in range(THREADS)]
    receipts = at_once([lambda one=one: randomize(busy, one) for one in waiting])
    assert all(isinstance(receipt, RandomizationReceipt) for receipt in receipts)
    allocations = check_in_agreement(busy)
    assert [one.position for one in allocations] == list(range(1, THREADS + 1))
    assert len({receipt.kit_number for receipt in receipts}) == THREADS


def test_caps_of_sites_and_of_the_trial_hold_when_everybody_presses_at_once(many, clock):
    full = House.build(many, clock, sites=SITES, planned=10)  # of whom a site may have four
    open_for_randomization(full)
    waiting = [ready_to_randomize(full, site) for site in SITES for _ in range(6)]
    answers = at_once([lambda one=one: randomize(full, one) for one in waiting])
    refused = {type(answer) for answer in answers if isinstance(answer, DomainError)}
    assert refused <= {SiteCapReached, TrialFull}
    allocations = check_in_agreement(full)
    assert len(allocations) == sum(isinstance(answer, RandomizationReceipt) for answer in answers) == 10
    assert max(Counter(one.site_id for one in allocations).values()) <= 4


@pytest.fixture
def ruled(many, clock) -> House:
    return House.build(
        many, clock, loaded=variant(replaces="{when: before_first_dose, at_most: 3}"), sites=SITES, planned=10
    )


def test_no_more_are_replaced_than_the_protocol_allows_and_nobody_twice(ruled: House):
    left = [leave(ruled, pretend_randomized(ruled)) for _ in range(5)]
    newcomers = [registered(ruled) for _ in range(15)]
    acts = [lambda one=one, place=place: stand_in(ruled, one, left[place % 5]) for place, one in enumerate(newcomers)]
    answers = at_once(acts)
    assert sum(isinstance(answer, ParticipantReplacement) for answer in answers) == 3
    refused = {type(answer) for answer in answers if isinstance(answer, DomainError)}
    assert refused <= {ReplacedAlready, ReplacementsUsedUp}
    with ruled.database.reading() as session:
        found = stand_ins(session, ruled.trial.id)
    assert len(found) == len({one.replaced_id for one in found}) == 3


def test_a_full_trial_takes_its_stand_ins_and_nobody_else_when_everybody_presses(ruled: House):
    open_for_randomization(ruled)
    sites = ("S1", "S1", "S2", "S2", "S3", "S3", "S1", "S2", "S3")
    several = [ready_to_randomize(ruled, site) for site in sites]
    for one in several:
        randomize(ruled, one)
    instead = [ready_to_randomize(ruled, site) for site in ("S1", "S2")]
    for one, gone in zip(instead, several, strict=False):
        stand_in(ruled, one, leave(ruled, gone))
    ordinary = [ready_to_randomize(ruled, "S3") for _ in range(6)]
    answers = at_once([lambda one=one: randomize(ruled, one) for one in (*ordinary, *instead)])
    assert all(isinstance(answer, RandomizationReceipt) for answer in answers[-2:])
    assert sum(isinstance(answer, RandomizationReceipt) for answer in answers[:-2]) == 1
    assert {type(answer) for answer in answers if isinstance(answer, DomainError)} == {TrialFull}
    assert len(check_in_agreement(ruled)) == 12


def test_a_number_that_is_lowered_while_everybody_presses_is_never_passed(ruled: House):
    open_for_randomization(ruled)
    waiting = [ready_to_randomize(ruled, site) for site in SITES for _ in range(3)]

    def lower() -> object:
        command = ChangePlannedNumber(
            trial_id=ruled.trial.id, planned_participants=6, reason="too slow", idempotency_key=str(uuid4())
        )
        with ruled.database.transaction() as session:
            return change_planned_number(session, ruled.actor(session, "sponsor"), ruled.proof("sponsor"), command)

    *_, lowered = at_once([*(lambda one=one: randomize(ruled, one) for one in waiting), lower])
    with ruled.database.reading() as session:
        planned = get_trial(session, ruled.trial.id).planned_participants
    assert len(check_in_agreement(ruled)) <= planned
    assert (planned == 10) == isinstance(lowered, PlannedBelowRandomized)


def test_one_participant_pressed_by_twenty_threads_is_randomized_once(busy: House):
    open_for_randomization(busy)
    participant_id = ready_to_randomize(busy)
    answers = at_once([lambda: randomize(busy, participant_id) for _ in range(THREADS)])
    assert Counter(type(answer) for answer in answers) == {RandomizationReceipt: 1, AlreadyRandomized: THREADS - 1}
    assert len(check_in_agreement(busy)) == 1


def test_one_key_pressed_by_ten_threads_gives_one_receipt(busy: House):
    open_for_randomization(busy)
    participant_id, key = ready_to_randomize(busy), str(uuid4())
    answers = at_once([lambda: randomize(busy, participant_id, key=key) for _ in range(10)])
    assert len(set(answers)) == 1
    assert len(check_in_agreement(busy)) == 1


def test_the_last_kit_of_an_arm_is_not_promised_twice(busy: House):
    open_for_randomization(busy, slots=24)
    waiting = [ready_to_randomize(busy, "S2") for _ in range(12)]
    _leave_on_shelf(busy, "S2", 3)
    answers = at_once([lambda one=one: randomize(busy, one) for one in waiting])
    given = [answer for answer in answers if isinstance(answer, RandomizationReceipt)]
    assert 3 <= len(given) <= 5
    assert {answer.code for answer in answers if isinstance(answer, DomainError)} == {"kit.none_usable"}
    assert len(check_in_agreement(busy)) == len(given)


def _leave_on_shelf(house: House, site: str, of_each_arm: int) -> None:
    """Set kits aside until so many of each arm are left."""
    arms = arms_of_kits(house)
    seen: Counter[str] = Counter()
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", site)
        for kit in session.exec(select(Kit).where(Kit.site_id == house.site_id(site))).all():
            seen[arms[kit.number]] += 1
            if seen[arms[kit.number]] > of_each_arm:
                command = SetAsideKit(trial_id=house.trial.id, number=kit.number, reason="too warm")
                set_aside_kit(session, coordinator, command)


def test_backends_killed_half_way_lose_and_double_nothing(busy: House, app_url: str):
    open_for_randomization(busy, slots=60)
    for site in busy.sites:
        stocked(busy, site, {"KET": 40, "PBO": 40})
    waiting = [ready_to_randomize(busy, site) for _ in range(30) for site in ("S1", "S2")]
    done = threading.Event()
    with ThreadPoolExecutor(7) as pool:
        killer = pool.submit(_kill_backends, app_url, done)
        receipts = dict(pool.map(lambda one: (one, _until_answered(busy, one)), waiting))
        done.set()
        assert killer.result() > 0
    allocations = check_in_agreement(busy)
    assert {one.participant_id: one.number for one in allocations} == {
        participant_id: receipt.randomization_number for participant_id, receipt in receipts.items()
    }


def _until_answered(house: House, participant_id: UUID) -> RandomizationReceipt:
    """What a browser does after a lost answer: the same request with the same key."""
    key = str(uuid4())
    while True:
        try:
            return randomize(house, participant_id, key=key)
        except DBAPIError:
            continue


def _kill_backends(app_url: str, done: threading.Event) -> int:
    """Terminate one of the application's backends, at so many random moments."""
    chance, killed = random.Random(5), 0
    with psycopg.connect(app_url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
        while killed < KILLS and not done.wait(chance.uniform(0.005, 0.06)):
            backends = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state <> 'idle'"
            ).fetchall()
            if backends:
                connection.execute("SELECT pg_terminate_backend(%s)", chance.choice(backends))
                killed += 1
    return killed
