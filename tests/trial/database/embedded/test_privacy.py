"""What participants' rows and passwords must never reach: the log, the list of processes."""

from __future__ import annotations

import contextlib

import psutil
import psycopg
import pytest

from tests.trial.database.embedded.house import query

SECRET = "Marta Lindqvist 1961"

LEAKS = [
    "SELECT '{secret}'::integer",
    "SELECT '{secret}'::uuid",
    "INSERT INTO person VALUES ('{secret}')",
    "INSERT INTO person VALUES (NULL, '{secret}')",
    "INSERT INTO person VALUES ('other', '{secret}')",
    "DO $$ BEGIN RAISE EXCEPTION '{secret}'; END $$",
    "DO $$ BEGIN RAISE WARNING '{secret}'; END $$",
    "SELECT pg_advisory_lock('{secret}')",
    "SELEKT '{secret}'",
    'SELECT * FROM "{secret}"',
    "SET work_mem = '{secret}'",
]


@pytest.fixture(scope="module")
def connection(running):
    made = running.server().start()
    query(made, "CREATE TABLE person (name text PRIMARY KEY, note varchar(10) CHECK (note <> 'x'))")
    query(made, "INSERT INTO person VALUES (%s)", [SECRET])
    return made


@pytest.mark.parametrize("statement", LEAKS)
def test_a_statement_that_fails_leaves_no_value_in_the_log(running, connection, statement):
    with contextlib.suppress(psycopg.Error):
        query(connection, statement.format(secret=SECRET))
    log = running.log
    assert "ready to accept connections" in log
    assert "Lindqvist" not in log


def test_parameters_of_a_failed_statement_leave_no_value_in_the_log(running, connection):
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(connection, "INSERT INTO person VALUES (%s)", [SECRET])
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        query(connection, "SELECT %s::text::int", [SECRET])
    assert "Lindqvist" not in running.log


def test_the_check_itself_can_fail(running, connection):
    """With PostgreSQL's own settings the same statement does reach the log."""
    with psycopg.connect(connection.conninfo("postgres", "postgres"), autocommit=True) as session:
        session.execute("SET log_min_messages = 'error'")
        with pytest.raises(psycopg.Error):
            session.execute("SELECT 'planted value'::integer")
    assert "planted value" in running.log


def test_no_password_is_in_the_log_in_an_argument_or_in_an_environment(running, connection):
    said = running.log
    for process in [*running.processes(), psutil.Process(running.supervisor)]:
        said += " ".join(process.cmdline()) + " ".join(process.environ().values())
    assert not [password for password in connection.passwords.values() if password in said]


def test_a_connection_does_not_show_its_passwords(connection):
    assert not [password for password in connection.passwords.values() if password in repr(connection)]


def test_a_server_that_asks_for_the_password_in_clear_is_refused(connection):
    assert "require_auth=scram-sha-256" in connection.url()
    assert "require_auth=scram-sha-256" in connection.conninfo()
