"""The week of infusions: ordered, prepared, checked, given and watched, each on its day by those whose task it is.

The pharmacy's preparation is recorded for the first infusion of each course; the other four would be the same again.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from api.cli.demo.forms import concomitant_form, infusion_forms
from api.cli.demo.harms import report_infusion_events
from api.cli.demo.incidents import after_infusion, deviate
from api.cli.demo.life import Life
from api.cli.demo.questionnaires import answer_all
from api.cli.demo.timeline import Moment
from randomization.kits.dispensing import DispenseKit, dispense_kit
from randomization.pharmacy.preparations import (
    PrepareDose,
    VerifyPreparation,
    prepare_dose,
    verify_preparation,
)
from trial.conduct.consents import WithdrawalScope
from trial.conduct.departures import (
    EndReason,
    EndTreatment,
    WithdrawConsent,
    end_treatment,
    withdraw_consent,
)
from trial.conduct.guesses import DONT_KNOW, Guesser, RecordGuess, record_guess
from trial.conduct.infusion_orders import OrderInfusion, order_infusion
from trial.conduct.infusion_rules import rules_fired
from trial.conduct.infusions import (
    Interruption,
    MissInfusion,
    RecordInfusion,
    miss_infusion,
    record_infusion,
)
from trial.conduct.outcomes import RecordOutcomes, record_outcomes
from trial.conduct.visits import RecordVisit, record_visit
from trial.database.session import TrialSession
from trial.statistics.virtual_participants import Guess, InfusionCourse, simulate_course

Part = Generator[Moment, TrialSession, None]

_OCCASIONS: Final = {"infusion_1": "INF1", "infusion_5": "INF5", "month_3": "M3"}
_GUESSERS: Final = {"participant": "coordinator", "infusion_nurse": "nurse", "assessor": "assessor"}
_STOPPED: Final = {
    "ADVERSE EVENT": EndReason.ADVERSE_EVENT,
    "LOGISTICAL PROBLEM": EndReason.LOGISTICS,
}


def treatment(life: Life) -> Part:
    """As many infusions as the participant receives, and the end of the course."""
    session = yield life.when(life.first_day, 8, 1 + life.number % 59)
    _begin(life, session)
    course = life.followed
    numbers = _numbers(life)
    for number, infusion in zip(numbers, course.infusions, strict=False):
        day = life.study_day(number)
        while_missing = [missed for missed in range(1, number) if missed not in numbers and number == missed + 1]
        for missed in while_missing:
            session = yield life.when(life.study_day(missed), 17)
            _miss(life, session, missed)
        if number > 1 or while_missing:
            session = yield life.when(day, 8)
        _order_and_prepare(life, session, number, day)
        session = yield life.when(day, 12)
        _give(life, session, number, infusion, day)
        after_infusion(life, number)
    if max(numbers, default=0) < life.stage.scenario.infusions:
        session = yield life.when(life.study_day(max(numbers, default=0) + 1), 9)
        _stop(life, session)
    if course.visits_attended > 0 and numbers:
        _end_of_infusions(life, session, life.stage.clock.now().date())


def _begin(life: Life, session: TrialSession) -> None:
    """What will happen to this person depends on the arm, which the strongroom tells of simulated trials only."""
    stage = life.stage
    plan = stage.protocol.infusions
    assert plan is not None, "this demo's trial infuses"
    life.course = simulate_course(
        life.rng,
        stage.scenario,
        life.person,
        active=stage.exposure(session, life.code),
        vital_minutes=plan.monitoring.minutes,
        cadss_minutes=plan.monitoring.scales[0].minutes,
    )


def _numbers(life: Life) -> list[int]:
    """Which infusions are received: a course that is one short for a reason of logistics misses the third."""
    course, planned = life.followed, life.stage.scenario.infusions
    if course.infusions_received == planned - 1 and course.stopping_reason == "LOGISTICAL PROBLEM":
        return [number for number in range(1, planned + 1) if number != 3]
    return list(range(1, course.infusions_received + 1))


def _miss(life: Life, session: TrialSession, number: int) -> None:
    command = MissInfusion(
        participant_id=life.participant_id, infusion=number, reason="The infusion room was closed that day"
    )
    miss_infusion(session, life.stage.at("nurse", life.place), command)


def _order_and_prepare(life: Life, session: TrialSession, number: int, day: date) -> None:
    stage, place = life.stage, life.place
    life.consent_again(session, day)
    order = order_infusion(
        session,
        stage.at("investigator", place),
        OrderInfusion(
            participant_id=life.participant_id,
            infusion=number,
            weight_kg=_weight(life, number),
            height_cm=life.person.height_cm,
        ),
    )
    if number == 1:
        kit = DispenseKit(
            participant_id=life.participant_id, visit="INF1", number=life.kit, idempotency_key=stage.key()
        )
        dispense_kit(session, stage.at("pharmacist-1", place), kit)
        _prepare(life, session, order.id)


def _prepare(life: Life, session: TrialSession, order_id: UUID) -> None:
    stage, place = life.stage, life.place
    dose = PrepareDose(order_id=order_id, idempotency_key=stage.key())
    worksheet = prepare_dose(session, stage.at("pharmacist-1", place), dose)
    check = VerifyPreparation(preparation_id=worksheet.preparation_id, idempotency_key=stage.key())
    verify_preparation(session, stage.at("pharmacist-2", place), check)


def _weight(life: Life, number: int) -> float:
    return round(life.person.weight_kg + 0.2 * ((life.number + number) % 4), 1)


def _give(life: Life, session: TrialSession, number: int, infusion: InfusionCourse, day: date) -> None:
    stage, nurse = life.stage, life.stage.at("nurse", life.place)
    now = stage.clock.now()
    started = now - timedelta(minutes=125)
    readings = _readings(infusion)
    interruption = _interruption(life, readings)
    ended = started + timedelta(minutes=40 + sum(one.minutes for one in interruption))
    record_infusion(
        session,
        nurse,
        RecordInfusion(
            participant_id=life.participant_id,
            infusion=number,
            started_at=started,
            ended_at=ended,
            infused_volume_ml=100.0,
            readings=readings,
            kit=life.kit,
            interruptions=interruption,
            discharged_at=max(now - timedelta(minutes=5), ended + timedelta(minutes=62)),
            confirmed_at_discharge=("orientated", "escort"),
            forms=infusion_forms(
                _weight(life, number), any_event=any(event.asked_for for event in infusion.events), first=number == 1
            ),
        ),
    )
    report_infusion_events(life, session, number, infusion.events, started)
    for guess in life.followed.guesses:
        if _OCCASIONS[guess.occasion] == f"INF{number}":
            enter_guess(life, session, guess)
    if life.number % 17 == 9 and number == 2:
        deviate(life, session, "monitoring_incomplete", "The reading at 55 minutes was taken late.", day)


def _readings(infusion: InfusionCourse) -> dict[int, dict[str, float]]:
    readings: dict[int, dict[str, float]] = {
        one.minute: {
            "SYSBP": one.sbp_mmhg,
            "DIABP": one.dbp_mmhg,
            "HR": one.pulse_bpm,
            "OXYSAT": one.spo2_percent,
            "RESP": one.respiratory_rate,
            "RASS": one.rass,
        }
        for one in infusion.vitals
    }
    for minute, total in infusion.cadss:
        readings.setdefault(minute, {})["CADSS"] = total
    return readings


def _interruption(life: Life, readings: dict[int, dict[str, float]]) -> tuple[Interruption, ...]:
    """Where a rule says to hold, the team holds for eight minutes."""
    plan = life.stage.protocol.infusions
    assert plan is not None, "this demo's trial infuses"
    held = [rule for rule in rules_fired(plan, readings) if rule.action == "hold" and 0 <= rule.minute <= 40]
    if not held:
        return ()
    return (Interruption(minute=held[0].minute, minutes=8, reason=held[0].text),)


def enter_guess(life: Life, session: TrialSession, guess: Guess) -> None:
    """A guess, entered by the one who guesses; the participant's from the paper form."""
    stage = life.stage
    arms = {arm.role == "active": arm.code for arm in stage.protocol.arms}
    believed = DONT_KNOW if guess.belief == DONT_KNOW else arms[guess.belief == "active"]
    record_guess(
        session,
        stage.at(_GUESSERS[guess.guesser], life.place),
        RecordGuess(
            participant_id=life.participant_id,
            occasion=_OCCASIONS[guess.occasion],
            guesser=Guesser(guess.guesser),
            guess=believed,
            certainty=guess.certainty,
            reason=guess.reason,
        ),
    )


def _stop(life: Life, session: TrialSession) -> None:
    """Treatment ends early; the participant stays in follow-up."""
    stage, today = life.stage, life.stage.clock.now().date()
    coordinator, reason = stage.at("coordinator", life.place), life.followed.stopping_reason or ""
    if reason in _STOPPED:
        command = EndTreatment(participant_id=life.participant_id, ended_on=today, reason=_STOPPED[reason])
        end_treatment(session, coordinator, command)
        return
    withdrawal = WithdrawConsent(
        participant_id=life.participant_id, withdrawn_on=today, scope=WithdrawalScope.TREATMENT
    )
    withdraw_consent(session, coordinator, withdrawal)


def _end_of_infusions(life: Life, session: TrialSession, day: date) -> None:
    stage, course = life.stage, life.followed
    life.consent_again(session, day)
    visit = RecordVisit(
        participant_id=life.participant_id,
        visit="EOI",
        happened_on=day,
        forms={"concomitant": concomitant_form(life.rng)},
    )
    record_visit(session, stage.at("coordinator", life.place), visit)
    instruments = [stage.protocol.instrument(name) for name in ("PROMIS-29", "SATISFACTION-ROLES", "PGIC")]
    seen = "end_of_infusions"
    answers = answer_all(life.rng, stage.scenario, instruments, course.scores[seen], course.pgic[seen])
    outcome = RecordOutcomes(participant_id=life.participant_id, visit="EOI", answered_on=day, answers=answers)
    record_outcomes(session, stage.at("assessor", life.place), outcome)
