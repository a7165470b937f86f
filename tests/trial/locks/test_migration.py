"""The triggers that keep locked data, as the migrations make them."""

import psycopg

import migrations.models  # noqa: F401 - loads every table
from migrations import lock_triggers
from tests.support.house import House
from trial.conduct.participants import Participant, ParticipantRecord
from trial.locks import lock

AFTER_THE_LOCK = {"expedited_report"}
"""What a regulator is told may fall due, and is sent, when the data are locked."""


def every_kind(root: type) -> set[type]:
    found = set(root.__subclasses__())
    return found | {kind for child in found for kind in every_kind(child)}


def test_every_table_about_participants_is_guarded_against_writes_after_a_lock(owner_url: str):
    wanted = {
        kind.__table__.name
        for kind in every_kind(ParticipantRecord) | {Participant}
        if hasattr(kind, "__table__") and kind.__table__.schema == "trial" and kind.__module__.startswith("trial.")
    }
    with psycopg.connect(owner_url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'refuse_when_locked'")
        guarded = {name for (name,) in found}
    assert {f"trial.{name}" for name in wanted - AFTER_THE_LOCK} <= {name.replace('"', "") for name in guarded}


def test_the_lock_service_and_the_triggers_use_one_class_of_advisory_locks():
    assert lock.LOCK_CLASS == lock_triggers.LOCK_CLASS
    assert f"pg_advisory_xact_lock_shared({lock.LOCK_CLASS}," in lock_triggers.FUNCTION


def test_a_house_can_be_built_on_the_migrated_database(house: House):
    assert house.trial.locked_at is None
