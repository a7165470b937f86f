"""Emergency envelopes: made and printed by who is not blinded, reconciled by the site that opened them."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here, Way, register_way, site_words
from api.pages.pharmacy.shelves import chosen_site
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import page
from api.pages.site.commands import command_of, local_instant
from api.pages.site.subjects import list_url, opened
from api.permissions import permission
from api.places import Place
from randomization.ledger.allocation_lists import AllocationList, ListNotFound, ListStatus, lists_of
from randomization.ledger.envelopes import (
    MEANING,
    MakeEnvelopes,
    ReconcileEnvelope,
    envelope_stage,
    envelopes_at,
    envelopes_in,
    make_envelopes,
    reconcile_envelope,
)
from randomization.ledger.retirements import retired_by
from randomization.unblinding.envelopes import print_envelopes
from reports.documents.envelopes import EnvelopeFacts, EnvelopePage, emergency_envelopes
from trial.access.permissions import Permission
from trial.conduct.participants import Participant
from trial.conduct.sites import Site
from trial.database.session import TrialSession

router = APIRouter()
register_way(Way("Envelopes", "envelopes", (Permission.ENVELOPE_PRINT,), order=62))
register_way(Way("Emergency envelopes", "opened-envelopes", (Permission.PARTICIPANT_RANDOMIZE,), order=62))

_PRINTS = permission(Permission.ENVELOPE_PRINT)
_OPENS = permission(Permission.PARTICIPANT_RANDOMIZE)


@router.get("/t/{trial}/envelopes", openapi_extra=_PRINTS)
def list_envelope_sets(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _sets_page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/envelopes", openapi_extra=_PRINTS)
def make(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _sets_page(request, session, here, state, status)):
        found, site = envelope_set(session, here, str(posted.get("list_id", "")))
        command = command_of(MakeEnvelopes, list_id=found.id, site_id=site.id, **picked(posted, "idempotency_key"))
        make_envelopes(session, here.actor, command)
    return see(list_url(here, "envelopes"), done="made")


@router.get("/t/{trial}/envelopes/{list_id}/envelopes.pdf", openapi_extra=_PRINTS)
def download_envelopes(here: Here, session: Write, list_id: UUID) -> Response:
    return envelopes_pdf(session, here, list_id)


@router.get("/t/{trial}/opened-envelopes", openapi_extra=_OPENS)
def list_opened(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _opened_page(request, session, here, FormState(), done=done)


@router.post("/t/{trial}/opened-envelopes", openapi_extra=_OPENS)
def reconcile(request: Request, here: Here, caller: Called, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _opened_page(request, session, here, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        site, code = chosen_site(here), str(posted.get("participant", "")).strip()
        command = command_of(
            ReconcileEnvelope,
            trial_id=here.trial.id,
            participant_id=opened(session, here, code).participant.id if code else None,
            opened_at=local_instant(date_text(posted, "opened_at"), str(posted.get("opened_at_clock", "")), site.zone),
            **picked(posted, "number", "opened_by", "remark", "idempotency_key"),
        )
        reconcile_envelope(session, here.actor, proof, command)
    return see(list_url(here, "opened-envelopes"), done="reconciled")


def envelope_sets(session: TrialSession, here: Place) -> list[tuple[AllocationList, Site]]:
    """Every sealed list that was made for envelopes, with its site."""
    stages = {envelope_stage(site.code): site for site in here.sites}
    sealed = [one for one in lists_of(session, here.trial.id) if one.status is ListStatus.SEALED]
    return [(one, stages[one.stage]) for one in sealed if one.stage in stages]


def envelope_set(session: TrialSession, here: Place, list_id: str) -> tuple[AllocationList, Site]:
    """Raises ``ListNotFound`` for a list of another trial or stage too."""
    for found, site in envelope_sets(session, here):
        if str(found.id) == list_id:
            return found, site
    raise ListNotFound("There is no sealed list for envelopes of this id. Choose one from the page.")


def envelopes_pdf(session: TrialSession, here: Place, list_id: UUID) -> Response:
    """Every envelope of a set, one a page. Raises ``ListNotFound``, ``NotPermitted``."""
    found, site = envelope_set(session, here, str(list_id))
    pages = tuple(
        EnvelopePage(one.envelope.number, one.envelope.stratum, one.kit_number, one.treatment)
        for one in print_envelopes(session, here.actor, found.id)
    )
    facts = EnvelopeFacts(
        here.trial.code, here.trial.title, here.trial.kind.value, site_words(site), str(found.id)[:8], pages
    )
    return pdf_answer(emergency_envelopes(facts), f"{here.trial.code}-{site.code}-envelopes.pdf")


def _sets_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    rows = [(one, site_words(site), len(envelopes_in(session, one.id))) for one, site in envelope_sets(session, here)]
    return page(
        request, "data/envelopes.html", status=status, here=here, state=state, rows=rows, unblinded=True,
        retired=retired_by(session, here.trial.id),
        done="The envelopes are made. Print, fold and seal them." if done == "made" else "",
        url=list_url(here, "envelopes"), pdf_url=lambda one: list_url(here, "envelopes", one.id, "envelopes.pdf"),
    )  # fmt: skip


def _opened_page(
    request: Request, session: TrialSession, here: Place, state: FormState, status: int = 200, *, done: str = ""
) -> Response:
    site = here.site
    found = envelopes_at(session, here.actor, site.id) if site else []
    rows = [(one, what, _code(session, what.participant_id) if what else "") for one, what in found]
    return page(
        request, "data/opened_envelopes.html", status=status, here=here, state=state, rows=rows, site=site,
        done="The envelope is reconciled." if done == "reconciled" else "", url=list_url(here, "opened-envelopes"),
        meaning=MEANING, needs_code=here.caller.needs_code, retired=retired_by(session, here.trial.id),
    )  # fmt: skip


def _code(session: TrialSession, participant_id: UUID | None) -> str:
    return session.get_one(Participant, participant_id).code if participant_id else "Nobody"
