"""Brings participants of a House to where a test starts, through the services that real use goes through.

The answers are found from the protocol itself (what lets somebody in), so every function works for any protocol.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.support.house import House
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.clock import local_date
from trial.conduct.baseline import RecordBaseline, record_baseline
from trial.conduct.consents import RecordConsent, record_consent
from trial.conduct.eligibility import (
    AssessEligibility,
    SignEligibility,
    assess_eligibility,
    check_eligible_for_randomization,
    sign_eligibility,
)
from trial.conduct.infusion_orders import OrderInfusion, order_infusion
from trial.conduct.infusions import RecordInfusion, record_infusion
from trial.conduct.instruments import score_domain
from trial.conduct.outcomes import RecordOutcomes, record_outcomes
from trial.conduct.participants import (
    Participant,
    RegisterParticipant,
    get_participant,
    mark_randomized,
    register_participant,
)
from trial.conduct.screening import RecordScreening, record_screening
from trial.database.session import TrialSession
from trial.protocol.loader import LoadedProtocol, load_shipped
from trial.protocol.schema import Condition, Form, FormField, InfusionPlan, Instrument, Protocol, Value, Visit
from trial.protocol.versions import (
    AdoptVersion,
    activate_version,
    add_version,
    adopt_version,
    protocol_of,
    version_in_force,
)

Facts = Mapping[tuple[str, str], Value]
"""Answers that a test insists on, by form and field."""


def today(house: House, site: str = "S1") -> date:
    return local_date(house.clock.now(), house.sites[site].zone)


def protocol_at(house: House, site: str = "S1") -> Protocol:
    """The protocol in force at a site today."""
    with house.database.transaction() as session:
        return protocol_of(version_in_force(session, house.site_id(site), today(house, site)))


def participant(house: House, participant_id: UUID) -> Participant:
    """The participant as stored now."""
    with house.database.transaction() as session:
        return get_participant(session, participant_id)


def site_code(house: House, participant_id: UUID) -> str:
    site_id = participant(house, participant_id).site_id
    return next(code for code, site in house.sites.items() if site.id == site_id)


def registered(house: House, site: str = "S1", *, sex: str = "F", birth_year: int = 1975) -> UUID:
    """Somebody in screening, without a consent yet."""
    with house.database.transaction() as session:
        command = RegisterParticipant(
            trial_id=house.trial.id,
            site_id=house.site_id(site),
            sex=sex,
            birth_year=birth_year,
            race="WHITE",
            ethnicity="NOT HISPANIC OR LATINO",
        )
        return register_participant(session, house.actor(session, "coordinator", site), command).id


def consent(house: House, participant_id: UUID, *, on: date | None = None, document: str = "1.0") -> None:
    site = site_code(house, participant_id)
    with house.database.transaction() as session:
        command = RecordConsent(
            participant_id=participant_id, given_on=on or today(house, site), document_version=document
        )
        record_consent(session, house.actor(session, "coordinator", site), command)


def consented(house: House, site: str = "S1", **who: Any) -> UUID:
    """Somebody in screening who has consented."""
    participant_id = registered(house, site, **who)
    consent(house, participant_id)
    return participant_id


def screen(house: House, participant_id: UUID, facts: Facts | None = None) -> None:
    """Every form and instrument of the screening period, with answers that let the participant in."""
    site = site_code(house, participant_id)
    protocol = protocol_at(house, site)
    for visit in screening_visits(protocol):
        forms = answered_forms(protocol, visit, facts)
        with house.database.transaction() as session:
            coordinator = house.actor(session, "coordinator", site)
            common = {"participant_id": participant_id, "visit": visit.code, "performed_on": today(house, site)}
            if visit is screening_visits(protocol)[-1]:
                record_baseline(session, coordinator, RecordBaseline(**common, forms=forms))
            elif forms:
                record_screening(session, coordinator, RecordScreening(**common, forms=forms))
            answer_instruments(session, house, participant_id, protocol, visit, site)


def answer_instruments(
    session: TrialSession, house: House, participant_id: UUID, protocol: Protocol, visit: Visit, site: str
) -> None:
    """Every instrument of a visit but those of the infusion, each as often as the protocol asks."""
    for expected in visit.instruments:
        instrument = protocol.instrument(expected.id)
        if instrument.completed_by == "infusion_nurse":
            continue
        role = "coordinator" if instrument.completed_by == "clinician" else "efficacy_assessor"
        command = RecordOutcomes(
            participant_id=participant_id,
            visit=visit.code,
            answered_on=today(house, site),
            answers={expected.id: acceptable_items(protocol, instrument)},
        )
        for _ in range(expected.times):
            record_outcomes(session, house.actor(session, role, site), command)


def assess(house: House, participant_id: UUID, *, facts: Mapping[str, bool] | None = None) -> None:
    site = site_code(house, participant_id)
    protocol = protocol_at(house, site)
    answers = {one.id: one.kind == "inclusion" for one in protocol.eligibility if one.check is None}
    with house.database.transaction() as session:
        assess_eligibility(
            session,
            house.actor(session, "coordinator", site),
            AssessEligibility(participant_id=participant_id, answers={**answers, **(facts or {})}),
        )


def sign_eligible(house: House, participant_id: UUID) -> None:
    site = site_code(house, participant_id)
    with house.database.transaction() as session:
        sign_eligibility(
            session,
            house.actor(session, "investigator", site),
            house.proof("investigator", site),
            SignEligibility(participant_id=participant_id, idempotency_key=str(uuid4())),
        )


def ready_to_randomize(house: House, site: str = "S1", facts: Facts | None = None, **who: Any) -> UUID:
    """Somebody consented, screened, assessed and signed: only the strongroom is missing."""
    participant_id = consented(house, site, **who)
    screen(house, participant_id, facts)
    assess(house, participant_id)
    sign_eligible(house, participant_id)
    return participant_id


def pretend_randomized(house: House, site: str = "S1", facts: Facts | None = None, **who: Any) -> UUID:
    """Somebody who is randomized as far as ``trial`` knows. There is no list, no slot and no arm behind it."""
    participant_id = ready_to_randomize(house, site, facts, **who)
    with house.database.transaction() as session:
        authorize(
            session,
            house.actor(session, "coordinator", site),
            Action.PARTICIPANT_RANDOMIZED,
            trial_id=house.trial.id,
            site_id=house.site_id(site),
        )
        candidate = check_eligible_for_randomization(session, participant_id)
        mark_randomized(
            session,
            candidate.participant,
            f"R-{candidate.participant.code[2:]}",
            session.now(),
            stratum=candidate.stratum,
        )
    return participant_id


def order(house: House, participant_id: UUID, number: int, *, weight_kg: float = 70.0) -> None:
    site = site_code(house, participant_id)
    with house.database.transaction() as session:
        order_infusion(
            session,
            house.actor(session, "investigator", site),
            OrderInfusion(participant_id=participant_id, infusion=number, weight_kg=weight_kg, height_cm=170.0),
        )


def infusion_command(house: House, participant_id: UUID, number: int, **changes: Any) -> RecordInfusion:
    """An uneventful infusion that ended two hours before the clock's now."""
    plan = protocol_at(house, site_code(house, participant_id)).infusions
    assert plan is not None
    started = house.clock.now() - timedelta(hours=2, minutes=plan.delivery.minutes)
    usual: dict[str, Any] = {
        "participant_id": participant_id,
        "infusion": number,
        "started_at": started,
        "ended_at": started + timedelta(minutes=plan.delivery.minutes),
        "infused_volume_ml": plan.delivery.volume_ml,
        "readings": calm_readings(plan),
        "kit": "K-0001",
        "discharged_at": house.clock.now(),
        "confirmed_at_discharge": tuple(item.code for item in plan.discharge.confirmed),
    }
    return RecordInfusion(**{**usual, **changes})


def infuse(house: House, participant_id: UUID, number: int, **changes: Any) -> None:
    """Order and give one infusion now."""
    order(house, participant_id, number)
    site = site_code(house, participant_id)
    with house.database.transaction() as session:
        record_infusion(
            session,
            house.actor(session, "infusion_nurse", site),
            infusion_command(house, participant_id, number, **changes),
        )


def infused(house: House, site: str = "S1", *, infusions: int | None = None) -> UUID:
    """Somebody randomized and infused once a day; all planned infusions unless said. The clock moves along."""
    participant_id = pretend_randomized(house, site)
    plan = protocol_at(house, site).infusions
    assert plan is not None
    for number in range(1, (infusions or plan.count) + 1):
        house.clock.advance(timedelta(days=1))
        infuse(house, participant_id, number)
    return participant_id


def amended(house: House, name: str = "keta-pain-1.1", *, loaded: LoadedProtocol | None = None) -> UUID:
    """A shipped amendment or another one, active: sites may adopt it."""
    with house.database.transaction() as session:
        sponsor = house.actor(session, "sponsor")
        version = add_version(session, sponsor, house.trial.id, loaded or load_shipped(name))
        return activate_version(session, sponsor, version.id).id


def adopt(house: House, version_id: UUID, site: str) -> None:
    """The site approves a version today."""
    with house.database.transaction() as session:
        command = AdoptVersion(
            trial_id=house.trial.id,
            site_id=house.site_id(site),
            version_id=version_id,
            approved_on=today(house, site),
            approval_reference="EC 2026-2",
        )
        adopt_version(session, house.actor(session, "investigator", site), command)


def calm_readings(plan: InfusionPlan) -> dict[int, dict[str, float]]:
    """Readings at every planned minute that fire no rule."""
    resting = {"SYSBP": 124, "DIABP": 78, "HR": 72, "OXYSAT": 98, "RESP": 15, "RASS": 0}
    readings: dict[int, dict[str, float]] = {
        minute: {measure.name: float(resting[measure.name]) for measure in plan.monitoring.measures}
        for minute in plan.monitoring.minutes
    }
    for scale in plan.monitoring.scales:
        for minute in scale.minutes:
            readings.setdefault(minute, {})[scale.instrument] = 0.0
    return readings


def screening_visits(protocol: Protocol) -> list[Visit]:
    return [visit for visit in protocol.visits if visit.period == "screening"]


def answered_forms(protocol: Protocol, visit: Visit, facts: Facts | None = None) -> dict[str, dict[str, Value | None]]:
    """Answers to all forms of a visit that let somebody in, changed by ``facts``."""
    return {code: answered_form(protocol, protocol.form(code), facts) for code in visit.forms}


def answered_form(protocol: Protocol, form: Form, facts: Facts | None = None) -> dict[str, Value | None]:
    answers: dict[str, Value | None] = {
        field.name: acceptable_answer(protocol, form.code, field) for field in form.fields
    }
    return {**answers, **{name: value for (code, name), value in (facts or {}).items() if code == form.code}}


def acceptable_answer(protocol: Protocol, form: str, field: FormField) -> Value:
    """An answer that the edit checks accept and that no criterion refuses."""
    wanted = list(_wanted(protocol, form, field.name))
    return next(value for value in _candidates(field) if all(_agrees(value, one, must) for one, must in wanted))


def acceptable_items(protocol: Protocol, instrument: Instrument) -> dict[str, int | None]:
    """Answers to an instrument, the mildest that no criterion refuses, domain by domain."""
    answers: dict[str, int | None] = {}
    for domain in instrument.domains:
        wanted = list(_wanted(protocol, instrument.id, domain.name))
        for step in range(12):
            trial_answers = dict(answers)
            for item_id in domain.items:
                item = instrument.item(item_id)
                assert item is not None
                allowed = instrument.answers_of(item)
                trial_answers.setdefault(item_id, min(allowed.low + step, allowed.high))
            score = score_domain(instrument, domain.name, trial_answers).score
            if score is None or all(_agrees(score, one, must) for one, must in wanted):
                answers = trial_answers
                break
    return answers


def _wanted(protocol: Protocol, form: str, field: str) -> Iterator[tuple[Condition, bool]]:
    for criterion in protocol.eligibility:
        for condition in criterion.check.conditions if criterion.check else ():
            if (condition.form, condition.field) == (form, field):
                yield condition, criterion.kind == "inclusion"


def _agrees(value: Value, condition: Condition, must: bool) -> bool:
    return condition.holds({(condition.form, condition.field): value}) is must


def _candidates(field: FormField) -> Iterator[Value]:
    match field.kind:
        case "yes_no":
            yield from ("no", "yes")
        case "choice" if field.choices:
            yield from (choice.code for choice in field.choices)
        case "choice":
            yield {"C66731": "F", "C74457": "WHITE"}.get(field.codelist or "", "NOT REPORTED")
        case "integer" | "number":
            low = field.expected_low if field.expected_low is not None else (field.low or 0)
            high = field.expected_high if field.expected_high is not None else (field.high or low + 100)
            yield from (float(round(low + (high - low) * share)) for share in (0.4, 0.0, 0.2, 0.6, 0.8, 1.0))
        case "date":
            yield "2026-01-01"
        case "time":
            yield "09:00"
        case "text":
            yield "none"


def as_owner(url: str, statement: str) -> None:
    """One statement as the database's owner, under a declared actor so that the audit lets it write."""
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute(
            "SELECT set_config('equipoise.actor', 'test', true), set_config('equipoise.action', 'test', true),"
            " set_config('equipoise.at', now()::text, true)"
        )
        connection.execute(statement)
