"""Which kit is whose: the one that randomization assigned, or the one that stands in for it.

Invariants
1. A kit is replaced once, and by one kit; the last of the chain is the participant's.
2. A kit that was ever promised to somebody, or lies reserved in an envelope, is nobody else's.
"""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, select

from randomization.kits.kits import Kit, no_kits_in_trial
from randomization.ledger.allocations import Allocation
from trial.conduct.participants import ParticipantRecord
from trial.database.columns import instant, prose
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession


class KitReplacement(ParticipantRecord, table=True):
    """``kit_id`` stands in for ``replaced_kit_id``; with a ``visit`` when that one had been handed out already."""

    __tablename__ = "kit_replacement"
    __table_args__ = in_schema("trial")

    allocation_id: UUID = Field(foreign_key="trial.allocation.id", index=True)
    replaced_kit_id: UUID = Field(foreign_key="trial.kit.id", unique=True)
    kit_id: UUID = Field(foreign_key="trial.kit.id", unique=True)
    visit: str | None = Field(default=None, max_length=48)
    reason: str = prose()
    replaced_at: datetime = instant()
    replaced_by: UUID = Field(foreign_key="access.account.id")


class KitReservation(Record, table=True):
    """A kit that lies ready for whoever opens what ``reserved_for`` names."""

    __tablename__ = "kit_reservation"
    __table_args__ = in_schema("trial")

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    kit_id: UUID = Field(foreign_key="trial.kit.id", unique=True)
    reserved_for: str = Field(max_length=32)


def replacement_of(session: TrialSession, kit_id: UUID) -> KitReplacement | None:
    """What replaced a kit, if anything did."""
    return session.exec(select(KitReplacement).where(KitReplacement.replaced_kit_id == kit_id)).first()


def current_kit_id(session: TrialSession, kit_id: UUID) -> UUID:
    """The kit that stands in for ``kit_id`` now; itself where nothing does."""
    while (replaced := replacement_of(session, kit_id)) is not None:
        kit_id = replaced.kit_id
    return kit_id


def kit_of(allocation: Allocation) -> UUID:
    """The kit that an allocation names. Raises ``NoKitsInTrial`` for one that was made without."""
    if allocation.kit_id is None:
        raise no_kits_in_trial()
    return allocation.kit_id


def is_promised(session: TrialSession, kit: Kit) -> bool:
    """Whether the kit was assigned to somebody, at randomization or as a replacement, or reserved."""
    assigned = session.exec(select(Allocation.id).where(Allocation.kit_id == kit.id)).first()
    standing_in = session.exec(select(KitReplacement.id).where(KitReplacement.kit_id == kit.id)).first()
    reserved = session.exec(select(KitReservation.id).where(KitReservation.kit_id == kit.id)).first()
    return any(found is not None for found in (assigned, standing_in, reserved))
