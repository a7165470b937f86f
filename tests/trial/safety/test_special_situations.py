"""Overdose, medication error, pregnancy: reports with follow-ups until what they wait for is known."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.events import reported
from tests.support.house import House
from tests.support.participants import consented
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.errors import NotPermitted
from trial.reference.permissions import ROLES, permissions
from trial.safety.adverse_events import EventNotFound
from trial.safety.situation_facts import SituationFacts, SituationKindFixed
from trial.safety.situation_reading import due_situations, situation_for, situations_for
from trial.safety.special_situations import (
    FollowUpSituation,
    ReportSituation,
    SituationDatesImpossible,
    SituationWordsCouldTell,
    SituationWordsMissing,
    follow_up_situation,
    report_situation,
)

PREGNANCY = {"kind": "pregnancy", "pregnant": "partner", "outcome": "ongoing", "expected_on": "2026-10-01"}
OVERDOSE = {"kind": "overdose", "times_intended": 2}
ERROR = {
    "kind": "medication_error", "stage": "preparation", "reached_participant": True, "harm": "not_known_yet",
    "measures": ["observed", "participant_told"],
}  # fmt: skip
UNBLINDED = ("pharmacist_unblinded", "monitor_unblinded", "safety_officer_unblinded")


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def report(house: House, participant: UUID, facts: dict, *, role: str = "coordinator", **more):
    usual = {"happened": "2026-03-02", "words": "told by telephone", "aware_at": house.clock.now()}
    command = ReportSituation(
        idempotency_key=str(uuid4()), participant_id=participant, facts=facts, **{**usual, **more}
    )
    with house.database.transaction() as session:
        site = "S1" if (role, "S1") in house.people else None
        return report_situation(session, house.actor(session, role, site), command)


def follow_up(house: House, situation, facts: dict, **more):
    usual = {"words": "asked again", "received_at": house.clock.now()}
    command = FollowUpSituation(
        idempotency_key=str(uuid4()), situation_id=situation.id, facts=facts, **{**usual, **more}
    )
    with house.database.transaction() as session:
        return follow_up_situation(session, house.actor(session, "coordinator"), command)


def seen(house: House, participant: UUID, role: str, number: int = 1):
    with house.database.session() as session:
        site = "S1" if (role, "S1") in house.people else None
        return situation_for(session, house.actor(session, role, site), house.trial.id, participant, number)


def test_a_pregnancy_is_asked_about_until_its_outcome(house: House, participant: UUID):
    situation = report(house, participant, PREGNANCY)
    assert (situation.next_due_on, situation.closed_at) == (date(2026, 5, 1), None)
    house.clock.advance(timedelta(days=60))
    with house.database.session() as session:
        views = situations_for(session, house.actor(session, "coordinator"), house.trial.id)
        assert [view.number for view in due_situations(views, date(2026, 5, 1))] == [1]
        assert due_situations(views, date(2026, 4, 30)) == []
    assert follow_up(house, situation, PREGNANCY).next_due_on == date(2026, 6, 30)
    closed = follow_up(house, situation, {**PREGNANCY, "outcome": "live_birth", "outcome_on": "2026-04-30"})
    assert (closed.next_due_on, closed.closed_at) == (None, house.clock.now())
    assert [one.words for one in seen(house, participant, "coordinator").reports] == [
        "told by telephone", "asked again", "asked again",
    ]  # fmt: skip


def test_an_overdose_waits_for_its_symptoms_and_an_error_for_whether_harm_came_of_it(house: House, participant: UUID):
    overdose, error = report(house, participant, OVERDOSE), report(house, participant, ERROR)
    assert overdose.next_due_on == error.next_due_on == date(2026, 3, 9)
    event = reported(house, participant)
    harmed = follow_up(house, overdose, {**OVERDOSE, "symptoms": True}, event=event.number)
    assert (harmed.closed_at is not None, harmed.event_id) == (True, event.id)
    assert follow_up(house, error, {**ERROR, "harm": "none"}).closed_at is not None
    assert seen(house, participant, "coordinator").event == event.number


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "overdose", "harm": "none"},
        {"kind": "overdose", "times_intended": 0.5},
        {"kind": "medication_error", "stage": "dispensing", "harm": "none"},
        {"kind": "pregnancy", "pregnant": "partner"},
        {**ERROR, "measures": ["nothing", "observed"]},
        {**PREGNANCY, "outcome_on": "2026"},
    ],
)
def test_facts_that_are_not_of_their_kind_or_lack_something_are_malformed(facts: dict):
    with pytest.raises(ValidationError):
        SituationFacts.model_validate(facts)


def test_bad_input_is_refused_with_its_own_sentence(house: House, participant: UUID):
    for more, refusal in (
        ({"happened": "2026-03-03"}, SituationDatesImpossible),
        ({"aware_at": house.clock.now() + timedelta(minutes=1)}, SituationDatesImpossible),
        ({"words": "  "}, SituationWordsMissing),
        ({"event": 4}, EventNotFound),
    ):
        with pytest.raises(refusal):
            report(house, participant, OVERDOSE, **more)
    situation = report(house, participant, OVERDOSE)
    with pytest.raises(SituationKindFixed):
        follow_up(house, situation, PREGNANCY)


def test_everyone_who_may_report_an_event_may_report_these_and_who_knows_treatments_writes_no_words_here(
    house: House, participant: UUID
):
    holders = permissions()["adverse_event:report"].holders
    for role in ROLES:
        sealed = {"words": "", "under_seal": True} if role in UNBLINDED else {}
        if role not in holders:
            with pytest.raises(NotPermitted):
                report(house, participant, ERROR, role=role)
            continue
        assert report(house, participant, ERROR, role=role, **sealed).reported_by
        if role in UNBLINDED:
            with pytest.raises(SituationWordsCouldTell):
                report(house, participant, ERROR, role=role, words="the vial was labelled ketamine")


def test_who_only_reports_sees_that_the_report_is_there_and_no_more(house: House, participant: UUID):
    report(house, participant, ERROR, role="efficacy_assessor")
    report(house, participant, OVERDOSE)
    mine = seen(house, participant, "efficacy_assessor")
    assert (mine.own, mine.withheld, mine.facts, mine.reports) == (True, True, None, ())
    with house.database.session() as session:
        assessor = house.actor(session, "efficacy_assessor")
        assert [view.number for view in situations_for(session, assessor, house.trial.id)] == [1]
        with pytest.raises(EventNotFound):
            report(house, participant, ERROR, role="efficacy_assessor", event=1)


def test_detail_follows_the_infusion_domain_but_for_a_pregnancy(house: House, participant: UUID):
    report(house, participant, OVERDOSE)
    report(house, participant, PREGNANCY)
    assert seen(house, participant, "data_manager", 1).withheld
    assert not seen(house, participant, "data_manager", 2).withheld
    assert not seen(house, participant, "medical_monitor", 1).withheld


def test_a_report_is_never_changed(house: House, participant: UUID):
    situation = report(house, participant, OVERDOSE)
    with house.database.session() as session:
        actor = house.actor(session, "coordinator")
        authorize(session, actor, Action.SITUATION_FOLLOWED_UP, trial_id=house.trial.id, site_id=situation.site_id)
        with pytest.raises(DBAPIError, match="rows are kept"):
            session.execute(text("UPDATE trial.special_situation_version SET words = 'nothing'"))
