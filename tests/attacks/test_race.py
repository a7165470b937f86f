"""The race: 4, 16 and 64 threads, and as many processes, randomize at once, distinct participants and the same ones.

The best-known open system, at 4 threads and 40 participants, gave 14 slots twice and told 26 people that they had randomized
somebody who stood in no list. Here slots, kits, participants, tallies and audit agree at the end.
"""

import os
import random
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from uuid import UUID

import pytest

from tests.attacks.test_ledger_races import check_in_agreement
from tests.support.bulk import copied
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.processes import FORKED, database_at
from tests.support.racing import AT, opened, press
from tests.support.randomization import sealed_list, stocked
from trial.access.actors import Actor
from trial.conduct.participants import AlreadyRandomized

SCALE = int(os.environ.get("EQUIPOISE_RACE_SCALE", "1"))
"""Ten makes it thousands of allocations, and some minutes."""
WORKERS = {4: 60 * SCALE, 16: 64 * SCALE, 64: 64 * SCALE}
"""How many at once, and how many distinct participants they share."""
PRESSED = 2
"""How many participants all workers of a round press at the same time."""
ALL = 2 * (sum(WORKERS.values()) + len(WORKERS) * PRESSED)


@pytest.fixture
def crowd(server, database_name, app_url):
    """A house with a long list, full shelves, and everybody of the whole race ready."""
    threads = database_at(app_url, AT, pool_size=64)
    opened[app_url] = threads
    house = House.build(threads, threads.clock, sites=("S1",), planned=ALL * 3)  # a site's cap is 40 %
    sealed_list(house, slots=ALL + 8)
    stocked(house, "S1", dict.fromkeys(("KET", "PBO"), ALL // 2 + 8))  # each opening of a shelf opens all of it
    ready = copied(house, server.conninfo(database_name), ready_to_randomize(house), ALL)
    yield house, [one for one, _ in ready]
    del opened[app_url]
    threads.close()


def test_threads_and_processes_take_every_slot_once_and_nobody_is_told_what_is_not_so(crowd, app_url):
    house, waiting = crowd
    with house.database.transaction() as session:
        actor = house.actor(session, "coordinator", "S1")
    told: dict[UUID, str] = {}
    for workers, count in WORKERS.items():
        with ThreadPoolExecutor(workers) as threads:
            _one_round(threads, app_url, actor, waiting, workers, count, told)
        with ProcessPoolExecutor(workers, mp_context=FORKED) as processes:
            _one_round(processes, app_url, actor, waiting, workers, count, told)
    assert not waiting
    allocations = check_in_agreement(house)
    assert {one.participant_id: one.number for one in allocations} == told
    assert len(told) == ALL


def _one_round(
    pool: Executor,
    url: str,
    actor: Actor,
    waiting: list[UUID],
    workers: int,
    count: int,
    told: dict[UUID, str],
) -> None:
    distinct = [waiting.pop() for _ in range(count)]
    parts = [distinct[start::workers] for start in range(workers)]
    answers = _answers(pool.submit(press, url, actor, part) for part in parts)
    told.update(answers)
    assert len(answers) == len(set(answers)) == count
    assert not any("." in number for _, number in answers), "a refusal"
    same = [waiting.pop() for _ in range(PRESSED)]
    pressed = _answers(
        pool.submit(press, url, actor, random.Random(number).sample(same, PRESSED)) for number in range(workers)
    )
    refused = Counter(answer for _, answer in pressed if "." in answer)
    assert refused == {AlreadyRandomized.code: PRESSED * (workers - 1)}
    told.update((one, number) for one, number in pressed if "." not in number)


def _answers(futures: Iterable[object]) -> list[tuple[UUID, str]]:
    return [answer for future in list(futures) for answer in future.result()]
