"""Making lists: generation beside numpy drawing and sorting keys, and a sealed list beside a bare COPY.

    .venv/bin/python bench/lists.py [--slots 10000] [--repeats 7]

Generation: a stratified list of 1,000,000 slots, from the seed to arms, against numpy's own generator drawing and sorting
1,000,000 64-bit keys, in the same process. Sealing: two people's steps with the database, from the command to the commit
(seed, list, one AES-256-GCM a slot, Merkle root, audit, anchor chain), against psycopg alone that copies as many rows of the
same size, each encrypted by AES-GCM under one key, into a table without index or trigger on the same PostgreSQL.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, str(Path(__file__).parents[1]))

from migrations.runner import admit, upgrade
from randomization.lists import Factor, ListDesign, generate_list
from randomization.schemes import BlockUrn, Complete, ListSchemes, PermutedBlocks, Urn
from randomization.verification import standalone
from tests.conftest import open_database
from tests.support.house import House
from tests.support.randomization import confirmed_list, designed_list
from trial.clock import SetClock
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.embedded.server import EmbeddedPostgres
from trial.ids import SystemEntropy

MANY = 1_000_000
SEED = bytes(range(32))
SCHEMES: tuple[tuple[str, ListSchemes], ...] = (
    ("blocks of 4, 1:1", PermutedBlocks((1, 1), (4,))),
    ("blocks of 4, 6, 8, 1:1", PermutedBlocks((1, 1), (4, 6, 8))),
    ("blocks of 4, 8, 2:1:1", PermutedBlocks((2, 1, 1), (4, 8))),
    ("complete, 2:1", Complete((2, 1))),
    ("urn (0, 1)", Urn((1, 1))),
    ("block urn, limit 3", BlockUrn((1, 1), 3)),
)


def seconds(act: Callable[[], object], repeats: int) -> float:
    """The best of several: what other work on the machine adds is not ours."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return min(taken)


def keys() -> None:
    drawn = np.random.default_rng(1).integers(0, 2**64, MANY, dtype=np.uint64)
    drawn.sort()


def generation(repeats: int) -> None:
    print(f"{'1,000,000 slots':<26} {'strata':>7} {'ours':>9} {'numpy':>9} {'ratio':>6}")
    for name, scheme in SCHEMES:
        for strata in (1, 100, 1000):
            factor = Factor("site", tuple(f"S{number:04}" for number in range(strata)))
            design = ListDesign(("A", "B", "C")[: len(scheme.ratio)], scheme, MANY // strata, (factor,))
            ours = seconds(lambda design=design: generate_list(design, "list", SEED), repeats)
            theirs = seconds(keys, repeats)
            print(
                f"{name:<26} {strata:>7} {ours * 1000:>6.0f} ms {theirs * 1000:>6.0f} ms {ours / theirs:>6.2f}",
                flush=True,
            )


def derivation_again() -> None:
    """What an outsider's verifier needs for the same."""
    start = time.perf_counter()
    scheme = PermutedBlocks((1, 1), (4, 6, 8)).parameters()
    standalone.permuted_blocks(scheme, standalone.words_of(SEED, "list", "all"), MANY)
    print(f"The stand-alone verifier derives 1,000,000 slots (standard library) in {time.perf_counter() - start:.1f} s")


def sealing(server: Connection, slots: int, repeats: int) -> None:
    upgrade(server.owner_url)
    admit(server.owner_url, APP)
    clock = SetClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    database = open_database(server.url(role=APP), clock, seed=1)
    database.entropy = SystemEntropy()
    house = House.build(database, clock)
    per_stratum = -(-slots // 12)
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE public.bare (id uuid, at timestamptz, n int4, content bytea, commitment bytea)"
        )
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(_sealed_once(house, per_stratum))
            theirs.append(_bare_once(connection, per_stratum * 12))
    print(f"A fresh sealed list of {per_stratum * 12:,} slots, database included: {_told(ours)}")
    print(f"As many rows encrypted and copied by psycopg alone:          {_told(theirs)}")
    print(f"Ratio of the bests: {min(ours) / min(theirs):.1f}")


def _sealed_once(house: House, per_stratum: int) -> float:
    start = time.perf_counter()
    confirmed_list(house, designed_list(house, slots=per_stratum).id)
    return time.perf_counter() - start


def _bare_once(connection: psycopg.Connection, count: int) -> float:
    start = time.perf_counter()
    cipher, now = AESGCM(os.urandom(32)), datetime.now(UTC)
    with connection.cursor() as cursor, cursor.copy("COPY public.bare FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["uuid", "timestamptz", "int4", "bytea", "bytea"])
        for number in range(count):
            nonce = os.urandom(12)
            copy.write_row((uuid4(), now, number, nonce + cipher.encrypt(nonce, bytes(128), nonce), bytes(32)))
    return time.perf_counter() - start


def _told(taken: list[float]) -> str:
    return f"best {min(taken) * 1000:.0f} ms, median {statistics.median(taken) * 1000:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    print(f"Load average {os.getloadavg()[0]:.1f} at the start")
    generation(given.repeats)
    derivation_again()
    with tempfile.TemporaryDirectory() as scratch:
        postgres = EmbeddedPostgres(Path(scratch) / "postgres")
        try:
            sealing(postgres.start(), given.slots, given.repeats)
        finally:
            postgres.destroy()


if __name__ == "__main__":
    main()
