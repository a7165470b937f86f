"""Supply over JSON, for the supply manager: the plan, the weekly review, and sets to send.

No answer holds stock by arm or a packing list: those stand on the unblinded page, where reading them is recorded.
"""

from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from api.routes.kits import ShipmentSummary
from api.routes.subjects import Keyed, KeyHeader, key_of, site_code
from randomization.kits.resupply import (
    ArmLot,
    PlanSupply,
    ReviewSupply,
    ShipSets,
    SupplyReview,
    plan_supply,
    review_supply,
    reviews_of,
    ship_sets,
)
from trial.access.permissions import Permission
from trial.conduct.sites import find_site

router = APIRouter()

_MANAGES = permission(Permission.KIT_MANAGE)


class Plan(BaseModel):
    times: int = Field(ge=1, le=50, description="How often the ratio stands in a set.")
    weekday: int = Field(ge=0, le=6, description="Of the review; 0 is Monday.")
    lead_days: int = Field(ge=0, le=120)
    confidence: float = Field(ge=0.5, le=0.9999)


class NewPlan(Keyed, Plan):
    pass


class PlanSummary(Plan):
    recorded_at: datetime


class SiteReview(BaseModel):
    site: str
    reviewed_on: date
    usable: int
    chance: float
    sets: int


class Lot(BaseModel):
    arm: str = Field(repr=False)
    lot: str = Field(min_length=1, max_length=40, repr=False)
    expires_on: date = Field(repr=False)


class NewSets(Keyed):
    site: str
    sets: int = Field(ge=1)
    lots: tuple[Lot, ...] = Field(repr=False)


@router.put("/trials/{trial}/supply/plan", openapi_extra=_MANAGES)
def plan_the_supply(here: Here, session: Write, body: NewPlan, key: KeyHeader = None) -> PlanSummary:
    """From now on."""
    given = body.model_dump(exclude={"idempotency_key"})
    command = command_of(PlanSupply, trial_id=here.trial.id, idempotency_key=key_of(key, body), **given)
    return PlanSummary.model_validate(plan_supply(session, here.actor, command), from_attributes=True)


@router.get("/trials/{trial}/supply/reviews", openapi_extra=_MANAGES)
def list_supply_reviews(here: Here, session: Write) -> list[SiteReview]:
    """The last one first."""
    return [_review(here, one) for one in reviews_of(session, here.trial.id)]


@router.post("/trials/{trial}/supply/reviews", status_code=201, openapi_extra=_MANAGES)
def review_the_supply(here: Here, session: Write, body: Keyed, key: KeyHeader = None) -> list[SiteReview]:
    """Today's review of every active site, on its day alone."""
    command = command_of(ReviewSupply, trial_id=here.trial.id, idempotency_key=key_of(key, body))
    return [_review(here, one) for one in review_supply(session, here.actor, command)]


@router.post("/trials/{trial}/supply/shipments", status_code=201, openapi_extra=_MANAGES)
def send_sets(here: Here, session: Write, body: NewSets, key: KeyHeader = None) -> ShipmentSummary:
    """Whole sets to one site: a lot for every arm."""
    command = command_of(
        ShipSets,
        trial_id=here.trial.id,
        site_id=find_site(session, here.trial.id, body.site).id,
        sets=body.sets,
        lots=tuple(command_of(ArmLot, **one.model_dump()) for one in body.lots),
        idempotency_key=key_of(key, body),
    )
    return ShipmentSummary.of(ship_sets(session, here.actor, command))


def _review(here: Place, one: SupplyReview) -> SiteReview:
    return SiteReview(
        site=site_code(here, one.site_id),
        reviewed_on=one.reviewed_on,
        usable=one.usable,
        chance=one.chance,
        sets=one.sets,
    )
