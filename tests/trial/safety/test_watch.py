"""The watch over serious events: late upgrades, changes of mind, who sees which clock."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.events import assessed, facts, reported, reporting, serious
from tests.support.house import House
from tests.support.participants import consented
from tests.support.susars import MONITOR, judged, susar, watched
from trial.access.alerts import alerts_for
from trial.errors import NotPermitted
from trial.safety.adverse_events import UpdateAdverseEvent, report_adverse_event, update_adverse_event
from trial.safety.susars import susar_assessments_of
from trial.safety.watch import watched_for


@pytest.fixture
def participant(house: House) -> UUID:
    return consented(house)


def updated(house: House, event_id: UUID, *, heard_ago: timedelta = timedelta(), **changes) -> None:
    with house.database.transaction() as session:
        command = UpdateAdverseEvent(
            event_id=event_id,
            facts=facts(house, **changes),
            reason="heard from the ward",
            kind="correction",
            received_at=house.clock.now() - heard_ago,
        )
        update_adverse_event(session, house.actor(session, "coordinator", "S1"), command)


SEIZURE = {
    "term": "Seizure", "verbatim": "seizure at home", "grade": 3, "outcome": "NOT RECOVERED/NOT RESOLVED", "ended": None,
}  # fmt: skip


def dues_of(house: House, event_id: UUID):
    return {due.clock_id: due for due in watched(house, event_id).dues}


def test_an_event_that_became_serious_late_starts_its_clocks_when_it_did(house: House, participant: UUID):
    event = reported(house, participant, **SEIZURE)
    assert dues_of(house, event.id) == {}
    house.clock.advance(timedelta(days=9))
    updated(house, event.id, **SEIZURE, hospitalization=True)
    dues, now = dues_of(house, event.id), house.clock.now()
    assert dues["site_to_sponsor"].started_at == now
    assert not dues["site_to_sponsor"].was_late
    assert dues["fda_15"].day_zero == now.date()
    # At once fatal as well: seven days from then, and no fresh clock besides.
    other = reported(house, participant, **SEIZURE)
    house.clock.advance(timedelta(days=9))
    updated(house, other.id, **{**SEIZURE, "grade": 5, "outcome": "FATAL"}, death=True)
    dues = dues_of(house, other.id)
    assert dues["fda_7"].due_on == (house.clock.now() + timedelta(days=7)).date()
    assert "fda_became_fatal" not in dues
    # The site had heard of it a day and a half before it said so.
    late = reported(house, participant, **SEIZURE)
    house.clock.advance(timedelta(days=9))
    updated(house, late.id, **SEIZURE, hospitalization=True, heard_ago=timedelta(hours=36))
    assert dues_of(house, late.id)["site_to_sponsor"].was_late


def test_a_serious_event_that_became_fatal_has_a_fresh_clock_and_keeps_its_first(house: House, participant: UUID):
    event = serious(house, participant)
    began = house.clock.now().date()
    house.clock.advance(timedelta(days=4))
    updated(house, event.id, **{**SEIZURE, "grade": 5, "outcome": "FATAL"}, hospitalization=True, death=True)
    dues = dues_of(house, event.id)
    assert dues["fda_15"].day_zero == began
    assert dues["fda_became_fatal"].due_on == began + timedelta(days=11)
    assert dues["fda_follow_up"].due_on == began + timedelta(days=19)


def test_a_downgrade_hides_nothing_until_the_medical_monitor_has_judged_again(house: House, participant: UUID):
    event = susar(house, participant)
    house.clock.advance(timedelta(days=1))
    updated(house, event.id, **SEIZURE)  # not serious after all, says the site
    assert {due.jurisdiction for due in watched(house, event.id).dues if due.is_open} == {"FDA", "EU"}
    house.clock.advance(timedelta(days=1))
    assert not judged(house, event.id, "The criterion was ticked in error.").is_susar
    found = dues_of(house, event.id)
    assert found["fda_15"].stood_down_at == house.clock.now()
    assert found["site_to_sponsor"].sent_at is not None
    with house.database.session() as session:
        told = [
            one.sentence
            for one in alerts_for(session, house.actor(session, "safety_officer_unblinded"), house.trial.id)
        ]
        assert [one.is_susar for one in susar_assessments_of(session, event.id)] == [True, False]
    assert len(told) == 2
    assert "no SUSAR any more" in told[1]
    # And back again: the clocks run from where they ran before.
    day_zero = found["fda_15"].day_zero
    updated(house, event.id, **SEIZURE, hospitalization=True)
    assert judged(house, event.id, "It was right at first.").is_susar
    assert dues_of(house, event.id)["fda_15"].is_open
    assert dues_of(house, event.id)["fda_15"].day_zero >= day_zero


def test_the_site_sees_its_own_clock_and_the_study_sees_all_the_first_due_first(house: House, participant: UUID):
    first = susar(house, participant)
    house.clock.advance(timedelta(hours=5))
    second = serious(house, consented(house, "S2"), life_threatening=True)
    with house.database.session() as session:
        monitor = watched_for(session, house.actor(session, "medical_monitor"), house.trial.id)
        site = watched_for(session, house.actor(session, "coordinator", "S1"), house.trial.id)
        with pytest.raises(NotPermitted):
            watched_for(session, house.actor(session, "efficacy_assessor", "S1"), house.trial.id)
    open_ones = [one for one in monitor if one.due.is_open]
    assert [one.due.due_at for one in open_ones] == sorted(one.due.due_at for one in open_ones)
    assert open_ones[0].case.event.id == second.id
    assert {one.case.event.id for one in monitor} == {first.id, second.id}
    assert [(one.case.event.id, one.due.clock_id) for one in site] == [(first.id, "site_to_sponsor")]


def test_a_site_that_tells_late_is_late_and_stays_so(house: House, participant: UUID):
    house.clock.advance(timedelta(days=3))
    with house.database.transaction() as session:
        command = reporting(house, participant, **SEIZURE, hospitalization=True)
        late = command.model_copy(update={"aware_at": house.clock.now() - timedelta(hours=30)})
        event = report_adverse_event(session, house.actor(session, "coordinator", "S1"), late)
    due = dues_of(house, event.id)["site_to_sponsor"]
    assert due.was_late
    assert not due.is_open


def test_an_expected_event_has_the_sites_clock_alone(house: House, participant: UUID):
    event = serious(house, participant)
    assessed(house, event.id, "possible")
    assessed(house, event.id, "possible", expected=True, **MONITOR)
    assert set(dues_of(house, event.id)) == {"site_to_sponsor"}
