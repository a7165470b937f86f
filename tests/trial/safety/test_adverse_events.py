"""Reporting, changing and coding adverse events, on a real database."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.events import facts, reported, reporting, serious
from tests.support.house import House
from tests.support.participants import consented
from trial.access.actions import Action
from trial.access.alerts import alerts_for
from trial.access.policies import authorize
from trial.errors import NotPermitted
from trial.partial_dates import PartialDate
from trial.reference.permissions import ROLES, permissions
from trial.safety.adverse_events import (
    CRITERIA,
    AdverseEvent,
    CodeEvent,
    EventDatesImpossible,
    EventEndMissing,
    EventInconsistent,
    InfusionUnknown,
    UpdateAdverseEvent,
    code_event,
    events_of,
    get_event,
    report_adverse_event,
    update_adverse_event,
)
from trial.safety.coding import GradeNotInDictionary


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def updated(house: House, event: AdverseEvent, **changes) -> AdverseEvent:
    with house.database.transaction() as session:
        command = UpdateAdverseEvent(event_id=event.id, facts=facts(house, **changes), reason="follow-up visit")
        return update_adverse_event(session, house.actor(session, "coordinator"), command)


def test_events_of_a_participant_are_numbered_in_the_order_of_reporting(house: House, participant: UUID):
    assert [reported(house, participant).number for _ in range(3)] == [1, 2, 3]
    assert reported(house, consented(house, "S2")).number == 1


@pytest.mark.parametrize("criterion", CRITERIA)
def test_each_criterion_alone_makes_an_event_serious_and_severity_does_not(
    house: House, participant: UUID, criterion: str
):
    more = {"outcome": "FATAL"} if criterion == "death" else {}
    assert reported(house, participant, term="Headache", grade=1, **{criterion: True}, **more).serious is True
    assert reported(house, participant, term="Headache", grade=3).serious is False


def test_seriousness_cannot_be_written_even_by_plain_sql(house: House, participant: UUID):
    event = reported(house, participant)
    with house.database.session() as session:
        authorize(
            session,
            house.actor(session, "coordinator"),
            Action.EVENT_REPORTED,
            trial_id=house.trial.id,
            site_id=event.site_id,
        )
        with pytest.raises(DBAPIError, match="serious"):
            session.execute(text("UPDATE trial.adverse_event SET serious = true"))


def test_a_serious_event_alerts_the_medical_monitor_by_code_and_number_and_no_detail(house: House, participant: UUID):
    serious(house, participant)
    with house.database.session() as session:
        (alert,) = alerts_for(session, house.actor(session, "medical_monitor"), house.trial.id)
    assert "P-0001, event 1" in alert.sentence
    assert "eizure" not in alert.sentence


def test_a_mild_event_alerts_nobody(house: House, participant: UUID):
    reported(house, participant)
    with house.database.session() as session:
        assert alerts_for(session, house.actor(session, "medical_monitor"), house.trial.id) == []


def test_the_same_request_again_is_the_same_event(house: House, participant: UUID):
    command = reporting(house, participant, hospitalization=True)
    for _ in range(2):
        with house.database.transaction() as session:
            report_adverse_event(session, house.actor(session, "coordinator"), command)
    with house.database.session() as session:
        assert len(events_of(session, participant)) == 1
        assert len(alerts_for(session, house.actor(session, "medical_monitor"), house.trial.id)) == 1


def test_every_role_of_the_matrix_that_may_report_can_and_no_other(house: House, participant: UUID):
    holders = permissions()["adverse_event:report"].holders
    for role in ROLES:
        with house.database.session() as session:
            site = "S1" if (role, "S1") in house.people else None
            actor = house.actor(session, role, site)
            command = reporting(house, participant)
            if role in holders:
                assert report_adverse_event(session, actor, command).reported_by == actor.name
            else:
                with pytest.raises(NotPermitted):
                    report_adverse_event(session, actor, command)


def test_a_reporter_of_another_site_is_refused(house: House, participant: UUID):
    with house.database.session() as session, pytest.raises(NotPermitted):
        report_adverse_event(session, house.actor(session, "coordinator", "S2"), reporting(house, participant))


def test_an_onset_known_to_the_minute_gives_an_instant_and_a_partial_one_none(house: House, participant: UUID):
    assert reported(house, participant).onset_at == house.clock.now()
    partial = reported(house, participant, onset=PartialDate.parse("2026-03-02"))
    assert (partial.onset, partial.onset_at) == ("2026-03-02", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"onset": "2026-04"},
        {"onset": "2026-03-02T23:00"},
        {"ended": "2026-03-03"},
        {"onset": "2026-03-02", "ended": "2026-03-01"},
    ],
)
def test_dates_that_cannot_be_are_refused(house: House, participant: UUID, changes: dict):
    with pytest.raises(EventDatesImpossible):
        reported(house, participant, **changes)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"death": True}, EventInconsistent),
        ({"outcome": "FATAL"}, EventInconsistent),
        ({"term": "Anemia", "grade": 5}, EventInconsistent),
        ({"outcome": "RECOVERED/RESOLVED", "ended": None}, EventEndMissing),
        ({"outcome": "RECOVERED/RESOLVED WITH SEQUELAE", "ended": None}, EventEndMissing),
        ({"grade": 4}, GradeNotInDictionary),
        ({"infusion": 6}, InfusionUnknown),
    ],
)
def test_facts_that_contradict_each_other_are_refused(house: House, participant: UUID, changes: dict, refusal: type):
    with pytest.raises(refusal):
        reported(house, participant, **changes)


@pytest.mark.parametrize(
    "changes", [{"outcome": "BETTER"}, {"action_taken": "NONE"}, {"onset_minute": 5}, {"grade": 6}, {"onset": "soon"}]
)
def test_what_is_malformed_never_reaches_the_database(house: House, changes: dict):
    with pytest.raises(ValidationError):
        facts(house, **changes)


def test_an_event_that_becomes_serious_starts_the_sponsors_clock_then_and_alerts(house: House, participant: UUID):
    event = reported(house, participant)
    assert event.sponsor_received_at is None
    house.clock.advance(timedelta(days=2))
    later = updated(house, event, hospitalization=True, onset=event.onset)
    assert (later.serious, later.sponsor_received_at) == (True, house.clock.now())
    with house.database.session() as session:
        (alert,) = alerts_for(session, house.actor(session, "medical_monitor"), house.trial.id)
    assert "became serious" in alert.sentence


def test_an_event_that_becomes_fatal_keeps_the_instant_at_which_the_sponsor_heard_of_it(
    house: House, participant: UUID
):
    event = serious(house, participant)
    first_heard = event.sponsor_received_at
    house.clock.advance(timedelta(days=3))
    later = updated(
        house, event, term="Seizure", grade=5, hospitalization=True, death=True, outcome="FATAL", onset=event.onset
    )
    assert later.became_fatal_or_life_threatening_at == house.clock.now()
    assert later.sponsor_received_at == first_heard


def test_coding_changes_the_term_and_keeps_the_words(house: House, participant: UUID):
    event = reported(house, participant, verbatim="saw colours")
    with house.database.transaction() as session:
        coded = code_event(
            session,
            house.actor(session, "data_manager"),
            CodeEvent(event_id=event.id, term="Hallucinations", grade=1, reason="the words describe it"),
        )
    assert (coded.verbatim, coded.term, coded.aesi) == (
        "saw colours",
        "Hallucinations",
        "Hallucination / perceptual distortion",
    )


def test_a_change_is_recorded_with_its_reason(house: House, participant: UUID):
    event = reported(house, participant)
    updated(house, event, grade=2, onset=event.onset)
    with house.database.session() as session:
        content = session.execute(
            text("SELECT content FROM audit.entry WHERE record_id = :id ORDER BY id DESC LIMIT 1"), {"id": event.id}
        ).scalar_one()
        assert get_event(session, event.id).grade == 2
    assert '"follow-up visit"' in content


def test_a_key_used_for_another_event_is_refused(house: House, participant: UUID):
    key = str(uuid4())
    first = reporting(house, participant).model_copy(update={"idempotency_key": key})
    other = reporting(house, participant, grade=2).model_copy(update={"idempotency_key": key})
    with house.database.transaction() as session:
        report_adverse_event(session, house.actor(session, "coordinator"), first)
    with house.database.session() as session, pytest.raises(Exception, match="used for another"):
        report_adverse_event(session, house.actor(session, "coordinator"), other)
