"""The sponsor's decisions and the three levers."""

from typing import get_args
from uuid import uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.board import Board
from tests.support.house import House
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.conduct.trials import Lever, get_trial
from trial.errors import NotPermitted
from trial.oversight.decisions import (
    LEVERS_CLOSED_BY,
    Answer,
    DecideOnRecommendation,
    Decision,
    MoveLevers,
    decide_on_recommendation,
    decisions_for,
    levers_moved_by,
    levers_of,
    move_levers,
)
from trial.oversight.meetings import MeetingStateRefuses
from trial.protocol.schema import RecommendationName


@pytest.fixture
def board(house: House) -> Board:
    return Board(house)


def decided(house: House, recommendation, answer: Answer, role: str = "sponsor", **more) -> Decision:
    with house.database.transaction() as session:
        command = DecideOnRecommendation(
            idempotency_key=more.pop("key", str(uuid4())),
            recommendation_id=recommendation.id,
            answer=answer,
            reason="discussed with the ethics committee",
            **more,
        )
        return decide_on_recommendation(session, house.actor(session, role), command)


def standing(house: House) -> dict[str, bool]:
    with house.database.session() as session:
        return {lever.value: is_open for lever, is_open in levers_of(get_trial(session, house.trial.id)).items()}


def test_every_recommendation_of_the_schema_says_which_levers_accepting_it_closes():
    assert set(LEVERS_CLOSED_BY) == set(get_args(RecommendationName))


def test_accepting_closes_rejecting_moves_nothing_and_modifying_does_what_the_sponsor_names():
    for name, closed in LEVERS_CLOSED_BY.items():
        assert levers_moved_by(Answer.ACCEPT, name, {}) == dict.fromkeys(closed, False)
        assert levers_moved_by(Answer.REJECT, name, {}) == {}
        assert levers_moved_by(Answer.MODIFY, name, {Lever.DOSING: True}) == {Lever.DOSING: True}


def test_stopping_randomization_leaves_dosing_and_follow_up_open(house: House, board: Board):
    decided(house, board.recommended("stop_randomizing"), Answer.ACCEPT)
    assert standing(house) == {"randomizing": False, "dosing": True, "follow_up": True}


def test_a_rejected_recommendation_moves_no_lever_and_is_kept_with_its_reason(house: House, board: Board):
    made = board.recommended("stop_dosing")
    decided(house, made, Answer.REJECT)
    assert standing(house) == dict.fromkeys(("randomizing", "dosing", "follow_up"), True)
    with house.database.session() as session:
        (kept,) = decisions_for(session, house.actor(session, "inspector"), house.trial.id)
    assert (kept.recommendation_id, kept.reason) == (made.id, "discussed with the ethics committee")


def test_a_modified_recommendation_moves_the_levers_that_the_sponsor_names(house: House, board: Board):
    decided(house, board.recommended("stop_dosing"), Answer.MODIFY, levers={Lever.RANDOMIZING: False})
    assert standing(house) == {"randomizing": False, "dosing": True, "follow_up": True}


def test_levers_are_named_only_in_a_modification():
    with pytest.raises(ValidationError):
        DecideOnRecommendation(
            idempotency_key=str(uuid4()),
            recommendation_id=uuid4(),
            answer=Answer.ACCEPT,
            reason="as recommended",
            levers={Lever.DOSING: False},
        )


def test_a_recommendation_is_decided_once_and_a_repeated_request_gives_the_first_decision(house: House, board: Board):
    made, key = board.recommended(), str(uuid4())
    assert decided(house, made, Answer.ACCEPT, key=key).id == decided(house, made, Answer.ACCEPT, key=key).id
    with pytest.raises(MeetingStateRefuses):
        decided(house, made, Answer.REJECT)


def test_only_the_sponsor_decides(house: House, board: Board):
    made = board.recommended()
    for role in ("dsmb_chair", "medical_monitor", "data_manager", "administrator"):
        with pytest.raises(NotPermitted):
            decided(house, made, Answer.ACCEPT, role=role)


def test_after_a_pause_the_sponsor_reopens_with_a_reason(house: House, board: Board):
    decided(house, board.recommended("pause_randomizing"), Answer.ACCEPT)
    with house.database.transaction() as session:
        move_levers(
            session,
            house.actor(session, "sponsor"),
            MoveLevers(trial_id=house.trial.id, levers={Lever.RANDOMIZING: True}, reason="the question is settled"),
        )
    assert standing(house)["randomizing"] is True


def test_a_signed_recommendation_cannot_be_rewritten_even_by_plain_sql(house: House, board: Board):
    board.recommended()
    with house.database.session() as session:
        chair = board.actor(session, "pain_physician")
        authorize(session, chair, Action.RECOMMENDATION_SIGNED, trial_id=house.trial.id)
        with pytest.raises(DBAPIError, match="is fixed"):
            session.execute(text("UPDATE trial.recommendation SET recommendation = 'stop_dosing'"))
