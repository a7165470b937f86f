"""Votes of the members present. They stay with the board: only the recommendation reaches the sponsor.

Invariants
1. One vote a member, after a declaration without conflict; it may be changed until the recommendation is signed.
2. A vote is for one of the recommendations that the protocol names.
"""

from collections import Counter
from collections.abc import Iterable
from typing import get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.database.columns import prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.oversight.meetings import (
    MeetingAct,
    check_can_act,
    check_declared,
    get_meeting,
    protocol_of_meeting,
)
from trial.protocol.schema import Protocol, RecommendationName

RECOMMENDATIONS: tuple[str, ...] = get_args(RecommendationName)


class RecommendationUnknown(InvalidInput):
    code = "recommendation.unknown"


class CastVote(BaseModel):
    model_config = ConfigDict(frozen=True)

    meeting_id: UUID
    recommendation: RecommendationName
    comment: str = Bounded(default="", max_length=4000)


class Vote(TrialRecord, table=True):
    __tablename__ = "board_vote"
    __table_args__ = in_schema("trial", UniqueConstraint("meeting_id", "account_id"))

    meeting_id: UUID = Field(foreign_key="trial.meeting.id", index=True)
    account_id: UUID = Field(foreign_key="access.account.id")
    recommendation: str = Field(max_length=48)
    comment: str = prose()


def cast_vote(session: TrialSession, actor: Actor, command: CastVote) -> Vote:
    """Vote, or vote anew. Raises ``DeclarationMissing``, ``MemberRecused``, ``RecommendationUnknown``."""
    meeting = get_meeting(session, command.meeting_id)
    authorize(session, actor, Action.VOTE_CAST, trial_id=meeting.trial_id)
    session.refresh(meeting, with_for_update={"key_share": True})
    check_can_act(meeting, MeetingAct.VOTE)
    check_declared(session, meeting.id, actor.account_id)
    check_offered(command.recommendation, protocol_of_meeting(session, meeting))
    vote = _vote_of(session, meeting.id, actor.account_id) or Vote(
        **session.stamp(),
        trial_id=meeting.trial_id,
        protocol_version_id=meeting.protocol_version_id,
        meeting_id=meeting.id,
        account_id=actor.account_id,
        recommendation=command.recommendation,
        comment=command.comment,
    )
    vote.recommendation, vote.comment = command.recommendation, command.comment
    session.add(vote)
    session.flush()
    return vote


def check_offered(recommendation: str, protocol: Protocol) -> None:
    """Raise ``RecommendationUnknown``."""
    offered = protocol.board.recommendations
    if recommendation not in offered:
        raise RecommendationUnknown(
            f"The protocol does not offer “{recommendation}”. Choose one of: {', '.join(offered)}."
        )


def votes_at(session: TrialSession, actor: Actor, meeting_id: UUID) -> list[Vote]:
    """The votes, for members of the board alone."""
    meeting = get_meeting(session, meeting_id)
    check_may(actor, Permission.BOARD_VOTE, meeting.trial_id)
    return votes_cast(session, meeting_id)


def votes_cast(session: TrialSession, meeting_id: UUID) -> list[Vote]:
    """Every vote as it stands, for services of the board that have authorized."""
    return list(session.exec(select(Vote).where(Vote.meeting_id == meeting_id).order_by(col(Vote.id))))


def leading(votes: Iterable[str]) -> frozenset[str]:
    """The recommendations with the most votes: one, several in a tie, none without votes."""
    counted = Counter(votes)
    most = max(counted.values(), default=0)
    return frozenset(name for name, count in counted.items() if count == most)


def _vote_of(session: TrialSession, meeting_id: UUID, account_id: UUID) -> Vote | None:
    return session.exec(select(Vote).where(Vote.meeting_id == meeting_id, Vote.account_id == account_id)).first()
