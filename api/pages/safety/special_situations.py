"""Overdoses, medication errors and pregnancies: the list with what is due, a report, one of them, its follow-up."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.safety.sealed_words import words_under_seal
from api.pages.safety.typed_situations import (
    CHOICES,
    KIND_HINTS,
    KIND_WORDS,
    FormOf,
    blank_values,
    fact_rows,
    follow_up_of,
    kind_of,
    report_of,
    values_of,
)
from api.pages.site.commands import fields_as
from api.pages.site.subjects import list_url, opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from randomization.pharmacy.accounts import accounts_of
from trial.access.permissions import Permission
from trial.clock import local_date
from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession
from trial.safety.reading import events_for
from trial.safety.situation_facts import SituationKind
from trial.safety.situation_reading import SituationView, due_situations, may_follow_up, situation_for, situations_for
from trial.safety.special_situations import (
    follow_up_situation,
    knows_treatments,
    report_situation,
    versions_of_situation,
)

router = APIRouter()

_LIST = "/t/{trial}/special-situations"
_REPORT = "/t/{trial}/participants/{code}/special-situations/report"
_ONE = "/t/{trial}/special-situations/{code}/{number}"
_MAY_REPORT = permission(Permission.ADVERSE_EVENT_REPORT)
_MAY_LOOK = permission(Permission.ADVERSE_EVENT_READ, Permission.ADVERSE_EVENT_REPORT)
_DONE = {"reported": "The report is recorded.", "followed": "The follow-up is recorded."}
# A command's field that is wrong stands at the form's own.
_FIELDS = {"happened": "happened", "aware_at": "aware", "received_at": "aware"}


@router.get(_LIST, openapi_extra=_MAY_LOOK)
def list_situations(request: Request, here: Here, session: Write, done: str = "") -> Response:
    found = situations_for(session, here.actor, here.trial.id)
    found = [view for view in found if here.site is None or view.site_id == here.site.id]
    today = local_date(session.now(), here.zone)
    return page(
        request, "safety/situations.html", here=here, found=found, due=due_situations(found, today), today=today,
        kinds=KIND_WORDS, done=_DONE.get(done, ""),
        url_of=lambda view: list_url(here, "special-situations", view.participant, view.number),
    )  # fmt: skip


@router.get(_REPORT, openapi_extra=_MAY_REPORT)
def show_situation_report(request: Request, here: Here, session: Write, code: str, about: str = "") -> Response:
    book = opened(session, here, code)
    kind = kind_of(about)
    if kind is None:
        choices = [(KIND_WORDS[one], _report_url(here, code, one), KIND_HINTS[one]) for one in SituationKind]
        return page(
            request, "safety/situation_kinds.html", here=here, book=book, choices=choices, trail=trail(here, book)
        )
    return _report_page(request, session, here, book, kind, FormState(values=blank_values(book)))


@router.post(_REPORT, openapi_extra=_MAY_REPORT)
def report(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    kind = kind_of(posted.get("about", "")) or SituationKind.OVERDOSE

    def again(state: FormState, status: int) -> Response:
        return _report_page(request, session, here, opened(session, here, code), kind, state, status)

    with reshown(session, posted, again), fields_as(_FIELDS):
        book = opened(session, here, code)
        sealed = _sealed_words(here, book, posted)
        situation = report_situation(session, here.actor, report_of(book, kind, posted, under_seal=bool(sealed)))
        words_under_seal(session, here.actor, situation.id, sealed)
    return see(list_url(here, "special-situations", code, situation.number), done="reported")


@router.get(_ONE, openapi_extra=_MAY_LOOK)
def show_situation(request: Request, here: Here, session: Write, code: str, number: int, done: str = "") -> Response:
    book = opened(session, here, code)
    view = situation_for(session, here.actor, here.trial.id, book.participant.id, number)
    unblinded = _unblinded(here, book)
    follows = may_follow_up(here.actor, view, here.trial.id)
    return page(
        request, "safety/situation.html", unblinded=unblinded, here=here, book=book, view=view,
        rows=fact_rows(view), kinds=KIND_WORDS, done=_DONE.get(done, ""), trail=_trail(here, book)[:-1],
        accounts=accounts_of(session, here.actor, view.id) if unblinded else [],
        event_url=list_url(here, "adverse-events", code, view.event) if view.event else "",
        event_report_url=subject_url(here, code, "adverse-events", "report"),
        follow_up_url=list_url(here, "special-situations", code, number, "follow-up") if follows else "",
    )  # fmt: skip


@router.get(f"{_ONE}/follow-up", openapi_extra=_MAY_REPORT)
def show_situation_follow_up(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    book, view = _seen(session, here, code, number)
    return _follow_up_page(request, session, here, book, view, FormState(values=values_of(book, view)))


@router.post(f"{_ONE}/follow-up", openapi_extra=_MAY_REPORT)
def follow_up(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    def again(state: FormState, status: int) -> Response:
        book, view = _seen(session, here, code, number)
        return _follow_up_page(request, session, here, book, view, state, status)

    with reshown(session, posted, again), fields_as(_FIELDS):
        book, view = _seen(session, here, code, number)
        sealed = _sealed_words(here, book, posted)
        command = follow_up_of(book, view, posted, under_seal=bool(sealed))
        follow_up_situation(session, here.actor, command)
        words_under_seal(session, here.actor, view.id, sealed, len(versions_of_situation(session, view.id)))
    return see(list_url(here, "special-situations", code, number), done="followed")


def _seen(session: TrialSession, here: Place, code: str, number: int) -> tuple[Casebook, SituationView]:
    """One whose detail the caller sees. Raises ``SituationNotFound``, ``SituationWithheld``."""
    book = opened(session, here, code)
    view = situation_for(session, here.actor, here.trial.id, book.participant.id, number)
    view.check_shown()
    return book, view


def _unblinded(here: Place, book: Casebook) -> bool:
    return knows_treatments(here.actor, book.trial.id, book.site.id)


def _sealed_words(here: Place, book: Casebook, posted: dict[str, Any]) -> str:
    return str(posted.get("sealed_words", "")).strip() if _unblinded(here, book) else ""


def _report_url(here: Place, code: str, kind: SituationKind) -> str:
    url = subject_url(here, code, "special-situations", "report")
    return f"{url}{'&' if '?' in url else '?'}about={kind.value}"


def _report_page(
    request: Request,
    session: TrialSession,
    here: Place,
    book: Casebook,
    kind: SituationKind,
    state: FormState,
    status: int = 200,
) -> Response:
    code = book.participant.code
    return page(
        request, "safety/situation_form.html", status=status, unblinded=_unblinded(here, book), here=here, book=book,
        state=state, form=_form(session, here, book, kind, is_follow_up=False), trail=trail(here, book),
        url=subject_url(here, code, "special-situations", "report"), back=subject_url(here, code),
    )  # fmt: skip


def _follow_up_page(
    request: Request,
    session: TrialSession,
    here: Place,
    book: Casebook,
    view: SituationView,
    state: FormState,
    status: int = 200,
) -> Response:
    back = list_url(here, "special-situations", view.participant, view.number)
    return page(
        request, "safety/situation_form.html", status=status, unblinded=_unblinded(here, book), here=here, book=book,
        state=state, form=_form(session, here, book, view.kind, is_follow_up=True),
        trail=[*_trail(here, book)[:-1], (f"Situation {view.number}", back)],
        url=list_url(here, "special-situations", view.participant, view.number, "follow-up"), back=back,
    )  # fmt: skip


def _form(session: TrialSession, here: Place, book: Casebook, kind: SituationKind, *, is_follow_up: bool) -> FormOf:
    events: list[tuple[str, str]] = []
    if here.may(Permission.ADVERSE_EVENT_READ):
        found = events_for(session, here.actor, here.trial.id, participant_id=book.participant.id)
        events = [(str(one.number), f"Event {one.number}: {one.term or 'withheld'}") for one in found]
    return FormOf(kind, KIND_WORDS[kind], is_follow_up, _unblinded(here, book), book.site.zone, events, CHOICES)


def _trail(here: Place, book: Casebook) -> list[tuple[str, str]]:
    code = book.participant.code
    return [("Special situations", list_url(here, "special-situations")), (code, subject_url(here, code)), ("", "")]
