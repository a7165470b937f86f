"""Attendance of the accompanying programme, by session: so that fidelity can be shown by arm after the lock.

Invariants
1. Sessions are numbered within a participant; each is recorded once, attended or not.
2. The kinds of session are the protocol's. A trial without a programme records none.
"""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import open_casebook, open_for
from trial.conduct.participants import ParticipantRecord, check_not_future, check_randomized
from trial.conduct.trials import Lever
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import Protocol


class SessionNotExpected(InvalidInput):
    code = "attendance.session_not_expected"


class SessionAlreadyRecorded(Conflict):
    code = "attendance.session_already_recorded"


class ProgrammeSession(BaseModel):
    model_config = ConfigDict(frozen=True)

    session: int = Bounded(ge=1, le=500)
    held_on: date
    kind: str
    attended: bool


class RecordAttendance(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    sessions: tuple[ProgrammeSession, ...] = Bounded(min_length=1)


class Attendance(ParticipantRecord, table=True):
    __tablename__ = "attendance"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "session"))

    session: int
    held_on: date
    kind: str = Field(max_length=80)
    attended: bool


def record_attendance(session: TrialSession, actor: Actor, command: RecordAttendance) -> list[Attendance]:
    """Raises ``SessionNotExpected``, ``SessionAlreadyRecorded``, ``NotRandomized``, ``LeverClosed``, ``DateInFuture``."""
    casebook = open_for(session, actor, Action.ATTENDANCE_RECORDED, command.participant_id, lever=Lever.FOLLOW_UP)
    check_randomized(casebook.participant)
    for held in command.sessions:
        check_kind(casebook.protocol, held.kind)
        check_not_future(held.held_on, casebook.today, "held_on")
    _check_new(session, command)
    records = [Attendance(**casebook.stamp(session), **held.model_dump()) for held in command.sessions]
    session.add_all(records)
    session.flush()
    return records


def check_kind(protocol: Protocol, kind: str) -> None:
    """Raise ``SessionNotExpected``."""
    kinds = protocol.programme.session_kinds if protocol.programme else ()
    if kind not in kinds:
        raise SessionNotExpected(
            f"The protocol's programme has no session of the kind {kind!r}; it has {', '.join(kinds) or 'none'}."
        )


def _check_new(session: TrialSession, command: RecordAttendance) -> None:
    numbers = [held.session for held in command.sessions]
    known = session.exec(
        select(Attendance.session).where(
            Attendance.participant_id == command.participant_id, col(Attendance.session).in_(numbers)
        )
    ).all()
    if known or len(set(numbers)) < len(numbers):
        raise SessionAlreadyRecorded("A session of this number is recorded already. Number each session once.")


def attendance_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[Attendance]:
    """A participant's sessions, by number. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    found = select(Attendance).where(Attendance.participant_id == participant_id)
    return list(session.exec(found.order_by(col(Attendance.session))))
