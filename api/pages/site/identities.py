"""Name and contact of one participant: read and written at the site alone."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import may_here, opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.conduct.identities import IdentityNotFound, RecordIdentity, identity_for, record_identity
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/identity"


@router.get(_PATH, openapi_extra=permission(Permission.IDENTITY_READ))
def show_identity(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, None)


@router.post(_PATH, openapi_extra=permission(Permission.IDENTITY_WRITE))
def write_identity(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        command = command_of(
            RecordIdentity,
            participant_id=opened(session, here, code).participant.id,
            **picked(posted, "name", "contact"),
        )
        record_identity(session, here.actor, command)
    return see(subject_url(here, code), done="identity")


def _page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState | None, status: int = 200
) -> Response:
    book = opened(session, here, code)
    return page(
        request, "site/identity.html", status=status, here=here, book=book, trail=trail(here, book),
        state=state or FormState(values=_known(session, here, book)), url=subject_url(here, code, "identity"),
        may_write=may_here(here, book, Permission.IDENTITY_WRITE), back=subject_url(here, code),
    )  # fmt: skip


def _known(session: TrialSession, here: Place, book: Casebook) -> dict[str, str]:
    try:
        known = identity_for(session, here.actor, book.participant.id)
    except IdentityNotFound:
        return {}
    return {"name": known.name, "contact": known.contact}
