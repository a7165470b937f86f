"""Versions of an event: each submission, whole, for good.

Invariants
1. The first report is version 1; each follow-up, correction and coding adds one. None is ever changed or removed.
2. A version holds all facts as they were submitted, when they were received, by whom, and, after the first, why.
3. The event's row holds what the latest version says.

Typing is no version: what is not yet submitted stays in the browser (``api/pages/drafts``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actors import Actor
from trial.conduct.casebooks import Casebook
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import choice, document, instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.safety.adverse_events.records import AdverseEvent, facts_of


class VersionKind(StrEnum):
    INITIAL = "initial"
    FOLLOW_UP = "follow_up"
    CORRECTION = "correction"
    CODING = "coding"


class EventVersion(ParticipantRecord, table=True):
    """``submitted_by`` is the actor, ``printed_name`` who that was; triggers refuse any change."""

    __tablename__ = "adverse_event_version"
    __table_args__ = in_schema("trial", UniqueConstraint("event_id", "number"))

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    number: int
    kind: VersionKind = choice(VersionKind)
    facts: dict[str, Any] = document()
    confirmed: list[str] = document(default_factory=list)
    received_at: datetime = instant()
    submitted_by: str = Field(max_length=80)
    printed_name: str = Field(max_length=120)
    reason: str = prose(default="")


@dataclass(frozen=True, slots=True)
class FactChange:
    """One fact that two versions tell differently."""

    name: str
    before: Any
    after: Any


def versions_of(session: TrialSession, event_id: UUID) -> list[EventVersion]:
    """The first report first."""
    found = select(EventVersion).where(EventVersion.event_id == event_id)
    return list(session.exec(found.order_by(col(EventVersion.number))))


def add_version(
    session: TrialSession,
    actor: Actor,
    casebook: Casebook,
    event: AdverseEvent,
    kind: VersionKind,
    *,
    received_at: datetime | None = None,
    reason: str = "",
    confirmed: Sequence[str] = (),
) -> EventVersion:
    """The event as it stands, as its next version."""
    version = EventVersion(
        **casebook.stamp(session),
        event_id=event.id,
        number=_next_number(session, event.id),
        kind=kind,
        facts=facts_to_keep(event),
        confirmed=list(confirmed),
        received_at=received_at or casebook.now,
        submitted_by=actor.name,
        printed_name=actor.display_name,
        reason=reason,
    )
    session.add(version)
    session.flush()
    return version


def keep_first(session: TrialSession, casebook: Casebook, event: AdverseEvent) -> None:
    """Before a change: an event that was reported before versions were kept gets its first one."""
    if _next_number(session, event.id) > 1:
        return
    session.add(
        EventVersion(
            **casebook.stamp(session),
            event_id=event.id,
            number=1,
            kind=VersionKind.INITIAL,
            facts=facts_to_keep(event),
            received_at=event.aware_at,
            submitted_by=event.reported_by,
            printed_name="",
        )
    )
    session.flush()


def facts_to_keep(event: AdverseEvent) -> dict[str, Any]:
    """The facts, and how they were coded."""
    coded = {name: getattr(event, name) for name in ("soc", "llt_code", "dictionary")}
    return facts_of(event).model_dump(mode="json") | coded


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FactChange]:
    """What a version tells differently from the one before, in the order of the facts."""
    names = dict.fromkeys([*before, *after])
    return [
        FactChange(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    ]


def _next_number(session: TrialSession, event_id: UUID) -> int:
    known = session.exec(select(EventVersion.number).where(EventVersion.event_id == event_id)).all()
    return max(known, default=0) + 1
