"""Deviations, programme attendance and concomitant treatment."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import consented, infused, pretend_randomized, registered, today
from trial.conduct.attendance import (
    Attendance,
    ProgrammeSession,
    RecordAttendance,
    SessionAlreadyRecorded,
    SessionNotExpected,
    attendance_for,
    record_attendance,
)
from trial.conduct.concomitant import (
    ConcomitantTreatment,
    RecordConcomitant,
    Treatment,
    TreatmentDatesImpossible,
    concomitant_for,
    record_concomitant,
)
from trial.conduct.consents import ConsentMissing
from trial.conduct.deviations import (
    Deviation,
    Importance,
    RecordDeviation,
    UnknownDeviation,
    deviations_for,
    record_deviation,
)
from trial.conduct.participants import DateInFuture, NotRandomized
from trial.errors import NotPermitted
from trial.protocol.schema import NotInProtocol


def test_deviations_are_numbered_and_their_importance_is_the_protocols(house: House):
    someone = infused(house, infusions=1)
    kept = [_deviate(house, someone, category) for category in ("visit_window", "wrong_kit")]
    assert [(one.number, one.importance) for one in kept] == [(1, Importance.OTHER), (2, Importance.IMPORTANT)]


def test_importance_can_be_raised_and_never_lowered(house: House):
    someone = infused(house, infusions=1)
    assert _deviate(house, someone, "visit_window", important=True).importance is Importance.IMPORTANT
    assert _deviate(house, someone, "wrong_kit", important=False).importance is Importance.IMPORTANT


def test_a_deviation_is_of_a_kind_of_the_protocol_and_not_of_tomorrow(house: House):
    someone = consented(house)
    with pytest.raises(UnknownDeviation, match="visit_window"):
        _deviate(house, someone, "bad_luck")
    with pytest.raises(DateInFuture):
        _deviate(house, someone, "consent", days=1)


def test_deviations_are_read_at_their_site(house: House):
    someone = consented(house)
    _deviate(house, someone, "consent")
    with house.database.transaction() as session:
        assert len(deviations_for(session, house.actor(session, "monitor", "S1"), someone)) == 1
        with pytest.raises(NotPermitted):
            deviations_for(session, house.actor(session, "monitor", "S2"), someone)


def test_sessions_are_recorded_once_attended_or_not(house: House):
    someone = pretend_randomized(house)
    _attend(house, someone, 1, 2)
    with pytest.raises(SessionAlreadyRecorded):
        _attend(house, someone, 2)
    with pytest.raises(SessionAlreadyRecorded):
        _attend(house, someone, 3, 3)
    with house.database.transaction() as session:
        kept = attendance_for(session, house.actor(session, "coordinator", "S1"), someone)
    assert [(one.session, one.attended) for one in kept] == [(1, True), (2, False)]


def test_a_session_is_of_the_protocols_programme_and_follows_randomization(house: House):
    with pytest.raises(SessionNotExpected, match="behavioural therapy"):
        _attend(house, pretend_randomized(house), 1, kind="karaoke")
    with pytest.raises(NotRandomized):
        _attend(house, consented(house), 1)


def test_other_treatment_is_named_once_a_visit_and_replaced_when_given_again(house: House):
    someone = consented(house)
    _treat(house, someone, Treatment(name="Morphine", value=40, unit="mg/d"), Treatment(name="Physiotherapy"))
    (kept,) = _treat(house, someone, Treatment(name="Morphine", value=30, unit="mg/d"))
    assert kept.value == 30
    with house.database.transaction() as session:
        found = concomitant_for(session, house.actor(session, "coordinator", "S1"), someone)
    assert [(one.name, one.value) for one in found] == [("Morphine", 30), ("Physiotherapy", None)]


def test_other_treatment_has_an_indication_and_dates_as_far_as_known(house: House):
    someone = consented(house)
    told = Treatment(name="Morphine", indication="Back pain", started="2019", ended="2026-02")
    (kept,) = _treat(house, someone, told)
    assert (kept.indication, kept.started, kept.ended) == ("Back pain", "2019", "2026-02")
    for wrong in ({"started": "2027"}, {"started": "2026-02", "ended": "2025-12"}):
        with pytest.raises(TreatmentDatesImpossible):
            _treat(house, someone, Treatment(name="Ibuprofen", **wrong))
    with house.database.session() as session, pytest.raises(NotPermitted):
        concomitant_for(session, house.actor(session, "efficacy_assessor", "S1"), someone)


def test_other_treatment_needs_a_consent_and_a_visit_of_the_protocol(house: House):
    with pytest.raises(ConsentMissing):
        _treat(house, registered(house), Treatment(name="Morphine"))
    with pytest.raises(NotInProtocol):
        _treat(house, consented(house), Treatment(name="Morphine"), visit="M99")


def _deviate(house: House, participant_id: UUID, category: str, *, important: bool = False, days: int = 0) -> Deviation:
    command = RecordDeviation(
        participant_id=participant_id,
        category=category,
        description="As it happened",
        happened_on=today(house) + timedelta(days=days),
        important=important,
    )
    with house.database.transaction() as session:
        return record_deviation(session, house.actor(session, "coordinator", "S1"), command)


def _attend(house: House, participant_id: UUID, *numbers: int, kind: str = "behavioural therapy") -> list[Attendance]:
    sessions = tuple(
        ProgrammeSession(session=number, held_on=today(house), kind=kind, attended=number % 2 == 1)
        for number in numbers
    )
    with house.database.transaction() as session:
        command = RecordAttendance(participant_id=participant_id, sessions=sessions)
        return record_attendance(session, house.actor(session, "coordinator", "S1"), command)


def _treat(house: House, participant_id: UUID, *treatments: Treatment, visit: str = "BL") -> list[ConcomitantTreatment]:
    command = RecordConcomitant(participant_id=participant_id, visit=visit, treatments=treatments)
    with house.database.transaction() as session:
        return record_concomitant(session, house.actor(session, "coordinator", "S1"), command)
