"""Held lists over JSON: what is missing of one, and the two signatures that release it. For those who make lists."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Services, Write
from api.jobs.anchors import ask_for_anchor
from api.jobs.restores import check_declared, is_declared
from api.pages.site.commands import command_of
from api.pages.statistician.holds import hold_on
from api.permissions import permission
from api.places import Here, Place
from api.routes.subjects import KeyHeader, SignedBody, key_of
from randomization.ledger.holds import (
    ListHold,
    ReleaseHold,
    ask_release,
    confirm_release,
    missing_numbers,
    signings_of,
    still_missing,
)
from trial.access.accounts import get_account
from trial.access.permissions import Permission
from trial.access.signatures import Reauthenticated
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/trials/{trial}/lists/{list_id}/hold"


class MissingPositions(BaseModel):
    stratum: str
    first: int
    last: int


class ReleaseSignature(BaseModel):
    by: str
    at: datetime
    reason: str
    without_receipts: bool


class HoldSummary(BaseModel):
    id: UUID
    list_id: UUID
    reason: str
    held_at: datetime
    released_at: datetime | None = Field(description="Null while nobody is randomized from the list.")
    restore_declared: bool = Field(description="While it is not, no receipt is taken and nothing is released.")
    missing: list[MissingPositions] = Field(description="Positions that the anchors tell of, without a receipt.")
    numbers_missing: list[str] = Field(description="Randomization numbers since the backup, without a receipt.")
    signatures: list[ReleaseSignature]

    @classmethod
    def of(cls, session: TrialSession, held: ListHold, *, declared: bool) -> "HoldSummary":
        standing = held.released_at is None
        return cls(
            **held.model_dump(include={"id", "list_id", "reason", "held_at", "released_at"}),
            restore_declared=declared,
            missing=[
                MissingPositions(stratum=one.stratum, first=one.first, last=one.last)
                for one in (still_missing(session, held) if standing else ())
            ],
            numbers_missing=missing_numbers(session, held) if standing else [],
            signatures=_signatures(session, held),
        )


class NewRelease(SignedBody):
    reason: str = Field(min_length=3, max_length=2000)
    without_receipts: bool = Field(
        default=False, description="Pass over what is missing: those slots and numbers stay unused. Both people say so."
    )


@router.get(_PATH, openapi_extra=permission(Permission.LIST_DESIGN, Permission.LIST_CONFIRM))
def read_hold(here: Here, services: Services, session: Write, list_id: UUID) -> HoldSummary:
    """The hold that stands on the list, or the last one that was released."""
    declared = is_declared(session, services.settings.anchor_path)
    return HoldSummary.of(session, hold_on(session, here, list_id), declared=declared)


@router.post(f"{_PATH}/release", status_code=201, openapi_extra=permission(Permission.LIST_DESIGN))
def ask_for_release(here: Here, session: Write, list_id: UUID, body: NewRelease, key: KeyHeader = None) -> HoldSummary:
    """The first person's signature. Refused while something is missing, unless it is passed over."""
    proof, command = _signed(session, here, list_id, body, key)
    return HoldSummary.of(session, ask_release(session, here.actor, proof, command), declared=True)


@router.post(f"{_PATH}/release/confirmation", status_code=201, openapi_extra=permission(Permission.LIST_CONFIRM))
def confirm_the_release(
    here: Here, session: Write, list_id: UUID, body: NewRelease, key: KeyHeader = None
) -> HoldSummary:
    """The second person's signature: the list allocates again."""
    proof, command = _signed(session, here, list_id, body, key)
    released = confirm_release(session, here.actor, proof, command)
    ask_for_anchor(session, "list released", released.id)
    return HoldSummary.of(session, released, declared=True)


def _signed(
    session: TrialSession, here: Place, list_id: UUID, body: NewRelease, key: str | None
) -> tuple[Reauthenticated, ReleaseHold]:
    """The password checked before the database is asked, and what is signed."""
    proof = body.prove(here.caller)
    check_declared(session, here.caller.services.settings.anchor_path)
    told = body.model_dump(include={"reason", "without_receipts"})
    held = hold_on(session, here, list_id)
    return proof, command_of(ReleaseHold, hold_id=held.id, idempotency_key=key_of(key, body), **told)


def _signatures(session: TrialSession, held: ListHold) -> list[ReleaseSignature]:
    return [
        ReleaseSignature(
            by=get_account(session, one.account_id).display_name,
            at=one.recorded_at,
            reason=one.reason,
            without_receipts=one.without_receipts,
        )
        for one in signings_of(session, held.id)
    ]
