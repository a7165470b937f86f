"""Randomizing one participant over HTTP, beside a bare psycopg script that takes the same locks and writes the same rows.

    .venv/bin/python bench/randomize.py [--participants 80] [--clients 1 8 32] [--processes 1 2 4] [--grown 1000 100000]
        [--trials 1] [--warm 60]

Both sides run against the same durable embedded PostgreSQL. Our side does everything that real use does: session, role gate,
re-authentication, preconditions, strongroom, kit, signature, audit, chain, commit. Passwords of the bench's accounts are hashed
with light parameters; what hashing with the real ones costs is measured apart. ``--processes`` are API processes, ``--grown`` the
participants in the trial when a round begins (copied in bulk), ``--trials`` the trials in the database. Each round has servers of
its own, which first randomize ``--warm`` participants: what a server learns once (statements, plans) is no part of it.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from api.middleware.csrf import token_for
from migrations.runner import admit, upgrade
from tests.attacks.test_kills import signed_in
from tests.support.bulk import copied
from tests.support.doors import COOKIE
from tests.support.house import INSTALLER, PASSWORD, House
from tests.support.participants import ready_to_randomize
from tests.support.processes import ApiProcess, database_at
from tests.support.randomization import sealed_list, stocked
from trial.access.passwords import STRONG, hash_password, password_matches
from trial.conduct.sites import AddSite, add_site
from trial.conduct.trials import CreateTrial, TrialKind, create_trial
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.protocol.loader import load_shipped
from trial.protocol.versions import add_version

SPARE = 12
"""Kits of each arm beyond what a round needs: a shelf as sites have it, filled again before each round."""
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def furnished(server: Connection, rounds: int, each: int) -> tuple[House, UUID]:
    """A trial with a sealed list for all rounds, and somebody ready whom the others are copied from."""
    database = database_at(server.url(role=APP), AT, pool_size=3)
    house = House.build(database, database.clock, sites=("S1",), planned=100_000)
    sealed_list(house, slots=rounds * each + 8)
    stocked(house, "S1", dict.fromkeys(("KET", "PBO"), SPARE))
    return house, ready_to_randomize(house)


def more_trials(house: House, count: int) -> None:
    """Other trials beside the measured one, each with a version and a site."""
    loaded = load_shipped("keta-pain")
    for number in range(count):
        with house.database.transaction() as session:
            made = create_trial(
                session,
                INSTALLER,
                CreateTrial(
                    code=f"OTHER-{number}", title="Another trial", kind=TrialKind.SIMULATED, planned_participants=100
                ),
            )
            add_version(session, INSTALLER, made.id, loaded)
            command = AddSite(trial_id=made.id, code="S1", name="Site S1", country="CHE", zone="Europe/Zurich")
            add_site(session, INSTALLER, command)


def over_http(ports: list[int], token: str) -> Callable[[str], None]:
    """A function that randomizes one participant; one kept connection a thread, the processes in turn."""
    local = threading.local()
    turn = itertools.cycle(ports)

    def randomize(code: str) -> None:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection("127.0.0.1", next(turn))
        body = json.dumps({"password": PASSWORD})
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"{COOKIE}={token}",
            "X-CSRF-Token": token_for(token),
            "Idempotency-Key": str(uuid4()),
        }
        local.connection.request("POST", f"/api/v1/trials/TEST-1/participants/{code}/randomization", body, headers)
        answer = local.connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"{answer.status}: {text.decode()[:300]}")

    return randomize


SCHEMA = """
CREATE SCHEMA bare;
CREATE TABLE bare.participant (id int PRIMARY KEY, status text, number text);
CREATE TABLE bare.tally (id int PRIMARY KEY, taken int);
CREATE TABLE bare.counter (id int PRIMARY KEY, position int);
CREATE TABLE bare.slot (position int PRIMARY KEY, sealed bytea);
CREATE TABLE bare.kit (id int PRIMARY KEY, status text, sealed bytea);
CREATE TABLE bare.key (actor text, key text, result int, UNIQUE (actor, key));
CREATE TABLE bare.allocation (id int PRIMARY KEY, participant int UNIQUE, kit int UNIQUE, position int);
CREATE TABLE bare.signature (id int PRIMARY KEY, record int, hash text);
CREATE TABLE bare.factor (participant int, name text, used bool, PRIMARY KEY (participant, name));
CREATE TABLE bare.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content text);
CREATE TABLE bare.link (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry bigint, hash bytea);
INSERT INTO bare.tally VALUES (1, 0), (2, 0);
INSERT INTO bare.counter VALUES (1, 0);
INSERT INTO bare.participant SELECT n, 'eligible', NULL FROM generate_series(0, %(n)s) AS n;
INSERT INTO bare.factor SELECT n, f, false FROM generate_series(0, %(n)s) AS n, unnest(ARRAY['a', 'b']) AS f;
INSERT INTO bare.link (entry, hash) VALUES (0, decode(repeat('00', 32), 'hex'));
INSERT INTO bare.slot SELECT n, decode(repeat('ab', 160), 'hex') FROM generate_series(1, %(n)s + 1) AS n;
INSERT INTO bare.kit SELECT n, 'available', decode(repeat('cd', 160), 'hex') FROM generate_series(0, %(n)s) AS n;
"""
AUDITED_ROWS = 7
"""Counter, kit, allocation, participant, two factor values, signature."""
_ENTRY = "INSERT INTO bare.entry (content) VALUES (%s) RETURNING id"


def bare(conninfo: str) -> Callable[[str], None]:
    """The same locks and inserts by hand: no session, no rights, no preconditions, no triggers, nothing sealed."""
    local = threading.local()
    numbers = iter(range(1_000_000))
    lock = threading.Lock()

    def randomize(_: str) -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(conninfo)
        with lock:
            n = next(numbers)
        with local.connection.transaction():
            run = local.connection.execute
            run("INSERT INTO bare.key VALUES ('a', %s, NULL) ON CONFLICT DO NOTHING", (str(n),))
            run("SELECT * FROM bare.participant WHERE id = %s FOR UPDATE", (n,))
            run("UPDATE bare.tally SET taken = taken + 1 WHERE id IN (1, 2)")
            position = run(
                "UPDATE bare.counter SET position = position + 1 WHERE id = 1 RETURNING position"
            ).fetchone()[0]
            run("SELECT sealed FROM bare.slot WHERE position = %s", (position,))
            shelf = "SELECT id, sealed FROM bare.kit WHERE status = 'available' AND id BETWEEN %s AND %s ORDER BY id"
            run(shelf, (n, n + 2 * SPARE)).fetchall()
            run("UPDATE bare.kit SET status = 'assigned' WHERE id = %s", (n,))
            run("INSERT INTO bare.allocation VALUES (%s, %s, %s, %s)", (n, n, n, position))
            run("UPDATE bare.participant SET status = 'randomized', number = %s WHERE id = %s", (f"R{n}", n))
            run("UPDATE bare.factor SET used = true WHERE participant = %s", (n,))
            run("INSERT INTO bare.signature VALUES (%s, %s, %s)", (n, n, "0" * 64))
            run("UPDATE bare.key SET result = %s WHERE actor = 'a' AND key = %s", (n, str(n)))
            entries = [run(_ENTRY, ("x" * 500,)).fetchone()[0] for _row in range(AUDITED_ROWS)]
            run("SELECT pg_advisory_xact_lock(1, 1)")
            run("SELECT hash FROM bare.link ORDER BY position DESC LIMIT 1").fetchone()
            for entry in entries:
                run("INSERT INTO bare.link (entry, hash) VALUES (%s, %s)", (entry, b"h" * 32))

    return randomize


def measure(act: Callable[[str], None], whom: list[str], clients: int) -> dict[str, float]:
    """Median and 99th percentile in milliseconds, and how many a second, with ``clients`` at once."""
    taken: list[float] = []
    waiting = iter(whom)
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                who = next(waiting, None)
            if who is None:
                return
            start = time.perf_counter()
            act(who)
            taken.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    if len(taken) != len(whom):
        raise RuntimeError("some clients failed; see above")
    worst = sorted(taken)[max(0, int(len(taken) * 0.99) - 1)]
    return {"p50_ms": statistics.median(taken) * 1000, "p99_ms": worst * 1000, "per_second": len(whom) / elapsed}


def processor_seconds(apis: list[ApiProcess]) -> float:
    """What the API processes have used of the processor since they began."""
    used = 0.0
    for api in apis:
        assert api.process is not None
        fields = Path(f"/proc/{api.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        used += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return used


def settled(server: Connection) -> None:
    """What PostgreSQL does on its own after so many rows at once is done before anything is measured."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def hashing_ms() -> float:
    stored = hash_password(PASSWORD, STRONG)
    start = time.perf_counter()
    for _ in range(10):
        password_matches(PASSWORD, stored, STRONG)
    return (time.perf_counter() - start) * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=80, help="randomized in each round")
    parser.add_argument("--warm", type=int, default=60, help="randomized before that, and not measured")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--grown", type=int, nargs="+", default=[0])
    parser.add_argument("--trials", type=int, default=1)
    given = parser.parse_args()
    print(f"Load average {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as scratch:
        postgres = EmbeddedPostgres(Path(scratch) / "postgres", max_connections=200)
        try:
            run(postgres.start(), given)
        finally:
            postgres.destroy()
    print(f"One verification of a password with the real parameters, not in the figures above: {hashing_ms():.0f} ms")


def run(server: Connection, given: argparse.Namespace) -> None:
    upgrade(server.owner_url)
    admit(server.owner_url, APP)
    rounds = [
        (grown, processes, clients)
        for grown in given.grown
        for processes in given.processes
        for clients in given.clients
    ]
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(SCHEMA % {"n": len(rounds) * (given.warm + given.participants) * 2})
    house, ready = furnished(server, len(rounds), given.warm + given.participants)
    more_trials(house, given.trials - 1)
    plain, token, in_trial = bare(server.conninfo()), signed_in(house), 1
    titles = ("in trial", "API", "clients", "p50", "p99", "a second", "bare p50", "bare/s", "share", "cores", "a core")
    widths = (9, 4, 8, 9, 9, 9, 9, 8, 6, 6, 6)
    print(" ".join(f"{title:>{width}}" for title, width in zip(titles, widths, strict=True)))
    for grown, processes, clients in rounds:
        more = max(grown - in_trial, given.warm + given.participants)
        whom = [code for _, code in copied(house, server.conninfo(), ready, more, audited=False)]
        in_trial += more
        settled(server)
        apis = [ApiProcess(server.url(role=APP), AT) for _ in range(processes)]
        try:
            for api in apis:
                api.start()
            act = over_http([api.port for api in apis], token)
            first, timed = whom[: given.warm], whom[given.warm : given.warm + given.participants]
            for group in (first, timed):
                stocked(house, "S1", dict.fromkeys(("KET", "PBO"), len(group) // 2))
                before, began = processor_seconds(apis), time.perf_counter()
                us = measure(act, group, clients)
                cores = (processor_seconds(apis) - before) / (time.perf_counter() - began)
            for group in (first, timed):
                them = measure(plain, group, clients)
        finally:
            for api in apis:
                api.close()
        print(
            f"{in_trial:>9,} {processes:>4} {clients:>8} {us['p50_ms']:>6.1f} ms {us['p99_ms']:>6.0f} ms"
            f" {us['per_second']:>9.1f} {them['p50_ms']:>6.1f} ms {them['per_second']:>8.1f}"
            f" {us['per_second'] / them['per_second']:>6.2f} {cores:>6.2f}"
            f" {us['per_second'] / them['per_second'] / cores:>6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
