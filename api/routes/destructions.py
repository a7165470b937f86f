"""Witnessed destruction over JSON: two signatures of two people. Masked: numbers alone."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Called, Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import KeyHeader, SignedBody, key_of
from randomization.kits.destruction import (
    DestroyKits,
    Destruction,
    DestructionNotFound,
    WitnessDestruction,
    destroy_kits,
    destructions_of,
    get_destruction,
    witness_destruction,
    witness_of,
)
from trial.access.permissions import Permission
from trial.conduct.sites import find_site
from trial.database.session import TrialSession

router = APIRouter()

_SITE = "/trials/{trial}/sites/{site}/destructions"


class NewDestruction(SignedBody):
    numbers: tuple[str, ...] = Field(max_length=10_000)
    method: str = Field(min_length=3, max_length=1000)


class Witnessing(SignedBody):
    seen: bool = Field(description="False says that you were not there; the kits then stand as before.")
    remark: str = Field(default="", max_length=1000)


class DestructionSummary(BaseModel):
    id: UUID
    kits: tuple[str, ...]
    method: str
    destroyed_at: datetime
    witnessed_at: datetime | None = None
    seen: bool | None = None


@router.get(_SITE, openapi_extra=permission(Permission.KIT_ACCOUNT))
def list_destructions(here: Here, session: Write, site: str) -> list[DestructionSummary]:
    """With what the witness said."""
    found = destructions_of(session, here.actor, find_site(session, here.trial.id, site).id)
    return [_summary(session, one) for one in found]


@router.post(_SITE, status_code=201, openapi_extra=permission(Permission.KIT_RECEIVE))
def destroy_some_kits(
    here: Here, caller: Called, session: Write, site: str, body: NewDestruction, key: KeyHeader = None
) -> DestructionSummary:
    """Signed by who destroys; it counts once a witness has signed too."""
    proof = body.prove(caller)
    command = command_of(
        DestroyKits,
        site_id=find_site(session, here.trial.id, site).id,
        numbers=body.numbers,
        method=body.method,
        idempotency_key=key_of(key, body),
    )
    return _summary(session, destroy_kits(session, here.actor, proof, command))


@router.post(
    "/trials/{trial}/destructions/{destruction_id}/witness",
    status_code=201,
    openapi_extra=permission(Permission.KIT_ACCOUNT),
)
def witness_one_destruction(
    here: Here, caller: Called, session: Write, destruction_id: UUID, body: Witnessing, key: KeyHeader = None
) -> DestructionSummary:
    """The second signature, of somebody else."""
    if get_destruction(session, destruction_id).trial_id != here.trial.id:
        raise DestructionNotFound("There is no such destruction in this trial. Choose one from the list.")
    proof = body.prove(caller)
    command = command_of(
        WitnessDestruction,
        destruction_id=destruction_id,
        seen=body.seen,
        remark=body.remark,
        idempotency_key=key_of(key, body),
    )
    witness_destruction(session, here.actor, proof, command)
    return _summary(session, get_destruction(session, destruction_id))


def _summary(session: TrialSession, one: Destruction) -> DestructionSummary:
    made = DestructionSummary.model_validate(one, from_attributes=True)
    witness = witness_of(session, one.id)
    return made.model_copy(update={"witnessed_at": witness.witnessed_at, "seen": witness.seen}) if witness else made
