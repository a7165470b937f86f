"""Verifying the audit: every entry's hash recomputed, every table compared with its entries, in one pass.

    .venv/bin/python bench/audit.py [--entries 1000000]

The entries are a trial's own: participants ready to be randomized, copied with every record that belongs to them, under the
triggers of the database, so that each entry has a live row and the size of a real one. Beside it, in the same run: the same bytes
fetched by psycopg and hashed with nothing compared, and SHA-256 over as many bytes with nothing fetched.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from migrations.runner import admit, upgrade
from tests.support.bulk import copied
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.processes import database_at
from trial.audit.verification import verify_audit, walk_chain
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.session import Database

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AT_ONCE = 2000
"""Participants copied in one transaction."""
_ENTRIES = "SELECT count(*), sum(octet_length(content)) FROM audit.entry"
_BYTES = (
    "SELECT link.position, link.hash, convert_to(entry.content, 'UTF8') FROM audit.link"
    " JOIN audit.entry ON entry.id = link.entry_id ORDER BY link.position"
)


def grown(server: Connection, entries: int) -> Database:
    """A trial with at least so many audited entries."""
    database = database_at(server.url(role=APP), AT, pool_size=3)
    house = House.build(database, database.clock, sites=("S1",), planned=100_000)
    ready = ready_to_randomize(house)
    begun, _ = told(server)
    copied(house, server.conninfo(), ready, 10)
    each = (told(server)[0] - begun) // 10
    missing = -(-(entries - told(server)[0]) // each)
    while missing > 0:
        copied(house, server.conninfo(), ready, min(missing, AT_ONCE))
        missing -= AT_ONCE
    with psycopg.connect(server.conninfo(), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    return database


def told(server: Connection) -> tuple[int, int]:
    """How many entries there are, and how many bytes they hold."""
    with psycopg.connect(server.conninfo()) as owner:
        number, size = owner.execute(_ENTRIES).fetchone()
        return number, int(size)


def fetched_and_hashed(server: Connection) -> None:
    """What anybody must do who does not trust the stored hashes, and no more: without the comparison of columns and rows."""
    previous = bytes(32)
    with psycopg.connect(server.conninfo()) as owner, owner.cursor() as cursor:
        for position, stored, content in cursor.stream(_BYTES, binary=True, size=100):
            previous = hashlib.sha256(previous + position.to_bytes(8, "big") + content).digest()
            assert previous == stored


def hashed_alone(count: int, size: int) -> None:
    told = bytes(size // count + 40)
    for _ in range(count):
        hashlib.sha256(told).digest()


def seconds(act: Callable[[], None]) -> tuple[float, float]:
    """By the clock, and of this process's processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        postgres = EmbeddedPostgres(Path(scratch) / "postgres", durable=False)
        try:
            server = postgres.start()
            upgrade(server.owner_url)
            admit(server.owner_url, APP)
            measure(server, grown(server, given.entries))
        finally:
            postgres.destroy()


def measure(server: Connection, database: Database) -> None:
    number, size = told(server)

    def verified() -> None:
        with database.reading() as session:
            seen = verify_audit(session)
        assert seen.is_whole
        assert seen.head.position == number

    def walked() -> None:
        with database.reading() as session:
            assert walk_chain(session).head.position == number

    print(f"{number:,} entries of {size / number:.0f} bytes. Load average {os.getloadavg()[0]:.1f}")
    for what, act in (
        ("verified", verified),
        ("of it the chain", walked),
        ("fetched and hashed, psycopg alone", lambda: fetched_and_hashed(server)),
        ("SHA-256 over as many bytes, alone", lambda: hashed_alone(number, size)),
    ):
        wall, cpu = seconds(act)
        print(f"{what}: {wall:.1f} s by the clock, {cpu:.1f} s of processor time here")
    print(f"Peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    database.close()


if __name__ == "__main__":
    main()
