"""What went wrong with an allocation: chosen by kind, marked with a reason, never put right."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import opened, subject_url, trail
from api.pages.site.words import ERROR_HINTS, ERROR_WORDS
from api.permissions import permission
from api.places import Place
from randomization.ledger.wrong_kits import MarkWrongKit, mark_wrong_kit
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.conduct.participants import check_randomized
from trial.conduct.randomization_errors import (
    MarkDuplicate,
    MarkRandomizedInError,
    MarkWrongStratum,
    RandomizationErrorKind,
    mark_duplicate,
    mark_randomized_in_error,
    mark_wrong_stratum,
)
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/randomization-error"
_MAY = permission(Permission.PARTICIPANT_RANDOMIZE)
_LEVEL = "level"


@router.get(_PATH, openapi_extra=_MAY)
def choose_randomization_error(request: Request, here: Here, session: Write, code: str) -> Response:
    book = _book(session, here, code)
    no_kits = set() if book.protocol.supply.numbered_kits else {RandomizationErrorKind.WRONG_KIT}
    kinds = [one for one in RandomizationErrorKind if one not in no_kits]
    offers = [(ERROR_WORDS[kind], ERROR_HINTS[kind], _url(here, code, kind)) for kind in kinds]
    back = subject_url(here, code)
    context: dict[str, Any] = {"here": here, "book": book, "offers": offers, "trail": trail(here, book), "back": back}
    return page(request, "site/randomization_errors.html", **context)


@router.get(_PATH + "/{kind}", openapi_extra=_MAY)
def show_randomization_error(
    request: Request, here: Here, session: Write, code: str, kind: RandomizationErrorKind
) -> Response:
    return _form(request, session, here, code, kind, FormState())


@router.post(_PATH + "/{kind}", openapi_extra=_MAY)
def mark_randomization_error(
    request: Request, here: Here, session: Write, posted: Posted, code: str, kind: RandomizationErrorKind
) -> Response:
    with reshown(session, posted, lambda state, status: _form(request, session, here, code, kind, state, status)):
        one = opened(session, here, code).participant.id
        told = {
            "participant_id": one,
            "found_on": date_text(posted, "found_on"),
            **picked(posted, "reason", "idempotency_key"),
        }
        if kind is RandomizationErrorKind.WRONG_STRATUM:
            factor, _, value = str(posted.get(_LEVEL, "")).partition("=")
            mark_wrong_stratum(session, here.actor, command_of(MarkWrongStratum, factor=factor, value=value, **told))
        elif kind is RandomizationErrorKind.IN_ERROR:
            mark_randomized_in_error(session, here.actor, command_of(MarkRandomizedInError, **told))
        elif kind is RandomizationErrorKind.WRONG_KIT:
            mark_wrong_kit(session, here.actor, command_of(MarkWrongKit, **picked(posted, "kit_given"), **told))
        else:
            other = picked(posted, "same_person_as")
            mark_duplicate(session, here.actor, command_of(MarkDuplicate, **other, **told))
    return see(subject_url(here, code), done="randomization-error")


def _form(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    kind: RandomizationErrorKind,
    state: FormState,
    status: int = 200,
) -> Response:
    book = _book(session, here, code)
    blank = FormState(values=date_values("found_on", book.today.isoformat()))
    context: dict[str, Any] = {
        "here": here,
        "book": book,
        "state": state if state.has_errors else blank,
        "kind": kind.value,
        "title": ERROR_WORDS[kind],
        "hint": ERROR_HINTS[kind],
        "levels": _levels(book),
        "trail": trail(here, book),
        "url": _url(here, code, kind),
        "back": subject_url(here, code, "randomization-error"),
    }
    return page(request, "site/randomization_error.html", status=status, **context)


def _levels(book: Casebook) -> list[tuple[str, str]]:
    """Every level of every factor, as one choice each."""
    return [
        (f"{factor.name}={level.code}", f"{factor.label}: {level.label}")
        for factor in book.protocol.factors
        for level in factor.levels
    ]


def _book(session: TrialSession, here: Place, code: str) -> Casebook:
    """Raises ``ParticipantNotFound``, ``NotRandomized``."""
    book = opened(session, here, code)
    check_randomized(book.participant)
    return book


def _url(here: Place, code: str, kind: RandomizationErrorKind) -> str:
    return subject_url(here, code, "randomization-error", kind.value)
