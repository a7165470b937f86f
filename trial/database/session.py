"""Sessions: the database as one actor's transaction sees it.

Invariants
1. Every connection is opened under the blinded role, which cannot read the schema ``sealed``; only ``strongroom`` widens
   that, for the statements inside it and never beyond its transaction. The login role itself holds no right at all.
2. A session carries its clock and its entropy: a service takes time and randomness from nowhere else.
3. No service commits. ``Database.transaction`` does, once, when its block ends without an error.
4. What only reads says so (``Database.reading``), and PostgreSQL refuses a write in it.
5. ``Database.ask`` and ``Database.looking`` have no transaction around what they say: each statement is kept, or not, by itself.

What it does not do: decide who may act (``trial/access``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from pydantic_core import from_json
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import SessionTransaction
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlmodel import Session, SQLModel

from trial.clock import Clock, SystemClock
from trial.database.driver import DescribingOnce, PlainStatements, insertion_of
from trial.database.refusals import say_as_domain_error
from trial.ids import Entropy, SystemEntropy, new_id
from trial.keyring import Keyring
from trial.vault import Vault

BLINDED_ROLE = "equipoise_blinded"
STRONGROOM_ROLE = "equipoise_strongroom"
_SET_ROLE = "SELECT set_config('role', %(role)s, true)"
_SETTINGS = f"-c role={BLINDED_ROLE} -c timezone=UTC -c idle_in_transaction_session_timeout=60000"
_PREPARED_STATEMENTS = 500
"""Kept a connection: all that the services say, so that each is parsed and planned once."""
_TRUSTED_FOR_SECONDS = 0.5
"""How long after its last use a connection is taken to be alive without asking."""


class TrialSession(Session):
    """A session that also hands out the time and new ids."""

    clock: Clock
    entropy: Entropy
    keyring: Keyring
    _plain: tuple[SessionTransaction, PlainStatements] | None = None

    @property
    def vault(self) -> Vault:
        """Seals names, contacts and second factors."""
        return self.keyring.vault

    def commit_and_close(self) -> None:
        """Commit what was done, and give the connection back. For whoever opened the session, never for a service."""
        with self:
            self.commit()

    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> UUID:
        return new_id(self.entropy)

    def run_sql(self, statement: LiteralString, **parameters: Any) -> list[Any]:
        """A statement in the driver's own words, ``%(name)s`` for a parameter, after what is still to be written."""
        self.flush()
        return self._plain_statements().run(statement, parameters)

    def _plain_statements(self) -> PlainStatements:
        """Those of the connection that this transaction has, found once a transaction. A savepoint is set when it first asks for
        its connection, so it counts as one."""
        transaction = self._innermost()
        if transaction is None or self._plain is None or self._plain[0] is not transaction or not transaction.is_active:
            connection = self.connection()
            transaction = self._innermost()
            assert transaction is not None, "a connection begins one"
            self._plain = transaction, PlainStatements(connection, connection.dialect)
        return self._plain[1]

    def _innermost(self) -> SessionTransaction | None:
        return self.get_nested_transaction() or self.get_transaction()

    def insert_plain(self, *records: SQLModel) -> None:
        """New records of ids, texts, whole numbers and instants, in one statement; the session does not hold them afterwards."""
        values = {
            f"{name}_{number}": value
            for number, record in enumerate(records)
            for name, value in record.model_dump().items()
        }
        self.run_sql(insertion_of(*map(type, records)), **values)

    def take_as_stored(self, record: SQLModel, **values: Any) -> None:
        """A plain statement has given a record that the session holds these values. Not within a savepoint, which could not
        take them back."""
        assert self.get_nested_transaction() is None, "a record forgets only what its session has written"
        for name, value in values.items():
            set_committed_value(record, name, value)

    def stamp(self) -> dict[str, Any]:
        """The fields that every new record needs."""
        return {"id": self.new_id(), "recorded_at": self.now()}


def open_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine for ``url`` whose errors never quote parameters: they may hold what a log must not."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=5,
        pool_use_lifo=True,
        hide_parameters=True,
        json_deserializer=from_json,
        connect_args={"options": _SETTINGS, "cursor_factory": DescribingOnce},
    )
    event.listen(engine, "handle_error", say_as_domain_error)
    event.listen(engine, "connect", _keep_statements)
    event.listen(engine, "checkin", _note_last_use)
    event.listen(engine, "checkout", _ask_whether_alive)
    return engine


def _keep_statements(connection: psycopg.Connection, entry: ConnectionPoolEntry) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    connection.prepared_max = _PREPARED_STATEMENTS


def _note_last_use(connection: psycopg.Connection | None, entry: ConnectionPoolEntry) -> None:  # noqa: ARG001 - SQLAlchemy's signature
    entry.info["last_use"] = monotonic()


def _ask_whether_alive(
    connection: psycopg.Connection,
    entry: ConnectionPoolEntry,
    proxy: PoolProxiedConnection,  # noqa: ARG001 - SQLAlchemy's signature
) -> None:
    """SQLAlchemy's own question costs a round trip at every transaction; this one only where a server may have gone."""
    if monotonic() - entry.info.get("last_use", monotonic()) < _TRUSTED_FOR_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.commit()
    except psycopg.OperationalError as gone:
        raise DisconnectionError from gone


@contextmanager
def strongroom(session: TrialSession) -> Iterator[None]:
    """Run the statements of this block under the role that may read ``sealed``. For ``randomization`` alone.

    An error inside rolls the whole transaction back, so that nobody can catch it and go on with the wider role.
    """
    session.flush()
    session.run_sql(_SET_ROLE, role=STRONGROOM_ROLE)
    try:
        yield
        session.flush()
    except BaseException:
        session.rollback()
        raise
    session.run_sql(_SET_ROLE, role=BLINDED_ROLE)


class Database:
    """One PostgreSQL database, seen through the application's login role."""

    def __init__(
        self, engine: Engine, keyring: Keyring, *, clock: Clock | None = None, entropy: Entropy | None = None
    ) -> None:
        self.engine = engine
        self.keyring = keyring
        self.clock: Clock = clock or SystemClock()
        self.entropy: Entropy = entropy or SystemEntropy()
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")

    def session(self) -> TrialSession:
        return self._session_of(self.engine)

    def _session_of(self, engine: Engine) -> TrialSession:
        session = TrialSession(engine, expire_on_commit=False)
        session.clock, session.entropy, session.keyring = self.clock, self.entropy, self.keyring
        return session

    def ask(self, question: LiteralString, **parameters: Any) -> list[Any]:
        """What one statement gives that only reads; as ``TrialSession.run_sql``, with no transaction around it."""
        held = self.engine.raw_connection()
        driver: Any = held.driver_connection
        try:
            driver.autocommit = True
            return PlainStatements(held, self.engine.dialect).run(question, parameters)
        finally:
            if driver.pgconn.transaction_status == TransactionStatus.IDLE:
                driver.autocommit = False
            elif held.is_valid:
                # Whatever was left open here must not be met by who takes the connection next.
                held.invalidate()
            held.close()

    @contextmanager
    def looking(self) -> Iterator[TrialSession]:
        """A session whose statements stand each for itself: for what begins every request, at half the round trips.

        Nothing that belongs together is written in it.
        """
        with self._session_of(self._alone) as session:
            yield session
            session.flush()

    @contextmanager
    def reading(self) -> Iterator[TrialSession]:
        """One transaction that only reads.

        It ends with a commit: at a rollback psycopg forgets every statement that the connection had prepared.
        """
        with self.session() as session:
            session.connection(execution_options={"postgresql_readonly": True})
            yield session
            session.commit()

    @contextmanager
    def transaction(self) -> Iterator[TrialSession]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        with self.session() as session:
            yield session
            session.commit()

    def close(self) -> None:
        self.engine.dispose()
