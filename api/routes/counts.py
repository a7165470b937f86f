"""Counts of the shelf over JSON: totals, never by arm; one that differs alerts."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of
from randomization.kits.counts import CountStock, count_stock, counts_of
from trial.access.permissions import Permission
from trial.conduct.sites import find_site

router = APIRouter()

_SITE = "/trials/{trial}/sites/{site}/counts"


class NewCount(Keyed):
    counted: int = Field(ge=0, le=100_000)
    missing: tuple[str, ...] = Field(default=(), description="Numbers that were not found.")
    reason: str = Field(default="", max_length=1000)


class CountSummary(BaseModel):
    id: UUID
    expected: int
    counted: int
    difference: int
    missing: tuple[str, ...]
    reason: str
    counted_at: datetime


@router.get(_SITE, openapi_extra=permission(Permission.KIT_ACCOUNT))
def list_counts(here: Here, session: Write, site: str) -> list[CountSummary]:
    """What was counted, and what was expected then."""
    found = counts_of(session, here.actor, find_site(session, here.trial.id, site).id)
    return [CountSummary.model_validate(one, from_attributes=True) for one in found]


@router.post(_SITE, status_code=201, openapi_extra=permission(Permission.KIT_RECEIVE))
def count_the_stock(here: Here, session: Write, site: str, body: NewCount, key: KeyHeader = None) -> CountSummary:
    """What is on the shelf, beside what should be."""
    command = command_of(
        CountStock,
        site_id=find_site(session, here.trial.id, site).id,
        idempotency_key=key_of(key, body),
        **body.model_dump(exclude={"idempotency_key"}),
    )
    return CountSummary.model_validate(count_stock(session, here.actor, command), from_attributes=True)
