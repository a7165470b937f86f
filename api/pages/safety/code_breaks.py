"""The emergency break of one participant's code: one page, one signature, the arm once to the one who asked.

Invariants
1. The arm is in the answer to the signed request and nowhere else: no address shows it again, nothing stores it.
2. Nobody's approval stands in the way; the page says what follows and what is usually enough without it.
3. Where the protocol sends the arm to a treating physician, it is in the answer to their browser alone
   (``api.pages.safety.physicians``), and the investigator's page says to whom it was sent.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here
from api.pages.render import page
from api.pages.safety.physicians import own_secret
from api.pages.site.commands import command_of, local_instant
from api.pages.site.subjects import opened, subject_url, trail
from api.pages.site.words import said
from api.permissions import permission
from api.places import Place
from randomization.unblinding.emergency import MEANING, BreakCode, UnsealedArm, break_code
from randomization.unblinding.physicians import SendCode, screen_of, send_code
from randomization.unblinding.register import UnblindingKind, UnblindingReason
from randomization.unblinding.reported import ReportUnblinding, report_unblinding
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/code-break"


@router.get(_PATH, openapi_extra=permission(Permission.UNBLINDING_EMERGENCY))
def show_code_break(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, FormState())


@router.post(_PATH, openapi_extra=permission(Permission.UNBLINDING_EMERGENCY))
def break_the_code(request: Request, here: Here, caller: Called, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            BreakCode,
            participant_id=opened(session, here, code).participant.id,
            idempotency_key=posted.get("idempotency_key", ""),
            **picked(posted, "reason", "note"),
        )
        revealed = break_code(session, here.actor, proof, command)
    return _revealed(request, here, revealed)


@router.post(f"{_PATH}/send", openapi_extra=permission(Permission.UNBLINDING_EMERGENCY))
def send_the_code(request: Request, here: Here, caller: Called, session: Write, posted: Posted, code: str) -> Response:
    """To the screen of a treating physician; nothing of the arm is in this answer."""
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            SendCode,
            participant_id=opened(session, here, code).participant.id,
            own_screen=screen_of(session, own_secret(request)),
            **picked(posted, "reason", "note", "physician", "institution", "screen", "idempotency_key"),
        )
        sent = send_code(session, here.actor, proof, command)
    return page(request, "safety/code_sent.html", here=here, sent=sent, back=subject_url(here, code), zone=here.zone)


@router.get(f"{_PATH}/report", openapi_extra=permission(Permission.UNBLINDING_EMERGENCY))
def show_unblinding_report(request: Request, here: Here, session: Write, code: str) -> Response:
    return _report_page(request, session, here, code, FormState())


@router.post(f"{_PATH}/report", openapi_extra=permission(Permission.UNBLINDING_EMERGENCY))
def report_an_unblinding(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    """What happened on paper, by telephone or by accident. Nothing is opened here."""
    with reshown(session, posted, lambda state, status: _report_page(request, session, here, code, state, status)):
        book = opened(session, here, code)
        command = command_of(
            ReportUnblinding,
            participant_id=book.participant.id,
            happened_at=local_instant(
                date_text(posted, "happened_at"), str(posted.get("happened_at_clock", "")), book.site.zone
            ),
            **picked(posted, "kind", "told_to", "note", "idempotency_key"),
        )
        report_unblinding(session, here.actor, command)
    return see(subject_url(here, code), done="unblinding-reported")


def _report_page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    return page(
        request, "safety/unblinding_report.html", status=status, here=here, book=book, state=state,
        trail=trail(here, book), kinds=_OUTSIDE, url=subject_url(here, code, "code-break", "report"),
        back=subject_url(here, code, "code-break"),
    )  # fmt: skip


_OUTSIDE = [
    (UnblindingKind.PAPER.value, "In an emergency, on paper or by telephone with the pharmacy"),
    (UnblindingKind.ACCIDENT.value, "By accident"),
]


def _page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    to_physician = book.protocol.blinding.emergency_code_to == "treating_physician"
    act = ("code-break", "send") if to_physician else ("code-break",)
    return page(
        request, "safety/code_send.html" if to_physician else "safety/code_break.html", status=status, here=here,
        book=book, state=state, trail=trail(here, book), meaning=MEANING, needs_code=here.caller.needs_code,
        reasons=[(reason.value, said(reason.value)) for reason in UnblindingReason],
        url=subject_url(here, code, *act), back=subject_url(here, code),
        report_url=subject_url(here, code, "code-break", "report"),
    )  # fmt: skip


def _revealed(request: Request, here: Place, revealed: UnsealedArm) -> Response:
    """Shown once, in the answer itself; every page of ours is sent with ``no-store``."""
    return page(
        request, "safety/revealed.html", unblinded=True, here=here, revealed=revealed,
        back=subject_url(here, revealed.participant),
        report_url=subject_url(here, revealed.participant, "adverse-events", "report"),
    )  # fmt: skip
