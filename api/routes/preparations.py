"""Preparations, for the unblinded pharmacy: that they are made and checked. What was drawn stands on the worksheet page.

No answer here holds an arm, a lot or a drawn volume: programs have no use for them. A lot is taken in where no kit says it.
"""

from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.pharmacy.agenda import preparations_today
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of
from randomization.pharmacy.lots import RecordLot, record_lot
from randomization.pharmacy.preparations import (
    PreparationStatus,
    PrepareDose,
    VerifyPreparation,
    get_preparation,
    prepare_dose,
    verify_preparation,
)
from trial.access.permissions import Permission

router = APIRouter()

_PATH = "/trials/{trial}/preparations"


class DueOrder(BaseModel):
    order_id: UUID
    participant: str
    infusion: int
    ordered_mg: float = Field(description="Nominal: the same whatever the treatment.")
    preparation_id: UUID | None
    status: PreparationStatus | None


class PreparationSummary(BaseModel):
    id: UUID
    infusion: int
    status: PreparationStatus
    lot_recorded: bool = Field(description="Whether lot and expiry were written down; only where there are no kits.")
    prepared_at: datetime
    verified_at: datetime | None


class NewPreparation(Keyed):
    order_id: UUID


class DrawnLot(BaseModel):
    lot: str = Field(min_length=1, max_length=40, description="Kept under seal: it tells the treatment.")
    expires_on: date


@router.get(_PATH, openapi_extra=permission(Permission.PHARMACY_PREPARE, Permission.PHARMACY_VERIFY))
def list_due_preparations(here: Here, session: Write) -> list[DueOrder]:
    """Today's orders with what is made of each."""
    return [
        DueOrder(
            order_id=one.order.id,
            participant=one.participant,
            infusion=one.order.infusion,
            ordered_mg=one.order.dose_mg,
            preparation_id=one.preparation.id if one.preparation else None,
            status=one.preparation.status if one.preparation else None,
        )
        for one in preparations_today(session, here)
    ]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.PHARMACY_PREPARE))
def prepare_one_dose(here: Here, session: Write, body: NewPreparation, key: KeyHeader = None) -> PreparationSummary:
    """Prepare today's dose; the worksheet is on its page."""
    command = command_of(PrepareDose, order_id=body.order_id, idempotency_key=key_of(key, body))
    made = prepare_dose(session, here.actor, command)
    return PreparationSummary.model_validate(get_preparation(session, made.preparation_id), from_attributes=True)


@router.put(f"{_PATH}/{{preparation_id}}/lot", openapi_extra=permission(Permission.PHARMACY_PREPARE))
def record_one_lot(here: Here, session: Write, preparation_id: UUID, body: DrawnLot) -> PreparationSummary:
    """Lot and expiry of what was drawn, in a trial without numbered kits; again until it is checked."""
    command = command_of(RecordLot, preparation_id=preparation_id, lot=body.lot, expires_on=body.expires_on)
    return PreparationSummary.model_validate(record_lot(session, here.actor, command), from_attributes=True)


@router.post(f"{_PATH}/{{preparation_id}}/verification", openapi_extra=permission(Permission.PHARMACY_VERIFY))
def verify_one_preparation(
    here: Here, session: Write, preparation_id: UUID, body: Keyed, key: KeyHeader = None
) -> PreparationSummary:
    """The second person's check."""
    command = command_of(VerifyPreparation, preparation_id=preparation_id, idempotency_key=key_of(key, body))
    return PreparationSummary.model_validate(verify_preparation(session, here.actor, command), from_attributes=True)
