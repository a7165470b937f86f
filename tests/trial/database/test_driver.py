"""Statements in the driver's own words: what they give, what they refuse, and that the connection's errors stay the same."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from trial.access.exactly_once import IdempotencyKey
from trial.database.driver import DescribingOnce
from trial.database.refusals import DataFrozen, DataLocked

_TYPES = "SELECT 1 AS a, 'x'::varchar(7) AS b, now() AS c, '{}'::jsonb AS d, ARRAY[1.5::numeric(9,2)] AS e"


def test_columns_are_attributes_and_no_rows_are_an_empty_list(database):
    with database.transaction() as session:
        (row,) = session.run_sql("SELECT %(number)s::int AS number, %(word)s::text AS word", number=7, word="a %s: b")
        assert (row.number, row.word) == (7, "a %s: b")
        assert session.run_sql("SELECT 1 AS one WHERE false") == []
        assert session.run_sql("SET LOCAL statement_timeout = '1min'") == []


def test_what_is_still_to_be_written_is_written_first(database):
    with database.transaction() as session:
        session.add(IdempotencyKey(**session.stamp(), actor="system:test", key="a" * 8, action="x", command_hash="y"))
        (found,) = session.run_sql("SELECT key FROM trial.idempotency_key WHERE actor = 'system:test'")
        assert found.key == "a" * 8


@pytest.mark.parametrize(
    "statement", [_TYPES, _TYPES.replace("varchar(7)", "varchar(8)"), "SELECT", "SET LOCAL x.y = 1"]
)
def test_a_result_is_described_as_the_driver_describes_it(app_url, statement):
    with psycopg.connect(app_url.replace("+psycopg", "")) as connection:
        plain = connection.execute(statement).description
        for _ in range(2):
            cursor = DescribingOnce(connection)
            cursor.execute(statement)
            ours = cursor.description
            assert (ours is None) == (plain is None)
            facts = [
                [(column.name, *column[1:7], column.type_display) for column in one or ()] for one in (plain, ours)
            ]
            assert facts[0] == facts[1]


@pytest.mark.parametrize(("state", "said"), [("EQ004", DataLocked), ("EQ005", DataFrozen)])
def test_what_a_trigger_refuses_is_a_domain_error(database, state, said):
    with pytest.raises(said), database.transaction() as session:
        session.run_sql(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")


def test_any_other_refusal_is_the_connections_own_error_and_quotes_no_parameter(house):
    statement = "INSERT INTO trial.trial SELECT * FROM trial.trial WHERE code = %(code)s"
    with pytest.raises(IntegrityError) as refused, house.database.transaction() as session:
        session.run_sql("SELECT set_config('equipoise.actor', 'system:test', true)")
        session.run_sql(statement, code=house.trial.code)
    assert isinstance(refused.value.orig, psycopg.errors.UniqueViolation)
    with pytest.raises(IntegrityError) as said, house.database.transaction() as session:
        session.execute(text(statement.replace("%(code)s", ":code")), {"code": house.trial.code})
    assert type(refused.value) is type(said.value)
    assert refused.value.params is None
    with house.database.reading() as session:
        assert session.run_sql("SELECT 1 AS one")[0].one == 1, "the connection serves the next transaction"


def test_a_connection_that_dies_in_its_transaction_is_replaced(database, app_url):
    with pytest.raises(OperationalError), database.transaction() as session:
        dead = session.run_sql("SELECT pg_backend_pid() AS pid")[0].pid
        with psycopg.connect(app_url.replace("+psycopg", "")) as other:
            assert other.execute("SELECT pg_terminate_backend(%s, 5000)", (dead,)).fetchone() == (True,)
        session.run_sql("SELECT 1 AS one")
    with database.transaction() as session:
        assert session.run_sql("SELECT pg_backend_pid() AS pid")[0].pid != dead
