"""Queries: the list, a new one about recorded data, and one from question to answer to its close.

Invariants
1. What a page offers of a query is what its state and the caller's roles allow; the service enforces the same.
2. A query that is not the caller's to read is answered as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi import Query as InAddress
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.data.query_subjects import (
    QUERY_PERMISSIONS,
    STATUS_TAGS,
    UNSETTLED,
    about_words,
    data_url,
    lines_of,
    readable_domains,
    shown_queries,
    shown_query,
    target_of,
)
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way, site_words
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import history_url, list_url, opened, subject_url, trail
from api.pages.site.words import counted
from api.permissions import permission
from trial.access.accounts import accounts_by_id
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.participants import Participant
from trial.conduct.queries import (
    AnswerQuery,
    CloseQuery,
    Query,
    QueryMove,
    QueryStatus,
    RaiseQuery,
    answer_query,
    ask_again,
    can_move,
    close_query,
    may_close,
    raise_query,
)
from trial.database.session import TrialSession

router = APIRouter()
register_way(Way("Queries", "queries", QUERY_PERMISSIONS, order=22))

_LIST = "/t/{trial}/queries"
_ONE = f"{_LIST}/{{query_id}}"
_RAISE = "/t/{trial}/participants/{code}/queries/raise"
_READ = permission(*QUERY_PERMISSIONS)
_PAGE_SIZE = 60
_GROUPS: dict[str, tuple[str, tuple[QueryStatus, ...]]] = {
    "unsettled": ("Not closed", UNSETTLED),
    "open": ("Open", (QueryStatus.OPEN,)),
    "answered": ("Answered", (QueryStatus.ANSWERED,)),
    "closed": ("Closed", (QueryStatus.CLOSED,)),
    "all": ("All", tuple(QueryStatus)),
}
_DONE = {
    "raised": "The query is raised. The site sees it on its first page.",
    "answered": "The answer is recorded. It waits for the one who asked.",
    "again": "The query is open again.",
    "closed": "The query is closed.",
}


@router.get(_LIST, openapi_extra=_READ)
def list_queries(
    request: Request,
    here: Here,
    session: Write,
    status: str = "unsettled",
    number: Annotated[int, InAddress(alias="page", ge=1, le=10_000)] = 1,
    done: str = "",
) -> Response:
    chosen = status if status in _GROUPS else "unsettled"
    found = shown_queries(session, here, statuses=_GROUPS[chosen][1])
    first = (number - 1) * _PAGE_SIZE
    return page(
        request, "data/queries.html", here=here, lines=lines_of(session, here, found[first : first + _PAGE_SIZE]),
        total=len(found), chosen=chosen, groups=[(name, words) for name, (words, _) in _GROUPS.items()],
        number=number, last=max(1, -(-len(found) // _PAGE_SIZE)), base=_address(here, status=chosen, page=""),
        site_words=site_words, done=_DONE.get(done, ""), may_raise=here.may(Permission.QUERY_RAISE),
    )  # fmt: skip


@router.get(_ONE, openapi_extra=_READ)
def show_query(request: Request, here: Here, session: Write, query_id: UUID, done: str = "") -> Response:
    return _query_page(request, session, here, query_id, FormState(), done=done)


@router.post(f"{_ONE}/answer", openapi_extra=permission(Permission.QUERY_ANSWER))
def give_answer(request: Request, here: Here, session: Write, posted: Posted, query_id: UUID) -> Response:
    shown_query(session, here, query_id)
    with reshown(session, posted, lambda state, status: _query_page(request, session, here, query_id, state, status)):
        answer_query(session, here.actor, command_of(AnswerQuery, query_id=query_id, answer=posted.get("answer")))
    return see(list_url(here, "queries", query_id), done="answered")


@router.post(f"{_ONE}/ask-again", openapi_extra=permission(Permission.QUERY_RAISE))
def question_again(request: Request, here: Here, session: Write, posted: Posted, query_id: UUID) -> Response:
    shown_query(session, here, query_id)
    with reshown(session, posted, lambda state, status: _query_page(request, session, here, query_id, state, status)):
        ask_again(session, here.actor, CloseQuery(query_id=query_id, remark=posted.get("still_open", "")))
    return see(list_url(here, "queries", query_id), done="again")


@router.post(f"{_ONE}/close", openapi_extra=permission(Permission.QUERY_CLOSE))
def end_query(request: Request, here: Here, session: Write, posted: Posted, query_id: UUID) -> Response:
    shown_query(session, here, query_id)
    with reshown(session, posted, lambda state, status: _query_page(request, session, here, query_id, state, status)):
        close_query(session, here.actor, CloseQuery(query_id=query_id, **picked(posted, "remark")))
    return see(list_url(here, "queries", query_id), done="closed")


@router.get(_RAISE, openapi_extra=permission(Permission.QUERY_RAISE))
def show_raise(request: Request, here: Here, session: Write, code: str) -> Response:
    return _raise_page(request, session, here, code, FormState(values=dict(request.query_params)))


@router.post(_RAISE, openapi_extra=permission(Permission.QUERY_RAISE))
def ask(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _raise_page(request, session, here, code, state, status)):
        book = opened(session, here, code)
        target = target_of(book, posted)
        command = command_of(
            RaiseQuery,
            participant_id=book.participant.id,
            domain=target.domain or posted.get("domain"),
            question=posted.get("question"),
            visit=target.visit if target.domain else posted.get("visit"),
            subject=target.subject,
            field=_known_field(target.fields, posted),
        )
        query = raise_query(session, here.actor, command)
    return see(list_url(here, "queries", query.id), done="raised")


def _known_field(fields: Iterable[tuple[str, str]], posted: Mapping[str, Any]) -> str | None:
    return next((name for name, _ in fields if name == posted.get("field")), None)


def _raise_page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    target = target_of(book, state.values)
    return page(
        request, "data/raise_query.html", status=status, here=here, book=book, state=state, target=target,
        domains=readable_domains(here, book), visits=[(one.code, one.name) for one in book.protocol.visits],
        trail=trail(here, book), back=subject_url(here, code), url=subject_url(here, code, "queries", "raise"),
    )  # fmt: skip


def _query_page(
    request: Request,
    session: TrialSession,
    here: Place,
    query_id: UUID,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    query = shown_query(session, here, query_id)
    code = session.get_one(Participant, query.participant_id).code
    names = _names(session, query)
    return page(
        request, "data/query.html", status=status, here=here, query=query, code=code, state=state, names=names,
        about=about_words(here.protocol, query), data_url=data_url(here, code, query), tag=STATUS_TAGS[query.status],
        participant_url=subject_url(here, code), list_url=list_url(here, "queries"), urls=_urls(here, query),
        history_url=history_url(here, query.id, f"query about {code}"), done=_DONE.get(done, ""),
        acts=_acts(here, query),
    )  # fmt: skip


def _urls(here: Place, query: Query) -> dict[str, str]:
    paths = {"answer": "answer", "again": "ask-again", "close": "close"}
    return {act: list_url(here, "queries", query.id, path) for act, path in paths.items()}


def _names(session: TrialSession, query: Query) -> dict[str, str]:
    """Who raised, answered and closed it."""
    people = {"raised": query.raised_by, "answered": query.answered_by, "closed": query.closed_by}
    accounts = accounts_by_id(session, (one for one in people.values() if one is not None))
    return {what: accounts[one].display_name if one else "" for what, one in people.items()}


def _acts(here: Place, query: Query) -> frozenset[str]:
    """What the caller can do with the query as it stands."""
    place = (query.trial_id, query.site_id)
    offers = {
        "answer": can_move(query, QueryMove.ANSWER) and may(here.actor, Permission.QUERY_ANSWER, *place),
        "again": can_move(query, QueryMove.ASK_AGAIN) and may(here.actor, Permission.QUERY_RAISE, *place),
        "close": can_move(query, QueryMove.CLOSE) and may_close(here.actor, query),
    }
    return frozenset(name for name, holds in offers.items() if holds)


def _address(here: Place, **filters: str) -> str:
    chosen = {"site": here.site.code} if here.site and len(here.sites) > 1 else {}
    return f"{here.url('queries')}?{urlencode({**chosen, **filters})}"


@home_worklist(Permission.QUERY_ANSWER)
def to_answer(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    """Questions that wait for this site."""
    waiting = [
        query
        for query in shown_queries(session, here, statuses=(QueryStatus.OPEN,))
        if may(here.actor, Permission.QUERY_ANSWER, query.trial_id, query.site_id)
    ]
    label = counted(len(waiting), "query to answer", "queries to answer")
    yield WorkRow(len(waiting), label, _address(here, status="open"), kind="warning")


@home_worklist(Permission.QUERY_CLOSE)
def to_close(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    """Answers that wait for the one who asked, or for a data manager."""
    answered = shown_queries(session, here, statuses=(QueryStatus.ANSWERED,))
    mine = [query for query in answered if may_close(here.actor, query)]
    label = counted(len(mine), "answer to a query", "answers to queries")
    yield WorkRow(len(mine), label, _address(here, status="answered"), "to read and close")
