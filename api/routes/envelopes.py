"""Emergency envelopes over JSON: sets made and printed by who is not blinded, what became of each told by the site.

Invariants
1. No answer for a site holds a kit's number or a treatment: what is in an envelope stands on its paper alone.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.data.envelopes import envelope_set, envelope_sets, envelopes_pdf
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import Keyed, KeyHeader, SignedBody, key_of, participant_id
from randomization.ledger.allocation_lists import AllocationList
from randomization.ledger.envelopes import (
    Envelope,
    EnvelopeOpening,
    MakeEnvelopes,
    ReconcileEnvelope,
    envelopes_at,
    envelopes_in,
    find_envelope,
    make_envelopes,
    reconcile_envelope,
)
from trial.access.permissions import Permission
from trial.conduct.participants import get_participant
from trial.conduct.sites import Site, find_site
from trial.database.session import TrialSession

router = APIRouter()

_SETS = "/trials/{trial}/envelope-sets"
_PRINTS = permission(Permission.ENVELOPE_PRINT)
_OPENS = permission(Permission.PARTICIPANT_RANDOMIZE)
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {}}, "description": "One envelope a page, to be folded and sealed."}
}


class EnvelopeSet(BaseModel):
    list_id: UUID
    stage: str
    ordinal: int
    site: str
    envelopes: int = Field(description="How many are made; 0 until they are.")

    @classmethod
    def of(cls, session: TrialSession, made: AllocationList, site: Site) -> "EnvelopeSet":
        count = len(envelopes_in(session, made.id))
        return cls(list_id=made.id, stage=made.stage, ordinal=made.ordinal, site=site.code, envelopes=count)


class NewEnvelopes(Keyed):
    list_id: UUID = Field(description="A sealed list of the stage envelopes_ and the site's code, for that site alone.")


class Opening(BaseModel):
    participant: str | None = Field(description="Null for an envelope that was opened for nobody.")
    opened_at: datetime
    opened_by: str
    in_order: bool = Field(description="Whether every envelope of the stratum before it was recorded by then.")
    remark: str

    @classmethod
    def of(cls, session: TrialSession, made: EnvelopeOpening) -> "Opening":
        whose = get_participant(session, made.participant_id).code if made.participant_id else None
        told = made.model_dump(include={"opened_at", "opened_by", "in_order", "remark"})
        return cls(participant=whose, **told)


class EnvelopeSummary(BaseModel):
    number: str
    stratum: str
    opening: Opening | None = Field(description="Null while the envelope is sealed.")

    @classmethod
    def of(cls, session: TrialSession, one: Envelope, made: EnvelopeOpening | None) -> "EnvelopeSummary":
        opening = Opening.of(session, made) if made else None
        return cls(number=one.number, stratum=one.stratum, opening=opening)


class OpenedEnvelope(SignedBody):
    participant: str | None = Field(
        default=None, max_length=16, description="Who got what was in it; nobody, where it was spoilt: say why."
    )
    opened_at: AwareDatetime
    opened_by: str = Field(min_length=2, max_length=120)
    remark: str = Field(default="", max_length=1000)


@router.get(_SETS, openapi_extra=_PRINTS)
def list_sets_of_envelopes(here: Here, session: Write) -> list[EnvelopeSet]:
    """Every sealed list that was made for envelopes, with its site."""
    return [EnvelopeSet.of(session, made, site) for made, site in envelope_sets(session, here)]


@router.post(_SETS, status_code=201, openapi_extra=_PRINTS)
def make_one_set(here: Here, session: Write, body: NewEnvelopes, key: KeyHeader = None) -> EnvelopeSet:
    """One envelope for each slot of the list. Kits are reserved for them where the protocol numbers kits."""
    found, site = envelope_set(session, here, str(body.list_id))
    command = command_of(MakeEnvelopes, list_id=found.id, site_id=site.id, idempotency_key=key_of(key, body))
    make_envelopes(session, here.actor, command)
    return EnvelopeSet.of(session, found, site)


@router.get(f"{_SETS}/{{list_id}}/envelopes.pdf", openapi_extra=_PRINTS, response_class=Response, responses=_PDF)
def download_one_set(here: Here, session: Write, list_id: UUID) -> Response:
    """The papers. Where no kit is numbered they name treatments, and each download is entered in the register."""
    return envelopes_pdf(session, here, list_id)


@router.get("/trials/{trial}/sites/{site}/envelopes", openapi_extra=_OPENS)
def list_envelopes_of_site(here: Here, session: Write, site: str) -> list[EnvelopeSummary]:
    """Every envelope of the site with what became of it, by number."""
    found = envelopes_at(session, here.actor, find_site(session, here.trial.id, site).id)
    return [EnvelopeSummary.of(session, one, made) for one, made in found]


@router.post("/trials/{trial}/envelopes/{envelope}/opening", status_code=201, openapi_extra=_OPENS)
def reconcile_one_envelope(
    here: Here, caller: Called, session: Write, envelope: str, body: OpenedEnvelope, key: KeyHeader = None
) -> EnvelopeSummary:
    """What became of one envelope; with a participant it is their allocation, dated when it was opened."""
    proof = body.prove(caller)
    command = command_of(
        ReconcileEnvelope,
        trial_id=here.trial.id,
        number=envelope,
        participant_id=participant_id(session, here, body.participant) if body.participant else None,
        idempotency_key=key_of(key, body),
        **body.model_dump(include={"opened_at", "opened_by", "remark"}),
    )
    made = reconcile_envelope(session, here.actor, proof, command)
    return EnvelopeSummary.of(session, find_envelope(session, here.trial.id, envelope), made)
