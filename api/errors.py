"""The one table from domain errors to HTTP, and the two shapes in which a refusal is told.

Programs get ``application/problem+json`` (RFC 9457) with a stable ``code``; people get a page that says what
to do.

Invariants
1. Only this module knows a status code for a domain error.
2. Of an unexpected exception only its class and its place reach a log, and nothing a reply: PostgreSQL's
   messages and DETAIL lines quote rows.
3. Every answer names the request by its id (``instance``, and on the page), so that a person can quote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.jobs.restores import hold_what_was_altered
from api.logs import facts_of, log
from api.pages.render import page
from api.services import services_of
from trial.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    TooManyAttempts,
    Unavailable,
)

PROBLEM_JSON = "application/problem+json"
SIGN_IN_PATH = "/sign-in"

STATUS: Final[Mapping[type[DomainError], tuple[int, str]]] = {
    InvalidInput: (422, "Something needs to be corrected"),
    NotFound: (404, "Not found"),
    NotPermitted: (403, "Not permitted"),
    NotAuthenticated: (401, "Sign in first"),
    Conflict: (409, "This cannot be done now"),
    TooManyAttempts: (429, "Too many attempts"),
    Unavailable: (503, "Not available at the moment"),
}

_HTTP_REFUSALS: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("request.malformed", "The request could not be read", "Check what was sent and try again."),
    404: ("page.not_found", "Page not found", "Check the address, or start again from the home page."),
    405: (
        "request.method_not_allowed",
        "Not possible here",
        "This address does not accept that kind of request.",
    ),
    413: (
        "request.too_large",
        "Too large",
        "What was sent is larger than this installation accepts. Send less at once.",
    ),
    415: (
        "request.unsupported_type",
        "Unsupported type",
        "Send the data in a content type that this address accepts.",
    ),
}
_UNEXPECTED = (
    "system.unexpected",
    "Something went wrong",
    "This is a fault of the system, not yours. Try again, or give your administrator the request number.",
)
_DATABASE_AWAY = (
    "system.database_unavailable",
    "Not available at the moment",
    "The database does not answer. Try again in a minute.",
)


_NOT_TEXT = (
    "input.not_text",
    "Something needs to be corrected",
    "What was sent holds a character that no text has (NUL). Type it again instead of pasting it.",
)


class Problem(BaseModel):
    """A refusal as RFC 9457 has it. ``fields`` names each input that needs correction, with its sentence."""

    type: str = Field(description="A stable name of the problem: urn:equipoise:problem: and the code.")
    title: str = Field(description="The kind of refusal, in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="One sentence that says what to do.")
    code: str = Field(description="A stable code such as participant.already_randomized.")
    fields: dict[str, str] = Field(default_factory=dict, description="Inputs to correct, each with its sentence.")
    instance: str = Field(description="The request's id, also in the header X-Request-ID.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What went wrong, before it takes a shape."""

    status: int
    code: str
    title: str
    detail: str
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class AnsweredRefusal(Exception):
    """A refusal that its page has answered already: the form again, with what was typed.

    It leaves the handler as an exception, so that the transaction of the refused act can never be committed.
    """

    def __init__(self, error: DomainError, response: Response) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.response = response


def install_error_handlers(app: FastAPI) -> None:
    """Answer what routes raise; what they did not foresee falls into ``api.middleware.failures``."""
    app.add_exception_handler(AnsweredRefusal, give_answer)
    for kind in (DomainError, HTTPException, RequestValidationError, OperationalError, DataError):
        app.add_exception_handler(kind, answer_error)


def answer_error(request: Request, error: Exception) -> Response:
    """Any exception as an answer, in the shape that the caller can read."""
    hold_what_was_altered(services_of(request).database, error)
    refusal = refusal_of(error)
    request_id = str(getattr(request.state, "request_id", ""))
    _log(refusal, error, request_id)
    if is_for_programs(request):
        return _as_json(refusal, request_id)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return _to_sign_in(request)
    return _as_page(request, refusal, request_id)


def give_answer(request: Request, error: Exception) -> Response:
    """The page that the refused act made of its refusal."""
    assert isinstance(error, AnsweredRefusal), "registered for this class alone"
    hold_what_was_altered(services_of(request).database, error.error)
    _log(refusal_of(error.error), error.error, str(getattr(request.state, "request_id", "")))
    return error.response


def refusal_of(error: Exception) -> Refusal:
    """The refusal that an exception means; an unforeseen one says nothing of itself."""
    match error:
        case DomainError():
            return _domain_refusal(error)
        case RequestValidationError():
            return _validation_refusal(error)
        case HTTPException():
            return _http_refusal(error)
        case OperationalError():
            return Refusal(503, *_DATABASE_AWAY, headers={"Retry-After": "30"})
        case DataError() if "NUL" in str(error.orig):
            return Refusal(422, *_NOT_TEXT)
        case _:
            return Refusal(500, *_UNEXPECTED)


def status_of(kind: type[DomainError]) -> tuple[int, str]:
    """Status and title of a domain error, by its nearest family."""
    return next(STATUS[family] for family in kind.__mro__ if family in STATUS)


def is_for_programs(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _domain_refusal(error: DomainError) -> Refusal:
    if not isinstance(error, tuple(STATUS)):
        return Refusal(500, *_UNEXPECTED)
    status, title = status_of(type(error))
    headers: dict[str, str] = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(getattr(error, "retry_after_seconds", 60))
    return Refusal(status, error.code, title, error.sentence, error.fields, headers)


def _validation_refusal(error: RequestValidationError) -> Refusal:
    fields: dict[str, str] = {}
    for found in error.errors():
        place = [str(part) for part in found["loc"] if part not in {"body", "query", "path", "header", "cookie"}]
        fields.setdefault(".".join(place) or "body", _sentence(found["type"], found["msg"]))
    status, title = STATUS[InvalidInput]
    return Refusal(status, InvalidInput.code, title, "Correct the fields that are named, then send it again.", fields)


def _sentence(kind: str, message: str) -> str:
    """Pydantic's words without its prefixes; never the input itself."""
    if kind == "missing":
        return "This is required."
    words = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return words if words.endswith(".") else f"{words}."


def _http_refusal(error: HTTPException) -> Refusal:
    phrase = HTTPStatus(error.status_code).phrase
    code, title, detail = _HTTP_REFUSALS.get(
        error.status_code, ("request.refused", phrase, "The request was refused. Check it and try again.")
    )
    return Refusal(error.status_code, code, title, detail, headers=dict(error.headers or {}))


def _log(refusal: Refusal, error: Exception, request_id: str) -> None:
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("failure", request_id=request_id, code=refusal.code, status=refusal.status, **facts_of(error))
    else:
        log.info("refusal", request_id=request_id, code=refusal.code, status=refusal.status)


def _as_json(refusal: Refusal, request_id: str) -> Response:
    problem = Problem(
        type=f"urn:equipoise:problem:{refusal.code}",
        title=refusal.title,
        status=refusal.status,
        detail=refusal.detail,
        code=refusal.code,
        fields=dict(refusal.fields),
        instance=f"urn:uuid:{request_id}",
    )
    return JSONResponse(problem.model_dump(), refusal.status, dict(refusal.headers), media_type=PROBLEM_JSON)


def _to_sign_in(request: Request) -> Response:
    """Back to where the person wanted to go, once signed in; a lost form starts at home."""
    target = SIGN_IN_PATH
    if request.method == "GET" and request.url.path not in {"/", SIGN_IN_PATH}:
        target += "?next=" + quote(request.url.path, safe="")
    if request.headers.get("HX-Request") == "true":
        return Response(status_code=200, headers={"HX-Redirect": target})
    return RedirectResponse(target, status_code=303)


def _as_page(request: Request, refusal: Refusal, request_id: str) -> Response:
    response = page(
        request,
        "problem.html",
        status=refusal.status,
        problem=refusal,
        request_id=request_id,
        title=refusal.title,
    )
    response.headers.update(refusal.headers)
    if request.headers.get("HX-Request") == "true":
        response.headers.update({"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML"})
    return response
