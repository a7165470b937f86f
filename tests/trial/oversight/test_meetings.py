"""Meetings of the board: who takes part, what they vote, what the chair may sign."""

import itertools
from uuid import uuid4

import pytest
from pydantic import ValidationError

from tests.support.board import CHAIR, QUORATE, Board
from tests.support.house import House
from trial.access.alerts import alerts_for
from trial.access.signatures import ReauthenticationNeeded, check_signed
from trial.errors import NotPermitted
from trial.oversight.meetings import (
    NEXT,
    AlreadyDeclared,
    CancelMeeting,
    DeclarationMissing,
    LookHasMeeting,
    LookNotPlanned,
    MeetingAct,
    MeetingKind,
    MeetingState,
    MeetingStateRefuses,
    MemberRecused,
    can_act,
    cancel_meeting,
    get_meeting,
    meetings_of,
)
from trial.oversight.members import AppointMember, NotABoardMember, SeatTaken, SeatUnknown, appoint_member
from trial.oversight.recommendations import (
    AgainstTheVotes,
    QuorumMissing,
    SignRecommendation,
    recommendations_for,
    sign_recommendation,
)
from trial.oversight.votes import CastVote, RecommendationUnknown, check_offered, leading, votes_at
from trial.protocol.loader import shipped_protocol


@pytest.fixture
def board(house: House) -> Board:
    return Board(house)


def test_the_table_of_states_names_every_pair_and_ends():
    assert set(NEXT) == set(itertools.product(MeetingState, MeetingAct))
    for state in (MeetingState.DECIDED, MeetingState.CANCELLED):
        assert not any(can_act(state, act) for act in MeetingAct)


def test_every_state_can_be_reached_from_a_convened_meeting():
    reached = {MeetingState.CONVENED}
    for _ in MeetingState:
        reached |= {after for (before, _), after in NEXT.items() if before in reached and after is not None}
    assert reached == set(MeetingState)


def test_meetings_are_numbered_in_their_order(house: House, board: Board):
    assert [board.convened().number for _ in range(3)] == [1, 2, 3]
    with house.database.session() as session:
        assert [meeting.number for meeting in meetings_of(session, house.trial.id)] == [1, 2, 3]


def test_a_planned_look_has_one_meeting_until_it_is_cancelled(house: House, board: Board):
    meeting = board.convened(MeetingKind.PLANNED_LOOK, 1)
    with pytest.raises(LookHasMeeting):
        board.convened(MeetingKind.PLANNED_LOOK, 1)
    with house.database.transaction() as session:
        cancel_meeting(
            session, board.actor(session, CHAIR), CancelMeeting(meeting_id=meeting.id, reason="snapshot was wrong")
        )
    assert board.convened(MeetingKind.PLANNED_LOOK, 1).number == 2


@pytest.mark.parametrize(("kind", "look"), [("planned_look", 3), ("planned_look", None), ("safety_review", 1)])
def test_a_look_that_the_protocol_does_not_plan_is_refused(board: Board, kind: str, look: int | None):
    with pytest.raises(LookNotPlanned):
        board.convened(MeetingKind(kind), look)


def test_a_seat_is_one_of_the_protocols_and_held_once(house: House, board: Board):
    with house.database.session() as session:
        sponsor, more = house.actor(session, "sponsor"), house.hire(session, "dsmb_member", suffix="sixth")
        for seat, refusal in (("lawyer", SeatUnknown), ("statistician", SeatTaken)):
            with pytest.raises(refusal):
                appoint_member(session, sponsor, AppointMember(trial_id=house.trial.id, account_id=more.id, seat=seat))


def test_nobody_without_a_board_role_is_seated(house: House):
    with house.database.session() as session, pytest.raises(NotABoardMember):
        appoint_member(
            session,
            house.actor(session, "sponsor"),
            AppointMember(trial_id=house.trial.id, account_id=house.people[("sponsor", None)].id, seat="statistician"),
        )


def test_a_member_declares_before_voting_and_once(board: Board):
    meeting = board.convened()
    with pytest.raises(DeclarationMissing):
        board.vote(meeting.id, {"statistician": "continue"})
    board.declare(meeting.id, ["statistician"])
    with pytest.raises(AlreadyDeclared):
        board.declare(meeting.id, ["statistician"])
    board.vote(meeting.id, {"statistician": "continue"})


def test_a_member_with_a_conflict_neither_votes_nor_counts(board: Board):
    meeting = board.convened()
    board.declare(meeting.id, ["psychiatrist"], has_conflict=True)
    with pytest.raises(MemberRecused):
        board.vote(meeting.id, {"psychiatrist": "continue"})
    board.declare(meeting.id, [CHAIR, "statistician"])
    board.vote(meeting.id, {CHAIR: "continue", "statistician": "continue"})
    with pytest.raises(QuorumMissing):
        board.sign(meeting.id, "continue")


def test_the_quorum_needs_the_statistician_member(board: Board):
    meeting = board.convened()
    seats = [CHAIR, "psychiatrist", "anaesthetist", "patient_representative"]
    board.declare(meeting.id, seats)
    board.vote(meeting.id, dict.fromkeys(seats, "continue"))
    with pytest.raises(QuorumMissing, match="statistician"):
        board.sign(meeting.id, "continue")


def test_members_who_are_present_but_have_not_voted_do_not_make_the_quorum(board: Board):
    meeting = board.convened()
    board.declare(meeting.id)
    board.vote(meeting.id, {CHAIR: "continue", "statistician": "continue"})
    with pytest.raises(QuorumMissing):
        board.sign(meeting.id, "continue")


def test_the_chair_signs_what_most_members_voted_for(board: Board):
    meeting = board.convened()
    board.declare(meeting.id)
    board.vote(meeting.id, {CHAIR: "continue", "psychiatrist": "stop_dosing", "statistician": "stop_dosing"})
    with pytest.raises(AgainstTheVotes, match="stop_dosing"):
        board.sign(meeting.id, "continue")
    assert board.sign(meeting.id, "stop_dosing").members_voting == 3


def test_in_a_tie_the_chair_chooses_among_the_leading_recommendations():
    assert leading(["continue", "modify"]) == {"continue", "modify"}
    assert leading(["continue", "continue", "modify"]) == {"continue"}
    assert leading([]) == set()


def test_a_vote_may_be_changed_until_the_recommendation_is_signed(house: House, board: Board):
    meeting = board.convened()
    board.declare(meeting.id)
    board.vote(meeting.id, dict.fromkeys(QUORATE, "modify"))
    board.vote(meeting.id, dict.fromkeys(QUORATE, "continue"))
    board.sign(meeting.id, "continue")
    with pytest.raises(MeetingStateRefuses):
        board.vote(meeting.id, {CHAIR: "modify"})
    with house.database.session() as session:
        assert get_meeting(session, meeting.id).state is MeetingState.CONCLUDED


def test_a_recommendation_is_signed_once_and_the_same_request_gives_the_same_one(board: Board):
    meeting = board.convened()
    board.declare(meeting.id)
    board.vote(meeting.id, dict.fromkeys(QUORATE, "continue"))
    key = str(uuid4())
    assert board.sign(meeting.id, "continue", key).id == board.sign(meeting.id, "continue", key).id
    with pytest.raises(MeetingStateRefuses):
        board.sign(meeting.id, "continue")


def test_only_the_recommendation_reaches_the_sponsor_and_an_alert_says_that_it_is_there(house: House, board: Board):
    made = board.recommended()
    with house.database.session() as session:
        sponsor = house.actor(session, "sponsor")
        assert [each.id for each in recommendations_for(session, sponsor, house.trial.id)] == [made.id]
        assert "recommendation at meeting 1" in alerts_for(session, sponsor, house.trial.id)[0].sentence
        with pytest.raises(NotPermitted):
            votes_at(session, sponsor, made.meeting_id)
        assert len(votes_at(session, board.actor(session, CHAIR), made.meeting_id)) == 3
        assert check_signed(session, made).printed_name == board.people[CHAIR].display_name


def test_a_member_who_is_not_chair_cannot_sign_and_the_chair_not_with_anothers_proof(house: House, board: Board):
    meeting = board.convened()
    board.declare(meeting.id)
    board.vote(meeting.id, dict.fromkeys(QUORATE, "continue"))
    command = SignRecommendation(
        idempotency_key=str(uuid4()), meeting_id=meeting.id, recommendation="continue", text="As agreed."
    )
    with house.database.session() as session:
        with pytest.raises(NotPermitted):
            sign_recommendation(session, board.actor(session, "statistician"), board.proof("statistician"), command)
        with pytest.raises(ReauthenticationNeeded):
            sign_recommendation(session, board.actor(session, CHAIR), board.proof("statistician"), command)


def test_a_recommendation_outside_the_protocols_list_is_refused():
    protocol = shipped_protocol("keta-pain")
    narrowed = protocol.model_copy(
        update={"board": protocol.board.model_copy(update={"recommendations": ("continue",)})}
    )
    with pytest.raises(RecommendationUnknown):
        check_offered("modify", narrowed)
    with pytest.raises(ValidationError):
        CastVote(meeting_id=uuid4(), recommendation="celebrate")
