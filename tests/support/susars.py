"""Serious cases for tests, brought as far as a test needs through the services that real use goes through."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from api.jobs.regulator_copies import MakeRegulatorCopy, make_regulator_copy
from randomization.unblinding.copies import RegulatorCopy
from randomization.unblinding.expedition import DealWithReport, Expedition, deal_with_report
from tests.support.events import assessed, serious
from tests.support.house import House
from trial.safety.adverse_events import AdverseEvent
from trial.safety.expedited_reports import ExpeditedReport
from trial.safety.letters import IssueLetter, SafetyLetter, issue_letter
from trial.safety.narratives import CaseNarrative, WriteNarrative, write_narrative
from trial.safety.reconciliation import (
    DifferenceAnswer,
    ListingDifference,
    SafetyListing,
    UploadListing,
    differences_of,
    our_listing,
    upload_listing,
)
from trial.safety.susars import AssessSusar, SusarAssessment, assess_susar
from trial.safety.watch import WatchedCase, case_under_watch

MONITOR: dict[str, Any] = {"role": "medical_monitor", "site": None}
OFFICER = "safety_officer_unblinded"


def judged(house: House, event_id: UUID, narrative: str = "Reviewed with the hospital's letter.") -> SusarAssessment:
    with house.database.transaction() as session:
        command = AssessSusar(event_id=event_id, narrative=narrative)
        return assess_susar(session, house.actor(session, "medical_monitor"), command)


def susar(house: House, participant_id: UUID, **facts: Any) -> AdverseEvent:
    """A serious event that both sides call possible and the sponsor unexpected, assessed as a SUSAR."""
    event = serious(house, participant_id, **facts)
    assessed(house, event.id, "possible")
    assessed(house, event.id, "possible", expected=False, **MONITOR)
    judged(house, event.id)
    return event


def unblinded(house: House, event_id: UUID, *, key: str | None = None) -> RegulatorCopy:
    with house.database.transaction() as session:
        command = MakeRegulatorCopy(event_id=event_id, idempotency_key=key or str(uuid4()))
        return make_regulator_copy(session, house.actor(session, OFFICER), house.proof(OFFICER), command)


def dealt_with(house: House, event_id: UUID, clock_id: str, **changes: Any) -> ExpeditedReport:
    usual: dict[str, Any] = {
        "decision": Expedition.SENT,
        "recipient": "The agency's gateway",
        "reference": "ACK-1",
        "note": "Sent with the narrative.",
        "idempotency_key": str(uuid4()),
    }
    with house.database.transaction() as session:
        command = DealWithReport(event_id=event_id, clock_id=clock_id, **{**usual, **changes})
        return deal_with_report(session, house.actor(session, OFFICER), command)


def watched(house: House, event_id: UUID) -> WatchedCase:
    with house.database.session() as session:
        found = session.get(AdverseEvent, event_id)
        assert found is not None
        return case_under_watch(session, found)


def issued(house: House, role: str = "sponsor", **changes: Any) -> SafetyLetter:
    """A letter to every site."""
    usual: dict[str, Any] = {
        "trial_id": house.trial.id,
        "title": "A seizure after the last infusion",
        "body": "One participant had a seizure three days after the last infusion, and recovered.",
        "asked_of_sites": "Ask each participant for a history of seizures before the next infusion.",
        "idempotency_key": str(uuid4()),
    }
    with house.database.transaction() as session:
        return issue_letter(session, house.actor(session, role), IssueLetter(**{**usual, **changes}))


def narrated(house: House, event_id: UUID, text: str, after: int = 0, reason: str = "") -> CaseNarrative:
    with house.database.transaction() as session:
        command = WriteNarrative(event_id=event_id, text=text, after=after, reason=reason)
        return write_narrative(session, house.actor(session, "medical_monitor"), command)


def ours(house: House) -> str:
    with house.database.session() as session:
        return our_listing(session, house.actor(session, "medical_monitor"), house.trial.id)


def uploaded(house: House, content: str, *, role: str = "medical_monitor") -> SafetyListing:
    with house.database.transaction() as session:
        command = UploadListing(
            trial_id=house.trial.id, name="argus.csv", content=content, idempotency_key=str(uuid4())
        )
        return upload_listing(session, house.actor(session, role), command)


def found(house: House, listing_id: UUID) -> list[tuple[ListingDifference, DifferenceAnswer | None]]:
    with house.database.session() as session:
        return differences_of(session, listing_id)
