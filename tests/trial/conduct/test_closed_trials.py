"""A trial that is locked, or has not started, takes no write from any service of conduct."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.support.house import House
from tests.support.participants import as_owner, infused, infusion_command, today
from trial.conduct import (
    attendance,
    baseline,
    concomitant,
    consents,
    departures,
    deviations,
    eligibility,
    guesses,
    identities,
    infusion_orders,
    infusions,
    outcomes,
    participants,
    queries,
    screening,
    visits,
)

Command = Callable[[House, UUID], Any]
COMMANDS: dict[str, tuple[Any, str, Command]] = {
    "identity": (
        identities.record_identity,
        "coordinator",
        lambda _house, one: identities.RecordIdentity(participant_id=one, name="Ada"),
    ),
    "consent": (
        consents.record_consent,
        "coordinator",
        lambda house, one: consents.RecordConsent(participant_id=one, given_on=today(house), document_version="1"),
    ),
    "screening": (
        screening.record_screening,
        "coordinator",
        lambda house, one: screening.RecordScreening(
            participant_id=one, visit="SCR", performed_on=today(house), forms={"ecg": {"finding": "normal"}}
        ),
    ),
    "screening failure": (
        screening.fail_screening,
        "coordinator",
        lambda _house, one: screening.FailScreening(participant_id=one, kind="declined", reason="No time"),
    ),
    "baseline": (
        baseline.record_baseline,
        "coordinator",
        lambda house, one: baseline.RecordBaseline(
            participant_id=one, visit="BL", performed_on=today(house), forms={"ecg": {"finding": "normal"}}
        ),
    ),
    "factor": (
        baseline.correct_factor,
        "coordinator",
        lambda _house, one: baseline.CorrectFactor(
            participant_id=one, factor="opioid_use", value="yes", reason="Found out"
        ),
    ),
    "assessment": (
        eligibility.assess_eligibility,
        "coordinator",
        lambda _house, one: eligibility.AssessEligibility(participant_id=one),
    ),
    "outcome": (
        outcomes.record_outcomes,
        "efficacy_assessor",
        lambda house, one: outcomes.RecordOutcomes(
            participant_id=one, visit="M1", answered_on=today(house), answers={"PROMIS-29": {}}
        ),
    ),
    "visit": (
        visits.record_visit,
        "coordinator",
        lambda house, one: visits.RecordVisit(participant_id=one, visit="EOI", happened_on=today(house)),
    ),
    "missed visit": (
        visits.miss_visit,
        "coordinator",
        lambda _house, one: visits.MissVisit(participant_id=one, visit="EOI", reason="Ill at home"),
    ),
    "start": (
        visits.start_treatment,
        "coordinator",
        lambda house, one: visits.StartTreatment(participant_id=one, first_dose_at=house.clock.now()),
    ),
    "order": (
        infusion_orders.order_infusion,
        "investigator",
        lambda _house, one: infusion_orders.OrderInfusion(participant_id=one, infusion=2, weight_kg=70, height_cm=170),
    ),
    "infusion": (
        infusions.record_infusion,
        "infusion_nurse",
        lambda house, one: infusion_command(house, one, 2),
    ),
    "missed infusion": (
        infusions.miss_infusion,
        "infusion_nurse",
        lambda _house, one: infusions.MissInfusion(participant_id=one, infusion=2, reason="Ill at home"),
    ),
    "guess": (
        guesses.record_guess,
        "coordinator",
        lambda _house, one: guesses.RecordGuess(
            participant_id=one, occasion="INF1", guesser="participant", guess="KET"
        ),
    ),
    "deviation": (
        deviations.record_deviation,
        "coordinator",
        lambda house, one: deviations.RecordDeviation(
            participant_id=one, category="consent", description="Late", happened_on=today(house)
        ),
    ),
    "end of treatment": (
        departures.end_treatment,
        "coordinator",
        lambda house, one: departures.EndTreatment(participant_id=one, ended_on=today(house), reason="other"),
    ),
    "end of study": (
        departures.end_study,
        "coordinator",
        lambda house, one: departures.EndStudy(participant_id=one, kind="lost", ended_on=today(house), reason="other"),
    ),
    "withdrawal": (
        departures.withdraw_consent,
        "coordinator",
        lambda house, one: departures.WithdrawConsent(
            participant_id=one, withdrawn_on=today(house), scope="participation"
        ),
    ),
    "attendance": (
        attendance.record_attendance,
        "coordinator",
        lambda house, one: attendance.RecordAttendance(
            participant_id=one,
            sessions=(attendance.ProgrammeSession(session=1, held_on=today(house), kind="education", attended=True),),
        ),
    ),
    "concomitant": (
        concomitant.record_concomitant,
        "coordinator",
        lambda _house, one: concomitant.RecordConcomitant(
            participant_id=one, visit="M1", treatments=(concomitant.Treatment(name="Morphine"),)
        ),
    ),
    "query": (
        queries.raise_query,
        "monitor",
        lambda _house, one: queries.RaiseQuery(participant_id=one, domain="conduct", question="Why?"),
    ),
    "registration": (
        participants.register_participant,
        "coordinator",
        lambda house, _one: participants.RegisterParticipant(
            trial_id=house.trial.id, site_id=house.site_id("S1"), sex="F", birth_year=1970
        ),
    ),
}


def test_a_locked_trial_takes_no_write_from_any_service(house: House, owner_url: str):
    someone = infused(house, infusions=1)
    as_owner(owner_url, "UPDATE trial.trial SET locked_at = now()")
    refused = {name: _refusal(house, someone, name) for name in COMMANDS}
    assert refused == dict.fromkeys(COMMANDS, "trial.locked")


def test_a_trial_that_has_not_started_takes_none_either(house: House, owner_url: str):
    someone = infused(house, infusions=1)
    as_owner(owner_url, "UPDATE trial.trial SET started_at = NULL")
    refused = {name: _refusal(house, someone, name) for name in COMMANDS}
    assert refused == dict.fromkeys(COMMANDS, "trial.not_started")


def test_an_unknown_participant_is_refused_by_every_service_before_anything_else(house: House):
    about_somebody = [name for name in COMMANDS if name != "registration"]
    infused(house, infusions=1)
    refused = {name: _refusal(house, UUID(int=7), name) for name in about_somebody}
    assert refused == dict.fromkeys(about_somebody, "participant.not_found")


def test_no_service_takes_a_write_from_the_other_sites_people(house: House):
    someone = infused(house, infusions=1)
    refused = {name: _refusal(house, someone, name, site="S2") for name in COMMANDS}
    assert refused == dict.fromkeys(COMMANDS, "access.not_permitted")


def _refusal(house: House, participant_id: UUID, name: str, site: str = "S1") -> str:
    service, role, command = COMMANDS[name]
    with house.database.session() as session:
        try:
            service(session, house.actor(session, role, site), command(house, participant_id))
        except Exception as refusal:  # noqa: BLE001 - whatever it is, its code is compared
            return str(getattr(refusal, "code", repr(refusal)))
    return "accepted"
