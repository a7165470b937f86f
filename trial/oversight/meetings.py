"""Meetings of the board: convened, attended, concluded by a recommendation, closed by the sponsor's decision.

Invariants
1. Before anything else at a meeting, each member declares whether they have a conflict of interest; who has declared is
   present. A member with a conflict is recused: no closed paper, no vote, no part in the quorum.
2. What can happen in which state is the table ``NEXT``; it names every pair of state and act.
3. A planned look has one meeting that was not cancelled.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, func
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.trials import get_trial
from trial.database.columns import choice, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound, NotPermitted
from trial.oversight.members import seat_of
from trial.protocol.schema import Protocol
from trial.protocol.versions import get_version, newest_active_version, protocol_of


class MeetingKind(StrEnum):
    PLANNED_LOOK = "planned_look"
    SAFETY_REVIEW = "safety_review"
    EXTRAORDINARY = "extraordinary"


class MeetingState(StrEnum):
    CONVENED = "convened"
    CONCLUDED = "concluded"
    DECIDED = "decided"
    CANCELLED = "cancelled"


class MeetingAct(StrEnum):
    DECLARE = "declare"
    FILE_PAPER = "file_paper"
    VOTE = "vote"
    RECOMMEND = "recommend"
    DECIDE = "decide"
    CANCEL = "cancel"


_S, _A = MeetingState, MeetingAct
_OPEN: Final = {
    _A.DECLARE: _S.CONVENED,
    _A.FILE_PAPER: _S.CONVENED,
    _A.VOTE: _S.CONVENED,
    _A.RECOMMEND: _S.CONCLUDED,
    _A.DECIDE: None,
    _A.CANCEL: _S.CANCELLED,
}
NEXT: Final[Mapping[tuple[MeetingState, MeetingAct], MeetingState | None]] = MappingProxyType(
    {(_S.CONVENED, act): state for act, state in _OPEN.items()}
    | {(_S.CONCLUDED, act): _S.DECIDED if act is _A.DECIDE else None for act in _A}
    | {(_S.DECIDED, act): None for act in _A}
    | {(_S.CANCELLED, act): None for act in _A}
)
"""The state that follows, or ``None`` where the act is refused."""


class MeetingNotFound(NotFound):
    code = "meeting.not_found"


class MeetingStateRefuses(Conflict):
    code = "meeting.state_refuses"


class LookNotPlanned(InvalidInput):
    code = "meeting.look_not_planned"


class LookHasMeeting(Conflict):
    code = "meeting.look_has_meeting"


class DeclarationMissing(NotPermitted):
    code = "meeting.declaration_missing"


class MemberRecused(NotPermitted):
    code = "meeting.member_recused"


class AlreadyDeclared(Conflict):
    code = "meeting.already_declared"


class ConveneMeeting(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    kind: MeetingKind
    planned_on: date
    look: int | None = Bounded(default=None, ge=1, description="Number of the planned look, for a planned look only")


class DeclareConflict(BaseModel):
    model_config = ConfigDict(frozen=True)

    meeting_id: UUID
    has_conflict: bool
    statement: str = Bounded(min_length=3, max_length=2000)


class CancelMeeting(BaseModel):
    model_config = ConfigDict(frozen=True)

    meeting_id: UUID
    reason: str = Bounded(min_length=3)


class Meeting(TrialRecord, table=True):
    __tablename__ = "meeting"
    __table_args__ = in_schema("trial", UniqueConstraint("trial_id", "number"))

    number: int
    kind: MeetingKind = choice(MeetingKind)
    planned_on: date
    look: int | None = None
    state: MeetingState = choice(MeetingState, default=MeetingState.CONVENED)
    convened_by: str = Field(max_length=80)


class Declaration(TrialRecord, table=True):
    __tablename__ = "board_declaration"
    __table_args__ = in_schema("trial", UniqueConstraint("meeting_id", "account_id"))

    meeting_id: UUID = Field(foreign_key="trial.meeting.id", index=True)
    account_id: UUID = Field(foreign_key="access.account.id")
    seat: str = Field(max_length=48)
    has_conflict: bool
    statement: str = prose()


def can_act(state: MeetingState, act: MeetingAct) -> bool:
    return NEXT[(state, act)] is not None


def check_can_act(meeting: Meeting, act: MeetingAct) -> None:
    """Raise ``MeetingStateRefuses``."""
    if not can_act(meeting.state, act):
        raise MeetingStateRefuses(
            f"Meeting {meeting.number} is {meeting.state.value}, so this cannot be done any more or not yet."
            " Open the meeting to see what comes next."
        )


def move(session: TrialSession, meeting: Meeting, act: MeetingAct) -> None:
    """Take the meeting to the state that follows. Raises ``MeetingStateRefuses``."""
    check_can_act(meeting, act)
    following = NEXT[(meeting.state, act)]
    assert following is not None, "checked just above"
    meeting.state = following
    session.add(meeting)


def convene_meeting(session: TrialSession, actor: Actor, command: ConveneMeeting) -> Meeting:
    """A meeting to which members may come. Raises ``LookNotPlanned``, ``LookHasMeeting``."""
    authorize(session, actor, Action.MEETING_CONVENED, trial_id=command.trial_id)
    # One convening at a time, so that numbers have no gap and a look no second meeting.
    session.refresh(get_trial(session, command.trial_id), with_for_update={"key_share": True})
    version = newest_active_version(session, command.trial_id)
    _check_look(session, command, protocol_of(version))
    last = session.exec(select(func.max(Meeting.number)).where(Meeting.trial_id == command.trial_id)).one()
    meeting = Meeting(
        **session.stamp(),
        **command.model_dump(),
        protocol_version_id=version.id,
        number=(last or 0) + 1,
        convened_by=actor.name,
    )
    session.add(meeting)
    session.flush()
    return meeting


def _check_look(session: TrialSession, command: ConveneMeeting, protocol: Protocol) -> None:
    planned = [look.number for look in protocol.design.looks]
    if (command.kind is MeetingKind.PLANNED_LOOK) != (command.look is not None):
        raise LookNotPlanned("Give the number of the look for a planned look, and for no other meeting.")
    if command.look is None:
        return
    if command.look not in planned:
        known = ", ".join(map(str, planned)) or "none"
        raise LookNotPlanned(f"The protocol plans no look {command.look}; it plans: {known}.")
    if command.look in looks_with_meeting(session, command.trial_id):
        raise LookHasMeeting(f"Look {command.look} has its meeting already. Open that one, or cancel it first.")


def looks_with_meeting(session: TrialSession, trial_id: UUID) -> set[int]:
    """The planned looks for which a meeting was convened and not cancelled."""
    found = session.exec(
        select(Meeting.look)
        .where(Meeting.trial_id == trial_id, col(Meeting.look).is_not(None))
        .where(col(Meeting.state) != MeetingState.CANCELLED)
    )
    return {look for look in found if look is not None}


def cancel_meeting(session: TrialSession, actor: Actor, command: CancelMeeting) -> Meeting:
    """The meeting will not take place. Raises ``MeetingStateRefuses``."""
    meeting = get_meeting(session, command.meeting_id)
    authorize(session, actor, Action.MEETING_CONVENED, trial_id=meeting.trial_id, reason=command.reason)
    session.refresh(meeting, with_for_update={"key_share": True})
    move(session, meeting, MeetingAct.CANCEL)
    session.flush()
    return meeting


def declare_conflict(session: TrialSession, actor: Actor, command: DeclareConflict) -> Declaration:
    """A member is present, and says whether they have a conflict. Raises ``NotABoardMember``, ``AlreadyDeclared``."""
    meeting = get_meeting(session, command.meeting_id)
    authorize(session, actor, Action.CONFLICT_DECLARED, trial_id=meeting.trial_id)
    member = seat_of(session, meeting.trial_id, actor.account_id)
    session.refresh(meeting, with_for_update={"key_share": True})
    check_can_act(meeting, MeetingAct.DECLARE)
    if declaration_of(session, meeting.id, actor.account_id) is not None:
        raise AlreadyDeclared("You have declared for this meeting. If something has changed, tell the chair.")
    declaration = Declaration(
        **session.stamp(),
        **command.model_dump(),
        trial_id=meeting.trial_id,
        protocol_version_id=meeting.protocol_version_id,
        account_id=actor.account_id,
        seat=member.seat,
    )
    session.add(declaration)
    session.flush()
    return declaration


def get_meeting(session: TrialSession, meeting_id: UUID) -> Meeting:
    """Raises ``MeetingNotFound``."""
    found = session.get(Meeting, meeting_id)
    if found is None:
        raise MeetingNotFound("There is no such meeting. Choose one from the board's list.")
    return found


def meetings_of(session: TrialSession, trial_id: UUID) -> list[Meeting]:
    """Every meeting of the trial's board, in order."""
    return list(session.exec(select(Meeting).where(Meeting.trial_id == trial_id).order_by(col(Meeting.number))))


def protocol_of_meeting(session: TrialSession, meeting: Meeting) -> Protocol:
    """The protocol under which the meeting was convened: its quorum and its choices stay as they were."""
    return protocol_of(get_version(session, meeting.protocol_version_id))


def declarations_at(session: TrialSession, meeting_id: UUID) -> list[Declaration]:
    """Who is present, by seat; the recused among them."""
    return list(
        session.exec(select(Declaration).where(Declaration.meeting_id == meeting_id).order_by(Declaration.seat))
    )


def declaration_of(session: TrialSession, meeting_id: UUID, account_id: UUID) -> Declaration | None:
    return session.exec(
        select(Declaration).where(Declaration.meeting_id == meeting_id, Declaration.account_id == account_id)
    ).first()


def check_declared(session: TrialSession, meeting_id: UUID, account_id: UUID) -> Declaration:
    """The member's declaration. Raises ``DeclarationMissing``, ``MemberRecused``."""
    declaration = declaration_of(session, meeting_id, account_id)
    if declaration is None:
        raise DeclarationMissing("Declare first whether you have a conflict of interest; then go on.")
    if declaration.has_conflict:
        raise MemberRecused("You declared a conflict of interest for this meeting, so you take no part in it.")
    return declaration
