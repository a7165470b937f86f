"""Who sits on the board, in which seat of the protocol.

Invariants
1. A seat is one of the protocol's, and is held by one person at a time.
2. Somebody who sits on the board also holds a board role; the seat alone opens nothing.
"""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlmodel import Field, col, select

from trial.access.accounts import get_account
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.grants import grants_of
from trial.access.policies import authorize
from trial.database.columns import instant
from trial.database.records import TrialRecord, in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotFound, NotPermitted
from trial.protocol.versions import newest_active_version, protocol_of

BOARD_ROLES = frozenset({"dsmb_member", "dsmb_chair"})


class SeatUnknown(InvalidInput):
    code = "board.seat_unknown"


class SeatTaken(Conflict):
    code = "board.seat_taken"


class MemberNotFound(NotFound):
    code = "board.member_not_found"


class NotABoardMember(NotPermitted):
    code = "board.not_a_member"


class AppointMember(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    account_id: UUID
    seat: str = Bounded(min_length=1, max_length=48)


class BoardMember(TrialRecord, table=True):
    __tablename__ = "board_member"
    __table_args__ = in_schema("trial")

    account_id: UUID = Field(foreign_key="access.account.id", index=True)
    seat: str = Field(max_length=48)
    ended_at: datetime | None = instant(default=None)


def appoint_member(session: TrialSession, actor: Actor, command: AppointMember) -> BoardMember:
    """Seat a person. Raises ``SeatUnknown``, ``SeatTaken``, ``NotABoardMember``."""
    authorize(session, actor, Action.BOARD_MEMBER_APPOINTED, trial_id=command.trial_id)
    version = newest_active_version(session, command.trial_id)
    _check_seat_exists(command.seat, [seat.seat for seat in protocol_of(version).board.seats])
    _check_holds_board_role(session, command.trial_id, command.account_id)
    _check_free(session, command)
    member = BoardMember(**session.stamp(), **command.model_dump(), protocol_version_id=version.id)
    session.add(member)
    session.flush()
    return member


def end_membership(session: TrialSession, actor: Actor, member: BoardMember, reason: str) -> BoardMember:
    """The person leaves the board from now on."""
    authorize(session, actor, Action.BOARD_MEMBER_APPOINTED, trial_id=member.trial_id, reason=reason)
    member.ended_at = member.ended_at or session.now()
    session.add(member)
    return member


def members_of(session: TrialSession, trial_id: UUID) -> list[BoardMember]:
    """Who sits on the board now, by seat."""
    return list(
        session.exec(
            select(BoardMember)
            .where(BoardMember.trial_id == trial_id, col(BoardMember.ended_at).is_(None))
            .order_by(BoardMember.seat)
        )
    )


def get_member(session: TrialSession, trial_id: UUID, member_id: UUID) -> BoardMember:
    """One who sits on the trial's board now. Raises ``MemberNotFound``."""
    for member in members_of(session, trial_id):
        if member.id == member_id:
            return member
    raise MemberNotFound("Nobody sits on the board by this appointment. Choose one from the list.")


def seat_of(session: TrialSession, trial_id: UUID, account_id: UUID) -> BoardMember:
    """The seat that the person holds. Raises ``NotABoardMember``."""
    for member in members_of(session, trial_id):
        if member.account_id == account_id:
            return member
    raise NotABoardMember("You hold no seat on this trial's board. The sponsor appoints its members.")


def _check_seat_exists(seat: str, seats: list[str]) -> None:
    if seat not in seats:
        raise SeatUnknown(f"The protocol has no seat {seat}. Choose one of: {', '.join(seats)}.")


def _check_holds_board_role(session: TrialSession, trial_id: UUID, account_id: UUID) -> None:
    account = get_account(session, account_id)
    held = {grant.role for grant in grants_of(session, account_id, session.now()) if grant.trial_id == trial_id}
    if not held & BOARD_ROLES:
        raise NotABoardMember(
            f"{account.display_name} holds no board role. The administrator grants dsmb_member or dsmb_chair first."
        )


def _check_free(session: TrialSession, command: AppointMember) -> None:
    for member in members_of(session, command.trial_id):
        if member.seat == command.seat or member.account_id == command.account_id:
            raise SeatTaken("The seat is held, or the person holds another. End that membership first.")
