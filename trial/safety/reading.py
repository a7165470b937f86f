"""Adverse events as a reader sees them.

Invariants
1. Who may read events at a site sees each of them, with number, seriousness, dates and outcome.
2. The detail of an event of special interest (words, term, grade, tie to an infusion) can reveal the arm: it is shown
   only to who may also read the infusion domain there.
3. The versions of an event, and what hangs on it, are shown to who could read the detail of each of them: an event that
   is no longer of special interest keeps what it once was to itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, true
from sqlmodel import col, select

from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may_somewhere, may, sites_where
from trial.conduct.participants import Participant
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.safety.adverse_events import AdverseEvent, EventVersion, get_event, versions_of


class EventWithheld(NotPermitted):
    code = "adverse_event.withheld"


@dataclass(frozen=True, slots=True)
class EventView:
    """One event for one reader. Fields are ``None`` where ``withheld`` says that the reader may not see them."""

    id: UUID
    participant_id: UUID
    participant: str
    site_id: UUID
    number: int
    verbatim: str | None
    term: str | None
    soc: str | None
    grade: int | None
    aesi: str | None
    serious: bool
    onset: str
    ended: str | None
    infusion: int | None
    onset_minute: int | None
    ascertainment: str | None
    outcome: str
    action_taken: str | None
    causality: str | None
    reported_at: datetime
    severity: str | None = None
    treatments: tuple[str, ...] | None = ()
    recurrence_of: int | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class EventsAsked:
    """Which events are wanted. ``words`` are looked for in what the reader may see: participant, term, verbatim."""

    site_id: UUID | None = None
    participant_id: UUID | None = None
    serious: bool = False
    unassessed: bool = False
    words: str = ""


def events_for(
    session: TrialSession,
    actor: Actor,
    trial_id: UUID,
    asked: EventsAsked = EventsAsked(),
    *,
    participant_id: UUID | None = None,
    first: int = 0,
    limit: int | None = None,
) -> list[EventView]:
    """The trial's events, or those that are asked for, as ``actor`` may see them. Raises ``NotPermitted``."""
    if participant_id is not None:
        asked = replace(asked, participant_id=participant_id)
    wanted = (
        select(AdverseEvent, Participant.code)
        .join(Participant, col(Participant.id) == col(AdverseEvent.participant_id))
        .where(*_conditions(actor, trial_id, asked))
        .order_by(Participant.code, col(AdverseEvent.number))
    )
    return [view_for(actor, event, code) for event, code in session.exec(wanted.offset(first).limit(limit))]


def count_events(session: TrialSession, actor: Actor, trial_id: UUID, asked: EventsAsked) -> int:
    """How many events ``events_for`` would give. Raises ``NotPermitted``."""
    counted = (
        select(func.count())
        .select_from(AdverseEvent)
        .join(Participant, col(Participant.id) == col(AdverseEvent.participant_id))
        .where(*_conditions(actor, trial_id, asked))
    )
    return session.exec(counted).one()


def _conditions(actor: Actor, trial_id: UUID, asked: EventsAsked) -> list[ColumnElement[bool]]:
    check_may_somewhere(actor, Permission.ADVERSE_EVENT_READ, trial_id)
    found = [col(AdverseEvent.trial_id) == trial_id]
    sites = sites_where(actor, Permission.ADVERSE_EVENT_READ, trial_id)
    if sites is not None:
        found.append(col(AdverseEvent.site_id).in_(sorted(sites)))
    if asked.site_id is not None:
        found.append(col(AdverseEvent.site_id) == asked.site_id)
    if asked.participant_id is not None:
        found.append(col(AdverseEvent.participant_id) == asked.participant_id)
    if asked.serious:
        found.append(col(AdverseEvent.serious).is_(True))
    if asked.unassessed:
        found.append(col(AdverseEvent.causality).is_(None))
    return [*found, *(_holds(word, _shown(actor, trial_id)) for word in asked.words.split())]


def _holds(word: str, shown: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether ``word`` stands in the participant's code, or in words that are shown: what is withheld is not searched."""
    said = or_(
        col(AdverseEvent.term).icontains(word, autoescape=True),
        col(AdverseEvent.verbatim).icontains(word, autoescape=True),
    )
    return or_(col(Participant.code).icontains(word, autoescape=True), and_(said, shown))


def _shown(actor: Actor, trial_id: UUID) -> ColumnElement[bool]:
    """Whether the detail of an event is the actor's to see, as ``view_for`` decides it."""
    sites = sites_where(actor, Permission.INFUSION_READ, trial_id)
    plain = col(AdverseEvent.aesi).is_(None)
    return true() if sites is None else or_(plain, col(AdverseEvent.site_id).in_(sorted(sites)))


def view_for(actor: Actor, event: AdverseEvent, participant: str) -> EventView:
    """The event, with its detail withheld where the reader may not see the infusion domain."""
    whole = _whole(event, participant)
    if event.aesi is None or may_see_detail(actor, event):
        return whole
    return replace(
        whole,
        verbatim=None,
        term=None,
        soc=None,
        grade=None,
        aesi=None,
        infusion=None,
        onset_minute=None,
        ascertainment=None,
        action_taken=None,
        causality=None,
        severity=None,
        treatments=None,
        recurrence_of=None,
        onset=whole.onset[:10],
        withheld=True,
    )


def may_see_detail(actor: Actor, event: AdverseEvent) -> bool:
    """Whether the detail of an event of special interest is the actor's to see."""
    return may(actor, Permission.INFUSION_READ, event.trial_id, event.site_id)


def may_see_history(actor: Actor, event: AdverseEvent, versions: Sequence[EventVersion]) -> bool:
    """Whether every version of the event is the actor's to see."""
    special = event.aesi is not None or any(version.facts.get("aesi") for version in versions)
    reads = may(actor, Permission.ADVERSE_EVENT_READ, event.trial_id, event.site_id)
    return reads and (not special or may_see_detail(actor, event))


def versions_for(session: TrialSession, actor: Actor, event_id: UUID) -> list[EventVersion]:
    """Every submission of the event, the first first. Raises ``EventNotFound``, ``EventWithheld``."""
    event = get_event(session, event_id)
    versions = versions_of(session, event_id)
    if not may_see_history(actor, event, versions):
        raise EventWithheld(
            "What is recorded of this event can reveal the treatment, so it is withheld from your role."
        )
    return versions


def _whole(event: AdverseEvent, participant: str) -> EventView:
    return EventView(
        id=event.id,
        participant_id=event.participant_id,
        participant=participant,
        site_id=event.site_id,
        number=event.number,
        verbatim=event.verbatim,
        term=event.term,
        soc=event.soc,
        grade=event.grade,
        aesi=event.aesi,
        serious=bool(event.serious),
        onset=event.onset,
        ended=event.ended,
        infusion=event.infusion,
        onset_minute=event.onset_minute,
        ascertainment=event.ascertainment.value,
        outcome=event.outcome,
        action_taken=event.action_taken,
        causality=event.causality,
        reported_at=event.recorded_at,
        severity=event.severity,
        treatments=tuple(event.treatments),
        recurrence_of=event.recurrence_of,
    )
