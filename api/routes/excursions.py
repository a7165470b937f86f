"""Storage excursions over JSON: kits go into quarantine at once, and one verdict is for all of them. Masked: numbers alone."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.kits import KitStanding
from api.routes.subjects import Keyed, KeyHeader, key_of
from randomization.kits.excursions import (
    DecideExcursion,
    DecideKit,
    ExcursionNotFound,
    RecordExcursion,
    StorageExcursion,
    Verdict,
    decide_excursion,
    decide_kit,
    excursions_of,
    get_excursion,
    record_excursion,
    verdict_on,
)
from trial.access.permissions import Permission
from trial.conduct.sites import find_site
from trial.database.session import TrialSession

router = APIRouter()

_SITE = "/trials/{trial}/sites/{site}/excursions"
_HANDLE = permission(Permission.KIT_RECEIVE)


class NewExcursion(Keyed):
    began_at: AwareDatetime
    ended_at: AwareDatetime
    lowest_c: float = Field(ge=-100, le=100)
    highest_c: float = Field(ge=-100, le=100)
    numbers: tuple[str, ...] = Field(default=(), description="Kits that were there; none stands for the whole shelf.")
    what: str = Field(min_length=3, max_length=1000)


class Decision(Keyed):
    verdict: Verdict
    reason: str = Field(min_length=3, max_length=1000)


class ExcursionSummary(BaseModel):
    id: UUID
    began_at: datetime
    ended_at: datetime
    lowest_c: float
    highest_c: float
    kits: tuple[str, ...]
    what: str
    verdict: Verdict | None = None
    reason: str | None = None


@router.get(_SITE, openapi_extra=permission(Permission.KIT_ACCOUNT))
def list_storage_excursions(here: Here, session: Write, site: str) -> list[ExcursionSummary]:
    """With the verdict on each, where there is one."""
    found = excursions_of(session, here.actor, find_site(session, here.trial.id, site).id)
    return [_summary(session, one) for one in found]


@router.post(_SITE, status_code=201, openapi_extra=_HANDLE)
def record_storage_excursion(
    here: Here, session: Write, site: str, body: NewExcursion, key: KeyHeader = None
) -> ExcursionSummary:
    """The kits go into quarantine."""
    command = command_of(
        RecordExcursion,
        site_id=find_site(session, here.trial.id, site).id,
        idempotency_key=key_of(key, body),
        **body.model_dump(exclude={"idempotency_key"}),
    )
    return _summary(session, record_excursion(session, here.actor, command))


@router.post("/trials/{trial}/excursions/{excursion_id}/verdict", status_code=201, openapi_extra=_HANDLE)
def decide_storage_excursion(
    here: Here, session: Write, excursion_id: UUID, body: Decision, key: KeyHeader = None
) -> ExcursionSummary:
    """One verdict for all its kits."""
    if get_excursion(session, excursion_id).trial_id != here.trial.id:
        raise ExcursionNotFound("There is no such excursion in this trial. Choose one from the list.")
    command = command_of(
        DecideExcursion,
        excursion_id=excursion_id,
        verdict=body.verdict,
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    return _summary(session, decide_excursion(session, here.actor, command))


@router.post("/trials/{trial}/kits/{number}/verdict", status_code=201, openapi_extra=_HANDLE)
def decide_quarantined_kit(
    here: Here, session: Write, number: str, body: Decision, key: KeyHeader = None
) -> KitStanding:
    """On a kit that is in quarantine for a reason of its own."""
    command = command_of(
        DecideKit,
        trial_id=here.trial.id,
        number=number,
        verdict=body.verdict,
        reason=body.reason,
        idempotency_key=key_of(key, body),
    )
    return KitStanding.model_validate(decide_kit(session, here.actor, command), from_attributes=True)


def _summary(session: TrialSession, one: StorageExcursion) -> ExcursionSummary:
    made = ExcursionSummary.model_validate(one, from_attributes=True)
    verdict = verdict_on(session, one.id)
    return made.model_copy(update={"verdict": verdict.verdict, "reason": verdict.reason}) if verdict else made
