"""The form on which the sponsor signs another planned number; what was decided stands on the page on recruitment."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place
from api.pages.render import page
from api.pages.site.commands import command_of, whole_number
from api.permissions import permission
from randomization.ledger.planned_numbers import MEANING, ChangePlannedNumber, change_planned_number, numbers_of
from trial.access.permissions import Permission
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/recruitment/planned-number"
_DECIDES = permission(Permission.OVERSIGHT_DECIDE)


@router.get(_PATH, openapi_extra=_DECIDES)
def show_planned_number(request: Request, here: Here, session: Write) -> Response:
    return _page(request, here, session, FormState())


@router.post(_PATH, openapi_extra=_DECIDES)
def set_planned_number(request: Request, here: Here, caller: Called, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, here, session, state, status)):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        command = command_of(
            ChangePlannedNumber,
            trial_id=here.trial.id,
            planned_participants=whole_number(posted.get("planned_participants", "")),
            **picked(posted, "reason", "idempotency_key"),
        )
        change_planned_number(session, here.actor, proof, command)
    return see(here.url("recruitment"), done="planned")


def _page(request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200) -> Response:
    return page(
        request, "sponsor/planned_number.html", status=status, here=here, state=state, meaning=MEANING,
        numbers=numbers_of(session, here.trial), needs_code=here.caller.needs_code,
    )  # fmt: skip
