"""Lot and expiry of what the pharmacist drew from, in a trial without numbered kits.

Invariants
1. They tell the treatment, so they stand under seal alone; that they were recorded everybody at the site may see.
2. They may be written again until a second person has checked the preparation.
"""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from randomization.pharmacy.preparations import AlreadyVerified, Preparation, PreparationStatus, get_preparation
from randomization.pharmacy.prepared_contents import seal_lot
from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.policies import authorize
from trial.conduct.casebooks import open_casebook
from trial.database.session import TrialSession, strongroom
from trial.errors import Conflict, InvalidInput


class LotKnown(Conflict):
    code = "preparation.lot_known"


class LotExpired(InvalidInput):
    code = "preparation.lot_expired"


class RecordLot(BaseModel):
    """What the pharmacist drew from, where no kit says it. Lot and expiry tell the treatment: kept under seal alone."""

    model_config = ConfigDict(frozen=True)

    preparation_id: UUID
    lot: str = Bounded(min_length=1, max_length=40, repr=False)
    expires_on: date = Bounded(repr=False)


def record_lot(session: TrialSession, actor: Actor, command: RecordLot) -> Preparation:
    """Lot and expiry of what was drawn, where no kit says them; again, as long as nobody has checked.

    Raises ``PreparationNotFound``, ``NotPermitted``, ``LotKnown``, ``AlreadyVerified``, ``LotExpired``.
    """
    preparation = get_preparation(session, command.preparation_id)
    authorize(
        session,
        actor,
        Action.PREPARATION_RECORDED,
        trial_id=preparation.trial_id,
        site_id=preparation.site_id,
    )
    session.refresh(preparation, with_for_update={"key_share": True})
    if preparation.kit_id is not None:
        raise LotKnown("The kit says its lot and expiry. Read them on the worksheet.")
    if preparation.status is not PreparationStatus.PREPARED:
        raise AlreadyVerified("This preparation is checked already, so its lot stands.")
    if command.expires_on < open_casebook(session, preparation.participant_id).today:
        raise LotExpired("This lot has expired. Draw from another one.", fields={"expires_on": "Before today."})
    with strongroom(session):
        seal_lot(session, preparation.trial_id, preparation.id, command.lot.strip(), command.expires_on)
    preparation.lot_recorded = True
    session.add(preparation)
    session.flush()
    return preparation
