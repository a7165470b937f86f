"""Adverse events for tests, reported through the services that real use goes through."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from tests.support.house import House
from tests.support.participants import site_code
from trial.partial_dates import PartialDate
from trial.safety.adverse_events import (
    RECOVERED,
    AdverseEvent,
    Ascertainment,
    EventFacts,
    ReportAdverseEvent,
    report_adverse_event,
)
from trial.safety.causality import AssessAdverseEvent, Causality, assess_adverse_event
from trial.safety.serious import SignSae, sign_sae
from trial.safety.situation_facts import SituationFacts
from trial.safety.special_situations import ReportSituation, SpecialSituation, report_situation

ZONE = "Europe/Zurich"


def facts(house: House, **changes: Any) -> EventFacts:
    """Mild nausea that began now and is over, unless changed."""
    now = PartialDate.of(house.clock.now(), ZONE)
    usual: dict[str, Any] = {
        "verbatim": "felt sick",
        "term": "Nausea",
        "grade": 1,
        "onset": now,
        "ended": now if changes.get("outcome", "") in {"", *RECOVERED} else None,
        "ascertainment": Ascertainment.SYSTEMATIC,
        "outcome": "RECOVERED/RESOLVED",
        "action_taken": "DOSE NOT CHANGED",
    }
    return EventFacts(**{**usual, **changes})


def reporting(house: House, participant_id: UUID, **changes: Any) -> ReportAdverseEvent:
    return ReportAdverseEvent(
        idempotency_key=str(uuid4()),
        participant_id=participant_id,
        facts=facts(house, **changes),
        aware_at=house.clock.now(),
        confirmed_another=True,
    )


def reported(house: House, participant_id: UUID, *, role: str = "coordinator", **changes: Any) -> AdverseEvent:
    with house.database.transaction() as session:
        actor = house.actor(session, role, site_code(house, participant_id) if role != "medical_monitor" else None)
        return report_adverse_event(session, actor, reporting(house, participant_id, **changes))


def serious(house: House, participant_id: UUID, **changes: Any) -> AdverseEvent:
    """A hospitalization that no reference safety information lists."""
    usual = {"term": "Seizure", "verbatim": "seizure at home", "grade": 3, "hospitalization": True}
    return reported(house, participant_id, **{**usual, **changes})


def assessed(
    house: House, event_id: UUID, causality: str, *, role: str = "investigator", site: str | None = "S1", **more: Any
) -> Causality:
    with house.database.transaction() as session:
        return assess_adverse_event(
            session,
            house.actor(session, role, site),
            AssessAdverseEvent(event_id=event_id, causality=causality, **more),
        )


def signed(house: House, event_id: UUID, site: str = "S1") -> None:
    with house.database.transaction() as session:
        sign_sae(
            session,
            house.actor(session, "investigator", site),
            house.proof("investigator", site),
            SignSae(idempotency_key=str(uuid4()), event_id=event_id),
        )


def situation_of(house: House, participant_id: UUID, **facts: Any) -> SpecialSituation:
    """A medication error whose harm is not known yet, unless changed."""
    usual = {
        "kind": "medication_error",
        "stage": "administration",
        "reached_participant": True,
        "harm": "not_known_yet",
    }
    with house.database.transaction() as session:
        command = ReportSituation(
            idempotency_key=str(uuid4()),
            participant_id=participant_id,
            happened=PartialDate.of(house.clock.now(), ZONE),
            facts=SituationFacts.model_validate(facts or usual),
            words="The infusion ran for twenty minutes instead of forty.",
            aware_at=house.clock.now(),
        )
        site = site_code(house, participant_id)
        return report_situation(session, house.actor(session, "coordinator", site), command)
