"""Who may do what to which table, asked of the database itself: audit triggers, owners, grants."""

import json
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from migrations.models import TABLE_MODULES, metadata
from tests.support.databases import copy_database, drop_database
from trial.database.embedded.connection import Connection
from trial.database.embedded.passwords import APP
from trial.database.session import BLINDED_ROLE, STRONGROOM_ROLE

TABLES = sorted(metadata.tables)
TREATMENTS = ("secret", "digest", "unrecorded")
AUDIT_TRIGGERS = {"audit_change", "audit_keep", "audit_keep_all"}

# Tables that no model declares, and why nothing watches them.
WRITTEN_IN_SQL = {
    "audit.entry": "the audit itself: insert-only by triggers of its own",
    "audit.link": "the audit's chain: insert-only by triggers of its own",
    "public.alembic_version": "which revision the database is at",
}


@pytest.fixture(scope="module")
def unchanging(server: Connection, template: str) -> Iterator[str]:
    """A database that every test of this module only looks at, or is refused by."""
    name = f"rights_{uuid4().hex[:12]}"
    copy_database(server, name, template=template)
    yield name
    drop_database(server, name)


@pytest.fixture
def owner(server: Connection, unchanging: str):
    with psycopg.connect(plain(server.url(unchanging))) as connection:
        yield connection


@pytest.fixture
def app(server: Connection, unchanging: str):
    with psycopg.connect(plain(server.url(unchanging, role=APP)), autocommit=True) as connection:
        yield connection


def plain(url: str) -> str:
    """As psycopg itself takes it."""
    return url.replace("postgresql+psycopg", "postgresql")


def declared(table: str) -> dict[str, str]:
    info = metadata.tables[table].info
    return {column: treatment for treatment in TREATMENTS for column in info.get(treatment, ())}


def triggers_of(owner: psycopg.Connection, table: str) -> dict[str, str]:
    """The enabled triggers of a table, with their definitions."""
    found = owner.execute(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled IN ('O', 'A')",
        [table],
    )
    return dict(found.fetchall())


def treatments_in(definition: str) -> dict[str, str]:
    return json.loads(definition.split("record_change('")[1].rsplit("')", 1)[0])


def tables_in_database(owner: psycopg.Connection) -> set[str]:
    found = owner.execute(
        "SELECT schemaname || '.' || tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'queue')"
    )
    return {row[0] for row in found}


def test_every_table_of_the_database_is_a_models_or_named_here(owner):
    assert tables_in_database(owner) == {*TABLES, *WRITTEN_IN_SQL}


def test_every_model_is_in_a_module_that_the_migrations_know():
    from sqlmodel import SQLModel

    known = {module.__name__ for module in TABLE_MODULES}
    waiting, tables = list(SQLModel.__subclasses__()), set()
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if hasattr(model, "__table__"):
            tables.add(model.__module__)
    assert {module for module in tables if not module.startswith("tests.")} <= known


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_watched_as_its_model_declares_or_says_why_not(owner, table: str):
    triggers = triggers_of(owner, table)
    reason = metadata.tables[table].info.get("unaudited")
    if reason is not None:
        assert len(reason) > 20, f"{table} does not say why nothing watches it"
        assert not AUDIT_TRIGGERS & set(triggers)
        assert not declared(table), f"{table} is not audited, so it cannot say how its columns are"
        return
    assert set(triggers) >= AUDIT_TRIGGERS
    change = triggers["audit_change"]
    assert "AFTER INSERT OR UPDATE" in change
    assert "FOR EACH ROW" in change
    assert " WHEN " not in change
    assert treatments_in(change) == declared(table)
    assert "BEFORE DELETE" in triggers["audit_keep"]
    assert "BEFORE TRUNCATE" in triggers["audit_keep_all"]


@pytest.mark.parametrize("table", TABLES)
def test_treatments_name_columns_that_exist(table: str):
    assert set(declared(table)) <= {column.name for column in metadata.tables[table].columns}


@pytest.mark.parametrize("table", [name for name in TABLES if name.startswith("sealed.")])
def test_no_sealed_bytes_are_written_to_the_audit(table: str):
    columns = {column.name for column in metadata.tables[table].columns if column.type.python_type is bytes}
    if metadata.tables[table].info.get("unaudited") is None:
        assert columns, "a sealed table holds something sealed"
        assert {declared(table).get(column) for column in columns} <= {"digest", "secret"}


def test_the_applications_login_owns_nothing_and_has_no_right_of_its_own(owner):
    owned = owner.execute(
        "SELECT 'relation ' || oid::regclass::text FROM pg_class WHERE relowner = %(app)s::regrole"
        " UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspowner = %(app)s::regrole"
        " UNION ALL SELECT 'function ' || oid::regprocedure::text FROM pg_proc WHERE proowner = %(app)s::regrole",
        {"app": APP},
    ).fetchall()
    assert owned == []
    named = owner.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relacl::text LIKE %(app)s"
        " UNION ALL SELECT nspname FROM pg_namespace WHERE nspacl::text LIKE %(app)s",
        {"app": f"%{APP}=%"},
    ).fetchall()
    assert named == []


def test_the_login_is_no_superuser_and_inherits_nothing(owner):
    flags = owner.execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication FROM pg_roles WHERE rolname = %s",
        [APP],
    ).fetchone()
    assert flags == (False,) * 5
    members = owner.execute(
        "SELECT roleid::regrole::text, inherit_option, admin_option FROM pg_auth_members WHERE member = %s::regrole",
        [APP],
    ).fetchall()
    assert sorted(members) == [(BLINDED_ROLE, False, False), (STRONGROOM_ROLE, False, False)]


@pytest.mark.parametrize("table", [*TABLES, "audit.entry", "audit.link"])
def test_the_login_by_itself_reads_and_writes_no_table(app, table: str):
    for statement in (f"SELECT 1 FROM {table}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


@pytest.mark.parametrize("table", [name for name in TABLES if name.startswith("sealed.")])
def test_the_blinded_role_can_do_nothing_to_a_sealed_table(app, table: str):
    app.execute(f"SET ROLE {BLINDED_ROLE}")
    for statement in (
        f"SELECT 1 FROM {table}",
        f"SELECT count(*) FROM {table}",
        f"INSERT INTO {table} DEFAULT VALUES",
        f"UPDATE {table} SET id = id",
        f"DELETE FROM {table}",
        f"COPY {table} TO STDOUT",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)


def test_the_blinded_role_may_do_nothing_in_the_sealed_schema(owner):
    rights = owner.execute(
        "SELECT has_schema_privilege(%(role)s, 'sealed', 'USAGE'), has_schema_privilege(%(role)s, 'sealed', 'CREATE')",
        {"role": BLINDED_ROLE},
    ).fetchone()
    assert rights == (False, False)


@pytest.mark.parametrize("role", [BLINDED_ROLE, STRONGROOM_ROLE])
def test_neither_role_may_delete_or_truncate_or_change_triggers(owner, role: str):
    held = [
        (table, right)
        for table in TABLES
        for right in ("DELETE", "TRUNCATE", "TRIGGER", "MAINTAIN")
        if owner.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, right]).fetchone() != (False,)
    ]
    assert held == []


@pytest.mark.parametrize("role", [BLINDED_ROLE, STRONGROOM_ROLE])
def test_neither_role_writes_the_audit_itself(owner, role: str):
    for table in ("audit.entry", "audit.link"):
        for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            held = owner.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, right]).fetchone()
            assert held == (False,), f"{role} has {right} on {table}"


def test_functions_that_run_as_their_owner_are_few_and_have_a_fixed_search_path(owner):
    found = owner.execute(
        "SELECT nspname || '.' || proname, coalesce(proconfig::text, '') FROM pg_proc"
        " JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE prosecdef AND nspname <> 'pg_catalog'"
    ).fetchall()
    assert {name for name, _ in found} == {
        "audit.record_change",
        "audit.chain_entries",
        "audit.rows_that_differ",
        "trial.refuse_when_locked",
    }
    assert all("search_path=pg_catalog, pg_temp" in settings for _, settings in found)
