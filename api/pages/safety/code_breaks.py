"""The emergency break of one participant's code: one page, one signature, the arm once to the one who asked.

Invariants
1. The arm is in the answer to the signed request and nowhere else: no address shows it again, nothing stores it.
2. Nobody's approval stands in the way; the page says what follows and what is usually enough without it.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import opened, subject_url, trail
from api.pages.site.words import said
from api.permissions import permission
from api.places import Place
from randomization.unblinding.emergency import MEANING, BreakCode, UnsealedArm, break_code
from randomization.unblinding.register import UnblindingReason
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


def _page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    return page(
        request, "safety/code_break.html", status=status, here=here, book=book, state=state, trail=trail(here, book),
        reasons=[(reason.value, said(reason.value)) for reason in UnblindingReason], meaning=MEANING,
        needs_code=here.caller.needs_code, url=subject_url(here, code, "code-break"), back=subject_url(here, code),
    )  # fmt: skip


def _revealed(request: Request, here: Place, revealed: UnsealedArm) -> Response:
    """Shown once, in the answer itself; every page of ours is sent with ``no-store``."""
    return page(
        request, "safety/revealed.html", unblinded=True, here=here, revealed=revealed,
        back=subject_url(here, revealed.participant),
        report_url=subject_url(here, revealed.participant, "adverse-events", "report"),
    )  # fmt: skip
