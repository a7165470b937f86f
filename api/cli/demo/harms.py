"""Adverse events of a virtual participant: reported as known at the time, assessed, and followed until they are over.

Invariants
1. Nothing is reported before it happened: an event that is not over is reported so, and updated at a later contact.
2. The grade is one that the dictionary has words for.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from api.cli.demo.calendar import at
from api.cli.demo.life import Life
from trial.database.session import TrialSession
from trial.partial_dates import PartialDate
from trial.protocol.schema import AdverseEventRules
from trial.safety.adverse_events import (
    Ascertainment,
    EventFacts,
    ReportAdverseEvent,
    UpdateAdverseEvent,
    report_adverse_event,
    update_adverse_event,
)
from trial.safety.causality import AssessAdverseEvent, assess_adverse_event
from trial.safety.coding import grades_offered, interests_of
from trial.statistics.virtual_participants import VirtualAdverseEvent

OVER: Final = "RECOVERED/RESOLVED"
NOT_OVER: Final = "NOT RECOVERED/NOT RESOLVED"
_ONSET_HOUR: Final = 9


def report_infusion_events(
    life: Life, session: TrialSession, infusion: int, events: tuple[VirtualAdverseEvent, ...], started_at: datetime
) -> None:
    """What the infusion team saw or was told, reported by the nurse before the participant goes home."""
    nurse = "nurse"
    for event in events:
        onset = started_at + timedelta(minutes=min(event.minute or 1, 95))
        _report(life, session, nurse, event, onset, infusion)


def report_later_events(life: Life, session: TrialSession, today: date) -> None:
    """What came up between visits and is told at this one; and what was open and is over now."""
    _follow_up(life, session)
    events = life.followed.later_events
    while life.told < len(events) and life.study_day(events[life.told].day or 1) < today:
        event = events[life.told]
        onset = at(life.study_day(event.day or 1), _ONSET_HOUR, 0, life.place.zone)
        _report(life, session, "coordinator", event, onset, None)
        life.told += 1


def _report(
    life: Life, session: TrialSession, reporter: str, event: VirtualAdverseEvent, onset: datetime, infusion: int | None
) -> None:
    stage = life.stage
    facts = facts_of(life, event, onset, infusion)
    command = ReportAdverseEvent(
        idempotency_key=stage.key(),
        participant_id=life.participant_id,
        facts=facts,
        aware_at=stage.clock.now(),
        # The virtual participant's events are apart from each other, however like they look.
        confirmed_another=True,
    )
    reported = report_adverse_event(session, stage.at(reporter, life.place), command)
    causality = "probable" if infusion and event.asked_for else "possible" if infusion else "unlikely"
    judgement = AssessAdverseEvent(event_id=reported.id, causality=causality)
    assess_adverse_event(session, stage.at("investigator", life.place), judgement)
    if facts.ended is None:
        life.unresolved.append((reported.id, event, onset))


def facts_of(life: Life, event: VirtualAdverseEvent, onset: datetime, infusion: int | None) -> EventFacts:
    """The event as it is known now."""
    rules, zone, now = life.stage.protocol.adverse_events, life.place.zone, life.stage.clock.now()
    end = onset + timedelta(minutes=event.duration_minutes)
    is_over = end <= now
    return EventFacts(
        verbatim=event.verbatim,
        term=event.term,
        grade=_grade(rules, event),
        aesi=next(iter(interests_of(rules, event.term)), None),
        onset=_told(onset, zone, in_infusion=infusion is not None),
        ended=_told(end, zone, in_infusion=infusion is not None) if is_over else None,
        ascertainment=Ascertainment.SYSTEMATIC if event.asked_for else Ascertainment.NON_SYSTEMATIC,
        infusion=infusion,
        onset_minute=min(event.minute or 1, 95) if infusion else None,
        outcome=OVER if is_over else NOT_OVER,
        action_taken="DOSE NOT CHANGED" if infusion else "NOT APPLICABLE",
    )


def _told(when: datetime, zone: str, *, in_infusion: bool) -> PartialDate:
    """To the minute where somebody watched the clock, else the day alone."""
    known = PartialDate.of(when, zone)
    return known if in_infusion else PartialDate(known.year, known.month, known.day)


def _grade(rules: AdverseEventRules, event: VirtualAdverseEvent) -> int:
    offered = sorted(grades_offered(rules, event.term))
    return max([grade for grade in offered if grade <= event.grade], default=offered[0])


def _follow_up(life: Life, session: TrialSession) -> None:
    still: list[tuple[UUID, VirtualAdverseEvent, datetime]] = []
    for event_id, event, onset in life.unresolved:
        facts = facts_of(life, event, onset, event.infusion)
        if facts.ended is None:
            still.append((event_id, event, onset))
            continue
        command = UpdateAdverseEvent(event_id=event_id, facts=facts, reason="Followed up: the event is over")
        update_adverse_event(session, life.stage.at("coordinator", life.place), command)
    life.unresolved = still
