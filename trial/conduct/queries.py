"""Data queries: a question about recorded data, its answer, and the one who closes it.

Invariants
1. A query is open, answered or closed, and moves as ``MOVES`` says; an answer that does not satisfy opens it again.
2. It is closed by the one who raised it or by a data manager. One that an edit check raised belongs to nobody, so any
   who may close queries closes it.
3. A query belongs to the domain of the data that it asks about, and is read only by those who may read that domain.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may, may
from trial.conduct.casebooks import Casebook, open_for
from trial.conduct.participants import ParticipantRecord, check_trial_open
from trial.conduct.trials import get_trial
from trial.database.columns import choice, instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound, NotPermitted


class QueryStatus(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class QueryMove(StrEnum):
    ANSWER = "answer"
    ASK_AGAIN = "ask_again"
    CLOSE = "close"


MOVES: Final[dict[QueryStatus, dict[QueryMove, QueryStatus]]] = {
    QueryStatus.OPEN: {QueryMove.ANSWER: QueryStatus.ANSWERED, QueryMove.CLOSE: QueryStatus.CLOSED},
    QueryStatus.ANSWERED: {QueryMove.ASK_AGAIN: QueryStatus.OPEN, QueryMove.CLOSE: QueryStatus.CLOSED},
    QueryStatus.CLOSED: {},
}


class DataDomain(StrEnum):
    """Whose eyes data are for."""

    SCREENING = "screening"
    CONDUCT = "conduct"
    INFUSION = "infusion"
    EFFICACY = "efficacy"
    SAFETY = "safety"


READERS: Final[dict[DataDomain, Permission]] = {
    DataDomain.SCREENING: Permission.SCREENING_READ,
    DataDomain.CONDUCT: Permission.VISIT_READ,
    DataDomain.INFUSION: Permission.INFUSION_READ,
    DataDomain.EFFICACY: Permission.EFFICACY_READ,
    DataDomain.SAFETY: Permission.ADVERSE_EVENT_READ,
}


class QueryNotFound(NotFound):
    code = "query.not_found"


class QueryMoveNotPossible(Conflict):
    code = "query.move_not_possible"


class NotYoursToClose(NotPermitted):
    code = "query.not_yours_to_close"


class RaiseQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    domain: DataDomain
    question: str = Bounded(min_length=3, max_length=2000)
    visit: str | None = Bounded(default=None, max_length=48)
    subject: str | None = Bounded(default=None, max_length=48, description="form, instrument or infusion")
    field: str | None = Bounded(default=None, max_length=48)


class AnswerQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    query_id: UUID
    answer: str = Bounded(min_length=1, max_length=2000)


class CloseQuery(BaseModel):
    model_config = ConfigDict(frozen=True)

    query_id: UUID
    remark: str = Bounded(default="", max_length=2000)


class Query(ParticipantRecord, table=True):
    __tablename__ = "query"
    __table_args__ = in_schema("trial")

    domain: DataDomain = choice(DataDomain)
    visit: str | None = Field(default=None, max_length=48)
    subject: str | None = Field(default=None, max_length=48)
    field: str | None = Field(default=None, max_length=48)
    question: str = prose()
    status: QueryStatus = choice(QueryStatus, default=QueryStatus.OPEN, index=True)
    raised_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    answer: str | None = prose(default=None)
    answered_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    answered_at: datetime | None = instant(default=None)
    closed_by: UUID | None = Field(default=None, foreign_key="access.account.id")
    closed_at: datetime | None = instant(default=None)
    remark: str | None = prose(default=None)


def query_from_check(
    session: TrialSession,
    casebook: Casebook,
    domain: DataDomain,
    question: str,
    *,
    visit: str,
    subject: str,
    field: str | None = None,
) -> Query:
    """A query that an edit check raises, within the act that recorded the data."""
    query = Query(
        **casebook.stamp(session),
        domain=domain,
        question=question,
        visit=visit,
        subject=subject,
        field=field,
    )
    session.add(query)
    return query


def raise_query(session: TrialSession, actor: Actor, command: RaiseQuery) -> Query:
    """Ask the site about recorded data that the actor may read. Raises ``NotPermitted``."""
    casebook = open_for(session, actor, Action.QUERY_RAISED, command.participant_id)
    check_may(actor, READERS[command.domain], casebook.trial.id, casebook.site.id)
    query = Query(
        **casebook.stamp(session),
        **command.model_dump(exclude={"participant_id"}),
        raised_by=actor.account_id,
    )
    session.add(query)
    session.flush()
    return query


def answer_query(session: TrialSession, actor: Actor, command: AnswerQuery) -> Query:
    """The site's answer. Raises ``QueryNotFound``, ``NotPermitted``, ``QueryMoveNotPossible``."""
    query = _open_query(session, actor, Action.QUERY_ANSWERED, command.query_id)
    check_may(actor, READERS[query.domain], query.trial_id, query.site_id)
    _move(query, QueryMove.ANSWER)
    query.answer, query.answered_by, query.answered_at = command.answer, actor.account_id, session.now()
    session.add(query)
    session.flush()
    return query


def ask_again(session: TrialSession, actor: Actor, command: CloseQuery) -> Query:
    """The answer does not settle it: open again, with a remark. Raises as ``close_query``."""
    query = _open_query(session, actor, Action.QUERY_RAISED, command.query_id)
    _move(query, QueryMove.ASK_AGAIN)
    query.remark = command.remark
    session.add(query)
    session.flush()
    return query


def close_query(session: TrialSession, actor: Actor, command: CloseQuery) -> Query:
    """Raises ``QueryNotFound``, ``NotPermitted``, ``NotYoursToClose``, ``QueryMoveNotPossible``."""
    query = _open_query(session, actor, Action.QUERY_CLOSED, command.query_id)
    check_may_close(actor, query)
    _move(query, QueryMove.CLOSE)
    query.closed_by, query.closed_at = actor.account_id, session.now()
    query.remark = command.remark or query.remark
    session.add(query)
    session.flush()
    return query


def can_move(query: Query, move: QueryMove) -> bool:
    return move in MOVES[query.status]


def check_can_move(query: Query, move: QueryMove) -> None:
    """Raise ``QueryMoveNotPossible``."""
    if not can_move(query, move):
        raise QueryMoveNotPossible(
            f"This query is {query.status.value}, so it cannot be changed that way. Reload it and look again."
        )


def may_close(actor: Actor, query: Query) -> bool:
    """Whether the query is the actor's to close."""
    is_manager = any(held.role == "data_manager" and held.trial_id == query.trial_id for held in actor.roles)
    may_at_all = may(actor, Permission.QUERY_CLOSE, query.trial_id, query.site_id)
    return may_at_all and (is_manager or query.raised_by in (None, actor.account_id))


def check_may_close(actor: Actor, query: Query) -> None:
    """Raise ``NotYoursToClose``."""
    if not may_close(actor, query):
        raise NotYoursToClose("A query is closed by the one who raised it or by a data manager. Ask one of them.")


def queries_for(
    session: TrialSession,
    actor: Actor,
    trial_id: UUID,
    *,
    participant_id: UUID | None = None,
    status: QueryStatus | None = None,
) -> list[Query]:
    """The queries whose data ``actor`` may read, oldest first."""
    wanted = select(Query).where(Query.trial_id == trial_id)
    if participant_id is not None:
        wanted = wanted.where(Query.participant_id == participant_id)
    if status is not None:
        wanted = wanted.where(Query.status == status)
    found = session.exec(wanted.order_by(col(Query.recorded_at), col(Query.id)))
    return [query for query in found if may(actor, READERS[query.domain], trial_id, query.site_id)]


def _open_query(session: TrialSession, actor: Actor, action: Action, query_id: UUID) -> Query:
    query = session.get(Query, query_id, with_for_update=True)
    if query is None:
        raise QueryNotFound("There is no such query. Choose one from the list of queries.")
    authorize(session, actor, action, trial_id=query.trial_id, site_id=query.site_id)
    check_trial_open(get_trial(session, query.trial_id))
    return query


def _move(query: Query, move: QueryMove) -> None:
    check_can_move(query, move)
    query.status = MOVES[query.status][move]
