"""Decisions: the sponsor answers a recommendation, and only the sponsor moves the three levers.

Invariants
1. A recommendation is decided once: accepted, modified or rejected, always with a reason.
2. Accepting moves the levers as ``LEVERS_CLOSED_BY`` says; modifying moves those that the sponsor names; rejecting none.
3. Each lever moves by itself: stopping randomization leaves dosing and follow-up open.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.exactly_once import exactly_once
from trial.access.permissions import Permission
from trial.access.policies import authorize, check_may
from trial.conduct.trials import Lever, Trial, get_trial, lever_is_open
from trial.database.columns import choice, document, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import NotFound
from trial.oversight.meetings import MeetingAct, get_meeting, move
from trial.oversight.recommendations import Recommendation, get_recommendation


class Answer(StrEnum):
    ACCEPT = "accept"
    MODIFY = "modify"
    REJECT = "reject"


LEVERS_CLOSED_BY: Final[Mapping[str, tuple[Lever, ...]]] = MappingProxyType(
    {
        "continue": (),
        "modify": (),
        "pause_randomizing": (Lever.RANDOMIZING,),
        "stop_randomizing": (Lever.RANDOMIZING,),
        "stop_dosing": (Lever.RANDOMIZING, Lever.DOSING),
        "stop_follow_up": (Lever.RANDOMIZING, Lever.DOSING, Lever.FOLLOW_UP),
    }
)
"""What accepting a recommendation closes. Nobody is randomized to a dose that is not given, or to a visit that is not made."""


class DecisionNotFound(NotFound):
    code = "decision.not_found"


class DecideOnRecommendation(BaseModel):
    """``levers`` says what becomes open or closed, for a modified recommendation only."""

    model_config = ConfigDict(frozen=True)

    idempotency_key: str
    recommendation_id: UUID
    answer: Answer
    reason: str = Bounded(min_length=3, max_length=4000)
    levers: dict[Lever, bool] = Bounded(default_factory=dict)

    @model_validator(mode="after")
    def _levers_belong_to_a_modification(self) -> Self:
        if self.levers and self.answer is not Answer.MODIFY:
            raise ValueError("name levers only when the recommendation is modified")
        return self


class MoveLevers(BaseModel):
    """The sponsor acts without a recommendation: reopens after a pause, or stops at once."""

    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    levers: dict[Lever, bool] = Bounded(min_length=1)
    reason: str = Bounded(min_length=3, max_length=4000)


class Decision(TrialRecord, table=True):
    __tablename__ = "decision"
    __table_args__ = in_schema("trial", UniqueConstraint("recommendation_id"))

    recommendation_id: UUID = Field(foreign_key="trial.recommendation.id")
    answer: Answer = choice(Answer)
    reason: str = prose()
    levers: dict[str, Any] = document()
    decided_by: UUID = Field(foreign_key="access.account.id")


def levers_moved_by(answer: Answer, recommendation: str, named: Mapping[Lever, bool]) -> dict[Lever, bool]:
    """Which levers a decision sets, and to what."""
    match answer:
        case Answer.ACCEPT:
            return dict.fromkeys(LEVERS_CLOSED_BY[recommendation], False)
        case Answer.MODIFY:
            return dict(named)
        case Answer.REJECT:
            return {}


def decide_on_recommendation(session: TrialSession, actor: Actor, command: DecideOnRecommendation) -> Decision:
    """The sponsor's answer, and what follows from it. Raises ``MeetingStateRefuses`` for a second one."""
    recommendation = get_recommendation(session, command.recommendation_id)
    authorize(session, actor, Action.DECISION_TAKEN, trial_id=recommendation.trial_id, reason=command.reason)
    made = exactly_once(
        session,
        actor,
        Action.DECISION_TAKEN,
        command.idempotency_key,
        command,
        lambda: _decide(session, actor, recommendation, command).id,
    )
    return get_decision(session, made)


def _decide(
    session: TrialSession, actor: Actor, recommendation: Recommendation, command: DecideOnRecommendation
) -> Decision:
    meeting = get_meeting(session, recommendation.meeting_id)
    session.refresh(meeting, with_for_update={"key_share": True})
    move(session, meeting, MeetingAct.DECIDE)
    moved = levers_moved_by(command.answer, recommendation.recommendation, command.levers)
    decision = Decision(
        **session.stamp(),
        trial_id=recommendation.trial_id,
        protocol_version_id=recommendation.protocol_version_id,
        recommendation_id=recommendation.id,
        answer=command.answer,
        reason=command.reason,
        levers={lever.value: is_open for lever, is_open in moved.items()},
        decided_by=actor.account_id,
    )
    session.add(decision)
    set_levers(session, recommendation.trial_id, moved)
    return decision


def move_levers(session: TrialSession, actor: Actor, command: MoveLevers) -> Trial:
    """Open or close levers, with a reason."""
    authorize(session, actor, Action.LEVERS_MOVED, trial_id=command.trial_id, reason=command.reason)
    return set_levers(session, command.trial_id, command.levers)


def set_levers(session: TrialSession, trial_id: UUID, levers: Mapping[Lever, bool]) -> Trial:
    """Move the trial's levers; part of an act that was authorized."""
    trial = get_trial(session, trial_id)
    session.refresh(trial, with_for_update={"key_share": True})
    for lever, is_open in levers.items():
        setattr(trial, f"{lever.value}_open", is_open)
    session.add(trial)
    session.flush()
    return trial


def levers_of(trial: Trial) -> dict[Lever, bool]:
    """How the three levers stand."""
    return {lever: lever_is_open(trial, lever) for lever in Lever}


def get_decision(session: TrialSession, decision_id: UUID) -> Decision:
    """Raises ``DecisionNotFound``."""
    found = session.get(Decision, decision_id)
    if found is None:
        raise DecisionNotFound("There is no such decision. Choose one from the list.")
    return found


def decisions_for(session: TrialSession, actor: Actor, trial_id: UUID) -> list[Decision]:
    """What the sponsor has decided, oldest first, for those who may read recommendations."""
    check_may(actor, Permission.RECOMMENDATION_READ, trial_id)
    return list(
        session.exec(
            select(Decision).where(Decision.trial_id == trial_id).order_by(col(Decision.recorded_at), col(Decision.id))
        )
    )
