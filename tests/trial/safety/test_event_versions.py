"""Submissions as versions, the course of a grade, recurrence, and what looks the same, on a real database."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.events import facts, reported, reporting
from tests.support.house import House
from tests.support.participants import as_owner, consented
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.errors import NotPermitted
from trial.locks.snapshot_reading import QUERIES
from trial.partial_dates import PartialDate
from trial.safety.adverse_events import (
    AdverseEvent,
    CodeEvent,
    CourseOutOfOrder,
    CourseRewritten,
    DeathWithoutFatal,
    EventBeforeConsent,
    EventEndsBeforeOnset,
    EventInTheFuture,
    EventLooksTheSame,
    EventPerhapsBeforeConsent,
    FatalWithoutDeath,
    GradeFiveWithoutDeath,
    GradePeriod,
    RecurrenceBeforeFirst,
    RecurrenceUnknown,
    TreatmentWordsMissing,
    UpdateAdverseEvent,
    changes_between,
    code_event,
    report_adverse_event,
    update_adverse_event,
    versions_of,
)
from trial.safety.coding import GradeNotInDictionary, TermUnknown
from trial.safety.reading import EventWithheld, versions_for


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def updated(house: House, event: AdverseEvent, *, kind: str = "follow_up", **changes) -> AdverseEvent:
    with house.database.transaction() as session:
        command = UpdateAdverseEvent(
            event_id=event.id, facts=facts(house, **changes), reason="the visit after", kind=kind
        )
        return update_adverse_event(session, house.actor(session, "coordinator"), command)


def kept(house: House, event: AdverseEvent) -> list:
    with house.database.session() as session:
        return versions_of(session, event.id)


def reported_once(house: House, participant: UUID, *, role: str = "coordinator", **changes) -> AdverseEvent:
    """As a person reports who has not confirmed anything."""
    flags = {name: changes.pop(name) for name in ("confirmed_another", "confirmed_after_consent") if name in changes}
    command = reporting(house, participant, **changes).model_copy(update={"confirmed_another": False, **flags})
    with house.database.transaction() as session:
        return report_adverse_event(session, house.actor(session, role, "S1"), command)


def test_each_submission_is_a_whole_numbered_version_and_the_row_holds_the_latest(house: House, participant: UUID):
    event = reported(house, participant, severity="MILD", treatments=["medication"], treatment_words="ondansetron 4 mg")
    house.clock.advance(timedelta(hours=3))
    later = updated(house, event, grade=2, onset=event.onset, severity="MODERATE")
    corrected = updated(house, later, grade=1, onset=event.onset, kind="correction")
    first, second, third = kept(house, event)
    assert [(one.number, one.kind) for one in (first, second, third)] == [
        (1, "initial"), (2, "follow_up"), (3, "correction"),
    ]  # fmt: skip
    assert (first.facts["grade"], second.facts["grade"], third.facts["grade"]) == (1, 2, 1)
    assert first.received_at == event.aware_at
    assert second.received_at == house.clock.now()
    assert (first.reason, second.reason) == ("", "the visit after")
    assert {one.name for one in changes_between(first.facts, second.facts)} == {
        "grade", "course", "severity", "treatments", "treatment_words", "ended",
    }  # fmt: skip
    assert (corrected.grade, corrected.course, corrected.severity) == (1, [], None)


def test_a_version_is_refused_any_change(house: House, participant: UUID):
    event = reported(house, participant)
    with house.database.session() as session:
        actor = house.actor(session, "coordinator")
        authorize(session, actor, Action.EVENT_UPDATED, trial_id=house.trial.id, site_id=event.site_id)
        with pytest.raises(DBAPIError, match="its rows are kept"):
            session.execute(text("UPDATE trial.adverse_event_version SET reason = 'none'"))


def test_a_change_of_grade_is_a_course_and_coding_keeps_it(house: House, participant: UUID):
    event = reported(house, participant, verbatim="saw colours")
    worse = updated(house, event, verbatim="saw colours", grade=3, onset=event.onset)
    assert (worse.grade, worse.course) == (3, [{"grade": 1, "since": event.onset}, {"grade": 3, "since": None}])
    with house.database.session() as session:
        coder, command = house.actor(session, "data_manager"), CodeEvent(
            event_id=event.id, term="Hallucinations", grade=3, reason="the words describe it"
        )  # fmt: skip
        with pytest.raises(CourseRewritten):
            code_event(session, coder, command.model_copy(update={"grade": 2}))
        coded = code_event(session, coder, command)
        assert (coded.grade, len(coded.course)) == (3, 2)
        assert versions_of(session, event.id)[-1].kind == "coding"


def test_an_event_from_before_versions_gets_its_first_one_at_its_next_change(
    house: House, participant: UUID, owner_url: str
):
    event = reported(house, participant)
    table = "trial.adverse_event_version"
    for done in (f"ALTER TABLE {table} DISABLE TRIGGER USER", f"DELETE FROM {table}"):
        as_owner(owner_url, done)
    as_owner(owner_url, f"ALTER TABLE {table} ENABLE TRIGGER USER")
    updated(house, event, grade=2, onset=event.onset)
    assert [(one.kind, one.facts["grade"]) for one in kept(house, event)] == [("initial", 1), ("follow_up", 2)]


@pytest.mark.parametrize(
    ("changes", "refusal", "code"),
    [
        ({"onset": "2026-03-02", "ended": "2026-03-01"}, EventEndsBeforeOnset, "adverse_event.ends_before_onset"),
        ({"onset": "2026-03-03"}, EventInTheFuture, "adverse_event.in_the_future"),
        ({"grade": 4}, GradeNotInDictionary, "coding.grade_not_in_dictionary"),
        ({"term": "Being sick"}, TermUnknown, "coding.term_unknown"),
        ({"outcome": "FATAL"}, FatalWithoutDeath, "adverse_event.fatal_without_death"),
        ({"death": True}, DeathWithoutFatal, "adverse_event.death_without_fatal"),
        ({"term": "Anemia", "grade": 5}, GradeFiveWithoutDeath, "adverse_event.grade_5_without_death"),
        ({"onset": "2026-02-28", "ended": "2026-03-01"}, EventBeforeConsent, "adverse_event.before_consent"),
        ({"onset": "2026"}, EventPerhapsBeforeConsent, "adverse_event.perhaps_before_consent"),
        ({"recurrence_of": 9}, RecurrenceUnknown, "adverse_event.recurrence_unknown"),
        ({"treatments": ["medication"]}, TreatmentWordsMissing, "adverse_event.treatment_words_missing"),
        (
            {"course": [{"grade": 2, "since": "2026-03-02T08:00"}, {"grade": 3, "since": "2026-03-02T07:00"}],
             "grade": 3, "onset": "2026-03-02T08:00"},
            CourseOutOfOrder, "adverse_event.course_out_of_order",
        ),
        ({"course": [{"grade": 2}, {"grade": 4}], "grade": 4}, GradeNotInDictionary, "coding.grade_not_in_dictionary"),
    ],
)  # fmt: skip
def test_each_kind_of_bad_input_has_its_own_code_and_says_where_it_stands(
    house: House, participant: UUID, changes: dict, refusal: type, code: str
):
    with pytest.raises(refusal) as refused:
        reported_once(house, participant, **changes)
    assert refused.value.code == code
    assert refused.value.fields
    assert refused.value.sentence.endswith(".")


def test_an_onset_that_could_lie_before_consent_is_asked_about_and_the_answer_kept(house: House, participant: UUID):
    event = reported_once(house, participant, onset="2026", confirmed_after_consent=True)
    assert kept(house, event)[0].confirmed == ["after_consent"]
    updated(house, event, onset="2026", verbatim="felt very sick")  # it was asked once


def test_what_looks_the_same_is_suggested_and_never_merged(house: House, participant: UUID):
    first = reported_once(house, participant)
    with pytest.raises(EventLooksTheSame, match="Event 1 looks the same"):
        reported_once(house, participant, verbatim="nausea again")
    with pytest.raises(EventLooksTheSame):
        reported_once(house, participant, term="Vomiting", verbatim="Felt  SICK")
    assert reported_once(house, participant, confirmed_another=True).number == 2
    again = reported_once(house, consented(house))
    assert (again.number, first.number) == (1, 1)


def test_a_recurrence_is_a_new_event_that_names_the_first(house: House, participant: UUID):
    first = reported_once(house, participant)
    again = reported_once(house, participant, recurrence_of=1)
    assert (again.number, again.recurrence_of, first.recurrence_of) == (2, 1, None)
    house.clock.advance(timedelta(days=2))
    later = reported_once(house, participant, onset="2026-03-04", ended=None, outcome="UNKNOWN")
    with pytest.raises(RecurrenceBeforeFirst):
        updated(house, first, onset="2026-03-02", recurrence_of=later.number, kind="correction")
    with pytest.raises(RecurrenceUnknown):
        updated(house, first, onset="2026-03-02", recurrence_of=1, kind="correction")


def test_who_may_not_read_the_first_event_is_told_of_no_likeness(house: House, participant: UUID):
    """The suggestion would say what happened in an infusion to somebody who must not know."""
    reported_once(house, participant)
    for role in ("efficacy_assessor", "pharmacist_unblinded"):
        assert reported_once(house, participant, role=role).number >= 2
        with pytest.raises(RecurrenceUnknown):
            reported_once(house, participant, role=role, recurrence_of=1)


def test_versions_are_read_by_who_could_read_each_of_them(house: House, participant: UUID):
    event = reported(house, participant, term="Fever", verbatim="was hot")
    with house.database.session() as session:
        manager = house.actor(session, "data_manager")
        assert len(versions_for(session, manager, event.id)) == 1
        with pytest.raises(EventWithheld):
            versions_for(session, house.actor(session, "efficacy_assessor"), event.id)
    for term in ("Nausea", "Fever"):
        updated(house, event, term=term, verbatim="was hot", onset=event.onset)
    with house.database.session() as session:
        with pytest.raises(EventWithheld):
            versions_for(session, house.actor(session, "data_manager"), event.id)
        assert len(versions_for(session, house.actor(session, "coordinator"), event.id)) == 3


def test_a_reporter_needs_a_reason_for_every_edit(house: House, participant: UUID):
    event = reported(house, participant)
    with pytest.raises(ValueError, match="at least 3"):
        UpdateAdverseEvent(event_id=event.id, facts=facts(house), reason="")
    with house.database.session() as session, pytest.raises(NotPermitted):
        command = UpdateAdverseEvent(event_id=event.id, facts=facts(house), reason="somewhere else")
        update_adverse_event(session, house.actor(session, "coordinator", "S2"), command)


LIFE = st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=LIFE, data=st.data())
def test_what_is_counted_is_the_same_however_an_event_is_split_into_follow_ups(house: House, life, data):
    """One participant's event is told at once, another's in pieces: their rows in a snapshot differ in nothing."""
    at_once, in_pieces = consented(house), consented(house)
    stops = sorted(data.draw(st.sets(st.integers(1, len(life)))) | {len(life)})
    reported(house, at_once, **known_after(house, life))
    event = reported(house, in_pieces, **known_after(house, life[: stops[0]]))
    for stop in stops[1:]:
        updated(house, event, **known_after(house, life[:stop]))
    one, other = (counted(house, participant_id) for participant_id in (at_once, in_pieces))
    assert len(one) == 1
    assert one == other


def known_after(house: House, life: list[tuple[int, bool]]) -> dict:
    start = PartialDate.of(house.clock.now(), "Europe/Zurich")
    periods = [GradePeriod(grade=grade, since=start) for grade, _ in life]
    changed = [one for place, one in enumerate(periods) if place == 0 or one.grade != periods[place - 1].grade]
    return {
        "course": tuple(changed), "grade": max(one.grade for one in changed), "onset": start, "outcome": "UNKNOWN",
        "hospitalization": any(serious for _, serious in life),
    }  # fmt: skip


def counted(house: House, participant_id: UUID) -> list[tuple]:
    """The participant's rows of the snapshot's table, without who it is."""
    with house.database.session() as session:
        code = session.execute(
            text("SELECT code FROM trial.participant WHERE id = :id"), {"id": participant_id}
        ).scalar_one()
        rows = session.execute(
            text(QUERIES["adverse_events"]),
            {"trial": house.trial.id, "cut_off": house.clock.now(), "related": ["certain"]},
        )
        return [tuple(row)[1:] for row in rows if row[0] == code]
