"""Questionnaires that are due: by visit, for the people whom this assessor sees. Doses play no part in it.

Invariants
1. Only participant-reported and rated outcomes are read; a dose visit is never listed.
2. A missed visit asks for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import col, select

from api.pages.site.words import Kind, Tag, span_words
from api.places import Place
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook, open_casebook
from trial.conduct.outcomes import Outcome
from trial.conduct.participant_readers import participants_of
from trial.conduct.participants import ACTIVE, BEFORE_RANDOMIZATION, Participant
from trial.conduct.queries import DataDomain
from trial.conduct.schedules import PlannedVisit, VisitStanding, planned_visits
from trial.conduct.visits import VisitRecord, anchors_of
from trial.database.session import TrialSession
from trial.protocol.schema import Instrument

_MINE = ("participant", "assessor")
Entered = Counter[tuple[UUID, str, str]]


@dataclass(frozen=True)
class DueAssessment:
    """One visit of one participant with the instruments that are still to enter."""

    participant: Participant
    planned: PlannedVisit
    today: date
    instruments: tuple[Instrument, ...]

    @property
    def days(self) -> str:
        return (
            span_words(self.planned.dates.opens, self.planned.dates.closes)
            if self.planned.dates
            else "Before randomization"
        )

    @property
    def is_late(self) -> bool:
        return self.planned.dates is not None and self.today > self.planned.dates.closes

    @property
    def tag(self) -> Tag:
        kind: Kind = "danger" if self.is_late else "active"
        return ("Late" if self.is_late else "Due"), kind


def due_assessments(session: TrialSession, here: Place) -> list[DueAssessment]:
    """Everything that can be entered today, the earliest deadline first."""
    mine = [site for site in here.sites if may(here.actor, Permission.EFFICACY_WRITE, here.trial.id, site.id)]
    ids = [site.id for site in mine if here.site is None or site.id == here.site.id]
    people = [
        one
        for one in participants_of(session, here.actor, here.trial.id, statuses=ACTIVE)
        if one.site_id in ids and one.consented_on is not None
    ]
    entered, missed = _entered(session, ids), _missed(session, ids)
    books: dict[UUID, Casebook] = {}
    found: list[DueAssessment] = []
    for one in people:
        # One casebook a site is enough: site, protocol and today are the same for everybody there.
        if one.site_id not in books:
            books[one.site_id] = open_casebook(session, one.id)
        found += _of_one(books[one.site_id], one, entered, missed)
    return sorted(found, key=_deadline)


def _of_one(
    book: Casebook, one: Participant, entered: Entered, missed: set[tuple[UUID, str]]
) -> Iterator[DueAssessment]:
    for planned in planned_visits(book.protocol, anchors_of(one, book.site.zone)):
        visit = planned.visit
        if visit.dose is not None or (one.id, visit.code) in missed or not _is_open(planned, one, book.today):
            continue
        left = tuple(_left(book, one, planned, entered))
        if left:
            yield DueAssessment(one, planned, book.today, left)


def _is_open(planned: PlannedVisit, one: Participant, today: date) -> bool:
    if planned.visit.period == "screening":
        return one.status in BEFORE_RANDOMIZATION
    return planned.dates is not None and planned.dates.opens <= today and one.randomized_at is not None


def _left(book: Casebook, one: Participant, planned: PlannedVisit, entered: Entered) -> Iterator[Instrument]:
    for expected in planned.visit.instruments:
        instrument = book.protocol.instrument(expected.id)
        if instrument.completed_by in _MINE and entered[one.id, planned.visit.code, instrument.id] < expected.times:
            yield instrument


def _entered(session: TrialSession, sites: Iterable[UUID]) -> Entered:
    found = session.exec(
        select(Outcome.participant_id, Outcome.visit, Outcome.instrument).where(
            col(Outcome.site_id).in_(list(sites)), Outcome.domain == DataDomain.EFFICACY
        )
    )
    return Counter((one, visit, instrument) for one, visit, instrument in found)


def _missed(session: TrialSession, sites: Iterable[UUID]) -> set[tuple[UUID, str]]:
    found = session.exec(
        select(VisitRecord.participant_id, VisitRecord.visit).where(
            col(VisitRecord.site_id).in_(list(sites)), VisitRecord.standing == VisitStanding.MISSED
        )
    )
    return set(found)


def _deadline(due: DueAssessment) -> tuple[date, str, int]:
    closes = due.planned.dates.closes if due.planned.dates else due.today
    return closes, due.participant.code, due.planned.order
