"""Randomizing one participant over HTTP, beside a bare psycopg script that takes the same locks and writes the same rows.

    .venv/bin/python bench/randomize.py [--participants 160]

Both sides run against the same durable embedded PostgreSQL, at one and at eight clients. Our side does everything that real
use does: session, role gate, re-authentication, preconditions, strongroom, kit, signature, audit, chain, commit. Passwords
of the bench's accounts are hashed with light parameters; what hashing with the real ones costs is measured apart.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from uuid import uuid4

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from api.logs import configure_logging
from api.middleware.csrf import token_for
from migrations.runner import admit, upgrade
from tests.conftest import open_database
from tests.support.doors import COOKIE, open_doors
from tests.support.house import PASSWORD, House
from tests.support.participants import participant, ready_to_randomize
from tests.support.randomization import sealed_list, stocked
from trial.access.passwords import STRONG, hash_password, password_matches
from trial.clock import SetClock
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP

CLIENTS = (1, 8)
SITES = ("S1", "S2")


def serve(server: Connection, participants: int, pipe: Pipe) -> None:
    """In a process of its own: a trial with ``participants`` ready to be randomized, served until the pipe closes."""
    configure_logging("WARNING")
    clock = SetClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    database = open_database(server.url(role=APP), clock, seed=1)
    house = House.build(database, clock, sites=SITES, planned=participants * 3)
    sealed_list(house, slots=participants)
    for site in SITES:
        stocked(house, site, {"KET": participants, "PBO": participants})
    codes = [
        (site, participant(house, ready_to_randomize(house, site)).code)
        for _ in range(participants // 2)
        for site in SITES
    ]
    with open_doors(house) as doors:
        tokens = {site: doors.session_token(f"coordinator-{site.lower()}") for site in SITES}
        csrf = {site: token_for(token) for site, token in tokens.items()}
        pipe.send((doors.address, codes, tokens, csrf))
        pipe.recv()


def over_http(address: str, tokens: dict[str, str], csrf: dict[str, str]) -> Callable[[tuple[str, str]], None]:
    """A function that randomizes one participant; one kept connection a thread."""
    host = address.removeprefix("http://")
    local = threading.local()

    def randomize(who: tuple[str, str]) -> None:
        site, code = who
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(host)
        body = json.dumps({"password": PASSWORD})
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"{COOKIE}={tokens[site]}",
            "X-CSRF-Token": csrf[site],
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
CREATE TABLE bare.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content text);
CREATE TABLE bare.link (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, entry bigint, hash bytea);
INSERT INTO bare.tally VALUES (1, 0);
INSERT INTO bare.counter VALUES (1, 0);
INSERT INTO bare.participant SELECT n, 'eligible', NULL FROM generate_series(0, %(n)s) AS n;
INSERT INTO bare.slot SELECT n, decode(repeat('ab', 160), 'hex') FROM generate_series(1, %(n)s + 1) AS n;
INSERT INTO bare.kit SELECT n, 'available', decode(repeat('cd', 160), 'hex') FROM generate_series(0, %(n)s) AS n;
"""
AUDITED_ROWS = 6


def bare(conninfo: str) -> Callable[[tuple[str, str]], None]:
    """The same locks and inserts by hand: no session, no rights, no preconditions, no triggers, nothing sealed."""
    local = threading.local()
    numbers = iter(range(1_000_000))
    lock = threading.Lock()

    def randomize(_: tuple[str, str]) -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(conninfo)
        with lock:
            n = next(numbers)
        with local.connection.transaction():
            run = local.connection.execute
            run("INSERT INTO bare.key VALUES ('a', %s, NULL) ON CONFLICT DO NOTHING", (str(n),))
            run("SELECT * FROM bare.participant WHERE id = %s FOR UPDATE", (n,))
            run("UPDATE bare.tally SET taken = taken + 1 WHERE id = 1")
            position = run(
                "UPDATE bare.counter SET position = position + 1 WHERE id = 1 RETURNING position"
            ).fetchone()[0]
            run("SELECT sealed FROM bare.slot WHERE position = %s", (position,))
            run("SELECT id, sealed FROM bare.kit WHERE status = 'available' ORDER BY id FOR UPDATE").fetchall()
            run("UPDATE bare.kit SET status = 'assigned' WHERE id = %s", (n,))
            run("INSERT INTO bare.allocation VALUES (%s, %s, %s, %s)", (n, n, n, position))
            run("UPDATE bare.participant SET status = 'randomized', number = %s WHERE id = %s", (f"R{n}", n))
            run("INSERT INTO bare.signature VALUES (%s, %s, %s)", (n, n, "0" * 64))
            for _row in range(AUDITED_ROWS):
                entry = run("INSERT INTO bare.entry (content) VALUES (%s) RETURNING id", ("x" * 500,)).fetchone()[0]
                run("INSERT INTO bare.link (entry, hash) VALUES (%s, %s)", (entry, b"h" * 32))
            run("UPDATE bare.key SET result = %s WHERE actor = 'a' AND key = %s", (n, str(n)))

    return randomize


def measure(act: Callable[[tuple[str, str]], None], whom: list[tuple[str, str]], clients: int) -> dict[str, float]:
    """Median milliseconds of one, and how many a second, with ``clients`` at once."""
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
    return {"p50_ms": statistics.median(taken) * 1000, "per_second": len(whom) / elapsed}


def hashing_ms() -> float:
    stored = hash_password(PASSWORD, STRONG)
    start = time.perf_counter()
    for _ in range(10):
        password_matches(PASSWORD, stored, STRONG)
    return (time.perf_counter() - start) * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=160)
    count = parser.parse_args().participants
    with tempfile.TemporaryDirectory() as scratch:
        postgres = EmbeddedPostgres(Path(scratch) / "postgres")
        try:
            run(postgres.start(), count)
        finally:
            postgres.destroy()


def run(server: Connection, count: int) -> None:
    upgrade(server.owner_url)
    admit(server.owner_url, APP)
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(SCHEMA % {"n": count * 2})
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(server, count, theirs), daemon=True)
    process.start()
    address, codes, tokens, csrf = ours.recv()
    act, plain = over_http(address, tokens, csrf), bare(server.conninfo())
    act(codes.pop())
    plain(("", ""))
    print(f"{'clients':>8} {'ours p50':>10} {'bare p50':>10} {'ratio':>6} {'ours/s':>8} {'bare/s':>8}")
    half = len(codes) // len(CLIENTS)
    for number, clients in enumerate(CLIENTS):
        whom = codes[number * half : (number + 1) * half]
        us, them = measure(act, whom, clients), measure(plain, whom, clients)
        ratio = us["p50_ms"] / them["p50_ms"]
        print(
            f"{clients:>8} {us['p50_ms']:>7.1f} ms {them['p50_ms']:>7.1f} ms {ratio:>6.1f}"
            f" {us['per_second']:>8.1f} {them['per_second']:>8.1f}"
        )
    print(f"One verification of a password with the real parameters, not in the figures above: {hashing_ms():.0f} ms")
    ours.send("done")
    process.join(timeout=20)


if __name__ == "__main__":
    main()
