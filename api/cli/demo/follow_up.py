"""Months 1, 3 and 6, and leaving the study: at its end, by withdrawal, or lost."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date, datetime, timedelta
from typing import Final

from api.cli.demo.calendar import working_day
from api.cli.demo.forms import (
    analgesics_form,
    attendance_form,
    concomitant_form,
    follow_up_safety_form,
    lab_form,
)
from api.cli.demo.harms import report_later_events
from api.cli.demo.incidents import deviate, monitor_asks
from api.cli.demo.life import MONITOR, Life
from api.cli.demo.questionnaires import answer_all
from api.cli.demo.timeline import Moment
from api.cli.demo.treatment import enter_guess
from trial.conduct.attendance import ProgrammeSession, RecordAttendance, record_attendance
from trial.conduct.concomitant import RecordConcomitant, Treatment, record_concomitant
from trial.conduct.consents import WithdrawalScope
from trial.conduct.departures import (
    EndReason,
    EndStudy,
    StudyEndKind,
    WithdrawConsent,
    end_study,
    withdraw_consent,
)
from trial.conduct.forms import FormAnswers
from trial.conduct.outcomes import RecordOutcomes, record_outcomes
from trial.conduct.visits import MissVisit, RecordVisit, miss_visit, record_visit
from trial.database.session import TrialSession

Part = Generator[Moment, TrialSession, None]

VISITS: Final = {"M1": ("month_1", 30, 5), "M3": ("month_3", 91, 9), "M6": ("month_6", 182, 14)}
"""The simulator's name, the planned study day, and by how many days most come earlier or later."""
_LEAVING: Final = {
    "LACK OF EFFICACY": (StudyEndKind.WITHDRAWN, EndReason.LACK_OF_EFFICACY),
    "ADVERSE EVENT": (StudyEndKind.WITHDRAWN, EndReason.ADVERSE_EVENT),
    "LOST TO FOLLOW-UP": (StudyEndKind.LOST, EndReason.LOST_TO_FOLLOW_UP),
}


def follow_up(life: Life) -> Part:
    """Every visit that is attended, one now and then missed, and the end."""
    course = life.followed
    if course.visits_attended > 0 and course.infusions_received == 0:
        session = yield life.when(working_day(life.study_day(8)), 10)
        _miss(life, session, "EOI", "No infusion was given")
    for code, (seen, planned_day, spread) in VISITS.items():
        if not course.attended(seen):
            break
        if code == "M1" and life.number % 19 == 11:
            session = yield life.when(working_day(life.study_day(planned_day + 8)), 10)
            _miss(life, session, code, "Away; no appointment was possible in the window")
            continue
        day = _visit_day(life, code, planned_day, spread)
        session = yield life.when(day, 14)
        _visit(life, session, code, seen, day)
        if life.number % 9 == 4 and code == "M1":
            life.stage.timeline.add(life.story_id(MONITOR), monitor_asks(life, code, day))
    if course.leaving_reason is not None or not course.attended("month_6"):
        session = yield _leaving_time(life)
    _leave(life, session)


def _visit_day(life: Life, code: str, planned_day: int, spread: int) -> date:
    """Near the planned day; one in thirty comes to month 3 far too late."""
    late = 26 if code == "M3" and life.number % 30 == 13 else 0
    return working_day(life.study_day(planned_day + int(life.rng.integers(-spread, spread + 1)) + late))


def _leaving_time(life: Life) -> datetime:
    course, soon = life.followed, life.stage.clock.now() + timedelta(minutes=25)
    return max(soon, life.when(working_day(life.study_day(course.leaving_day or 1)), 16))


def _miss(life: Life, session: TrialSession, visit: str, reason: str) -> None:
    command = MissVisit(participant_id=life.participant_id, visit=visit, reason=reason)
    miss_visit(session, life.stage.at("coordinator", life.place), command)


def _visit(life: Life, session: TrialSession, code: str, seen: str, day: date) -> None:
    coordinator = life.stage.at("coordinator", life.place)
    life.consent_again(session, day)
    report_later_events(life, session, day)
    visit = RecordVisit(
        participant_id=life.participant_id, visit=code, happened_on=day, forms=_forms(life, code, seen, day)
    )
    recorded = record_visit(session, coordinator, visit)
    if recorded.in_window is False:
        deviate(life, session, "visit_window", f"{code} took place outside its window.", day)
    _attendance(life, session, code, day)
    _medication(life, session, code, seen)
    _outcomes(life, session, code, seen, day)
    for guess in life.followed.guesses:
        if guess.occasion == seen:
            enter_guess(life, session, guess)


def _forms(life: Life, code: str, seen: str, day: date) -> dict[str, FormAnswers]:
    attended = life.followed.programme[: _sessions_held(life, day)]
    forms = {
        "analgesics": analgesics_form(
            life.followed.opioid_mme_per_day[seen], life.rng, stable_weeks=int(life.rng.integers(30))
        ),
        "concomitant": concomitant_form(life.rng),
        "attendance": attendance_form(len(attended), sum(attended)),
        "follow_up_safety": follow_up_safety_form(life.rng),
    }
    return forms if code == "M1" else {**forms, "labs": lab_form(life.person, life.rng)}


def _sessions_held(life: Life, day: date) -> int:
    """The programme has one session a week, from the second week."""
    return min(len(life.followed.programme), max(0, (day - life.first_day).days // 7 - 1))


def _attendance(life: Life, session: TrialSession, code: str, day: date) -> None:
    """The sessions since the last visit that recorded them."""
    programme, planned = life.followed.programme, life.stage.protocol.programme
    if code == "M6" or planned is None:
        return
    held = _sessions_held(life, day)
    sessions = tuple(
        ProgrammeSession(
            session=number + 1,
            held_on=life.first_day + timedelta(weeks=number + 1, days=2),
            kind=planned.session_kinds[number % len(planned.session_kinds)],
            attended=programme[number],
        )
        for number in range(life.sessions_recorded, held)
    )
    if sessions:
        command = RecordAttendance(participant_id=life.participant_id, sessions=sessions)
        record_attendance(session, life.stage.at("coordinator", life.place), command)
        life.sessions_recorded = held


def _medication(life: Life, session: TrialSession, code: str, seen: str) -> None:
    dose = life.followed.opioid_mme_per_day[seen]
    if not life.person.baseline_opioid:
        return
    treatment = Treatment(name="Opioids, as oral morphine equivalents", value=dose, unit="mg/d")
    command = RecordConcomitant(participant_id=life.participant_id, visit=code, treatments=(treatment,))
    record_concomitant(session, life.stage.at("coordinator", life.place), command)


def _outcomes(life: Life, session: TrialSession, code: str, seen: str, day: date) -> None:
    stage, course = life.stage, life.followed
    expected = [stage.protocol.instrument(name) for name in stage.protocol.visit(code).instrument_ids]
    own = [one for one in expected if one.completed_by == "participant"]
    if life.number % 23 == 7:
        own = [one for one in own if one.id not in ("PCS", "PSEQ")]
        deviate(life, session, "assessment_missed", f"Not every questionnaire was answered at {code}.", day)
    answers = answer_all(life.rng, stage.scenario, own, course.scores[seen], course.pgic[seen])
    record_outcomes(
        session,
        stage.at("assessor", life.place),
        RecordOutcomes(participant_id=life.participant_id, visit=code, answered_on=day, answers=answers),
    )
    rated = [one for one in expected if one.completed_by == "clinician"]
    if rated:
        ratings = answer_all(life.rng, stage.scenario, rated, course.scores[seen])
        command = RecordOutcomes(participant_id=life.participant_id, visit=code, answered_on=day, answers=ratings)
        record_outcomes(session, stage.at("coordinator", life.place), command)


def _leave(life: Life, session: TrialSession) -> None:
    stage, today = life.stage, life.stage.clock.now().date()
    report_later_events(life, session, today)
    coordinator, reason = stage.at("coordinator", life.place), life.followed.leaving_reason
    if reason is None:
        kind, why = StudyEndKind.COMPLETED, EndReason.COMPLETED
    elif reason in _LEAVING:
        kind, why = _LEAVING[reason]
    else:
        withdrawal = WithdrawConsent(
            participant_id=life.participant_id, withdrawn_on=today, scope=WithdrawalScope.PARTICIPATION
        )
        withdraw_consent(session, coordinator, withdrawal)
        return
    command = EndStudy(participant_id=life.participant_id, kind=kind, ended_on=today, reason=why)
    end_study(session, coordinator, command)
