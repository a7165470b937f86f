"""Whoever reads the audit reads the entries of their own domains, at their own sites."""

import pytest
from sqlalchemy import text

from tests.support.house import House
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.audit.reading import READERS, TELLS_ARMS, AuditFilter, read_audit, read_signatures, readable_tables
from trial.errors import NotPermitted


def read(house: House, role: str, site: str | None = None, **wanted):
    with house.database.session() as session:
        return read_audit(
            session, house.actor(session, role, site), house.trial, AuditFilter(**{"limit": 500, **wanted})
        )


def tables(house: House, role: str, site: str | None = None) -> set[str]:
    with house.database.session() as session:
        study, own = readable_tables(house.actor(session, role, site), house.trial)
    return set(study) | {name.partition("@")[0] for name in own}


def test_every_audited_table_says_who_reads_it(house: House):
    with house.database.session() as session:
        watched = session.execute(text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit_change'"))
        assert {name.replace('"', "") for name in watched.scalars()} == set(READERS)


def test_an_inspector_reads_who_did_what_and_why(house: House):
    with house.database.transaction() as session:
        sponsor = house.actor(session, "sponsor")
        authorize(session, sponsor, Action.SITE_ACTIVATED, trial_id=house.trial.id, reason="checked again")
        session.execute(text("UPDATE trial.site SET name = 'Renamed' WHERE code = 'S1'"))
    newest = read(house, "inspector", table="trial.site")[0]
    assert (newest.action, newest.reason, newest.operation) == ("trial:site:activated", "checked again", "UPDATE")
    assert (newest.before, newest.after) == ({"name": "Site S1"}, {"name": "Renamed"})


def test_a_site_role_reads_its_own_site_alone(house: House):
    entries = read(house, "coordinator", "S1")
    assert entries
    assert {entry.site_id for entry in entries} == {house.site_id("S1")}
    assert "trial.site" not in {entry.table for entry in entries if entry.site_id is None}


def test_nobody_who_lacks_the_permission_reads_anything(house: House):
    with pytest.raises(NotPermitted):
        read(house, "administrator")


@pytest.mark.parametrize(
    "role", ["coordinator", "investigator", "data_manager", "medical_monitor", "sponsor", "inspector"]
)
def test_a_blinded_reader_never_reads_what_tells_an_arm(house: House, role: str):
    assert not tables(house, role) & TELLS_ARMS


def test_an_efficacy_assessor_reads_nothing_of_the_infusion(house: House):
    assert not tables(house, "efficacy_assessor") & {"trial.infusion", "trial.form_record", "trial.adverse_event"}


def test_the_inspector_reads_about_sealed_tables_once_the_trial_is_locked(house: House):
    house.trial.locked_at = house.clock.now()
    assert tables(house, "inspector") >= TELLS_ARMS
    assert not tables(house, "sponsor") & TELLS_ARMS


def test_filters_narrow_and_pages_go_back(house: House):
    everything = read(house, "inspector")
    assert [entry.id for entry in everything] == sorted((entry.id for entry in everything), reverse=True)
    older = read(house, "inspector", before=everything[2].id, limit=2)
    assert [entry.id for entry in older] == [entry.id for entry in everything[3:5]]
    one = read(house, "inspector", record_id=house.site_id("S2"), table="trial.site")
    assert {entry.record_id for entry in one} == {house.site_id("S2")}


def test_a_redacted_value_stays_redacted(house: House):
    told = " ".join(str(entry.after) for entry in read(house, "inspector"))
    assert "argon2" not in told


def test_signatures_are_those_on_records_that_the_reader_reads(house: House):
    with house.database.session() as session:
        assert read_signatures(session, house.actor(session, "inspector"), house.trial) == []
        with pytest.raises(NotPermitted):
            read_signatures(session, house.actor(session, "dsmb_member"), house.trial)
