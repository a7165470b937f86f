"""The screen of a treating physician: nine characters to read to an investigator, and then the treatment they sent.

The page is for people without an account, on a device where nobody is signed in. It tells nothing to anybody to whom
nothing was sent: the same page, the same words.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted
from api.pages.render import page
from api.permissions import public
from randomization.unblinding.physicians import read_sent_codes, screen_of
from trial.database.session import TrialSession

router = APIRouter()

PATH = "/treating-physician"


@router.get(PATH, openapi_extra=public())
def show_physicians_screen(request: Request, session: Write) -> Response:
    return _waiting(request, session, asked=False)


@router.post(PATH, openapi_extra=public())
def show_what_was_sent(request: Request, session: Write, posted: Posted) -> Response:
    """In the answer itself and at no address; what was read is recorded."""
    del posted
    found = read_sent_codes(session, own_secret(request))
    if not found:
        return _waiting(request, session, asked=True)
    return page(request, "safety/sent_codes.html", unblinded=True, found=found)


def own_secret(request: Request) -> str:
    """What only this browser can send: the forgery token, which is bound to its cookie."""
    return str(request.state.csrf_token)


def _waiting(request: Request, session: TrialSession, *, asked: bool) -> Response:
    return page(
        request, "safety/physician.html", url=PATH, screen=screen_of(session, own_secret(request)), asked=asked
    )  # fmt: skip
