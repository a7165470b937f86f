"""kill -9 of the application and of PostgreSQL while people randomize: nothing is lost, nothing is doubled.

Clients do what a browser or a program does when an answer is lost: they send the same request with the same key until they are
answered. Both servers are killed again and again after a number of answers that is drawn beforehand.
"""

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from api.middleware.csrf import token_for
from migrations.runner import admit, upgrade
from tests.attacks.test_ledger_races import check_in_agreement
from tests.support.bulk import copied
from tests.support.doors import COOKIE
from tests.support.house import PASSWORD, House
from tests.support.participants import ready_to_randomize
from tests.support.processes import ApiProcess, database_at
from tests.support.randomization import sealed_list, stocked
from trial.access.accounts import code_secret, find_account
from trial.access.codes import code_at
from trial.access.passwords import LIGHT_FOR_SIMULATION
from trial.access.sign_in import give_code, sign_in
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.connection import Connection
from trial.database.embedded.directory import open_instance
from trial.database.embedded.passwords import APP
from trial.database.embedded.postmaster import read_pid_file

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PARTICIPANTS = 200
CLIENTS = 6
API_KILLS, POSTGRES_KILLS = 5, 3
ENOUGH_SECONDS = 900.0


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """A server that keeps what it has said is committed, whatever is killed: the one of real use."""
    postgres = EmbeddedPostgres(tmp_path / "postgres")
    connection = postgres.start()
    upgrade(connection.owner_url)
    admit(connection.owner_url, APP)
    yield postgres, tmp_path / "postgres"
    postgres.destroy()


@dataclass
class Scene:
    """What the clients know, and how many of them are answered."""

    apis: list[ApiProcess]
    token: str
    answered: int = 0
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    moved: threading.Condition = field(default_factory=threading.Condition)

    def ask(self, api: ApiProcess, code: str, key: str) -> str | None:
        """The receipt, or ``None`` where no answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20)
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"{COOKIE}={self.token}",
            "X-CSRF-Token": token_for(self.token),
            "Idempotency-Key": key,
        }
        try:
            path = f"/api/v1/trials/TEST-1/participants/{code}/randomization"
            connection.request("POST", path, json.dumps({"password": PASSWORD}), headers)
            answer = connection.getresponse()
            body = answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        # A server without its database says so: 500 or 503. Anything else is an answer, and must be the right one.
        assert answer.status == 201 or answer.status >= 500, (answer.status, body)
        return body if answer.status == 201 else None

    def randomize(self, code: str) -> None:
        key, tries = str(uuid4()), 0
        deadline = time.monotonic() + ENOUGH_SECONDS
        while (body := self.ask(self.apis[(tries + self.answered) % len(self.apis)], code, key)) is None:
            tries += 1
            assert time.monotonic() < deadline, f"{code} was never answered"
            time.sleep(0.05)  # as a client does that was not answered; nothing waits for this
        with self.moved:
            self.answers[code] = (key, body)
            self.answered += 1
            self.moved.notify_all()

    def await_answers(self, count: int) -> None:
        with self.moved:
            self.moved.wait_for(lambda: self.answered >= count, ENOUGH_SECONDS)


def test_killed_api_processes_and_a_killed_postgresql_lose_and_double_nothing(durable):
    postgres, directory = durable
    connection: Connection = postgres.connection
    url = connection.url(role=APP)
    database = database_at(url, AT, pool_size=3)
    house = House.build(database, database.clock, sites=("S1",), planned=PARTICIPANTS * 3)  # a site's cap is 40 %
    sealed_list(house, slots=PARTICIPANTS + 8)
    stocked(house, "S1", dict.fromkeys(("KET", "PBO"), PARTICIPANTS // 2 + 8))
    waiting = [code for _, code in copied(house, connection.conninfo(), ready_to_randomize(house), PARTICIPANTS)]
    apis = [ApiProcess(url, AT) for _ in range(2)]
    try:
        for api in apis:
            api.start()
        scene = Scene(apis, signed_in(house))
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            killer = pool.submit(kill_at_random, scene, directory)
            list(pool.map(scene.randomize, waiting))
            killer.result()
        again = {code: scene.ask(apis[0], code, key) for code, (key, _) in list(scene.answers.items())[::8]}
    finally:
        for api in apis:
            api.close()
    assert all(again[code] == scene.answers[code][1] for code in again), "a repeated key gives the first answer"
    allocations = check_in_agreement(house)
    told = {json.loads(body)["participant"]: json.loads(body) for _, body in scene.answers.values()}
    assert len(allocations) == len(told) == PARTICIPANTS
    assert {one["randomization_number"] for one in told.values()} == {one.number for one in allocations}
    with database.transaction() as session:
        keys = session.execute(
            text(
                "SELECT count(*) AS all_of_them, count(DISTINCT result_id) AS answered FROM trial.idempotency_key"
                " WHERE action = 'participant:randomization:allocated'"
            )
        ).one()
    assert tuple(keys) == (PARTICIPANTS, PARTICIPANTS)
    database.close()


def kill_at_random(scene: Scene, directory: Path) -> None:
    """Kill one of the two kinds after each of some numbers of answers, in an order that is drawn."""
    chance = random.Random(20260302)
    moments = sorted(chance.sample(range(5, PARTICIPANTS - 20), API_KILLS + POSTGRES_KILLS))
    kinds = ["api"] * API_KILLS + ["postgres"] * POSTGRES_KILLS
    chance.shuffle(kinds)
    for moment, kind in zip(moments, kinds, strict=True):
        scene.await_answers(moment)
        if kind == "postgres":
            found = read_pid_file(open_instance(directory).postmaster_pid)
            if found is not None:
                os.kill(found.pid, signal.SIGKILL)
        else:
            victim = chance.choice(scene.apis)
            victim.kill()
            victim.start()


def signed_in(house: House) -> str:
    username = house.people[("coordinator", "S1")].username
    token, _ = sign_in(house.database, username, PASSWORD, strength=LIGHT_FOR_SIMULATION)
    with house.database.session() as session:
        account = find_account(session, username)
        assert account is not None
        code = code_at(code_secret(session, account), house.clock.now())
    return give_code(house.database, token, code)[0]
