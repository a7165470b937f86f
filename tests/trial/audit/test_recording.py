"""What the triggers write, whoever writes and by whatever way."""

import json

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import update

from tests.support.house import House
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.conduct.sites import Site
from trial.conduct.trials import Trial


def entries(house: House, table: str) -> list[dict]:
    with house.database.session() as session:
        rows = session.execute(
            text("SELECT content FROM audit.entry WHERE table_name = :t ORDER BY id"), {"t": table}
        ).scalars()
        return [json.loads(row) for row in rows]


def test_an_insert_is_recorded_with_actor_action_time_and_content(house: House):
    first = entries(house, "trial.trial")[0]
    assert (first["actor"], first["action"], first["operation"]) == (
        "system:installer",
        "trial:trial:created",
        "INSERT",
    )
    assert first["at"] == house.clock.now().isoformat()
    assert first["after"]["code"] == "TEST-1"


def test_an_update_records_only_what_changed_before_and_after(house: House):
    last = entries(house, "trial.trial")[-1]
    assert last["operation"] == "UPDATE"
    assert last["before"]["randomizing_open"] is False
    assert last["after"]["randomizing_open"] is True
    assert "code" not in last["after"]


def test_a_bulk_update_is_recorded_row_by_row(house: House):
    before = len(entries(house, "trial.site"))
    with house.database.transaction() as session:
        authorize(
            session,
            house.actor(session, "sponsor"),
            Action.SITE_ADDED,
            trial_id=house.trial.id,
            reason="renaming",
        )
        session.exec(update(Site).values(name="Renamed"))
    new = entries(house, "trial.site")[before:]
    assert [entry["after"] for entry in new] == [{"name": "Renamed"}] * 2
    assert {entry["reason"] for entry in new} == {"renaming"}


def test_a_bulk_insert_in_plain_sql_is_recorded(house: House):
    before = len(entries(house, "trial.site"))
    with house.database.transaction() as session:
        authorize(session, house.actor(session, "sponsor"), Action.SITE_ADDED, trial_id=house.trial.id)
        session.execute(
            text(
                "INSERT INTO trial.site (id, recorded_at, trial_id, code, name, country, zone)"
                " SELECT gen_random_uuid(), now(), :trial, 'X' || n, 'Extra', 'CHE', 'UTC' FROM generate_series(1, 3) AS n"
            ),
            {"trial": house.trial.id},
        )
    assert [entry["after"]["code"] for entry in entries(house, "trial.site")[before:]] == ["X1", "X2", "X3"]


def test_plain_sql_by_the_owner_is_refused_without_an_actor_and_recorded_with_one(house: House, owner_url: str):
    with psycopg.connect(owner_url.replace("+psycopg", "")) as connection:
        with pytest.raises(psycopg.Error, match="names no actor"):
            connection.execute("UPDATE trial.site SET name = 'Quietly'")
        connection.rollback()
        for name, value in (
            ("actor", "person:dba"),
            ("action", "trial:site:added"),
            ("at", "2026-03-02T09:00:00+00:00"),
        ):
            connection.execute("SELECT set_config(%s, %s, true)", (f"equipoise.{name}", value))
        connection.execute("UPDATE trial.site SET name = 'Openly' WHERE code = 'S1'")
    assert entries(house, "trial.site")[-1]["actor"] == "person:dba"


def test_a_write_that_names_no_actor_is_refused(house: House):
    with house.database.session() as session, pytest.raises(DBAPIError, match="names no actor"):
        session.execute(text("UPDATE trial.site SET name = 'Nobody'"))


def test_a_delete_of_a_trial_record_is_refused(house: House, owner_url: str):
    with (
        psycopg.connect(owner_url.replace("+psycopg", "")) as connection,
        pytest.raises(psycopg.Error, match="kept"),
    ):
        connection.execute("DELETE FROM access.role_grant")


@pytest.mark.parametrize("table", ["trial.site", "audit.entry", "audit.link", "access.signature"])
def test_truncate_is_refused(house: House, owner_url: str, table: str):
    with (
        psycopg.connect(owner_url.replace("+psycopg", "")) as connection,
        pytest.raises(psycopg.Error, match="kept"),
    ):
        connection.execute(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", ["audit.entry", "audit.link"])
def test_the_application_cannot_write_the_audit_itself(house: House, table: str):
    with house.database.session() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(f"DELETE FROM {table}"))


def test_secrets_never_enter_the_audit(house: House):
    everything = json.dumps(entries(house, "access.account"))
    assert "argon2" not in everything
    assert entries(house, "access.account")[0]["after"]["password_hash"] == "[redacted]"


def test_the_kind_of_a_trial_can_never_be_changed(house: House):
    with house.database.session() as session, pytest.raises(DBAPIError, match="kind of"):
        authorize(session, house.actor(session, "sponsor"), Action.TRIAL_STARTED, trial_id=house.trial.id)
        session.exec(update(Trial).values(kind="real"))


def test_the_text_of_an_active_protocol_version_can_never_be_changed(house: House):
    with house.database.session() as session, pytest.raises(DBAPIError, match="text of"):
        authorize(session, house.actor(session, "sponsor"), Action.TRIAL_STARTED, trial_id=house.trial.id)
        session.execute(text("UPDATE trial.protocol_version SET text = 'other'"))


def test_a_rolled_back_change_leaves_no_entry(house: House):
    before = entries(house, "trial.site")
    with house.database.session() as session:
        authorize(session, house.actor(session, "sponsor"), Action.SITE_ADDED, trial_id=house.trial.id)
        session.exec(update(Site).values(name="Never"))
        session.rollback()
    assert entries(house, "trial.site") == before
