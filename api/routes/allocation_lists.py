"""Allocation lists over HTTP: two people make one, everybody who may verify gets its commitment, and after the end the list.

No answer holds a slot, a block size, a limit or a contribution; the opened list is the one exception, after both signatures.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here, Place
from randomization.ledger.allocation_lists import AllocationList, ListNotFound, get_list, lists_of
from randomization.ledger.extensions import ExtendList, extend_list
from randomization.ledger.generation import ConfirmList, DesignList, confirm_list, design_list, published_commitment
from randomization.ledger.low_strata import stratum_levels_of
from randomization.ledger.retirements import Retirement, retirements_of
from randomization.unblinding.opening import opened_list
from randomization.verification import as_file, commitment_document
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.protocol.schema.allocation import MAIN_STAGE

router = APIRouter()

_PATH = "/trials/{trial}/lists"
_READERS = permission(Permission.AUDIT_VERIFY, Permission.LIST_DESIGN, Permission.LIST_CONFIRM)
_MAKERS = permission(Permission.LIST_DESIGN, Permission.LIST_CONFIRM)
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {}}, "description": "A file for the stand-alone verifier."}
}


class ContributionUnreadable(InvalidInput):
    code = "seed.contribution_unreadable"


class Contributed(BaseModel):
    contribution: str = Field(
        min_length=24, max_length=1400, repr=False, description="16 random bytes or more of your own, in base64."
    )

    @property
    def secret(self) -> bytes:
        """Raises ``ContributionUnreadable``."""
        try:
            return base64.b64decode(self.contribution, validate=True)
        except (binascii.Error, ValueError):
            raise ContributionUnreadable(
                "A contribution is base64 of 16 random bytes or more. Draw a new one."
            ) from None


class NewList(Contributed):
    stage: str = Field(default=MAIN_STAGE, max_length=32)
    block_sizes: tuple[int, ...] = Field(default=(), max_length=20, repr=False)
    limit: int | None = Field(default=None, repr=False, description="Of imbalance, for the schemes that have one.")
    uploaded: str | None = Field(default=None, repr=False, description="A list made elsewhere, as CSV.")
    codes: dict[str, dict[str, str]] = Field(default_factory=dict, repr=False)
    slots_per_stratum: int = Field(default=0, ge=0, le=10_000_000)
    sites: tuple[str, ...] = Field(default=(), description="Codes; none stands for every site that there is.")
    version: str | None = Field(
        default=None, max_length=32, description="An active version; none stands for the newest."
    )
    retires: tuple[UUID, ...] = Field(
        default=(),
        max_length=200,
        description="Lists that were found wrong: nobody is taken from them once this one is sealed.",
    )
    retirement_reason: str | None = Field(
        default=None, max_length=2000, repr=False, description="Why; for the two people who make the list."
    )


class Continuation(Contributed):
    slots_per_stratum: int = Field(ge=1, le=10_000_000)


class ListSummary(BaseModel):
    id: UUID
    stage: str
    ordinal: int
    scheme: str
    status: str
    sealed_at: datetime | None
    root: str | None = Field(description="The Merkle root, once sealed.")
    design_commitment: str | None
    retires: tuple[UUID, ...] = Field(default=(), description="Lists whose place this one takes once it is sealed.")
    retired_by: UUID | None = Field(default=None, description="The sealed list that took this one's place.")
    retired_at: datetime | None = None
    retirement_reason: str | None = Field(default=None, description="Why it retires them; for the two makers alone.")


class StratumSummary(BaseModel):
    stage: str
    stratum: str
    used: int
    left: int | None
    runs_low: bool
    version: str = Field(description="Of the protocol, under which people come to the stratum now.")


@router.get(_PATH, openapi_extra=_READERS)
def list_lists(here: Here, session: Write) -> list[ListSummary]:
    """Every list of the trial with what is published of it."""
    retired = retirements_of(session, here.trial.id)
    return [_summary(here, one, retired) for one in lists_of(session, here.trial.id)]


@router.post(_PATH, status_code=201, openapi_extra=permission(Permission.LIST_DESIGN))
def design_a_list(here: Here, session: Write, body: NewList) -> ListSummary:
    """The first person's part. What tells of slots is stored sealed and never shown again."""
    given = body.model_dump(exclude={"contribution"})
    command = command_of(DesignList, trial_id=here.trial.id, contribution=body.secret, **given)
    return _told(session, here, design_list(session, here.actor, command))


@router.get(f"{_PATH}/strata", openapi_extra=_MAKERS)
def list_strata(here: Here, session: Write, stage: str = MAIN_STAGE) -> list[StratumSummary]:
    """How far each stratum has come over all its lists from which somebody may still be taken, and which one runs low."""
    levels = stratum_levels_of(session, here.trial.id, stage)
    return [StratumSummary.model_validate(one, from_attributes=True) for one in levels]


@router.post(f"{_PATH}/{{list_id}}/confirmation", status_code=201, openapi_extra=permission(Permission.LIST_CONFIRM))
def confirm_a_list(here: Here, session: Write, list_id: UUID, body: Contributed) -> ListSummary:
    """The second person's part: the list is generated, sealed and committed to."""
    made = _of_trial(session, here, list_id)
    command = command_of(ConfirmList, list_id=made.id, contribution=body.secret)
    return _told(session, here, confirm_list(session, here.actor, command))


@router.post(f"{_PATH}/{{list_id}}/continuation", status_code=201, openapi_extra=permission(Permission.LIST_DESIGN))
def continue_a_list(here: Here, session: Write, list_id: UUID, body: Continuation) -> ListSummary:
    """A further list for the same strata by the same rule; the second person confirms it."""
    made = _of_trial(session, here, list_id)
    command = command_of(
        ExtendList, list_id=made.id, slots_per_stratum=body.slots_per_stratum, contribution=body.secret
    )
    return _told(session, here, extend_list(session, here.actor, command))


@router.get(f"{_PATH}/{{list_id}}/commitment", openapi_extra=_READERS, response_class=Response, responses=_FILE)
def download_commitment(here: Here, session: Write, list_id: UUID) -> Response:
    """The commitment file. Keep it, or publish it: it tells nothing of any slot."""
    made = _of_trial(session, here, list_id)
    return _download(as_file(commitment_document(published_commitment(session, made))), f"{made.id}-commitment.json")


@router.get(
    f"{_PATH}/{{list_id}}/opened",
    openapi_extra=permission(Permission.LIST_OPEN),
    response_class=Response,
    responses=_FILE,
)
def download_opened_list(here: Here, session: Write, list_id: UUID) -> Response:
    """The opened list, after the lock and both signatures: seed, parameters, arms and salts. It is recorded."""
    made = _of_trial(session, here, list_id)
    return _download(opened_list(session, here.actor, made.id).file, f"{made.id}-opened.json")


def _of_trial(session: TrialSession, here: Place, list_id: UUID) -> AllocationList:
    """Raises ``ListNotFound`` for another trial's list too."""
    found = get_list(session, list_id)
    if found.trial_id != here.trial.id:
        raise ListNotFound("There is no such allocation list. Choose one from the trial's lists.")
    return found


def _told(session: TrialSession, here: Place, made: AllocationList) -> ListSummary:
    return _summary(here, made, retirements_of(session, here.trial.id))


def _summary(here: Place, made: AllocationList, retirements: Iterable[Retirement]) -> ListSummary:
    told = ListSummary.model_validate(made, from_attributes=True)
    makes = here.may(Permission.LIST_DESIGN) or here.may(Permission.LIST_CONFIRM)
    for one in retirements:
        if one.by.id == made.id:
            told.retires += (one.retired.id,)
            told.retirement_reason = one.reason if makes else None
        if one.retired.id == made.id and one.at is not None:
            told.retired_by, told.retired_at = one.by.id, one.at
    return told


def _download(content: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/json", headers=headers)
