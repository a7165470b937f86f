"""Reporting, following up, correcting and coding an event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, open_for
from trial.database.session import TrialSession
from trial.safety.adverse_events.checks import (
    EventDatesImpossible,
    check_consented_before,
    check_death_agrees,
    check_facts,
)
from trial.safety.adverse_events.facts import CourseRewritten, EventFacts, followed_up
from trial.safety.adverse_events.neighbours import check_another, check_recurrence
from trial.safety.adverse_events.records import (
    AdverseEvent,
    coding_columns,
    columns_of,
    events_of,
    facts_of,
    get_event,
    next_number,
)
from trial.safety.adverse_events.versions import VersionKind, add_version, keep_first
from trial.safety.coding import code


class ReportAdverseEvent(BaseModel):
    """``aware_at`` is when the site heard of it; ``sponsor_received_at`` when the sponsor did, if before this report.

    ``confirmed_after_consent`` answers a partial onset that could lie before consent, ``confirmed_another`` an event that
    looks the same.
    """

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    participant_id: UUID
    facts: EventFacts
    aware_at: datetime
    sponsor_received_at: datetime | None = None
    confirmed_after_consent: bool = False
    confirmed_another: bool = False

    @property
    def confirmed(self) -> list[str]:
        names = ("confirmed_after_consent", "confirmed_another")
        return [name.removeprefix("confirmed_") for name in names if getattr(self, name)]


class UpdateAdverseEvent(BaseModel):
    """The facts as they now are, all of them, and why they changed. ``received_at``: when the site heard of it."""

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    facts: EventFacts
    reason: str = Bounded(min_length=3, max_length=2000)
    kind: Literal["follow_up", "correction"] = "follow_up"
    received_at: datetime | None = None
    confirmed_after_consent: bool = False


class CodeEvent(BaseModel):
    """Another term, grade or special interest for the same words."""

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    term: str = Bounded(min_length=2, max_length=200)
    grade: int = Bounded(ge=1, le=5)
    aesi: str | None = None
    reason: str = Bounded(min_length=3, max_length=2000)


def report_adverse_event(session: TrialSession, actor: Actor, command: ReportAdverseEvent) -> AdverseEvent:
    """Record an event; a serious one alerts the medical monitor.

    Raises what ``check_facts`` raises, ``EventBeforeConsent``, ``EventPerhapsBeforeConsent``, ``EventLooksTheSame``,
    ``RecurrenceUnknown``.
    """
    casebook = open_for(session, actor, Action.EVENT_REPORTED, command.participant_id)
    made = exactly_once(
        session,
        actor,
        Action.EVENT_REPORTED,
        command.idempotency_key,
        command,
        lambda: _report(session, actor, casebook, command).id,
    )
    return get_event(session, made)


def _report(session: TrialSession, actor: Actor, casebook: Casebook, command: ReportAdverseEvent) -> AdverseEvent:
    coding = check_facts(casebook, command.facts)
    check_consented_before(casebook, command.facts, confirmed=command.confirmed_after_consent)
    _check_heard_of(casebook, command.aware_at, command.sponsor_received_at)
    _check_neighbours(session, actor, casebook, command)
    event = AdverseEvent(
        **casebook.stamp(session),
        **columns_of(command.facts, coding, casebook.site.zone),
        number=next_number(session, command.participant_id),
        reported_by=actor.name,
        aware_at=command.aware_at,
    )
    if command.facts.is_serious:
        event.sponsor_received_at = command.sponsor_received_at or casebook.now
    session.add(event)
    session.flush()
    add_version(
        session,
        actor,
        casebook,
        event,
        VersionKind.INITIAL,
        received_at=command.aware_at,
        confirmed=command.confirmed,
    )
    if command.facts.is_serious:
        _alert(session, casebook, event, "was reported")
    return event


def _check_neighbours(session: TrialSession, actor: Actor, casebook: Casebook, command: ReportAdverseEvent) -> None:
    others = _named_by(session, actor, casebook)
    check_recurrence(command.facts, others)
    if not command.confirmed_another:
        check_another(command.facts, [event for event in others if _may_read(actor, casebook, event)])


def _named_by(session: TrialSession, actor: Actor, casebook: Casebook) -> list[AdverseEvent]:
    """The participant's events, for who reads events here: nobody else learns which numbers there are."""
    if not may(actor, Permission.ADVERSE_EVENT_READ, casebook.trial.id, casebook.site.id):
        return []
    return events_of(session, casebook.participant.id)


def _may_read(actor: Actor, casebook: Casebook, event: AdverseEvent) -> bool:
    """Whether the reporter reads this event's detail: what looks the same is told to nobody else."""
    place = (casebook.trial.id, casebook.site.id)
    reads = may(actor, Permission.ADVERSE_EVENT_READ, *place)
    return reads and (event.aesi is None or may(actor, Permission.INFUSION_READ, *place))


def update_adverse_event(session: TrialSession, actor: Actor, command: UpdateAdverseEvent) -> AdverseEvent:
    """Follow up or correct an event; one that becomes serious alerts the medical monitor.

    Raises as reporting does, and for a follow-up ``GradeLowered``, ``CourseRewritten``, ``CriterionRemoved``.
    """
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_UPDATED, event.participant_id, reason=command.reason)
    session.refresh(event)
    facts = _as_it_now_is(event, command)
    coding = check_facts(casebook, facts)
    if str(facts.onset) != event.onset:
        check_consented_before(casebook, facts, confirmed=command.confirmed_after_consent)
    _check_heard_of(casebook, command.received_at or casebook.now)
    check_recurrence(facts, _named_by(session, actor, casebook), own=event.number)
    keep_first(session, casebook, event)
    was_serious, was_grave = bool(event.serious), event.fatal_or_life_threatening
    for name, value in columns_of(facts, coding, casebook.site.zone).items():
        setattr(event, name, value)
    _keep_instants(casebook, event, facts, was_serious=was_serious, was_grave=was_grave)
    session.add(event)
    session.flush()
    _add_submission(session, actor, casebook, event, command)
    if facts.is_serious and not was_serious:
        _alert(session, casebook, event, "became serious")
    session.refresh(event)
    return event


def _as_it_now_is(event: AdverseEvent, command: UpdateAdverseEvent) -> EventFacts:
    if command.kind == "correction":
        return command.facts
    return followed_up(facts_of(event), command.facts)


def _add_submission(
    session: TrialSession, actor: Actor, casebook: Casebook, event: AdverseEvent, command: UpdateAdverseEvent
) -> None:
    add_version(
        session,
        actor,
        casebook,
        event,
        VersionKind(command.kind),
        received_at=command.received_at,
        reason=command.reason,
        confirmed=["after_consent"] if command.confirmed_after_consent else [],
    )


def _keep_instants(
    casebook: Casebook, event: AdverseEvent, facts: EventFacts, *, was_serious: bool, was_grave: bool
) -> None:
    """When the sponsor heard of what changed."""
    if facts.is_serious and not was_serious:
        event.sponsor_received_at = casebook.now
    elif facts.is_serious:
        event.follow_up_received_at = casebook.now
    if was_serious and facts.is_fatal_or_life_threatening and not was_grave:
        event.became_fatal_or_life_threatening_at = casebook.now


def code_event(session: TrialSession, actor: Actor, command: CodeEvent) -> AdverseEvent:
    """Give the event another term, grade or special interest; its words stay.

    Raises as ``coding.code`` does, and ``CourseRewritten`` where the grade is not the worst of the recorded course.
    """
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_CODED, event.participant_id, reason=command.reason)
    session.refresh(event)
    rules = casebook.protocol.adverse_events
    coding = code(rules, command.term, command.grade, command.aesi)
    _check_course_stays(event, command)
    for period in event.course:
        code(rules, command.term, period["grade"], command.aesi)
    check_death_agrees(death=event.death, outcome=event.outcome, grade=coding.grade)
    keep_first(session, casebook, event)
    for name, value in coding_columns(coding).items():
        setattr(event, name, value)
    session.add(event)
    session.flush()
    add_version(session, actor, casebook, event, VersionKind.CODING, reason=command.reason)
    return event


def _check_course_stays(event: AdverseEvent, command: CodeEvent) -> None:
    if event.course and command.grade != event.grade:
        raise CourseRewritten(
            f"The event has a recorded course whose worst grade is {event.grade}. Code it with that grade; another course"
            " is the site's to record.",
            fields={"grade": f"Grade {event.grade} is the worst of its course."},
        )


def _check_heard_of(casebook: Casebook, *instants: datetime | None) -> None:
    for name, when in zip(("aware_at", "sponsor_received_at"), _padded(instants), strict=True):
        if when is not None and (when.tzinfo is None or when > casebook.now):
            raise EventDatesImpossible(
                "Somebody heard of the event in the future, or without a time zone. Give the instant with its zone.",
                fields={name: "Give a past instant with its zone."},
            )


def _padded(instants: Sequence[datetime | None]) -> tuple[datetime | None, datetime | None]:
    return (instants[0], instants[1] if len(instants) > 1 else None)


def _alert(session: TrialSession, casebook: Casebook, event: AdverseEvent, what: str) -> None:
    raise_alert(
        session,
        AlertKind.SERIOUS_EVENT,
        "medical_monitor",
        f"A serious adverse event {what}: participant {casebook.participant.code}, event {event.number}."
        " Assess causality and expectedness.",
        trial_id=event.trial_id,
        site_id=event.site_id,
    )
