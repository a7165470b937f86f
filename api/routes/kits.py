"""Kits at a site, masked: totals and numbers, shipments received, kits handed out, replaced, set aside. Nothing is by arm."""

from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of, participant_id
from randomization.kits.accountability import accountability_of
from randomization.kits.dispensing import DispenseKit, SetAsideKit, dispense_kit, set_aside_kit
from randomization.kits.kits import KitStatus
from randomization.kits.replacements import ReplaceKit, replace_kit
from randomization.kits.shipments import (
    ReceiveKits,
    Shipment,
    ShipmentNotFound,
    ShipmentStatus,
    get_shipment,
    receive_kits,
    shipments_to,
)
from trial.access.permissions import Permission
from trial.conduct.sites import find_site

router = APIRouter()

_SITE = "/trials/{trial}/sites/{site}"


class KitSummary(BaseModel):
    number: str
    shipment: int
    status: KitStatus
    use_by: date
    participant: str | None
    visit: str | None
    dispensed_at: datetime | None
    by_mistake: bool


class ShipmentSummary(BaseModel):
    id: UUID
    number: int
    kits: int
    use_by: date
    status: ShipmentStatus
    sent_at: datetime
    received_at: datetime | None

    @classmethod
    def of(cls, shipment: Shipment) -> "ShipmentSummary":
        return cls.model_validate(shipment, from_attributes=True)


class Receiving(Keyed):
    lost: tuple[str, ...] = Field(default=(), description="Kits that did not arrive.")
    quarantined: tuple[str, ...] = Field(default=(), description="Kits in doubt.")


class Dispensing(Keyed):
    visit: str
    number: str | None = Field(default=None, description="As read from the label; checked when given.")


class Replacing(Keyed):
    number: str = Field(max_length=16, description="Of the kit that cannot be used.")
    reason: str = Field(min_length=3, max_length=1000)


class ReplacedKit(BaseModel):
    participant: str
    replaced: str
    kit_number: str


class SettingAside(BaseModel):
    lost: bool = Field(default=False, description="Otherwise it is quarantined.")
    reason: str = Field(min_length=3, max_length=500)


class KitStanding(BaseModel):
    number: str
    status: KitStatus
    use_by: date


class DispensedKit(BaseModel):
    participant: str
    visit: str
    kit_number: str
    dispensed_at: datetime


@router.get(f"{_SITE}/kits", openapi_extra=permission(Permission.KIT_ACCOUNT))
def list_kits(here: Here, session: Write, site: str) -> list[KitSummary]:
    """Every kit that was ever sent to the site, by number."""
    found = accountability_of(session, here.actor, find_site(session, here.trial.id, site).id)
    return [KitSummary.model_validate(kit, from_attributes=True) for kit in found]


@router.get(f"{_SITE}/shipments", openapi_extra=permission(Permission.KIT_ACCOUNT))
def list_shipments(here: Here, session: Write, site: str) -> list[ShipmentSummary]:
    """Oldest first."""
    found = shipments_to(session, here.actor, find_site(session, here.trial.id, site).id)
    return [ShipmentSummary.of(one) for one in found]


@router.post("/trials/{trial}/shipments/{shipment_id}/receipt", openapi_extra=permission(Permission.KIT_RECEIVE))
def receive_shipment(
    here: Here, session: Write, shipment_id: UUID, body: Receiving, key: KeyHeader = None
) -> ShipmentSummary:
    """The site has the shipment; every kit not named goes to the shelf."""
    if get_shipment(session, shipment_id).trial_id != here.trial.id:
        raise ShipmentNotFound("There is no such shipment in this trial. Choose one from the site's stock.")
    command = command_of(
        ReceiveKits,
        shipment_id=shipment_id,
        lost=body.lost,
        quarantined=body.quarantined,
        idempotency_key=key_of(key, body),
    )
    return ShipmentSummary.of(receive_kits(session, here.actor, command))


@router.post(
    "/trials/{trial}/participants/{code}/kits", status_code=201, openapi_extra=permission(Permission.KIT_DISPENSE)
)
def dispense_one_kit(here: Here, session: Write, code: str, body: Dispensing, key: KeyHeader = None) -> DispensedKit:
    """Hand out the kit of a visit. A wrong carton is refused."""
    command = command_of(
        DispenseKit,
        participant_id=participant_id(session, here, code),
        visit=body.visit,
        number=body.number,
        idempotency_key=key_of(key, body),
    )
    return DispensedKit.model_validate(dispense_kit(session, here.actor, command), from_attributes=True)


@router.post(
    "/trials/{trial}/participants/{code}/kits/replacements",
    status_code=201,
    openapi_extra=permission(Permission.KIT_DISPENSE),
)
def replace_one_kit(here: Here, session: Write, code: str, body: Replacing, key: KeyHeader = None) -> ReplacedKit:
    """Another kit in place of one that cannot be used, drawn under seal."""
    command = command_of(
        ReplaceKit,
        participant_id=participant_id(session, here, code),
        number=body.number,
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    return ReplacedKit.model_validate(replace_kit(session, here.actor, command), from_attributes=True)


@router.post("/trials/{trial}/kits/{number}/set-aside", openapi_extra=permission(Permission.KIT_RECEIVE))
def set_one_kit_aside(here: Here, session: Write, number: str, body: SettingAside) -> KitStanding:
    """Lost, or quarantined until it is decided on."""
    command = command_of(SetAsideKit, trial_id=here.trial.id, number=number, lost=body.lost, reason=body.reason)
    return KitStanding.model_validate(set_aside_kit(session, here.actor, command), from_attributes=True)
