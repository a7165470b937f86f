"""Randomizing in three steps: check the answers, sign, and a receipt that is found again.

The first step shows what is recorded: nobody types a stratum. The receipt holds two numbers and no arm. ``stage`` in an
address names a further randomization of the protocol; without it the first one is meant.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, site_words
from api.pages.render import day_words, instant_words, page
from api.pages.site.commands import command_of
from api.pages.site.dossiers import Dossier, dossier
from api.pages.site.receipts import receipt_of, receipt_pdf
from api.pages.site.returned_receipts import receipt_notice
from api.pages.site.stages import is_in_stage, stage_url, stage_words, why_not
from api.pages.site.subjects import opened, subject_url, trail, with_query
from api.permissions import permission
from api.places import Place
from randomization.ledger.randomize import MEANING, RandomizeParticipant, randomize_participant
from trial.access.permissions import Permission
from trial.conduct.factors import factor_values
from trial.database.session import TrialSession
from trial.protocol.schema.allocation import MAIN_STAGE

router = APIRouter()

_ONE = "/t/{trial}/participants/{code}"
_READERS = permission(Permission.SCREENING_READ, Permission.VISIT_READ)
_RANDOMIZES = permission(Permission.PARTICIPANT_RANDOMIZE)


@router.get(f"{_ONE}/randomize", openapi_extra=_RANDOMIZES)
def check_answers(request: Request, here: Here, session: Write, code: str, stage: str = MAIN_STAGE) -> Response:
    """The first step: everything that will be used, and what stands in the way, if something does."""
    found = dossier(session, here, code)
    words = stage_words(found.casebook, stage)
    if is_in_stage(session, found.casebook, stage):
        return see(stage_url(here, code, stage, "receipt"))
    return page(
        request, "site/randomize_check.html", here=here, book=found.casebook, rows=_rows(session, found), stage=words,
        refusal=why_not(session, found.casebook, stage), receipt=receipt_notice(session, here, found.casebook, stage),
        trail=trail(here, found.casebook), back=subject_url(here, code),
        next_url=stage_url(here, code, stage, "randomize", "sign"),
    )  # fmt: skip


@router.get(f"{_ONE}/randomize/sign", openapi_extra=_RANDOMIZES)
def show_signing(request: Request, here: Here, session: Write, code: str, stage: str = MAIN_STAGE) -> Response:
    book = opened(session, here, code)
    stage_words(book, stage)
    if is_in_stage(session, book, stage):
        return see(stage_url(here, code, stage, "receipt"))
    return _signing_page(request, session, here, code, stage, FormState())


@router.post(f"{_ONE}/randomize/sign", openapi_extra=_RANDOMIZES)
def randomize(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, code: str, stage: str = MAIN_STAGE
) -> Response:
    with reshown(
        session, posted, lambda state, status: _signing_page(request, session, here, code, stage, state, status)
    ):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            RandomizeParticipant,
            participant_id=opened(session, here, code).participant.id,
            stage=stage,
            idempotency_key=posted.get("idempotency_key", ""),
        )
        randomize_participant(session, here.actor, proof, command)
    return see(stage_url(here, code, stage, "receipt"), done="randomized")


@router.get(f"{_ONE}/receipt", openapi_extra=_READERS)
def show_receipt(
    request: Request, here: Here, session: Write, code: str, stage: str = MAIN_STAGE, done: str = ""
) -> Response:
    found = receipt_of(session, here, opened(session, here, code), stage)
    return page(
        request, "site/receipt.html", here=here, receipt=found, fresh=done == "randomized", trail=trail(here, found.book),
        pdf_url=stage_url(here, code, stage, "receipt.pdf"), back=subject_url(here, code),
        visits_url=with_query(stage_url(here, code, stage, "receipt.pdf"), visits="true"),
        url=stage_url(here, code, stage, "receipt"),
    )  # fmt: skip


@router.get(f"{_ONE}/receipt.pdf", openapi_extra=_READERS)
def download_receipt(
    here: Here, session: Write, code: str, stage: str = MAIN_STAGE, *, visits: bool = False
) -> Response:
    found = receipt_of(session, here, opened(session, here, code), stage)
    part = "" if stage == MAIN_STAGE else f"-{stage}"
    name = f"{found.book.trial.code}-{found.ledger.participant}{part}-randomization.pdf"
    return Response(
        receipt_pdf(found, visits=visits),
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )


def _signing_page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    stage: str,
    state: FormState,
    status: int = 200,
) -> Response:
    found = dossier(session, here, code)
    return page(
        request, "site/randomize_sign.html", status=status, here=here, book=found.casebook, state=state,
        rows=[row[:2] for row in _rows(session, found)], meaning=MEANING, needs_code=here.caller.needs_code,
        stage=stage_words(found.casebook, stage), trail=trail(here, found.casebook),
        back=stage_url(here, code, stage, "randomize"), url=stage_url(here, code, stage, "randomize", "sign"),
    )  # fmt: skip


def _rows(session: TrialSession, found: Dossier) -> list[tuple[str, str] | tuple[str, str, str]]:
    """What the allocation will use, from the record alone, each with the page on which it is corrected."""
    book, code = found.casebook, found.casebook.participant.code
    signed = found.signature
    when = instant_words(signed.signed_at, book.site.zone) if signed else ""
    return [
        ("Participant", code),
        ("Site", site_words(book.site)),
        *_strata(session, found),
        ("Consent", day_words(book.participant.consented_on), subject_url(found.here, code, "consent")),
        (
            "Eligibility",
            f"Signed by {signed.printed_name}, {when}" if signed else "Not signed",
            subject_url(found.here, code, "eligibility"),
        ),
        ("Protocol version", book.version_label),
    ]


def _strata(session: TrialSession, found: Dossier) -> list[tuple[str, str, str]]:
    book = found.casebook
    values = factor_values(session, book.participant.id)
    return [
        (
            factor.label,
            {level.code: level.label for level in factor.levels}.get(values.get(factor.name, ""), "Not recorded"),
            _form_url(found, factor.recorded_at.form),
        )
        for factor in book.protocol.factors
    ]


def _form_url(found: Dossier, form: str) -> str:
    book = found.casebook
    visit = next((visit.code for visit in book.protocol.visits if form in visit.forms), "")
    return subject_url(found.here, book.participant.code, "visits", visit, "forms", form)
