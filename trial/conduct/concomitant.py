"""Concomitant treatment, as found at a visit: what, how much, in which unit.

Invariants
1. A treatment is named once a visit; to record it again replaces the amount, and the audit keeps both.
"""

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
from trial.conduct.consents import check_consented
from trial.conduct.participants import ParticipantRecord, check_active
from trial.database.records import in_schema
from trial.database.session import TrialSession


class Treatment(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str = Bounded(min_length=2, max_length=200)
    value: float | None = Bounded(default=None, ge=0, allow_inf_nan=False)
    unit: str | None = Bounded(default=None, max_length=40)


class RecordConcomitant(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    visit: str
    treatments: tuple[Treatment, ...] = Bounded(min_length=1)


class ConcomitantTreatment(ParticipantRecord, table=True):
    __tablename__ = "concomitant_treatment"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "visit", "name"))

    visit: str = Field(max_length=48)
    name: str = Field(max_length=200)
    value: float | None = None
    unit: str | None = Field(default=None, max_length=40)


def record_concomitant(session: TrialSession, actor: Actor, command: RecordConcomitant) -> list[ConcomitantTreatment]:
    """Raises ``NotInProtocol`` for the visit, ``ConsentMissing``, ``ParticipantHasLeft``."""
    casebook = open_for(session, actor, Action.CONCOMITANT_RECORDED, command.participant_id)
    check_active(casebook.participant)
    check_consented(casebook.participant)
    visit = casebook.protocol.visit(command.visit)
    recorded = select(ConcomitantTreatment).where(
        ConcomitantTreatment.participant_id == command.participant_id, ConcomitantTreatment.visit == visit.code
    )
    known = {one.name: one for one in session.exec(recorded)}
    for given in command.treatments:
        record = known.get(given.name) or ConcomitantTreatment(
            **casebook.stamp(session), visit=visit.code, name=given.name
        )
        record.value, record.unit = given.value, given.unit
        known[given.name] = record
        session.add(record)
    session.flush()
    return [known[given.name] for given in command.treatments]


def concomitant_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[ConcomitantTreatment]:
    """A participant's other treatments, by visit as recorded and name. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.VISIT_READ, casebook.trial.id, casebook.site.id)
    found = select(ConcomitantTreatment).where(ConcomitantTreatment.participant_id == participant_id)
    return list(session.exec(found.order_by(col(ConcomitantTreatment.recorded_at), col(ConcomitantTreatment.name))))
