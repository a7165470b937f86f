"""What a query is about, in words and with the way there; and which queries a reader is shown.

Invariants
1. Besides the readers of its domain, a query at a dose visit is shown to those alone who see dose visits at all.
2. Of which domain a question about a form, an event or an infusion is, is read from the protocol, never from the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlmodel import col, select

from api.pages.site.subjects import list_url, may_here, subject_url
from api.pages.site.words import Tag, said
from api.places import Place
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook
from trial.conduct.participants import Participant
from trial.conduct.queries import READERS, DataDomain, Query, QueryNotFound, QueryStatus, queries_for
from trial.database.session import TrialSession
from trial.protocol.schema import Form, Protocol, Visit

QUERY_PERMISSIONS: Final = (Permission.QUERY_RAISE, Permission.QUERY_ANSWER, Permission.QUERY_CLOSE)
DOMAIN_WORDS: Final = {
    DataDomain.SCREENING: "Screening",
    DataDomain.CONDUCT: "Visits",
    DataDomain.INFUSION: "Infusions",
    DataDomain.EFFICACY: "Outcomes",
    DataDomain.SAFETY: "Adverse events",
}
STATUS_TAGS: Final[dict[QueryStatus, Tag]] = {
    QueryStatus.OPEN: ("Open", "warning"),
    QueryStatus.ANSWERED: ("Answered", "active"),
    QueryStatus.CLOSED: ("Closed", "done"),
}
UNSETTLED: Final = (QueryStatus.OPEN, QueryStatus.ANSWERED)
_EVENT: Final = "event "
_SEES_DOSES: Final = (Permission.SCREENING_READ, Permission.INFUSION_READ, Permission.PHARMACY_PREPARE)


@dataclass(frozen=True, slots=True)
class Target:
    """What a new query will be about. ``domain`` is ``None`` where the one who asks chooses it."""

    domain: DataDomain | None = None
    visit: str | None = None
    subject: str | None = None
    words: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A query as lists show it."""

    query: Query
    code: str
    about: str
    url: str

    @property
    def tag(self) -> Tag:
        return STATUS_TAGS[self.query.status]


def may_query(here: Place) -> bool:
    """Whether queries are any of the caller's business here."""
    return any(here.may(permission) for permission in QUERY_PERMISSIONS)


def shown_queries(
    session: TrialSession,
    here: Place,
    *,
    participant_id: UUID | None = None,
    statuses: Iterable[QueryStatus] = UNSETTLED,
) -> list[Query]:
    """The queries of these statuses that the caller is shown at the chosen site, oldest first."""
    wanted = set(statuses)
    found = queries_for(session, here.actor, here.trial.id, participant_id=participant_id)
    return [
        query
        for query in found
        if query.status in wanted and (here.site is None or query.site_id == here.site.id) and _is_shown(here, query)
    ]


def shown_query(session: TrialSession, here: Place, query_id: UUID) -> Query:
    """Raises ``QueryNotFound``, also for one that is not the caller's to read."""
    query = session.get(Query, query_id)
    if query is None or query.trial_id != here.trial.id or not _is_readable(here, query):
        raise QueryNotFound("There is no such query. Choose one from the list of queries.")
    return query


def _is_readable(here: Place, query: Query) -> bool:
    return may(here.actor, READERS[query.domain], query.trial_id, query.site_id) and _is_shown(here, query)


def _is_shown(here: Place, query: Query) -> bool:
    visit = _visit(here.protocol, query.visit)
    if visit is None or visit.dose is None:
        return True
    return any(may(here.actor, permission, query.trial_id, query.site_id) for permission in _SEES_DOSES)


def lines_of(session: TrialSession, here: Place, queries: Iterable[Query]) -> list[Line]:
    """The queries with the participant's code and what each is about, in their order."""
    shown = list(queries)
    ids = {query.participant_id for query in shown}
    found = session.exec(select(Participant).where(col(Participant.id).in_(ids))) if ids else ()
    codes = {one.id: one.code for one in found}
    return [
        Line(query, codes[query.participant_id], about_words(here.protocol, query), query_url(here, query))
        for query in shown
    ]


def query_url(here: Place, query: Query) -> str:
    return list_url(here, "queries", query.id)


def about_words(protocol: Protocol | None, query: Query) -> str:
    """``Screening, Vital signs: Heart rate``; codes stand for what the protocol in force does not know."""
    visit, form = _visit(protocol, query.visit), _form(protocol, query.subject)
    field = form.field(query.field) if form and query.field else None
    subject = form.name if form else (query.subject or "")
    named = [visit.name if visit else (query.visit or ""), subject if subject.isupper() else said(subject)]
    words = ", ".join(word for word in named if word) or DOMAIN_WORDS[query.domain]
    return f"{words}: {field.label if field else query.field}" if query.field else words


def data_url(here: Place, code: str, query: Query) -> str:
    """The page of the data that the query is about, where the caller has one; otherwise the participant's."""
    visit, form = _visit(here.protocol, query.visit), _form(here.protocol, query.subject)
    subject = query.subject or ""
    if subject.startswith(_EVENT):
        return list_url(here, "adverse-events", code, subject.removeprefix(_EVENT))
    if visit is not None and visit.dose is not None and here.protocol and here.protocol.infusions:
        seen = may(here.actor, Permission.INFUSION_READ, query.trial_id, query.site_id)
        return subject_url(here, code, "infusions", visit.dose) if seen else subject_url(here, code)
    if visit is not None and form is not None and query.domain is not DataDomain.EFFICACY:
        return subject_url(here, code, "visits", visit.code, "forms", form.code)
    return subject_url(here, code, "visits", visit.code) if visit is not None else subject_url(here, code)


def target_of(book: Casebook, given: Mapping[str, Any]) -> Target:
    """What the address or the form names: a form of a visit, an infusion, an event; or nothing yet."""
    protocol = book.protocol
    visit, form = _visit(protocol, given.get("visit")), _form(protocol, given.get("form"))
    if visit is not None and form is not None:
        fields = tuple((field.name, field.label) for field in form.fields)
        return Target(DataDomain(form.domain), visit.code, form.code, f"{visit.name}, {form.name}", fields)
    if str(given.get("event", "")).isdecimal():
        return Target(DataDomain.SAFETY, None, f"{_EVENT}{given['event']}", f"Event {given['event']}")
    dose = next((one for one in protocol.visits if one.dose and str(one.dose) == given.get("dose")), None)
    if dose is not None:
        return Target(DataDomain.INFUSION, dose.code, "infusion", dose.name)
    return Target()


def readable_domains(here: Place, book: Casebook) -> list[tuple[str, str]]:
    """The domains that the caller may ask about, as options."""
    return [(domain.value, words) for domain, words in DOMAIN_WORDS.items() if may_here(here, book, READERS[domain])]


def _visit(protocol: Protocol | None, code: str | None) -> Visit | None:
    return next((visit for visit in protocol.visits if visit.code == code), None) if protocol else None


def _form(protocol: Protocol | None, code: str | None) -> Form | None:
    return next((form for form in protocol.forms if form.code == code), None) if protocol else None
