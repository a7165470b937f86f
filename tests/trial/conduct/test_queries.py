from uuid import UUID

import pytest

from tests.support.house import House
from tests.support.participants import consented, infused
from trial.conduct.queries import (
    MOVES,
    READERS,
    AnswerQuery,
    CloseQuery,
    DataDomain,
    NotYoursToClose,
    Query,
    QueryMove,
    QueryMoveNotPossible,
    QueryNotFound,
    QueryStatus,
    RaiseQuery,
    answer_query,
    ask_again,
    can_move,
    check_can_move,
    close_query,
    queries_for,
    raise_query,
)
from trial.errors import NotPermitted


def test_the_table_of_moves_is_total_and_every_domain_has_its_readers():
    assert set(MOVES) == set(QueryStatus)
    assert {move for moves in MOVES.values() for move in moves} == set(QueryMove)
    assert set(READERS) == set(DataDomain)


@pytest.mark.parametrize("status", QueryStatus)
@pytest.mark.parametrize("move", QueryMove)
def test_asking_and_checking_agree_on_every_move(status: QueryStatus, move: QueryMove):
    query = Query(question="Why?", status=status)
    if can_move(query, move):
        check_can_move(query, move)
    else:
        with pytest.raises(QueryMoveNotPossible):
            check_can_move(query, move)


def test_a_monitor_asks_the_site_answers_and_the_monitor_closes(house: House):
    query = _ask(house, consented(house))
    assert _answer(house, query).status is QueryStatus.ANSWERED
    closed = _close(house, query, "monitor")
    assert closed.status is QueryStatus.CLOSED
    assert closed.answer == "Because."


def test_an_answer_that_does_not_satisfy_opens_the_query_again(house: House):
    query = _ask(house, consented(house))
    _answer(house, query)
    with house.database.transaction() as session:
        command = CloseQuery(query_id=query, remark="Which arm?")
        opened = ask_again(session, house.actor(session, "monitor", "S1"), command)
    assert (opened.status, opened.remark) == (QueryStatus.OPEN, "Which arm?")


def test_a_query_is_closed_by_who_raised_it_or_by_the_data_manager(house: House):
    someone = consented(house)
    query = _ask(house, someone)
    with pytest.raises(NotYoursToClose):
        _close(house, query, "medical_monitor")
    assert _close(house, query, "data_manager").status is QueryStatus.CLOSED


def test_the_site_does_not_close_its_own_queries_and_a_closed_one_takes_no_answer(house: House):
    query = _ask(house, consented(house))
    with pytest.raises(NotPermitted):
        _close(house, query, "coordinator")
    _close(house, query, "monitor")
    with pytest.raises(QueryMoveNotPossible):
        _answer(house, query)


def test_nobody_asks_about_a_domain_that_they_may_not_read(house: House):
    with pytest.raises(NotPermitted):
        _ask(house, consented(house), role="data_manager", domain=DataDomain.INFUSION)


def test_an_efficacy_assessor_neither_sees_nor_answers_a_query_about_an_infusion(house: House):
    query = _ask(house, infused(house, infusions=1), domain=DataDomain.INFUSION)
    with house.database.transaction() as session:
        assessor = house.actor(session, "efficacy_assessor", "S1")
        assert queries_for(session, assessor, house.trial.id) == []
        with pytest.raises(NotPermitted):
            answer_query(session, assessor, AnswerQuery(query_id=query, answer="Seen it."))


def test_queries_are_listed_by_site_status_and_participant(house: House):
    first, second = consented(house, "S1"), consented(house, "S2")
    one = _ask(house, first)
    _ask(house, second, role="data_manager", site="S2")
    _answer(house, one)
    with house.database.transaction() as session:
        manager, site = house.actor(session, "data_manager"), house.actor(session, "coordinator", "S2")
        assert len(queries_for(session, manager, house.trial.id)) == 2
        assert len(queries_for(session, manager, house.trial.id, status=QueryStatus.OPEN)) == 1
        assert len(queries_for(session, manager, house.trial.id, participant_id=first)) == 1
        assert [query.participant_id for query in queries_for(session, site, house.trial.id)] == [second]


def test_an_unknown_query_is_named_with_the_remedy(house: House):
    with pytest.raises(QueryNotFound):
        _close(house, UUID(int=0), "monitor")


def _ask(
    house: House,
    participant_id: UUID,
    *,
    role: str = "monitor",
    site: str = "S1",
    domain: DataDomain = DataDomain.CONDUCT,
) -> UUID:
    command = RaiseQuery(participant_id=participant_id, domain=domain, question="Why?", visit="SCR")
    with house.database.transaction() as session:
        held = house.actor(session, role, site if (role, site) in house.people else None)
        return raise_query(session, held, command).id


def _answer(house: House, query_id: UUID) -> Query:
    with house.database.transaction() as session:
        command = AnswerQuery(query_id=query_id, answer="Because.")
        return answer_query(session, house.actor(session, "coordinator", "S1"), command)


def _close(house: House, query_id: UUID, role: str) -> Query:
    with house.database.transaction() as session:
        return close_query(session, house.actor(session, role), CloseQuery(query_id=query_id))
