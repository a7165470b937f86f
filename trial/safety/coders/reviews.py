"""The coding queue: events whose term the words do not plainly mean, until somebody has looked.

Invariants
1. An event is in the queue while its words mean its term with less confidence than the protocol's ``confirm_from``, and
   nobody has reviewed these words under this term of this dictionary.
2. A review is a row of its own; a change of words, term or dictionary asks for a new one.
3. Whoever may not see the detail of an event of special interest does not review it: such events are counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import Exists, exists, func, select
from sqlmodel import Field, col

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may, may
from trial.conduct.casebooks import open_for
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import NotPermitted
from trial.protocol.schema import AdverseEventRules
from trial.safety.adverse_events import AdverseEvent, CodeEvent, code_event, get_event
from trial.safety.coders.events import books_by_site, events_in
from trial.safety.coding import Suggestion, confidence, suggest
from trial.safety.reading import may_see_detail


class DetailNotShown(NotPermitted):
    code = "coding.detail_not_shown"


class ReviewCoding(BaseModel):
    """``term``, ``grade`` and ``aesi`` as they should be: the event's own to confirm it."""

    model_config = ConfigDict(frozen=True)

    event_id: UUID
    term: str = Bounded(min_length=2, max_length=200)
    grade: int = Bounded(ge=1, le=5)
    aesi: str | None = None
    reason: str = Bounded(default="", max_length=2000)


class CodingReview(ParticipantRecord, table=True):
    __tablename__ = "coding_review"
    __table_args__ = in_schema("trial")

    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    dictionary: str = Field(max_length=16)
    verbatim: str = prose()
    term: str = Field(max_length=200)
    changed: bool
    confidence: float
    reviewed_by: UUID = Field(foreign_key="access.account.id")


@dataclass(frozen=True, slots=True)
class ToReview:
    """An event that waits: how sure its coding is, and what its words may mean."""

    event: AdverseEvent
    participant: str
    confidence: float
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class CodingQueue:
    """``withheld`` events wait for somebody who may see their detail; ``more`` wait behind those shown."""

    waiting: tuple[ToReview, ...]
    withheld: int
    more: bool


def coding_queue(session: TrialSession, actor: Actor, trial_id: UUID, limit: int = 50) -> CodingQueue:
    """The first ``limit`` events that wait in the trial, in the order of participants and events. Raises ``NotPermitted``."""
    check_may(actor, Permission.CODING_WRITE, trial_id)
    codings: list[_Coding] = []
    withheld = 0
    more = False
    for coding in _doubtful(session, trial_id):
        if coding.aesi is not None and not may(actor, Permission.INFUSION_READ, trial_id, coding.site_id):
            withheld += coding.events
        elif len(codings) < limit:
            codings.append(coding)
        else:
            more = True
            break
    waiting = [one for coding in codings for one in _waiting(session, trial_id, coding, limit + 1)]
    waiting.sort(key=lambda one: (one.participant, one.event.number))
    return CodingQueue(tuple(waiting[:limit]), withheld, more or len(waiting) > limit)


@dataclass(frozen=True, slots=True)
class _Coding:
    """Events of one site with the same words under the same term: one question, asked of the dictionary once."""

    site_id: UUID
    verbatim: str
    term: str
    aesi: str | None
    events: int
    confidence: float
    rules: AdverseEventRules


def _doubtful(session: TrialSession, trial_id: UUID) -> Iterator[_Coding]:
    """Codings without a review that are less sure than the protocol in force at their site asks for."""
    asked = (col(AdverseEvent.site_id), col(AdverseEvent.verbatim), col(AdverseEvent.term), col(AdverseEvent.aesi))
    found = select(*asked, func.count()).where(col(AdverseEvent.trial_id) == trial_id, ~_reviewed())
    books = books_by_site(session, trial_id)
    for site_id, verbatim, term, aesi, events in session.execute(found.group_by(*asked).order_by(*asked)).all():
        rules = books[site_id].protocol.adverse_events
        sure = confidence(rules, verbatim, term, aesi)
        if sure < rules.dictionary.confirm_from:
            yield _Coding(site_id, verbatim, term, aesi, events, sure, rules)


def _waiting(session: TrialSession, trial_id: UUID, coding: _Coding, limit: int) -> Iterator[ToReview]:
    """The first events with that coding."""
    suggestions = tuple(suggest(coding.rules, coding.verbatim, 3))
    mine = events_in(trial_id).where(
        ~_reviewed(),
        col(AdverseEvent.site_id) == coding.site_id,
        col(AdverseEvent.verbatim) == coding.verbatim,
        col(AdverseEvent.term) == coding.term,
        col(AdverseEvent.aesi).is_not_distinct_from(coding.aesi),
    )
    for event, code in session.exec(mine.limit(limit)).all():
        yield ToReview(event, code, coding.confidence, suggestions)


def _reviewed() -> Exists:
    """Whether these words were reviewed under this term of this dictionary."""
    return exists().where(
        col(CodingReview.event_id) == col(AdverseEvent.id),
        col(CodingReview.verbatim) == col(AdverseEvent.verbatim),
        col(CodingReview.term) == col(AdverseEvent.term),
        col(CodingReview.dictionary) == col(AdverseEvent.dictionary),
    )


def review_coding(session: TrialSession, actor: Actor, command: ReviewCoding) -> CodingReview:
    """Confirm the event's coding, or change it. Raises as ``code_event`` does, and ``DetailNotShown``."""
    event = get_event(session, command.event_id)
    casebook = open_for(session, actor, Action.EVENT_CODED, event.participant_id, reason=command.reason)
    if event.aesi is not None and not may_see_detail(actor, event):
        raise DetailNotShown("Its detail could tell the treatment. Somebody who reads the infusion domain reviews it.")
    changed = (command.term, command.grade, command.aesi) != (event.term, event.grade, event.aesi)
    if changed:
        change = CodeEvent(event_id=event.id, **command.model_dump(exclude={"event_id"}))
        event = code_event(session, actor, change)
    rules = casebook.protocol.adverse_events
    review = CodingReview(
        **casebook.stamp(session),
        event_id=event.id,
        dictionary=event.dictionary,
        verbatim=event.verbatim,
        term=event.term,
        changed=changed,
        confidence=confidence(rules, event.verbatim, event.term, event.aesi),
        reviewed_by=actor.account_id,
    )
    session.add(review)
    session.flush()
    return review
