"""Many participants who may be randomized, made by copying one who was brought there by the services.

For tests and measurements that need hundreds or a hundred thousand of them. Everything that a precondition reads is copied,
row by row, inside the database; the signature under eligibility is made anew for each, because it binds the record's bytes.
"""

from __future__ import annotations

from uuid import UUID

import psycopg
from psycopg import sql
from sqlmodel import col, select

from tests.support.house import House
from trial.access.signatures import record_hash
from trial.conduct.eligibility import EligibilityAssessment
from trial.database.session import Database

_ACTOR = (
    "SELECT set_config('equipoise.actor', 'system:installer', false), set_config('equipoise.action', 'bulk', false),"
    " set_config('equipoise.at', now()::text, false), set_config('equipoise.reason', '', false)"
)
_CLONES = (
    "CREATE TEMP TABLE clone AS SELECT gen_random_uuid() AS id,"
    " 'P-' || lpad(n::text, greatest(4, length(n::text)), '0') AS code"
    " FROM trial.participant_counter AS c, generate_series(c.last_number + 1, c.last_number + %s) AS n"
    " WHERE c.trial_id = %s"
)
_TABLES = (
    "SELECT table_name FROM information_schema.columns WHERE table_schema = 'trial' AND column_name = 'participant_id'"
    " ORDER BY table_name"
)
_ROWS = (
    "INSERT INTO trial.{table} SELECT made.* FROM trial.{table} AS one, clone, LATERAL jsonb_populate_record(one,"
    " jsonb_build_object('id', gen_random_uuid(), 'participant_id', clone.id)) AS made WHERE one.participant_id = %s"
)
_PARTICIPANTS = (
    "INSERT INTO trial.participant SELECT made.* FROM trial.participant AS one, clone, LATERAL jsonb_populate_record(one,"
    " jsonb_build_object('id', clone.id, 'code', clone.code)) AS made WHERE one.id = %s"
)
_SIGNATURES = (
    "INSERT INTO access.signature SELECT made.* FROM hashed, access.signature AS one, LATERAL jsonb_populate_record(one,"
    " jsonb_build_object('id', gen_random_uuid(), 'record_id', hashed.id, 'record_hash', hashed.hash)) AS made"
    " WHERE one.record_id = (SELECT id FROM trial.eligibility_assessment WHERE participant_id = %s)"
)


def copied(
    house: House, owner_conninfo: str, ready: UUID, count: int, *, audited: bool = True
) -> list[tuple[UUID, str]]:
    """``count`` more like ``ready``, who waits to be randomized: their ids and codes. Unaudited is faster, and for benches."""
    with psycopg.connect(owner_conninfo) as owner:
        owner.execute(_ACTOR)
        names = [row[0] for row in owner.execute(_TABLES).fetchall() if _holds(owner, row[0], ready)]
        watched = [("trial", name) for name in (*names, "participant")] + [("access", "signature")]
        if not audited:
            _switch(owner, watched, "DISABLE")
        owner.execute(_CLONES, (count, house.trial.id))
        owner.execute(_PARTICIPANTS, (ready,))
        for name in names:
            owner.execute(sql.SQL(_ROWS).format(table=sql.Identifier(name)), (ready,))
        owner.execute(
            "UPDATE trial.participant_counter SET last_number = last_number + %s WHERE trial_id = %s",
            (count, house.trial.id),
        )
        found = owner.execute("SELECT id, code FROM clone ORDER BY code").fetchall()
        # The rows must be seen by the session that hashes them.
        owner.commit()
        owner.execute(_ACTOR)
        owner.execute("CREATE TEMP TABLE hashed (id uuid, hash text)")
        with owner.cursor() as cursor, cursor.copy("COPY hashed FROM STDIN") as rows:
            for one, digest in _hashes(house.database, [who for who, _ in found]):
                rows.write_row((one, digest))
        owner.execute(_SIGNATURES, (ready,))
        if not audited:
            _switch(owner, watched, "ENABLE")
    return [(one, code) for one, code in found]


def _holds(owner: psycopg.Connection, table: str, participant: UUID) -> bool:
    named = sql.SQL("SELECT 1 FROM trial.{} WHERE participant_id = %s LIMIT 1").format(sql.Identifier(table))
    return owner.execute(named, (participant,)).fetchone() is not None


def _switch(owner: psycopg.Connection, tables: list[tuple[str, str]], word: str) -> None:
    for schema, name in tables:
        owner.execute(sql.SQL(f"ALTER TABLE {{}} {word} TRIGGER USER").format(sql.Identifier(schema, name)))


def _hashes(database: Database, participants: list[UUID]) -> list[tuple[UUID, str]]:
    found: list[tuple[UUID, str]] = []
    for start in range(0, len(participants), 1000):
        some = participants[start : start + 1000]
        with database.session() as session:
            wanted = select(EligibilityAssessment).where(col(EligibilityAssessment.participant_id).in_(some))
            found.extend((one.id, record_hash(one)) for one in session.exec(wanted))
    return found
