"""From arrival to randomization: registration, consent, screening, baseline, the two signatures."""

from __future__ import annotations

from collections.abc import Generator
from datetime import date, timedelta
from typing import Final

from api.cli.demo.forms import FAILURES, baseline_forms, screening_forms
from api.cli.demo.life import Life
from api.cli.demo.questionnaires import Answers, answer_all, answer_promis_above
from api.cli.demo.timeline import InTurn, Moment
from randomization.ledger.randomize import RandomizeParticipant, randomize_participant
from trial.conduct.baseline import RecordBaseline, record_baseline
from trial.conduct.eligibility import AssessEligibility, SignEligibility, assess_eligibility, sign_eligibility
from trial.conduct.forms import FormAnswers
from trial.conduct.identities import RecordIdentity, record_identity
from trial.conduct.outcomes import RecordOutcomes, record_outcomes
from trial.conduct.participants import RegisterParticipant, register_participant
from trial.conduct.screening import (
    FailScreening,
    NotEnrolledKind,
    RecordScreening,
    fail_screening,
    record_screening,
)
from trial.database.session import TrialSession

Enrolled = Generator[Moment, TrialSession, bool]

PAIN_INTERFERENCE: Final = "pain_interference"
LEAST_T: Final = 60.0
_DECLINED: Final = (
    "No time for five infusions in one week",
    "Does not want placebo",
    "Lives too far away",
    "No wish to take part",
)


def is_declining(number: int) -> bool:
    """Every fourteenth who is asked says no."""
    return number % 14 == 6


def is_failing(number: int) -> bool:
    """Every sixth who consents does not meet the criteria."""
    return number % 6 == 3 and not is_declining(number)


def enrols(number: int) -> bool:
    return not is_declining(number) and not is_failing(number)


def enrolment(life: Life) -> Enrolled:
    """Whether the participant was randomized."""
    # A code and a randomization number are the next of the whole trial.
    session = yield InTurn(life.when(life.arrives, 9))
    _register(life, session)
    if is_declining(life.number):
        reason = _DECLINED[life.number % len(_DECLINED)]
        _end_screening(life, session, NotEnrolledKind.DECLINED, reason, ())
        return False
    life.consent(session, life.arrives)
    failure = FAILURES[life.number // 6 % len(FAILURES)] if is_failing(life.number) else None
    visited_on = life.arrives + timedelta(days=1)
    session = yield life.when(visited_on, 10)
    _screening_visit(life, session, visited_on, {failure[1]: failure[2]} if failure and failure[1] else {})
    if failure and failure[1]:
        _not_eligible(life, session, failure[0])
        return False
    thursday = life.first_day - timedelta(days=4)
    session = yield life.when(thursday, 10)
    life.consent_again(session, thursday)
    _baseline_visit(life, session, thursday, failing=failure is not None)
    friday = thursday + timedelta(days=1)
    session = yield life.when(friday, 10)
    _second_profile(life, session, friday, failing=failure is not None)
    if failure:
        _not_eligible(life, session, failure[0])
        return False
    _sign(life, session, friday)
    session = yield InTurn(life.when(friday, 13))
    _randomize(life, session)
    return True


def _register(life: Life, session: TrialSession) -> None:
    coordinator = life.stage.at("coordinator", life.place)
    registered = register_participant(
        session,
        coordinator,
        RegisterParticipant(
            trial_id=life.stage.trial.id,
            site_id=life.place.id,
            sex=life.person.sex,
            birth_year=life.arrives.year - life.person.age_years,
            race=life.person.race,
            ethnicity=life.person.ethnicity,
        ),
    )
    life.id, life.code = registered.id, registered.code
    record_identity(
        session,
        coordinator,
        RecordIdentity(participant_id=registered.id, name=f"Virtual person {life.number}", contact="+00 000 00 00"),
    )


def _end_screening(
    life: Life, session: TrialSession, kind: NotEnrolledKind, reason: str, criteria: tuple[str, ...]
) -> None:
    command = FailScreening(participant_id=life.participant_id, kind=kind, reason=reason, criteria=criteria)
    fail_screening(session, life.stage.at("coordinator", life.place), command)


def _not_eligible(life: Life, session: TrialSession, criterion: str) -> None:
    """The criteria are answered first, so that the record shows which one stood in the way."""
    investigator = life.stage.at("investigator", life.place)
    assess_eligibility(session, investigator, AssessEligibility(participant_id=life.participant_id))
    reason = life.stage.protocol.criterion(criterion).text
    _end_screening(life, session, NotEnrolledKind.NOT_ELIGIBLE, reason, (criterion,))


def _screening_visit(life: Life, session: TrialSession, day: date, found: dict[str, FormAnswers]) -> None:
    coordinator = life.stage.at("coordinator", life.place)
    forms = screening_forms(life.person, life.rng, found)
    command = RecordScreening(participant_id=life.participant_id, visit="SCR", performed_on=day, forms=forms)
    record_screening(session, coordinator, command)
    rating = answer_all(life.rng, life.stage.scenario, [life.stage.protocol.instrument("C-SSRS")], life.person.latent)
    outcome = RecordOutcomes(participant_id=life.participant_id, visit="SCR", answered_on=day, answers=rating)
    record_outcomes(session, coordinator, outcome)


def _baseline_visit(life: Life, session: TrialSession, day: date, *, failing: bool) -> None:
    command = RecordBaseline(
        participant_id=life.participant_id,
        visit="BL",
        performed_on=day,
        forms=baseline_forms(life.person, life.rng),
    )
    record_baseline(session, life.stage.at("coordinator", life.place), command)
    stage = life.stage
    others = [stage.protocol.instrument(name) for name in ("SATISFACTION-ROLES", "PCS", "PSEQ")]
    answers = answer_all(life.rng, stage.scenario, others, life.person.latent)
    answers["PROMIS-29"] = _profile(life, failing=failing)
    _enter(life, session, day, answers)


def _second_profile(life: Life, session: TrialSession, day: date, *, failing: bool) -> None:
    _enter(life, session, day, {"PROMIS-29": _profile(life, failing=failing)})


def _profile(life: Life, *, failing: bool) -> Answers:
    stage = life.stage
    return answer_promis_above(
        life.rng,
        stage.scenario,
        stage.protocol.instrument("PROMIS-29"),
        life.person.latent,
        domain=PAIN_INTERFERENCE,
        least=None if failing else LEAST_T,
        most=LEAST_T - 2 if failing else None,
    )


def _enter(life: Life, session: TrialSession, day: date, answers: dict[str, Answers]) -> None:
    command = RecordOutcomes(participant_id=life.participant_id, visit="BL", answered_on=day, answers=answers)
    record_outcomes(session, life.stage.at("assessor", life.place), command)


def _sign(life: Life, session: TrialSession, day: date) -> None:
    stage = life.stage
    investigator = stage.at("investigator", life.place)
    life.consent_again(session, day)
    assess_eligibility(session, investigator, AssessEligibility(participant_id=life.participant_id))
    command = SignEligibility(participant_id=life.participant_id, idempotency_key=stage.key())
    sign_eligibility(session, investigator, stage.proof(investigator), command)


def _randomize(life: Life, session: TrialSession) -> None:
    stage = life.stage
    coordinator = stage.at("coordinator", life.place)
    # The site may have adopted the amendment between the signature and this hour.
    life.consent_again(session, stage.clock.now().date())
    command = RandomizeParticipant(participant_id=life.participant_id, idempotency_key=stage.key())
    receipt = randomize_participant(session, coordinator, stage.proof(coordinator), command)
    life.kit = receipt.kit_number
    stage.randomized += 1
