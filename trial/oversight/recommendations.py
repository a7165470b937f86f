"""Recommendations: what the board tells the sponsor, signed by its chair. Nothing else of a meeting reaches the sponsor.

Invariants
1. The quorum is the protocol's: so many members present without a conflict who have voted, the seats that the protocol
   requires among them.
2. The chair signs what most members voted for; in a tie the chair's signature chooses among the leading ones.
3. A meeting has one recommendation, and it is never changed.
"""

from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.access.signatures import Reauthenticated, sign
from trial.database.columns import prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.oversight.meetings import (
    Declaration,
    Meeting,
    MeetingAct,
    check_can_act,
    check_declared,
    declarations_at,
    get_meeting,
    move,
    protocol_of_meeting,
)
from trial.oversight.votes import check_offered, leading, votes_cast
from trial.protocol.schema import Board, RecommendationName

MEANING = "I sign this recommendation on behalf of the board."


class QuorumMissing(Conflict):
    code = "recommendation.quorum_missing"


class AgainstTheVotes(Conflict):
    code = "recommendation.against_the_votes"


class RecommendationNotFound(NotFound):
    code = "recommendation.not_found"


class SignRecommendation(BaseModel):
    """``text`` is read by the sponsor: it must not tell a comparative result."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    meeting_id: UUID
    recommendation: RecommendationName
    text: str = Bounded(min_length=3, max_length=4000)


class Recommendation(TrialRecord, table=True):
    __tablename__ = "recommendation"
    __table_args__ = in_schema("trial", UniqueConstraint("meeting_id"))

    meeting_id: UUID = Field(foreign_key="trial.meeting.id")
    recommendation: str = Field(max_length=48)
    text: str = prose()
    members_voting: int
    signed_by: UUID = Field(foreign_key="access.account.id")


def check_quorum(board: Board, voting: list[Declaration]) -> None:
    """Raise ``QuorumMissing``: too few who vote, or a required seat is empty."""
    seats = {declaration.seat for declaration in voting}
    required = [seat.seat for seat in board.seats if seat.needed_for_quorum]
    absent = [seat for seat in required if seat not in seats]
    if len(voting) < board.quorum or absent:
        who = f", with {', '.join(required)} among them" if required else ""
        raise QuorumMissing(
            f"The quorum is {board.quorum} members who are present, have no conflict and have voted{who};"
            f" there are {len(voting)}. Wait for the missing members, or cancel the meeting and convene another."
        )


def voting_members(session: TrialSession, meeting_id: UUID) -> list[Declaration]:
    """Members who are present, have no conflict and have voted."""
    voted = {vote.account_id for vote in votes_cast(session, meeting_id)}
    return [
        declaration
        for declaration in declarations_at(session, meeting_id)
        if not declaration.has_conflict and declaration.account_id in voted
    ]


def sign_recommendation(
    session: TrialSession, actor: Actor, proof: Reauthenticated, command: SignRecommendation
) -> Recommendation:
    """The chair concludes the meeting. Raises ``QuorumMissing``, ``AgainstTheVotes``, ``MeetingStateRefuses``."""
    meeting = get_meeting(session, command.meeting_id)
    authorize(session, actor, Action.RECOMMENDATION_SIGNED, trial_id=meeting.trial_id)
    made = exactly_once(
        session,
        actor,
        Action.RECOMMENDATION_SIGNED,
        command.idempotency_key,
        command,
        lambda: _sign(session, actor, proof, meeting, command).id,
    )
    return get_recommendation(session, made)


def _sign(
    session: TrialSession,
    actor: Actor,
    proof: Reauthenticated,
    meeting: Meeting,
    command: SignRecommendation,
) -> Recommendation:
    session.refresh(meeting, with_for_update={"key_share": True})
    check_can_act(meeting, MeetingAct.RECOMMEND)
    check_declared(session, meeting.id, actor.account_id)
    protocol = protocol_of_meeting(session, meeting)
    check_offered(command.recommendation, protocol)
    voting = voting_members(session, meeting.id)
    check_quorum(protocol.board, voting)
    _check_follows_votes(session, meeting, command.recommendation)
    recommendation = Recommendation(
        **session.stamp(),
        trial_id=meeting.trial_id,
        protocol_version_id=meeting.protocol_version_id,
        meeting_id=meeting.id,
        recommendation=command.recommendation,
        text=command.text,
        members_voting=len(voting),
        signed_by=actor.account_id,
    )
    session.add(recommendation)
    move(session, meeting, MeetingAct.RECOMMEND)
    sign(session, actor, proof, recommendation, MEANING, meeting.trial_id)
    raise_alert(
        session,
        AlertKind.RECOMMENDATION,
        "sponsor",
        f"The board has made a recommendation at meeting {meeting.number}. Read it and decide.",
        trial_id=meeting.trial_id,
    )
    return recommendation


def _check_follows_votes(session: TrialSession, meeting: Meeting, recommendation: str) -> None:
    chosen = leading(vote.recommendation for vote in votes_cast(session, meeting.id))
    if recommendation not in chosen:
        raise AgainstTheVotes(
            f"Most members voted for {' or '.join(sorted(chosen))}. Sign that, or ask the members to vote anew."
        )


def get_recommendation(session: TrialSession, recommendation_id: UUID) -> Recommendation:
    """Raises ``RecommendationNotFound``."""
    found = session.get(Recommendation, recommendation_id)
    if found is None:
        raise RecommendationNotFound("There is no such recommendation. Choose one from the list.")
    return found


def recommendations_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[Recommendation]:
    """What the board has recommended, oldest first, for those who may read it."""
    check_may(actor, Permission.RECOMMENDATION_READ, trial_id)
    return list(
        session.exec(
            select(Recommendation)
            .where(Recommendation.trial_id == trial_id)
            .order_by(col(Recommendation.recorded_at), col(Recommendation.id))
        )
    )
