"""Verifying the audit: every entry's hash recomputed and compared, in one pass, beside hashing the same bytes alone.

    .venv/bin/python bench/audit.py [--entries 1000000]

The entries are written in bulk, chained here as the database chains them, in the size of a usual one. What is measured is the
walk of ``verify_audit`` over all of them: fetched as a stream, hashed, and compared with their columns.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from migrations.runner import admit, upgrade
from tests.conftest import open_database
from trial.audit.chain import GENESIS, next_hash
from trial.audit.verification import verify_audit
from trial.clock import SetClock
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.passwords import APP

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RECORD = {"status": "randomized", "note": "x" * 300}


def contents(count: int) -> Iterator[tuple[UUID, str]]:
    for number in range(count):
        record = UUID(int=number + 1)
        told = {
            "actor": "person:1", "action": "bench", "at": AT.isoformat(), "reason": None, "request": None,
            "table": "trial.bench", "operation": "INSERT", "record": str(record), "trial": None, "site": None,
            "before": {}, "after": RECORD,
        }  # fmt: skip
        yield record, json.dumps(told)


def fill(conninfo: str, count: int) -> None:
    with psycopg.connect(conninfo) as owner:
        for table in ("entry", "link"):
            owner.execute(f"ALTER TABLE audit.{table} DISABLE TRIGGER USER")
        entry = "COPY audit.entry (transaction, actor, action, occurred_at, table_name, record_id, content) FROM STDIN"
        with owner.cursor() as cursor, cursor.copy(entry) as copy:
            for record, content in contents(count):
                copy.write_row(("1", "person:1", "bench", AT, "trial.bench", record, content))
        first = owner.execute("SELECT min(id) FROM audit.entry").fetchone()[0]
        previous = GENESIS
        link = "COPY audit.link (position, entry_id, hash, chained_at) FROM STDIN"
        with owner.cursor() as cursor, cursor.copy(link) as copy:
            for number, (_, content) in enumerate(contents(count)):
                previous = next_hash(previous, number + 1, content)
                copy.write_row((number + 1, first + number, previous, AT))
        for table in ("entry", "link"):
            owner.execute(f"ALTER TABLE audit.{table} ENABLE TRIGGER USER")
        owner.commit()
        owner.autocommit = True
        owner.execute("VACUUM ANALYZE audit.entry")
        owner.execute("VACUUM ANALYZE audit.link")


def hashing_alone(count: int) -> float:
    """Seconds of processor time for SHA-256 over as many bytes, with nothing around it."""
    (_, content), *_ = contents(1)
    told = content.encode() + bytes(40)
    start = time.process_time()
    for _ in range(count):
        hashlib.sha256(told).digest()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    count = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as scratch:
        postgres = EmbeddedPostgres(Path(scratch) / "postgres", durable=False)
        try:
            server = postgres.start()
            upgrade(server.owner_url)
            admit(server.owner_url, APP)
            fill(server.conninfo(), count)
            database = open_database(server.url(role=APP), SetClock(AT), seed=1)
            wall, cpu = time.perf_counter(), time.process_time()
            with database.session() as session:
                seen = verify_audit(session)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert seen.is_whole
            assert seen.head.position == count
            database.close()
        finally:
            postgres.destroy()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"Load average {os.getloadavg()[0]:.1f}")
    print(
        f"{count:,} entries verified in {wall:.1f} s ({cpu:.1f} s of processor time here), peak memory {peak:.0f} MiB"
    )
    print(f"SHA-256 over as many bytes, alone: {hashing_alone(count):.1f} s of processor time")


if __name__ == "__main__":
    main()
