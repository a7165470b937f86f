"""Snapshots: complete, typed, the same bytes for the same facts, and never changed by what comes later."""

from datetime import timedelta
from uuid import uuid4

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.events import assessed, reported, serious
from tests.support.house import House
from tests.support.locking import MANAGER, cut_off
from tests.support.participants import consented, infuse, infused, pretend_randomized, protocol_at, registered
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.clock import SetClock
from trial.database.blobs import Blob, BlobDamaged, BlobNotFound, read_blob, sha256_of, store_blob
from trial.database.session import Database
from trial.errors import NotPermitted
from trial.locks.cutoffs import ScopeUnknown, TakeCutoff, cutoffs_of, take_cutoff
from trial.locks.snapshot_reading import QUERIES
from trial.locks.snapshot_tables import SNAPSHOT_TABLES, empty_table
from trial.locks.snapshots import decode, encode, get_snapshot, listing_hash, load_snapshot, shaped
from trial.protocol.loader import load_shipped
from trial.safety.special_situations import ReportSituation, report_situation


def loaded(house: House, snapshot_id) -> dict[str, pl.DataFrame]:
    with house.database.session() as session:
        return load_snapshot(session, snapshot_id)


def test_every_table_has_its_declared_columns_types_and_order(house: House):
    infused(house, infusions=2)
    tables = loaded(house, cut_off(house).snapshot_id)
    assert list(tables) == list(SNAPSHOT_TABLES)
    for name, frame in tables.items():
        shape = SNAPSHOT_TABLES[name]
        assert dict(frame.schema) == shape.columns
        assert frame.equals(frame.sort(*shape.sorted_by, nulls_last=True, maintain_order=True))


def test_what_was_recorded_stands_in_the_snapshot(house: House):
    participant = infused(house, infusions=2)
    event = serious(house, participant, infusion=1, onset_minute=30)
    assessed(house, event.id, "unlikely")
    assessed(house, event.id, "possible", expected=False, role="medical_monitor", site=None)
    tables = loaded(house, cut_off(house).snapshot_id)
    (person,) = tables["participants"].rows(named=True)
    assert (person["participant"], person["site"], person["doses_given"], person["eligible"]) == (
        "P-0001",
        "S1",
        2,
        True,
    )
    assert tables["infusions"]["status"].to_list() == ["given", "given"]
    # Nine minutes of seven measures without the scales' own minutes; every reading has its unit.
    assert tables["readings"].height > 2 * 9 * 5
    assert tables["readings"]["unit"].null_count() == 0
    (told,) = tables["adverse_events"].rows(named=True)
    assert (told["serious"], told["fatal"], told["related"], told["expected"]) == (True, False, True, False)
    assert (told["causality_investigator"], told["causality_sponsor"]) == ("unlikely", "possible")
    assert tables["visits"]["visit"].to_list() == list(protocol_at(house).visit_codes)
    assert tables["visits"].filter(pl.col("status") == "done").height >= 3
    assert {"inclusion", "exclusion"} == set(tables["criteria"]["kind"])
    assert tables["scores"].height > 0
    assert tables["answers"].height > tables["scores"].height


def test_two_snapshots_of_the_same_facts_have_the_same_bytes(house: House):
    infused(house, infusions=1)
    one, other = cut_off(house), cut_off(house)
    with house.database.session() as session:
        first, second = get_snapshot(session, one.snapshot_id), get_snapshot(session, other.snapshot_id)
        assert first.id != second.id
        assert (first.tables, first.sha256) == (second.tables, second.sha256)


def test_a_record_changed_after_the_cut_off_changes_no_stored_snapshot(house: House):
    participant = consented(house)
    reported(house, participant, verbatim="felt sick")
    taken = cut_off(house)
    before = loaded(house, taken.snapshot_id)
    house.clock.advance(timedelta(days=1))
    reported(house, participant, verbatim="felt sick again")
    with house.database.transaction() as session:
        nurse = house.actor(session, "coordinator", "S1")
        authorize(
            session, nurse, Action.EVENT_UPDATED, trial_id=house.trial.id, site_id=house.site_id("S1"), reason="typo"
        )
        session.execute(text("UPDATE trial.adverse_event SET verbatim = 'changed'"))
    after = loaded(house, taken.snapshot_id)
    assert all(before[name].equals(after[name]) for name in before)
    assert loaded(house, cut_off(house).snapshot_id)["adverse_events"].height == 2


def test_a_row_recorded_after_the_instant_of_the_cut_off_is_not_in_it(house: House):
    now = house.clock.now()
    house.clock.advance(timedelta(hours=1))
    registered(house)
    house.clock.set(now)
    assert loaded(house, cut_off(house).snapshot_id)["participants"].height == 0


def test_a_stage_that_ends_at_a_visit_holds_no_later_visit(house: House):
    infused(house, infusions=1)
    whole, primary = (loaded(house, cut_off(house, scope).snapshot_id) for scope in ("whole", "PRIMARY"))
    assert "M6" in whole["visits"]["visit"].to_list()
    assert "M6" not in primary["visits"]["visit"].to_list()
    assert "M3" in primary["visits"]["visit"].to_list()
    assert primary["trial"]["scope"].to_list() == ["PRIMARY"]


def test_a_scope_that_the_protocol_does_not_have_is_refused(house: House):
    with pytest.raises(ScopeUnknown):
        cut_off(house, "MIDWAY")


def test_no_snapshot_table_or_query_can_hold_an_arm():
    for name, shape in SNAPSHOT_TABLES.items():
        assert not {"arm", "treatment", "lot", "kit_content"} & set(shape.columns)
        assert "sealed." not in QUERIES.get(name, "")
        assert "identity." not in QUERIES.get(name, "")


def test_the_snapshot_is_read_under_a_role_that_cannot_see_sealed_tables(house: House):
    with house.database.session() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text("SELECT * FROM sealed.slot"))


def test_cut_offs_are_numbered_and_a_repeated_request_takes_none_twice(house: House):
    key = str(uuid4())
    assert cut_off(house, key=key).id == cut_off(house, key=key).id
    assert cut_off(house).number == 2
    with house.database.session() as session:
        assert [each.number for each in cutoffs_of(session, house.trial.id)] == [1, 2]


def test_only_who_may_takes_a_cut_off(house: House):
    command = TakeCutoff(idempotency_key=str(uuid4()), trial_id=house.trial.id, purpose="curious")
    with house.database.session() as session, pytest.raises(NotPermitted):
        take_cutoff(session, house.actor(session, "sponsor"), command)


def test_bytes_are_kept_once_under_their_hash_and_cannot_be_changed(house: House):
    with house.database.transaction() as session:
        name = store_blob(session, b"the same")
        assert store_blob(session, b"the same") == name == sha256_of(b"the same")
        assert read_blob(session, name) == b"the same"
        assert session.execute(text("SELECT count(*) FROM trial.blob")).scalar_one() == 1
    for statement in ("UPDATE trial.blob SET size = 0", "DELETE FROM trial.blob", "TRUNCATE trial.blob"):
        with house.database.session() as session, pytest.raises(DBAPIError):
            session.execute(text(statement))


def test_bytes_that_are_missing_or_not_what_their_name_says_are_refused(house: House):
    with house.database.transaction() as session:
        with pytest.raises(BlobNotFound):
            read_blob(session, "0" * 64)
        session.add(Blob(**session.stamp(), sha256="1" * 64, size=3, content=b"bad"))
        session.flush()
        with pytest.raises(BlobDamaged):
            read_blob(session, "1" * 64)


def test_a_taken_snapshot_cannot_be_pointed_elsewhere_even_by_plain_sql(house: House):
    cut_off(house)
    with house.database.session() as session:
        authorize(session, house.actor(session, MANAGER), Action.CUTOFF_TAKEN, trial_id=house.trial.id)
        with pytest.raises(DBAPIError, match="is fixed"):
            session.execute(text("UPDATE trial.snapshot SET tables = '{}'"))


@settings(max_examples=30)
@given(
    st.permutations([("P-1", "a", "x", None), ("P-1", "b", None, "y"), ("P-2", "a", "", None), ("P-3", "z", "é", "y")])
)
def test_the_order_in_which_rows_are_found_does_not_change_the_bytes(rows):
    in_order = [("P-1", "a", "x", None), ("P-1", "b", None, "y"), ("P-2", "a", "", None), ("P-3", "z", "é", "y")]
    assert encode(shaped("factors", list(rows))) == encode(shaped("factors", in_order))


@pytest.mark.parametrize("name", list(SNAPSHOT_TABLES))
def test_an_empty_table_is_written_and_read_back_in_its_shape(name: str):
    assert decode(name, encode(shaped(name, []))).equals(empty_table(name))


def test_the_listing_is_hashed_as_sha256sum_writes_it():
    # printf 'aa  one\nbb  two\n' | sha256sum
    assert listing_hash({"two": "bb", "one": "aa"}) == sha256_of(b"aa  one\nbb  two\n")


def test_a_trial_of_another_shape_without_infusions_is_frozen_the_same_way(database: Database, clock: SetClock):
    house = House.build(database, clock, loaded=load_shipped("second"))
    participant = pretend_randomized(house)
    terms = protocol_at(house).adverse_events.special_interest.terms
    reported(house, participant, term=terms[0], grade=1)
    tables = loaded(house, cut_off(house).snapshot_id)
    assert tables["infusions"].height == tables["readings"].height == 0
    assert tables["adverse_events"]["aesi"].to_list() == [terms[0]]
    assert tables["visits"]["visit"].to_list() == list(protocol_at(house).visit_codes)


def test_that_a_checklist_was_asked_stands_in_the_snapshot_and_what_was_answered_does_not(house: House):
    someone = pretend_randomized(house)
    for number, forms in ((1, {"aesi_checklist": {"open_question": "A little dizzy", "any_event": "yes"}}), (2, {})):
        house.clock.advance(timedelta(days=1))
        infuse(house, someone, number, forms=forms)
    asked = loaded(house, cut_off(house).snapshot_id)["checklists"]
    assert asked.select("participant", "visit", "infusion").rows() == [("P-0001", "INF1", 1)]
    assert set(asked.columns) == {"participant", "visit", "infusion", "asked_on"}


def test_courses_relations_and_special_situations_stand_in_the_snapshot_without_anybodys_words(house: House):
    one = infused(house, infusions=1)
    worse = reported(house, one, grade=2, course=({"grade": 1, "since": "2026-03"}, {"grade": 2}), onset="2026-03-02")
    reported(house, one, recurrence_of=worse.number, treatments=("none",))
    assessed(house, worse.id, "unlikely", relations={"programme": "possible"})
    with house.database.transaction() as session:
        command = ReportSituation(
            idempotency_key="an-overdose", participant_id=one, happened="2026-03", aware_at=session.now(),
            facts={"kind": "overdose", "symptoms": True}, words="twice as much", event=worse.number,
        )  # fmt: skip
        report_situation(session, house.actor(session, "coordinator"), command)
    tables = loaded(house, cut_off(house).snapshot_id)
    first, second = tables["adverse_events"].rows(named=True)
    assert (first["grade"], first["grade_at_onset"], first["treatments"]) == (2, 1, None)
    assert (second["recurrence_of"], second["treatments"], second["grade_at_onset"]) == (1, "none", 1)
    assert tables["event_courses"].select("event", "period", "grade", "since").rows()[:2] == [
        (1, 1, 1, "2026-03"), (1, 2, 2, None),
    ]  # fmt: skip
    (relation,) = tables["event_relations"].rows(named=True)
    assert (relation["label"], relation["investigator"], relation["sponsor"], relation["related"]) == (
        "Comprehensive pain programme", "possible", None, True,
    )  # fmt: skip
    (situation,) = tables["special_situations"].rows(named=True)
    assert (situation["kind"], situation["harmed"], situation["closed"], situation["event"]) == (
        "overdose",
        True,
        True,
        1,
    )
    assert "twice as much" not in str(situation)
