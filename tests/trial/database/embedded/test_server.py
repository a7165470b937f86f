"""What is promised of a server that simply runs."""

from __future__ import annotations

import psutil
import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.trial.database.embedded.house import all_ended, query
from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.errors import NotRunning
from trial.database.embedded.passwords import APP, OWNER, SUPERUSER


@pytest.fixture(scope="module")
def connection(running):
    return running.server().start()


def test_it_is_postgresql_18_with_checksums_and_a_locale_that_no_system_changes(connection):
    assert query(connection, "SHOW server_version_num")[0][0].startswith("18")
    assert query(connection, "SHOW data_checksums") == [("on",)]
    [facts] = query(
        connection,
        "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, pg_get_userbyid(datdba)"
        " FROM pg_database WHERE datname = current_database()",
    )
    assert facts == ("UTF8", "b", "C.UTF-8", OWNER)


def test_both_roles_open_the_database_through_sqlalchemy(connection):
    for url, role in ((connection.owner_url, OWNER), (connection.app_url, APP)):
        engine = create_engine(url)
        with engine.connect() as session:
            assert session.execute(text("SELECT current_user")).scalar_one() == role
        engine.dispose()


def test_the_owner_makes_roles_databases_and_schemas_but_is_no_superuser(connection):
    query(connection, "CREATE SCHEMA sealed")
    query(connection, "CREATE ROLE strongroom NOLOGIN")
    query(connection, f"GRANT strongroom TO {APP} WITH INHERIT FALSE, SET TRUE")
    query(connection, "CREATE DATABASE scratch")
    assert query(connection, "SELECT 1", role=APP, database="scratch") == [(1,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(connection, "SET session_replication_role = replica")


def test_the_application_owns_nothing_and_may_make_nothing(connection):
    query(connection, "CREATE TABLE IF NOT EXISTS record (id int)")
    owned = query(connection, "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = %s", [APP], role=APP)
    assert owned == [(0,)]
    rights = "rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    [facts] = query(connection, f"SELECT {rights} FROM pg_roles WHERE rolname = %s", [APP], role=APP)
    assert not any(facts)
    for attempt in ("CREATE TABLE t (i int)", "CREATE SCHEMA s", "SELECT * FROM record", "CREATE ROLE r"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(connection, attempt, role=APP)


@pytest.mark.parametrize("role", [SUPERUSER, OWNER, APP])
@pytest.mark.parametrize("password", ["", "wrong"])
def test_nobody_comes_in_without_the_password(connection, role, password):
    info = f"host=127.0.0.1 port={connection.port} dbname=postgres user={role} password={password}"
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(info)


def test_every_door_wants_scram_and_keeps_verifiers_only(connection):
    methods = query(connection, "SELECT DISTINCT auth_method FROM pg_hba_file_rules", role=SUPERUSER)
    assert methods == [("scram-sha-256",)]
    kept = query(connection, "SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin", role=SUPERUSER)
    assert {role for role, _ in kept} == {SUPERUSER, OWNER, APP}
    assert all(verifier.startswith("SCRAM-SHA-256$") for _, verifier in kept)


def test_it_listens_on_the_loopback_address_only(running, connection):
    listening = [
        found
        for found in psutil.Process(running.postmaster).net_connections(kind="all")
        if found.status == psutil.CONN_LISTEN or found.family.name == "AF_UNIX"
    ]
    assert [tuple(found.laddr) for found in listening] == [("127.0.0.1", connection.port)]


def test_stopping_ends_every_process_and_starting_again_finds_the_data(house):
    server = house.server()
    query(server.start(), "DROP TABLE IF EXISTS kept")
    query(server.start(), "CREATE TABLE kept AS SELECT 7 AS number")
    processes = [*house.processes(), psutil.Process(house.supervisor)]
    server.stop()
    assert not server.is_running()
    all_ended(processes)
    assert query(server.start(), "SELECT number FROM kept") == [(7,)]


def test_a_durable_server_writes_through_and_a_server_for_tests_does_not(house):
    with house.server(durable=True) as connection:
        settings = [query(connection, f"SHOW {name}") for name in ("fsync", "full_page_writes")]
        assert settings == [[("on",)], [("on",)]]
    with house.server(durable=False) as connection:
        assert query(connection, "SHOW fsync") == [("off",)]


def test_starting_twice_gives_the_same_connection_and_stopping_twice_is_no_error(house):
    server = house.server()
    assert server.start() is server.start()
    server.stop()
    server.stop()


def test_a_server_that_was_not_started_says_so(tmp_path):
    with pytest.raises(NotRunning, match="start it first"):
        EmbeddedPostgres(tmp_path / "nothing").url()


def test_destroying_leaves_nothing(new_house):
    server = new_house.server()
    server.start()
    place = new_house.instance.place
    server.destroy()
    assert not place.exists()
    assert not new_house.directory.exists()
