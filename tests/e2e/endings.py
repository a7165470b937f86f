"""How a trial that was left in its middle comes to its end: what was not done is recorded as such, by whose task it is."""

from __future__ import annotations

from tests.support.house import House
from tests.support.locking import miss_what_is_due, sign_casebooks
from tests.support.participants import today
from trial.conduct.departures import EndReason, EndStudy, StudyEndKind, end_study
from trial.conduct.queries import AnswerQuery, CloseQuery, QueryStatus, answer_query, close_query, queries_for
from trial.conduct.screening import FailScreening, NotEnrolledKind, fail_screening
from trial.conduct.visits import due_visits


def settle(house: House) -> None:
    """Nothing stands in the way of the lock afterwards: no query, no visit without a word, no casebook without a name."""
    for site in house.sites:
        _settle_queries(house, site)
        _decline_whoever_is_screened(house, site)
        _lose_whoever_is_on_treatment(house, site)
        miss_what_is_due(house, site)
        sign_casebooks(house, site)


def _settle_queries(house: House, site: str) -> None:
    with house.database.transaction() as session:
        manager, coordinator = house.actor(session, "data_manager"), house.actor(session, "coordinator", site)
        for query in queries_for(session, coordinator, house.trial.id, status=QueryStatus.OPEN):
            answer_query(session, coordinator, AnswerQuery(query_id=query.id, answer="The source is right."))
        for query in queries_for(session, coordinator, house.trial.id, status=QueryStatus.ANSWERED):
            close_query(session, manager, CloseQuery(query_id=query.id, remark="Settled"))


def _decline_whoever_is_screened(house: House, site: str) -> None:
    """Who was in the middle of screening takes part no more."""
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", site)
        due = due_visits(session, coordinator, house.trial.id, site_id=house.site_id(site))
        for participant_id in sorted({one.participant.id for one in due if one.participant.randomized_at is None}):
            command = FailScreening(
                participant_id=participant_id, kind=NotEnrolledKind.DECLINED, reason="Did not come again"
            )
            fail_screening(session, coordinator, command)


def _lose_whoever_is_on_treatment(house: House, site: str) -> None:
    """Who was in the middle of the infusions has not come back."""
    with house.database.transaction() as session:
        coordinator = house.actor(session, "coordinator", site)
        due = due_visits(session, coordinator, house.trial.id, site_id=house.site_id(site))
        for participant_id in sorted({state.participant.id for state in due if state.planned.visit.dose}):
            command = EndStudy(
                participant_id=participant_id,
                kind=StudyEndKind.LOST,
                ended_on=today(house, site),
                reason=EndReason.LOST_TO_FOLLOW_UP,
            )
            end_study(session, coordinator, command)
