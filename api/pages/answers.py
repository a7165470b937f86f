"""How a page that changes something answers: what was posted, the same page again on a refusal, a redirect on success.

    @router.post("/t/{trial}/meetings/{meeting_id}/vote", openapi_extra=permission("board:vote"))
    def vote(request: Request, here: Here, session: Write, posted: Posted, meeting_id: UUID) -> Response:
        with reshown(session, posted, lambda state, status: show(request, here, session, meeting_id, state, status)):
            cast_vote(session, here.actor, CastVote(meeting_id=meeting_id, **picked(posted, "recommendation")))
        return see(here.url("meetings", meeting_id), done="voted")

Invariants
1. A refused act leaves nothing behind: its transaction is rolled back before the page is shown again, and the refusal
   leaves the handler as an exception, so that nothing can be committed after it.
2. What may be read only by others (``NotPermitted``, ``NotFound``) is never shown on a form: it is the error page's.
3. A success is a redirect, so that a reload repeats nothing.
4. A body that is too long is refused by its announced length, or while it arrives (``api.middleware.limits``); no more than
   a file may have, and one byte, is ever taken out of a form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlencode

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from api.errors import AnsweredRefusal, status_of
from api.pages.forms import FormState, posted_values
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput, NotAuthenticated
from trial.safety.attachments import MAX_BYTES

Show: TypeAlias = Callable[[FormState, int], Response]
MOST_FILES = 200
_SHOWN_AGAIN = (InvalidInput, Conflict, NotAuthenticated, ValidationError)


async def _posted(request: Request) -> dict[str, Any]:
    return posted_values(await request.form())


Posted = Annotated[dict[str, Any], Depends(_posted)]
"""The fields of the form that was sent: a text for each name, a list where a name came more than once."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """``content`` has at most one byte more than a file may have: enough to be refused."""

    name: str
    content: bytes = field(repr=False)


async def _uploaded(request: Request) -> tuple[dict[str, Any], UploadedFile]:
    async with request.form(max_files=1, max_fields=20) as form:
        given = form.get("file")
        file = UploadedFile("file", b"")
        if isinstance(given, UploadFile):
            file = UploadedFile((given.filename or "file")[:255], await given.read(MAX_BYTES + 1))
        return posted_values(form), file


Uploaded = Annotated[tuple[dict[str, Any], UploadedFile], Depends(_uploaded)]
"""The fields of a form with one file, and the file; an empty one where none was chosen."""


async def _several_files(request: Request) -> tuple[dict[str, Any], list[UploadedFile]]:
    async with request.form(max_files=MOST_FILES, max_fields=20) as form:
        given = [one for one in form.getlist("files") if isinstance(one, UploadFile) and one.filename]
        files = [UploadedFile((one.filename or "file")[:255], await one.read(MAX_BYTES + 1)) for one in given]
        return posted_values(form), files


SeveralFiles = Annotated[tuple[dict[str, Any], list[UploadedFile]], Depends(_several_files)]
"""The fields of a form, and every file that was chosen in its field ``files``."""


@contextmanager
def reshown(session: TrialSession | None, posted: Mapping[str, Any], show: Show) -> Iterator[None]:
    """Do an act; when it is refused, answer with ``show(state, status)``: the form with what was typed."""
    try:
        yield
    except _SHOWN_AGAIN as error:
        if session is not None:
            session.rollback()
        refusal = InvalidInput("Correct the fields that are named.") if isinstance(error, ValidationError) else error
        status, _ = status_of(type(refusal))
        raise AnsweredRefusal(refusal, show(FormState.refused(posted, error), status)) from error


def picked(posted: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """These fields alone; an empty one is left out, so that a command's default or its complaint applies."""
    return {name: posted[name] for name in names if posted.get(name) not in (None, "")}


def several(posted: Mapping[str, Any], name: str) -> list[str]:
    """The ticked answers of a group of checkboxes: none, one or many."""
    given = posted.get(name, [])
    return list(given) if isinstance(given, list) else [given] if given else []


def see(url: str, **query: str) -> RedirectResponse:
    """After a success: to the page that shows it. ``done`` names a sentence of that page."""
    target = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url
    return RedirectResponse(target, status_code=303)
