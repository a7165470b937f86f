"""The database's history: one line of revisions, each of which can be taken back, and models that equal its head."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

import migrations
from migrations.runner import DatabaseNewerThanProgram, check, current_revision, downgrade, head, upgrade
from tests.migrations.catalog import snapshot
from trial.database.embedded.connection import Connection


def revisions() -> list[str]:
    """From the first to the head."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


@pytest.fixture
def empty_url(server: Connection) -> Iterator[str]:
    name = f"history_{uuid4().hex[:12]}"
    with psycopg.connect(server.conninfo(), autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name}")
        yield server.url(name)
        owner.execute(f"DROP DATABASE {name}")


def test_there_is_one_line_of_revisions_numbered_without_a_gap():
    found = revisions()
    assert found == [f"{number:04d}" for number in range(1, len(found) + 1)]
    assert found[-1] == head()


def test_each_revision_taken_back_leaves_the_schema_as_it_was(empty_url: str):
    upgrade(empty_url, revisions()[0])
    downgrade(empty_url, "base")
    before = snapshot(empty_url)  # with alembic's own table, and the grants on it, which stay
    for number, revision in enumerate(revisions()):
        upgrade(empty_url, revision)
        assert snapshot(empty_url) != before, f"revision {revision} changes nothing"
        downgrade(empty_url, revisions()[number - 1] if number else "base")
        after = snapshot(empty_url)
        assert after == before, f"revision {revision} taken back: {sorted(set(after) ^ set(before))}"
        upgrade(empty_url, revision)
        before = snapshot(empty_url)


def test_the_whole_history_taken_back_and_done_again_gives_the_same_schema(empty_url: str):
    upgrade(empty_url)
    whole = snapshot(empty_url)
    downgrade(empty_url, "base")
    upgrade(empty_url)
    assert snapshot(empty_url) == whole


def test_the_snapshot_sees_a_trigger_a_grant_and_a_function_that_changed(owner_url: str):
    attacks = (
        "ALTER TABLE trial.participant DISABLE TRIGGER audit_change",
        "GRANT DELETE ON trial.participant TO equipoise_blinded",
        "GRANT SELECT ON sealed.slot TO equipoise_blinded",
        "CREATE OR REPLACE FUNCTION audit.refuse_removal() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "ALTER TABLE trial.site ALTER COLUMN name DROP NOT NULL",
    )
    for statement in attacks:
        before = snapshot(owner_url)
        with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as owner:
            owner.execute(statement)
        assert snapshot(owner_url) != before, statement


def test_the_models_equal_the_head(owner_url: str):
    check(owner_url)


def test_a_database_of_a_newer_program_is_left_alone(owner_url: str):
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as owner:
        owner.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewerThanProgram):
        upgrade(owner_url)
    assert current_revision(owner_url) == "9999"
