"""The log of adverse events, its search and the search for terms, with 100,000 events in a trial.

    .venv/bin/python bench/safety.py [--events 100000]

Beside each figure stands something outside in the same run: a bare psycopg statement for the rows of a page, for a count and for
the words; rapidfuzz's own weighted ratio over the same names for the search for terms. Events are reported through the services
for one participant and copied in bulk for the others.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from rapidfuzz import fuzz, process

sys.path.insert(0, str(Path(__file__).parents[1]))

from migrations.runner import admit, upgrade
from tests.support.bulk import copied
from tests.support.events import reported
from tests.support.house import House
from tests.support.participants import ready_to_randomize
from tests.support.processes import database_at
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.protocol.loader import shipped_protocol
from trial.reference import ctcae_terms, lay_words
from trial.safety.coders.reviews import coding_queue
from trial.safety.coding import suggest
from trial.safety.reading import EventsAsked, count_events, events_for

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SAID = (
    ("felt sick", "Nausea"), ("threw up", "Vomiting"), ("head ache", "Headache"), ("dizzy", "Dizziness"),
    ("saw things", "Hallucinations"), ("sleepy", "Somnolence"), ("itchy", "Pruritus"), ("tired", "Fatigue"),
    ("pain in the big toe", "Back pain"), ("could not sleep", "Insomnia"),
)  # fmt: skip
TYPED = (
    "throwing up",
    "saw thigns",
    "hedache",
    "high blood presure",
    "pins and neddles",
    "floating",
    "peing a lot",
    "anxeity",
)
_COLUMNS = (
    "SELECT column_name FROM information_schema.columns WHERE table_schema = 'trial' AND table_name = 'adverse_event'"
    " AND is_generated = 'NEVER' AND column_name NOT IN ('id', 'participant_id')"
)
_COPY = (
    "INSERT INTO trial.adverse_event (id, participant_id, {columns}) SELECT gen_random_uuid(), other.id, {columns_of_one}"
    " FROM trial.adverse_event AS one, trial.participant AS other WHERE one.participant_id = %s AND other.id <> %s"
)
_PAGE = (
    "SELECT e.*, p.code FROM trial.adverse_event e JOIN trial.participant p ON p.id = e.participant_id"
    " WHERE e.trial_id = %s ORDER BY p.code, e.number OFFSET %s LIMIT 60"
)
_WORDS = (
    "SELECT count(*) FROM trial.adverse_event e JOIN trial.participant p ON p.id = e.participant_id"
    " WHERE e.trial_id = %s AND (p.code ILIKE %s OR e.term ILIKE %s OR e.verbatim ILIKE %s)"
)


def furnished(server: Connection, events: int) -> House:
    database = database_at(server.url(role=APP), AT, pool_size=3)
    house = House.build(database, database.clock, sites=("S1",), planned=100_000)
    ready = ready_to_randomize(house)
    copied(house, server.conninfo(), ready, events // len(SAID) - 1, audited=False)
    for verbatim, term in SAID:
        reported(house, ready, verbatim=verbatim, term=term)
    with psycopg.connect(server.conninfo()) as owner:
        owner.execute("ALTER TABLE trial.adverse_event DISABLE TRIGGER USER")
        _copy_events(owner, ready)
        owner.execute("ALTER TABLE trial.adverse_event ENABLE TRIGGER USER")
        owner.commit()
        owner.autocommit = True
        owner.execute("VACUUM ANALYZE")
    return house


def _copy_events(owner: psycopg.Connection[Any], ready: UUID) -> None:
    names = [sql.Identifier(row[0]) for row in owner.execute(_COLUMNS).fetchall()]
    listed = sql.SQL(", ").join(names)
    of_one = sql.SQL(", ").join(sql.SQL("one.") + name for name in names)
    owner.execute(sql.SQL(_COPY).format(columns=listed, columns_of_one=of_one), (ready, ready))


def median_ms(act: Callable[[], object], times: int = 9) -> float:
    act()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)


def measure(house: House, conninfo: str, events: int) -> list[tuple[str, float, str, float]]:
    trial = house.trial.id
    everything, words = EventsAsked(), EventsAsked(words="toe back")
    names = [*(term.term for term in ctcae_terms("6.0")), *(one for said in lay_words() for one in said.words)]
    rules = shipped_protocol("keta-pain").adverse_events
    with house.database.reading() as session, psycopg.connect(conninfo, autocommit=True) as bare:
        monitor = house.actor(session, "medical_monitor")

        def page(first: int) -> Callable[[], object]:
            return lambda: events_for(session, monitor, trial, everything, first=first, limit=60)

        def bare_page(first: int) -> Callable[[], object]:
            return lambda: bare.execute(_PAGE, (trial, first)).fetchall()

        return [
            ("first page of the log", median_ms(page(0)), "bare statement", median_ms(bare_page(0))),
            ("last page", median_ms(page(events - 60)), "bare statement", median_ms(bare_page(events - 60))),
            (
                "words in the log, counted",
                median_ms(lambda: count_events(session, monitor, trial, words)),
                "bare statement, one word",
                median_ms(lambda: bare.execute(_WORDS, (trial, "%toe%", "%toe%", "%toe%")).fetchall()),
            ),
            (
                "first 50 of the coding queue",
                median_ms(lambda: coding_queue(session, monitor, trial), 3),
                "reading every event, bare",
                median_ms(lambda: bare.execute("SELECT * FROM trial.adverse_event").fetchall(), 3),
            ),
            (
                "search for a term",
                median_ms(lambda: [suggest(rules, typed) for typed in TYPED]) / len(TYPED),
                "rapidfuzz WRatio over the names",
                median_ms(lambda: [process.extract(typed, names, scorer=fuzz.WRatio) for typed in TYPED]) / len(TYPED),
            ),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        server = postgres.start()
        try:
            upgrade(server.owner_url)
            admit(server.owner_url, APP)
            house = furnished(server, events)
            print("| what | ours | beside it | its time | ratio |\n| --- | --- | --- | --- | --- |")
            for what, ours, beside, its in measure(house, server.conninfo(), events):
                print(f"| {what} | {ours:.1f} ms | {beside} | {its:.1f} ms | {ours / its:.1f} |")
            house.database.close()
        finally:
            postgres.destroy()


if __name__ == "__main__":
    main()
