"""A trial of another shape: three arms, no infusions, other visits. The same services carry it."""

from datetime import timedelta

import pytest

from tests.support.house import House
from tests.support.participants import (
    answer_instruments,
    answered_forms,
    order,
    participant,
    pretend_randomized,
    protocol_at,
    today,
)
from trial.clock import SetClock
from trial.conduct.attendance import ProgrammeSession, RecordAttendance, SessionNotExpected, record_attendance
from trial.conduct.departures import (
    EndReason,
    EndStudy,
    EndTreatment,
    StudyEndKind,
    departures_for,
    end_study,
    end_treatment,
)
from trial.conduct.eligibility import check_eligible_for_randomization
from trial.conduct.guesses import guesses_offered
from trial.conduct.infusion_courses import NoInfusions
from trial.conduct.outcomes import outcomes_for
from trial.conduct.participants import AlreadyRandomized, ParticipantStatus
from trial.conduct.visits import RecordVisit, StartTreatment, record_visit, start_treatment, visits_for
from trial.database.session import Database
from trial.protocol.loader import load_shipped


@pytest.fixture
def duo(database: Database, clock: SetClock) -> House:
    return House.build(database, clock, loaded=load_shipped("second"), sites=("K1", "K2"))


def test_its_stratum_comes_from_its_own_factors(duo: House):
    one = participant(duo, pretend_randomized(duo, "K2", {("knee", "radiographic_grade"): "grade_4"}))
    assert one.stratum == "site=K2; radiographic_grade=grade_4; low_mood=no"


def test_its_whole_course_runs_from_randomization_to_the_end(duo: House):
    someone = pretend_randomized(duo, "K1")
    started = duo.clock.now()
    with duo.database.transaction() as session:
        start_treatment(
            session,
            duo.actor(session, "coordinator", "K1"),
            StartTreatment(participant_id=someone, first_dose_at=started),
        )
    assert participant(duo, someone).status is ParticipantStatus.ON_TREATMENT
    protocol = protocol_at(duo, "K1")
    for visit in [one for one in protocol.visits if one.period != "screening"]:
        duo.clock.set(started + timedelta(days=visit.day - 1))
        with duo.database.transaction() as session:
            command = RecordVisit(
                participant_id=someone,
                visit=visit.code,
                happened_on=today(duo, "K1"),
                forms=answered_forms(protocol, visit),
            )
            kept = record_visit(session, duo.actor(session, "coordinator", "K1"), command)
            assert (kept.planned_on, kept.in_window) == (today(duo, "K1"), True)
            answer_instruments(session, duo, someone, protocol, visit, "K1")
    with duo.database.transaction() as session:
        coordinator = duo.actor(session, "coordinator", "K1")
        ended = EndTreatment(participant_id=someone, ended_on=today(duo, "K1"), reason=EndReason.COMPLETED)
        end_treatment(session, coordinator, ended)
        end_study(
            session,
            coordinator,
            EndStudy(
                participant_id=someone,
                kind=StudyEndKind.COMPLETED,
                ended_on=today(duo, "K1"),
                reason=EndReason.COMPLETED,
            ),
        )
        treatment, study = departures_for(session, coordinator, someone)
        assert treatment is not None
        assert study is not None
        assert (treatment.kind, study.kind) == ("completed", "completed")
        states = visits_for(session, coordinator, someone)
        assert {one.standing.value for one in states} == {"done"}
        diaries = outcomes_for(session, duo.actor(session, "efficacy_assessor", "K1"), someone)
        assert {one.visit for one in diaries if one.instrument == "PAIN-DIARY"} == {"BL", "W2", "W4", "W8", "W12"}


def test_there_is_nothing_to_infuse_and_no_programme_to_attend(duo: House):
    someone = pretend_randomized(duo, "K1")
    with pytest.raises(NoInfusions):
        order(duo, someone, 1)
    sessions = (ProgrammeSession(session=1, held_on=today(duo, "K1"), kind="education", attended=True),)
    with duo.database.transaction() as session, pytest.raises(SessionNotExpected, match="none"):
        record_attendance(
            session,
            duo.actor(session, "coordinator", "K1"),
            RecordAttendance(participant_id=someone, sessions=sessions),
        )


def test_its_guesses_are_its_own_three_arms(duo: House):
    assert guesses_offered(protocol_at(duo, "K1")) == ("DUL60", "DUL30", "PBO", "dont_know")


def test_nobody_is_randomized_twice_there_either(duo: House):
    someone = pretend_randomized(duo, "K1")
    with duo.database.transaction() as session, pytest.raises(AlreadyRandomized):
        check_eligible_for_randomization(session, someone)
