"""Kits that come back over JSON: from a participant, and from a site to the depot. Masked: numbers alone."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of, participant_id
from randomization.kits.returns import (
    DepotReturn,
    DepotReturnNotFound,
    ReceiveAtDepot,
    SendBackKits,
    TakeBackKit,
    depot_returns_of,
    get_depot_return,
    receive_at_depot,
    send_back_kits,
    take_back_kit,
)
from trial.access.permissions import Permission
from trial.conduct.sites import find_site

router = APIRouter()

_SITE = "/trials/{trial}/sites/{site}/returns"


class BroughtBack(Keyed):
    number: str = Field(max_length=16)
    units: int = Field(ge=0, le=10_000, description="Left in the kit.")
    remark: str = Field(default="", max_length=1000)


class KitReturned(BaseModel):
    participant: str
    number: str
    units: int
    units_per_kit: int
    returned_at: datetime


class SentBack(Keyed):
    numbers: tuple[str, ...] = Field(max_length=10_000)
    reason: str = Field(min_length=3, max_length=1000)


class ArrivedAtDepot(Keyed):
    lost: tuple[str, ...] = Field(default=(), description="Kits that did not arrive.")


class DepotReturnSummary(BaseModel):
    id: UUID
    number: int
    kits: tuple[str, ...]
    reason: str
    sent_at: datetime
    received_at: datetime | None

    @classmethod
    def of(cls, made: DepotReturn) -> "DepotReturnSummary":
        return cls.model_validate(made, from_attributes=True)


@router.post(
    "/trials/{trial}/participants/{code}/kits/returns",
    status_code=201,
    openapi_extra=permission(Permission.KIT_RECEIVE),
)
def take_back_one_kit(here: Here, session: Write, code: str, body: BroughtBack, key: KeyHeader = None) -> KitReturned:
    """A participant brings a kit back."""
    command = command_of(
        TakeBackKit,
        participant_id=participant_id(session, here, code),
        number=body.number,
        units=body.units,
        remark=body.remark,
        idempotency_key=key_of(key, body),
    )
    made = take_back_kit(session, here.actor, command)
    return KitReturned(
        participant=code,
        number=body.number,
        units=made.units,
        units_per_kit=made.units_per_kit,
        returned_at=made.returned_at,
    )


@router.get(_SITE, openapi_extra=permission(Permission.KIT_ACCOUNT, Permission.KIT_MANAGE))
def list_depot_returns(here: Here, session: Write, site: str) -> list[DepotReturnSummary]:
    """What the site sent to the depot."""
    found = depot_returns_of(session, here.actor, find_site(session, here.trial.id, site).id)
    return [DepotReturnSummary.of(one) for one in found]


@router.post(_SITE, status_code=201, openapi_extra=permission(Permission.KIT_RECEIVE))
def send_kits_back(here: Here, session: Write, site: str, body: SentBack, key: KeyHeader = None) -> DepotReturnSummary:
    """Unused, returned or rejected kits leave for the depot."""
    command = command_of(
        SendBackKits,
        site_id=find_site(session, here.trial.id, site).id,
        numbers=body.numbers,
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    return DepotReturnSummary.of(send_back_kits(session, here.actor, command))


@router.post("/trials/{trial}/returns/{return_id}/receipt", openapi_extra=permission(Permission.KIT_MANAGE))
def receive_kits_at_depot(
    here: Here, session: Write, return_id: UUID, body: ArrivedAtDepot, key: KeyHeader = None
) -> DepotReturnSummary:
    """The depot has them; every kit not named arrived."""
    if get_depot_return(session, return_id).trial_id != here.trial.id:
        raise DepotReturnNotFound("There is no such return in this trial. Choose one from the list.")
    command = command_of(ReceiveAtDepot, return_id=return_id, lost=body.lost, idempotency_key=key_of(key, body))
    return DepotReturnSummary.of(receive_at_depot(session, here.actor, command))
