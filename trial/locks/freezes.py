"""Freezes: a site, a visit or a form takes no more changes, while the rest of the trial goes on.

Invariants
1. A freeze names a site, a visit, a form, or some of them together; what it does not name it covers whole.
2. It holds until it is lifted, with a reason; neither is ever removed. One that a lock made ends with the lock alone.
3. Triggers of the database refuse a write that a freeze covers, whatever service it comes from; a service that wants
   to give a sentence instead asks ``check_not_frozen`` first.
"""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Bounded
from sqlalchemy import or_
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.database.columns import instant, prose
from trial.database.records import TrialRecord, in_schema
from trial.database.refusals import DataFrozen
from trial.database.session import TrialSession
from trial.errors import Conflict, NotFound
from trial.protocol.versions import newest_active_version, protocol_of


class AlreadyFrozen(Conflict):
    code = "locks.already_frozen"


class FreezeNotFound(NotFound):
    code = "locks.freeze_not_found"


class FreezeOfLock(Conflict):
    code = "locks.freeze_of_lock"


class FreezeData(BaseModel):
    model_config = ConfigDict(frozen=True)

    trial_id: UUID
    site_id: UUID | None = None
    visit: str | None = Bounded(default=None, max_length=48)
    form: str | None = Bounded(default=None, max_length=48)
    reason: str = Bounded(min_length=3)

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.site_id is None and self.visit is None and self.form is None:
            raise ValueError("name a site, a visit or a form; the whole trial is locked, not frozen")
        return self


class LiftFreeze(BaseModel):
    model_config = ConfigDict(frozen=True)

    freeze_id: UUID
    reason: str = Bounded(min_length=3)


class Freeze(TrialRecord, table=True):
    __tablename__ = "freeze"
    __table_args__ = in_schema("trial")

    site_id: UUID | None = Field(default=None, foreign_key="trial.site.id")
    visit: str | None = Field(default=None, max_length=48)
    form: str | None = Field(default=None, max_length=48)
    reason: str = prose()
    frozen_by: str = Field(max_length=80)
    lock_id: UUID | None = None
    lifted_at: datetime | None = instant(default=None)
    lifted_by: str | None = Field(default=None, max_length=80)


def freeze_data(session: TrialSession, actor: Actor, command: FreezeData) -> Freeze:
    """From now on what the command names takes no changes. Raises ``NotInProtocol``, ``AlreadyFrozen``."""
    authorize(session, actor, Action.DATA_FROZEN, trial_id=command.trial_id, reason=command.reason)
    protocol = protocol_of(newest_active_version(session, command.trial_id))
    if command.visit is not None:
        protocol.visit(command.visit)
    if command.form is not None:
        protocol.form(command.form)
    _check_new(session, command)
    return add_freeze(session, actor, command)


def _check_new(session: TrialSession, command: FreezeData) -> None:
    wanted = (command.site_id, command.visit, command.form)
    if wanted in {(one.site_id, one.visit, one.form) for one in freezes_in_force(session, command.trial_id)}:
        raise AlreadyFrozen("A freeze of exactly this is in force already. There is nothing more to do.")


def add_freeze(session: TrialSession, actor: Actor, command: FreezeData, *, lock_id: UUID | None = None) -> Freeze:
    """A freeze that follows from an act that was authorized (a staged lock freezes its visits)."""
    freeze = Freeze(
        **session.stamp(),
        **command.model_dump(),
        protocol_version_id=newest_active_version(session, command.trial_id).id,
        frozen_by=actor.name,
        lock_id=lock_id,
    )
    session.add(freeze)
    session.flush()
    return freeze


def lift_freeze(session: TrialSession, actor: Actor, command: LiftFreeze) -> Freeze:
    """Changes are possible again. Raises ``FreezeNotFound``, ``FreezeOfLock``."""
    freeze = session.get(Freeze, command.freeze_id)
    if freeze is None or freeze.lifted_at is not None:
        raise FreezeNotFound("There is no such freeze in force. Choose one from the list.")
    authorize(session, actor, Action.DATA_FROZEN, trial_id=freeze.trial_id, reason=command.reason)
    if freeze.lock_id is not None:
        raise FreezeOfLock("This freeze belongs to a lock. Two people unlock the stage, and it ends with the lock.")
    end_freeze(session, actor, freeze)
    return freeze


def end_freeze(session: TrialSession, actor: Actor, freeze: Freeze) -> None:
    freeze.lifted_at, freeze.lifted_by = session.now(), actor.name
    session.add(freeze)
    session.flush()


def freezes_in_force(session: TrialSession, trial_id: UUID) -> list[Freeze]:
    """The trial's freezes that nobody has lifted, oldest first."""
    return list(
        session.exec(
            select(Freeze)
            .where(Freeze.trial_id == trial_id, col(Freeze.lifted_at).is_(None))
            .order_by(col(Freeze.recorded_at), col(Freeze.id))
        )
    )


def is_frozen(
    session: TrialSession,
    trial_id: UUID,
    site_id: UUID | None = None,
    visit: str | None = None,
    form: str | None = None,
) -> bool:
    """Whether a freeze in force covers a record of this site, visit and form."""
    covering = select(Freeze.id).where(Freeze.trial_id == trial_id, col(Freeze.lifted_at).is_(None))
    for column, value in ((Freeze.site_id, site_id), (Freeze.visit, visit), (Freeze.form, form)):
        covering = covering.where(or_(col(column).is_(None), col(column) == value))
    return session.exec(covering).first() is not None


def check_not_frozen(
    session: TrialSession,
    trial_id: UUID,
    site_id: UUID | None = None,
    visit: str | None = None,
    form: str | None = None,
) -> None:
    """Raise ``DataFrozen``: the sentence for what the database's trigger refuses in any case."""
    if is_frozen(session, trial_id, site_id, visit, form):
        raise DataFrozen("These data are frozen. Ask the data manager to lift the freeze.")
