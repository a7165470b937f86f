"""Concomitant treatment, as found at a visit: what, how much, for what, from when until when.

Invariants
1. A treatment is named once a visit; to record it again replaces what is said of it, and the audit keeps both.
2. Start and end are local dates as far as known; neither lies in the future, and no treatment ends before it starts.
3. Who rates outcomes does not read it: what was given against an effect of the study treatment can tell the arm.
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
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.consents import check_consented
from trial.conduct.participants import ParticipantRecord, check_active
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.partial_dates import PartialDate, PartialDateText


class TreatmentDatesImpossible(InvalidInput):
    code = "concomitant.dates_impossible"


class Treatment(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str = Bounded(min_length=2, max_length=200)
    value: float | None = Bounded(default=None, ge=0, allow_inf_nan=False)
    unit: str | None = Bounded(default=None, max_length=40)
    indication: str | None = Bounded(default=None, min_length=2, max_length=200)
    started: PartialDateText | None = None
    ended: PartialDateText | None = None


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
    indication: str | None = Field(default=None, max_length=200)
    started: str | None = Field(default=None, max_length=16)
    ended: str | None = Field(default=None, max_length=16)


def record_concomitant(session: TrialSession, actor: Actor, command: RecordConcomitant) -> list[ConcomitantTreatment]:
    """Raises ``NotInProtocol`` for the visit, ``ConsentMissing``, ``ParticipantHasLeft``, ``TreatmentDatesImpossible``."""
    casebook = open_for(session, actor, Action.CONCOMITANT_RECORDED, command.participant_id)
    check_active(casebook.participant)
    check_consented(casebook.participant)
    visit = casebook.protocol.visit(command.visit)
    for given in command.treatments:
        _check_dates(casebook, given)
    recorded = select(ConcomitantTreatment).where(
        ConcomitantTreatment.participant_id == command.participant_id, ConcomitantTreatment.visit == visit.code
    )
    known = {one.name: one for one in session.exec(recorded)}
    for given in command.treatments:
        record = known.get(given.name) or ConcomitantTreatment(
            **casebook.stamp(session), visit=visit.code, name=given.name
        )
        for name in ("value", "unit", "indication"):
            setattr(record, name, getattr(given, name))
        record.started, record.ended = _text(given.started), _text(given.ended)
        known[given.name] = record
        session.add(record)
    session.flush()
    return [known[given.name] for given in command.treatments]


def _check_dates(casebook: Casebook, given: Treatment) -> None:
    for name in ("started", "ended"):
        when = getattr(given, name)
        if when is not None and when.surely_after(casebook.now, casebook.site.zone):
            sentence = "This is in the future. Give what is known, and nothing that is planned."
            raise TreatmentDatesImpossible(sentence, fields={name: sentence})
    if given.started is not None and given.ended is not None and given.ended.surely_before(given.started):
        sentence = "It ended before it started. Correct one of the two dates."
        raise TreatmentDatesImpossible(sentence, fields={"ended": sentence})


def _text(when: PartialDate | None) -> str | None:
    return None if when is None else str(when)


def concomitant_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[ConcomitantTreatment]:
    """A participant's other treatments, by visit as recorded and name. Raises ``NotPermitted``."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.SCREENING_READ, casebook.trial.id, casebook.site.id)
    found = select(ConcomitantTreatment).where(ConcomitantTreatment.participant_id == participant_id)
    return list(session.exec(found.order_by(col(ConcomitantTreatment.recorded_at), col(ConcomitantTreatment.name))))
