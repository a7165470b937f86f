"""Bags for the bedside over JSON: what the pharmacy has ready, and that somebody takes it. Masked: the label and no more."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of
from randomization.pharmacy.handovers import ReceiveBag, bag_of, bags_today, receive_bag
from randomization.pharmacy.preparations import PreparationNotFound, get_preparation
from trial.access.permissions import Permission
from trial.conduct.sites import find_site

router = APIRouter()

_TAKES = permission(Permission.INFUSION_WRITE)


class BagSummary(BaseModel):
    preparation_id: UUID
    participant: str
    randomization_number: str
    kit_number: str | None = Field(description="Null where the protocol numbers no kits.")
    infusion: int
    volume_ml: float
    rate_ml_per_h: float
    minutes: int
    prepared_at: datetime
    beyond_use_at: datetime | None
    is_checked: bool
    received_at: datetime | None


class TakenBag(Keyed):
    participant: str = Field(min_length=1, max_length=48, description="As read from the bag's label.")


@router.get("/trials/{trial}/sites/{site}/bags", openapi_extra=_TAKES)
def list_bags_of_today(here: Here, session: Write, site: str) -> list[BagSummary]:
    """Every bag that was prepared today at the site."""
    found = bags_today(session, here.actor, find_site(session, here.trial.id, site).id)
    return [BagSummary.model_validate(one, from_attributes=True) for one in found]


@router.post("/trials/{trial}/preparations/{preparation_id}/handover", status_code=201, openapi_extra=_TAKES)
def take_one_bag(here: Here, session: Write, preparation_id: UUID, body: TakenBag, key: KeyHeader = None) -> BagSummary:
    """Somebody of the infusion team takes a checked bag; one of another participant is refused."""
    if get_preparation(session, preparation_id).trial_id != here.trial.id:
        raise PreparationNotFound("There is no such bag. Choose one from the list.")
    command = command_of(
        ReceiveBag,
        preparation_id=preparation_id,
        participant=body.participant,
        idempotency_key=key_of(key, body),
    )
    receive_bag(session, here.actor, command)
    return BagSummary.model_validate(bag_of(session, get_preparation(session, preparation_id)), from_attributes=True)
