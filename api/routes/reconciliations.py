"""Reconciliation of serious events with the sponsor's safety database."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, key_of
from trial.access.permissions import Permission
from trial.safety.reconciliation import (
    AnswerDifference,
    DifferenceAnswer,
    DifferenceNotFound,
    ListingDifference,
    Resolution,
    SafetyListing,
    UploadListing,
    answer_difference,
    differences_of,
    listing_for,
    listings_for,
    upload_listing,
)

router = APIRouter()

_PATH = "/trials/{trial}/safety/listings"
_MONITOR = permission(Permission.SUSAR_ASSESS)


class ListingSummary(BaseModel):
    id: UUID
    number: int
    name: str
    sha256: str
    cases_there: int
    cases_here: int
    recorded_at: datetime

    @classmethod
    def of(cls, one: SafetyListing) -> "ListingSummary":
        return cls.model_validate(one, from_attributes=True)


class Answer(BaseModel):
    resolution: Resolution
    answer: str = Field(min_length=3, max_length=2000)


class Difference(BaseModel):
    id: UUID
    participant: str
    event: int
    field: str
    ours: str
    theirs: str
    answer: Answer | None

    @classmethod
    def of(cls, one: ListingDifference, given: DifferenceAnswer | None) -> "Difference":
        answer = None if given is None else Answer.model_validate(given, from_attributes=True)
        return cls(**one.model_dump(include={"id", "participant", "event", "field", "ours", "theirs"}), answer=answer)


class NewListing(Keyed):
    name: str = Field(min_length=1, max_length=120)
    content: str = Field(
        min_length=1, max_length=1_000_000, description="The CSV file's text, in the documented columns."
    )


@router.get(_PATH, openapi_extra=_MONITOR)
def list_safety_listings(here: Here, session: Write) -> list[ListingSummary]:
    """The newest first."""
    return [ListingSummary.of(one) for one, _, _ in listings_for(session, here.actor, here.trial.id)]


@router.post(_PATH, status_code=201, openapi_extra=_MONITOR)
def compare_safety_listing(here: Here, session: Write, body: NewListing, key: KeyHeader = None) -> ListingSummary:
    """Compared with what is recorded now."""
    command = command_of(
        UploadListing,
        trial_id=here.trial.id,
        name=body.name,
        content=body.content,
        idempotency_key=key_of(key, body),
    )
    return ListingSummary.of(upload_listing(session, here.actor, command))


@router.get(f"{_PATH}/{{listing_id}}/differences", openapi_extra=_MONITOR)
def list_differences(here: Here, session: Write, listing_id: UUID) -> list[Difference]:
    """With their answers, by case and field."""
    listing = listing_for(session, here.actor, here.trial.id, listing_id)
    return [Difference.of(one, given) for one, given in differences_of(session, listing.id)]


@router.post(f"{_PATH}/{{listing_id}}/differences/{{difference_id}}/answer", status_code=201, openapi_extra=_MONITOR)
def settle_difference(here: Here, session: Write, listing_id: UUID, difference_id: UUID, body: Answer) -> Answer:
    """Once for each difference."""
    listing = listing_for(session, here.actor, here.trial.id, listing_id)
    if difference_id not in {one.id for one, _ in differences_of(session, listing.id)}:
        raise DifferenceNotFound("There is no such difference in this listing. Choose one of its own.")
    command = command_of(AnswerDifference, difference_id=difference_id, **body.model_dump())
    return Answer.model_validate(answer_difference(session, here.actor, command), from_attributes=True)
