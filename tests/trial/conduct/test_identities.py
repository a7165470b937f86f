from uuid import UUID

import psycopg
import pytest

from tests.support.house import House
from tests.support.participants import registered
from trial.conduct.identities import Identity, IdentityNotFound, RecordIdentity, identity_for, record_identity
from trial.errors import NotPermitted

NAME, CONTACT = "Ada Beispiel", "ada@example.org, +41 44 000 00 00"


def test_the_site_reads_back_what_it_wrote(house: House):
    someone = _named(house)
    read = _read(house, someone, "coordinator")
    assert (read.name, read.contact) == (NAME, CONTACT)


def test_a_correction_replaces_the_name(house: House):
    someone = _named(house)
    _write(house, someone, "Ada Muster")
    assert _read(house, someone, "investigator").name == "Ada Muster"


@pytest.mark.parametrize(
    "role", ["monitor", "data_manager", "sponsor", "efficacy_assessor", "administrator", "inspector"]
)
def test_nobody_outside_the_sites_own_team_reads_a_name(house: House, role: str):
    someone = _named(house)
    with pytest.raises(NotPermitted):
        _read(house, someone, role)


def test_a_thief_of_the_database_and_its_audit_finds_no_name(house: House, owner_url: str):
    _named(house)
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        everything = [
            str(row)
            for (table,) in connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname IN ('access', 'identity', 'trial', 'sealed', 'audit')"
            ).fetchall()
            for row in connection.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t").fetchall()
        ]
    assert everything
    assert not [row for row in everything if "Beispiel" in row or "ada@example" in row]


def test_a_name_never_shows_in_a_representation(house: House):
    someone = _named(house)
    shown = repr(_read(house, someone, "coordinator")) + repr(_command(someone, NAME))
    assert NAME not in shown
    assert "ada@" not in shown


def test_without_a_recorded_name_the_refusal_says_so(house: House):
    someone = registered(house)
    with pytest.raises(IdentityNotFound):
        _read(house, someone, "coordinator")


def _command(participant_id: UUID, name: str) -> RecordIdentity:
    return RecordIdentity(participant_id=participant_id, name=name, contact=CONTACT)


def _named(house: House) -> UUID:
    someone = registered(house)
    _write(house, someone, NAME)
    return someone


def _write(house: House, participant_id: UUID, name: str) -> None:
    with house.database.transaction() as session:
        record_identity(session, house.actor(session, "coordinator", "S1"), _command(participant_id, name))


def _read(house: House, participant_id: UUID, role: str) -> Identity:
    with house.database.transaction() as session:
        return identity_for(session, house.actor(session, role), participant_id)
