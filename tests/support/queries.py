"""Queries for tests, raised and answered through the services that real use goes through."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.support.house import House
from tests.support.participants import site_code
from trial.conduct.queries import AnswerQuery, DataDomain, Query, RaiseQuery, answer_query, raise_query


def asked(house: House, participant_id: UUID, role: str = "data_manager", **about: Any) -> Query:
    """A question about a visit, unless another domain is named."""
    usual = {"domain": DataDomain.CONDUCT, "question": "Which day was it?"}
    with house.database.transaction() as session:
        command = RaiseQuery(participant_id=participant_id, **{**usual, **about})
        return raise_query(session, house.actor(session, role), command)


def answered(house: House, query: Query, answer: str = "The second.") -> Query:
    with house.database.transaction() as session:
        actor = house.actor(session, "coordinator", site_code(house, query.participant_id))
        return answer_query(session, actor, AnswerQuery(query_id=query.id, answer=answer))
