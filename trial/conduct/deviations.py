"""Protocol deviations: what kind, how important, what happened.

Invariants
1. Kinds and their importance are the protocol's. Importance may be raised for one case, never lowered.
2. A deviation is numbered within its participant and never removed.
"""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded
from sqlalchemy import UniqueConstraint, func
from sqlmodel import col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import open_casebook, open_for
from trial.conduct.participants import ParticipantRecord, check_not_future
from trial.database.columns import choice, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.schema import DeviationKind, Protocol


class Importance(StrEnum):
    IMPORTANT = "important"
    OTHER = "other"


class UnknownDeviation(InvalidInput):
    code = "deviation.unknown_kind"


class RecordDeviation(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    category: str
    description: str = Bounded(min_length=3, max_length=2000)
    happened_on: date
    important: bool = False


class Deviation(ParticipantRecord, table=True):
    __tablename__ = "deviation"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "number"))

    number: int
    category: str
    importance: Importance = choice(Importance)
    description: str = prose()
    happened_on: date


def record_deviation(session: TrialSession, actor: Actor, command: RecordDeviation) -> Deviation:
    """Raises ``UnknownDeviation``, ``DateInFuture``, ``ParticipantNotFound``."""
    casebook = open_for(session, actor, Action.DEVIATION_RECORDED, command.participant_id)
    kind = _kind(casebook.protocol, command.category)
    check_not_future(command.happened_on, casebook.today, "happened_on")
    last = session.exec(
        select(func.max(Deviation.number)).where(Deviation.participant_id == command.participant_id)
    ).one()
    deviation = Deviation(
        **casebook.stamp(session),
        number=(last or 0) + 1,
        category=kind.code,
        importance=Importance.IMPORTANT if kind.important or command.important else Importance.OTHER,
        description=command.description,
        happened_on=command.happened_on,
    )
    session.add(deviation)
    session.flush()
    return deviation


def deviations_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[Deviation]:
    """A participant's deviations, by number. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    found = select(Deviation).where(Deviation.participant_id == participant_id)
    return list(session.exec(found.order_by(col(Deviation.number))))


def _kind(protocol: Protocol, code: str) -> DeviationKind:
    for kind in protocol.deviations:
        if kind.code == code:
            return kind
    known = ", ".join(kind.code for kind in protocol.deviations)
    raise UnknownDeviation(f"The protocol knows no deviation {code!r}; it knows {known}.")
