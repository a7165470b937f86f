from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import (
    answered_forms,
    as_owner,
    consented,
    infused,
    pretend_randomized,
    protocol_at,
    registered,
    today,
)
from trial.conduct.departures import EndReason, EndStudy, StudyEndKind, end_study
from trial.conduct.forms import CorrectionNeedsReason, forms_for
from trial.conduct.participants import DateInFuture, NotRandomized, ParticipantHasLeft
from trial.conduct.schedules import VisitStanding
from trial.conduct.trials import LeverClosed
from trial.conduct.visits import (
    MOVES,
    MissVisit,
    RecordVisit,
    StartTreatment,
    TreatmentIsInfused,
    VisitIsAnInfusion,
    VisitIsScreening,
    VisitMoveNotPossible,
    VisitNotYetDue,
    VisitRecord,
    can_become,
    due_visits,
    miss_visit,
    record_visit,
    start_treatment,
)
from trial.errors import NotPermitted


def test_the_table_of_moves_knows_every_standing():
    assert set(MOVES) == set(VisitStanding)
    assert all(targets <= set(VisitStanding) for targets in MOVES.values())


def test_what_is_done_is_never_undone():
    assert not any(can_become(VisitStanding.DONE, then) for then in VisitStanding if then is not VisitStanding.DONE)


def test_a_visit_keeps_its_plan_beside_its_date(house: House):
    someone = _in_follow_up(house)
    first = today(house) - timedelta(days=4)
    kept = _go(house, someone, "M1", first + timedelta(days=29))
    assert kept.planned_on == kept.happened_on == first + timedelta(days=29)
    assert (kept.window_from, kept.window_to) == (first + timedelta(days=22), first + timedelta(days=36))
    assert kept.in_window is True


def test_outside_its_window_a_visit_is_recorded_and_marked(house: House):
    someone = _in_follow_up(house)
    kept = _go(house, someone, "M1", today(house) + timedelta(days=60))
    assert kept.in_window is False


def test_the_forms_of_a_visit_come_with_it(house: House):
    someone = _in_follow_up(house)
    protocol = protocol_at(house)
    forms = answered_forms(protocol, protocol.visit("M1"))
    _go(house, someone, "M1", today(house) + timedelta(days=25), forms=forms)
    with house.database.transaction() as session:
        kept = forms_for(session, house.actor(session, "monitor", "S1"), someone)
    assert {one.form: one.answers for one in kept if one.visit == "M1"} == forms


def test_to_change_the_date_of_a_visit_needs_a_reason(house: House):
    someone = _in_follow_up(house)
    day = today(house) + timedelta(days=25)
    _go(house, someone, "M1", day)
    with pytest.raises(CorrectionNeedsReason):
        _go(house, someone, "M1", day - timedelta(days=1))
    corrected = _go(house, someone, "M1", day - timedelta(days=1), reason="Typing error")
    assert corrected.happened_on == day - timedelta(days=1)


def test_a_missed_visit_can_still_turn_out_to_have_happened(house: House):
    someone = _in_follow_up(house)
    house.clock.advance(timedelta(days=60))
    assert _miss(house, someone, "M1").standing is VisitStanding.MISSED
    found = _go(house, someone, "M1", today(house) - timedelta(days=30))
    assert (found.standing, found.missed_reason) == (VisitStanding.DONE, None)
    with pytest.raises(VisitMoveNotPossible):
        _miss(house, someone, "M1")


def test_a_visit_is_not_missed_before_it_could_happen(house: House):
    with pytest.raises(VisitNotYetDue):
        _miss(house, _in_follow_up(house), "M3")


def test_each_kind_of_visit_is_recorded_in_its_own_place(house: House):
    someone = pretend_randomized(house)
    with pytest.raises(VisitIsScreening):
        _go(house, someone, "SCR", today(house))
    with pytest.raises(VisitIsAnInfusion):
        _go(house, someone, "INF1", today(house))
    with pytest.raises(NotRandomized):
        _go(house, consented(house), "M1", today(house))
    with house.database.transaction() as session, pytest.raises(TreatmentIsInfused):
        start_treatment(
            session,
            house.actor(session, "coordinator", "S1"),
            StartTreatment(participant_id=someone, first_dose_at=house.clock.now()),
        )


def test_a_visit_does_not_happen_tomorrow(house: House):
    someone = _in_follow_up(house)
    with pytest.raises(DateInFuture), house.database.transaction() as session:
        command = RecordVisit(participant_id=someone, visit="M1", happened_on=today(house) + timedelta(days=1))
        record_visit(session, house.actor(session, "coordinator", "S1"), command)


def test_the_sponsor_can_stop_follow_up(house: House, owner_url: str):
    someone = _in_follow_up(house)
    as_owner(owner_url, "UPDATE trial.trial SET follow_up_open = false")
    with pytest.raises(LeverClosed):
        _go(house, someone, "M1", today(house) + timedelta(days=25))


def test_after_the_end_of_the_study_only_earlier_visits_are_entered(house: House):
    someone = _in_follow_up(house)
    house.clock.advance(timedelta(days=30))
    with house.database.transaction() as session:
        command = EndStudy(
            participant_id=someone,
            kind=StudyEndKind.WITHDRAWN,
            ended_on=today(house),
            reason=EndReason.PARTICIPANT_DECISION,
        )
        end_study(session, house.actor(session, "coordinator", "S1"), command)
    house.clock.advance(timedelta(days=2))
    _go(house, someone, "M1", today(house) - timedelta(days=2))
    with pytest.raises(ParticipantHasLeft):
        _go(house, someone, "M3", today(house))


def test_the_efficacy_assessor_reads_visits_and_writes_none(house: House):
    someone = _in_follow_up(house)
    with pytest.raises(NotPermitted), house.database.transaction() as session:
        command = RecordVisit(participant_id=someone, visit="EOI", happened_on=today(house))
        record_visit(session, house.actor(session, "efficacy_assessor", "S1"), command)


def test_the_worklist_holds_what_is_open_the_earliest_deadline_first(house: House):
    _in_follow_up(house)
    registered(house, "S1")
    pretend_randomized(house, "S2")
    assert _due(house, "coordinator", "S1") == [("P-0001", "EOI"), ("P-0002", "SCR"), ("P-0002", "BL")]
    assert _due(house, "coordinator", "S2") == [("P-0003", "INF1")]
    assert len(_due(house, "data_manager", None)) == 4
    later = today(house) + timedelta(days=90)
    assert ("P-0001", "M3") in _due(house, "coordinator", "S1", on=later)


def test_who_may_read_no_visit_gets_no_worklist(house: House):
    with pytest.raises(NotPermitted):
        _due(house, "dsmb_member", None)


def _in_follow_up(house: House) -> UUID:
    return infused(house)


def _go(house: House, participant_id: UUID, visit: str, on: date, **more: Any) -> VisitRecord:
    """Record a visit; the clock goes to its day if that lies ahead."""
    if on > today(house):
        house.clock.advance(on - today(house))
    command = RecordVisit(participant_id=participant_id, visit=visit, happened_on=on, **more)
    with house.database.transaction() as session:
        return record_visit(session, house.actor(session, "coordinator", "S1"), command)


def _miss(house: House, participant_id: UUID, visit: str) -> VisitRecord:
    command = MissVisit(participant_id=participant_id, visit=visit, reason="Did not come")
    with house.database.transaction() as session:
        return miss_visit(session, house.actor(session, "coordinator", "S1"), command)


def _due(house: House, role: str, site: str | None, on: date | None = None) -> list[tuple[str, str]]:
    with house.database.transaction() as session:
        found = due_visits(session, house.actor(session, role, site), house.trial.id, on=on)
        return [(one.participant.code, one.planned.visit.code) for one in found]
