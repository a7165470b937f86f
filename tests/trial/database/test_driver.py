"""Statements in the driver's own words: what they give, what they refuse, and that the connection's errors stay the same."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from tests.support.statements import listening
from trial.access.exactly_once import IdempotencyKey
from trial.conduct.sites import Site
from trial.database.driver import DescribingOnce
from trial.database.refusals import DataFrozen, DataLocked
from trial.database.session import BLINDED_ROLE

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


def keys_of(house, actor="system:test"):
    found = "SELECT key FROM trial.idempotency_key WHERE actor = %(actor)s ORDER BY key"
    return [row.key for row in house.database.ask(found, actor=actor)]


def key(session, text):
    return IdempotencyKey(**session.stamp(), actor="system:test", key=text, action="x", command_hash="y")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_several_new_records_are_stored_by_one_statement(house, number):
    texts = ["a" * 8, "b" * 8, "c" * 8][:number]
    with house.database.transaction() as session, listening() as said:
        session.insert_plain(*[key(session, text) for text in texts])
    assert len([one for one in said if "INSERT" in one]) == 1
    assert keys_of(house) == texts


def test_several_new_records_are_stored_together_or_not_at_all(house):
    with pytest.raises(IntegrityError), house.database.transaction() as session:
        session.insert_plain(key(session, "a" * 8), key(session, "a" * 8))
    assert keys_of(house) == []


def test_a_question_is_asked_under_the_blinded_role_and_leaves_no_transaction(house, app_url):
    assert house.database.ask("SELECT current_user AS role")[0].role == BLINDED_ROLE
    with pytest.raises(ProgrammingError, match="permission denied"):
        house.database.ask("SELECT 1 FROM sealed.slot")
    (held,) = house.database.ask("SELECT pg_backend_pid() AS pid")
    state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    with psycopg.connect(app_url.replace("+psycopg", "")) as other:
        assert other.execute(state, (held.pid,)).fetchone() == ("idle",)


@pytest.mark.parametrize("question", ["SELECT 1 AS one", "BEGIN"])
def test_a_connection_that_asked_serves_whole_transactions_again(house, question):
    for _ in range(20):
        house.database.ask(question)
    with pytest.raises(ZeroDivisionError), house.database.transaction() as session:
        session.insert_plain(key(session, "a" * 8))
        raise ZeroDivisionError
    assert keys_of(house) == []


def test_a_question_whose_connection_dies_is_the_connections_own_error_and_the_next_is_answered(
    house, app_url, monkeypatch
):
    monkeypatch.setattr("trial.database.session._TRUSTED_FOR_SECONDS", 60)  # nobody asks first whether it is alive
    with house.database.looking() as session:
        pid = session.run_sql("SELECT pg_backend_pid() AS pid")[0].pid
    with psycopg.connect(app_url.replace("+psycopg", "")) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with pytest.raises(OperationalError):
        house.database.ask("SELECT 1 AS one")
    assert house.database.ask("SELECT 1 AS one")[0].one == 1


def test_what_looks_only_stands_each_statement_for_itself(house):
    with house.database.looking() as session:
        assert session.run_sql("SELECT current_user AS role")[0].role == BLINDED_ROLE
        first = session.run_sql("SELECT now() AS at")[0].at
        assert session.run_sql("SELECT now() AS at")[0].at > first
    with house.database.transaction() as session:
        first = session.run_sql("SELECT now() AS at")[0].at
        assert session.run_sql("SELECT now() AS at")[0].at == first


def test_a_record_takes_what_a_plain_statement_gave_it_and_nothing_is_written_for_it(house):
    with house.database.transaction() as session:
        site = session.get_one(Site, house.sites["S1"].id)
        session.take_as_stored(site, name="As stored")
        assert site.name == "As stored"
        assert not session.dirty


def test_a_savepoint_takes_plain_statements_back_and_keeps_those_before_it(house):
    with house.database.transaction() as session:
        session.insert_plain(key(session, "a" * 8))
        undo = session.begin_nested()
        session.insert_plain(key(session, "b" * 8))
        undo.rollback()
        session.insert_plain(key(session, "c" * 8))
        with session.begin_nested():
            session.insert_plain(key(session, "d" * 8))
    assert keys_of(house) == ["a" * 8, "c" * 8, "d" * 8]


def test_a_statement_whose_columns_became_more_gives_them_all(house, owner_url):
    everything = "SELECT * FROM trial.site ORDER BY code"
    before = house.database.ask(everything)[0]._fields
    with psycopg.connect(owner_url.replace("+psycopg", "")) as owner:
        owner.execute("ALTER TABLE trial.site ADD COLUMN beds integer NOT NULL DEFAULT 3")
    assert house.database.ask(everything)[0]._fields == (*before, "beds")


def test_within_a_savepoint_no_record_takes_what_could_not_be_taken_back(house):
    with house.database.transaction() as session:
        site = session.get_one(Site, house.sites["S1"].id)
        with session.begin_nested(), pytest.raises(AssertionError):
            session.take_as_stored(site, name="As stored")
        assert site.name != "As stored"
