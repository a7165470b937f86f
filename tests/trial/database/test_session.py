"""Sessions: reading refuses to write, prepared statements outlive a request, and a connection that died is replaced."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from trial.database import session as module
from trial.database.session import STRONGROOM_ROLE, Database, strongroom

_PREPARED = text("SELECT count(*) FROM pg_prepared_statements")
_WHO = text("SELECT current_user")


def who(database: Database) -> str:
    with database.reading() as session:
        return str(session.execute(_WHO).scalar_one())


def test_what_only_reads_cannot_write(house):
    with pytest.raises(DBAPIError) as refused, house.database.reading() as session:
        session.execute(text("UPDATE trial.trial SET title = 'another'"))
    assert isinstance(refused.value.orig, psycopg.errors.ReadOnlySqlTransaction)
    with house.database.transaction() as session:
        assert session.execute(text("SHOW transaction_read_only")).scalar_one() == "off", "the next one may write"


def test_statements_stay_prepared_from_one_transaction_to_the_next(database):
    for _ in range(8):
        who(database)
    with database.reading() as session:
        assert session.execute(_PREPARED).scalar_one() >= 1


def test_the_wider_role_ends_with_its_block_and_with_its_transaction(database):
    blinded = who(database)
    with database.transaction() as session:
        with strongroom(session):
            assert session.execute(_WHO).scalar_one() == STRONGROOM_ROLE
        assert session.execute(_WHO).scalar_one() == blinded
    with pytest.raises(ZeroDivisionError), database.transaction() as session, strongroom(session):
        raise ZeroDivisionError
    assert who(database) == blinded


def test_a_connection_that_died_while_nobody_used_it_is_replaced(database, app_url, monkeypatch):
    monkeypatch.setattr(module, "_TRUSTED_FOR_SECONDS", 0)
    dead = _backend(database)
    with psycopg.connect(app_url.replace("+psycopg", "")) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", (dead,)).fetchone() == (True,)
    assert _backend(database) != dead


def _backend(database: Database) -> int:
    with database.reading() as session:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())
