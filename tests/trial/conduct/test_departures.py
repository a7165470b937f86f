from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from tests.support.house import House
from tests.support.participants import consented, infused, participant, pretend_randomized, today
from trial.conduct.departures import (
    EndReason,
    EndStudy,
    EndTreatment,
    StudyEnd,
    StudyEndKind,
    TreatmentEnd,
    TreatmentNotComplete,
    departures_for,
    end_study,
    end_treatment,
)
from trial.conduct.participants import (
    DateInFuture,
    NotRandomized,
    ParticipantHasLeft,
    ParticipantStatus,
    StepNotPossible,
)


def test_who_stops_treatment_stays_in_the_study(house: House):
    someone = infused(house, infusions=2)
    ended = _end_treatment(house, someone, EndReason.ADVERSE_EVENT)
    assert (ended.kind, participant(house, someone).status) == ("discontinued", ParticipantStatus.FOLLOW_UP)


def test_treatment_that_never_started_is_named_so(house: House):
    someone = pretend_randomized(house)
    assert _end_treatment(house, someone, EndReason.PARTICIPANT_DECISION).kind == "not_started"


def test_treatment_ends_once(house: House):
    someone = infused(house)
    with pytest.raises(StepNotPossible):
        _end_treatment(house, someone, EndReason.ADVERSE_EVENT)


def test_nobody_says_completed_while_infusions_are_missing(house: House):
    with pytest.raises(TreatmentNotComplete):
        _end_treatment(house, infused(house, infusions=4), EndReason.COMPLETED)


def test_treatment_does_not_end_before_randomization_nor_tomorrow(house: House):
    with pytest.raises(NotRandomized):
        _end_treatment(house, consented(house), EndReason.OTHER)
    with pytest.raises(DateInFuture), house.database.transaction() as session:
        end_treatment(
            session,
            house.actor(session, "coordinator", "S1"),
            EndTreatment(
                participant_id=infused(house, infusions=1),
                ended_on=today(house) + timedelta(days=2),
                reason=EndReason.OTHER,
            ),
        )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (StudyEndKind.WITHDRAWN, ParticipantStatus.WITHDRAWN),
        (StudyEndKind.LOST, ParticipantStatus.LOST),
        (StudyEndKind.DIED, ParticipantStatus.DIED),
    ],
)
def test_leaving_the_study_on_treatment_ends_both_on_one_day(
    house: House, kind: StudyEndKind, status: ParticipantStatus
):
    someone = infused(house, infusions=2)
    ended = _end_study(house, someone, kind)
    with house.database.transaction() as session:
        treatment, study = departures_for(session, house.actor(session, "monitor", "S1"), someone)
    assert treatment is not None
    assert study is not None
    assert participant(house, someone).status is status
    assert (treatment.kind, treatment.ended_on) == ("discontinued", ended.ended_on)


def test_the_study_is_completed_from_follow_up_only(house: House):
    with pytest.raises(StepNotPossible):
        _end_study(house, infused(house, infusions=2), StudyEndKind.COMPLETED)
    someone = infused(house)
    _end_study(house, someone, StudyEndKind.COMPLETED)
    assert participant(house, someone).status is ParticipantStatus.COMPLETED


def test_nobody_leaves_twice(house: House):
    someone = infused(house)
    _end_study(house, someone, StudyEndKind.LOST)
    with pytest.raises(ParticipantHasLeft):
        _end_study(house, someone, StudyEndKind.WITHDRAWN)


def test_a_death_has_a_date_and_nothing_else_has_one(house: House):
    someone = infused(house, infusions=1)
    for kind, died_on in ((StudyEndKind.DIED, None), (StudyEndKind.LOST, today(house))):
        with pytest.raises(ValidationError, match="died_on"):
            EndStudy(
                participant_id=someone,
                kind=kind,
                ended_on=today(house),
                reason=EndReason.OTHER,
                died_on=died_on,
            )


def test_somebody_may_die_in_screening(house: House):
    someone = consented(house)
    _end_study(house, someone, StudyEndKind.DIED)
    assert participant(house, someone).status is ParticipantStatus.DIED


def _end_treatment(house: House, participant_id: UUID, reason: EndReason) -> TreatmentEnd:
    command = EndTreatment(participant_id=participant_id, ended_on=today(house), reason=reason)
    with house.database.transaction() as session:
        return end_treatment(session, house.actor(session, "coordinator", "S1"), command)


def _end_study(house: House, participant_id: UUID, kind: StudyEndKind) -> StudyEnd:
    more: dict[str, Any] = {"died_on": today(house)} if kind is StudyEndKind.DIED else {}
    command = EndStudy(participant_id=participant_id, kind=kind, ended_on=today(house), reason=EndReason.OTHER, **more)
    with house.database.transaction() as session:
        return end_study(session, house.actor(session, "investigator", "S1"), command)
