"""Signing in on two pages, password then code; signing out; staying signed in.

Invariants
1. Both pages refuse in the same words whatever was wrong, so that nobody learns whether a name exists.
2. The cookie changes when the code is accepted; it is readable by no script and sent by no other site.
3. ``next`` leads to a path of this installation and nowhere else.
"""

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.cookies import session_cookie_name
from api.dependencies import Called, Services, Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState
from api.pages.render import page
from api.permissions import public, self_service
from api.services import AppServices
from trial.access.login_sessions import LONGEST_SESSION, end_session
from trial.access.sign_in import give_code, sign_in

router = APIRouter()

SIGN_IN = "/sign-in"
CODE = "/sign-in/code"


@router.get(SIGN_IN, openapi_extra=public())
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name of the query parameter
    return _sign_in_page(request, FormState({"next": next}), 200)


def _sign_in_page(request: Request, state: FormState, status: int) -> Response:
    return page(request, "everyone/sign_in.html", status=status, state=state)


@router.post(SIGN_IN, openapi_extra=public())
def give_password(request: Request, services: Services, posted: Posted) -> Response:
    with reshown(None, posted, lambda state, status: _sign_in_page(request, state, status)):
        token, _ = sign_in(services.database, _text(posted, "username"), _text(posted, "password"))
    return _with_session(services, see(CODE, next=safe_next(_text(posted, "next"))), token)


@router.get(CODE, openapi_extra=public())
def show_code(request: Request, services: Services, next: str = "/") -> Response:  # noqa: A002 - as above
    if not request.cookies.get(session_cookie_name(services.settings.secure_cookies)):
        return see(SIGN_IN)
    return _code_page(request, FormState({"next": next}), 200)


def _code_page(request: Request, state: FormState, status: int) -> Response:
    return page(request, "everyone/code.html", status=status, state=state)


@router.post(CODE, openapi_extra=public())
def accept_code(request: Request, services: Services, posted: Posted) -> Response:
    half = request.cookies.get(session_cookie_name(services.settings.secure_cookies), "")
    with reshown(None, posted, lambda state, status: _code_page(request, state, status)):
        token, _ = give_code(services.database, half, _text(posted, "code").replace(" ", ""))
    return _with_session(services, see(safe_next(_text(posted, "next"))), token)


@router.post("/sign-out", openapi_extra=self_service())
def sign_out(caller: Called, session: Write) -> Response:
    if caller.session_id is not None:
        end_session(session, caller.actor, caller.session_id)
    response = see(SIGN_IN)
    response.delete_cookie(session_cookie_name(caller.services.settings.secure_cookies), path="/")
    return response


@router.post("/session/extend", openapi_extra=self_service())
def extend_session() -> Response:
    """That the gate recognized the caller has moved the session's end already."""
    return Response(status_code=204)


def safe_next(text: str) -> str:
    """A path of ours, or the home page: never another host, nor anything that a browser might read as one."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if is_path and text.isprintable() and "\\" not in text else "/"


def _text(posted: Posted, name: str) -> str:
    value = posted.get(name, "")
    return value if isinstance(value, str) else ""


def _with_session(services: AppServices, response: RedirectResponse, token: str) -> Response:
    secure = services.settings.secure_cookies
    response.set_cookie(
        session_cookie_name(secure),
        token,
        max_age=int(LONGEST_SESSION.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response
