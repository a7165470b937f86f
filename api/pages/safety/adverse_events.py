"""Adverse events: the list, a report that grows with its answers, and one event."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.drafts import draft_of
from api.pages.forms import FormState, posted_values
from api.pages.frame import Here, site_words
from api.pages.render import fragment, page
from api.pages.safety.event_records import record_of
from api.pages.safety.reports import PARTS, event_form
from api.pages.safety.single import SeenEvent, event_rows, seen_event, tasks_on
from api.pages.safety.typed_events import aware_at, blank_values, check_seriousness_said, facts_of
from api.pages.site.commands import command_of, fields_as
from api.pages.site.subjects import (
    history_url,
    list_url,
    may_here,
    opened,
    raise_query_url,
    subject_url,
    trail,
    with_query,
)
from api.pages.site.words import term_words
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession
from trial.safety.adverse_events import ReportAdverseEvent, report_adverse_event
from trial.safety.attachments import attachments_for
from trial.safety.coding import suggest
from trial.safety.reading import EventsAsked, EventWithheld, count_events, events_for

router = APIRouter()

_REPORT = "/t/{trial}/participants/{code}/adverse-events"
_EVENT = "/t/{trial}/adverse-events/{code}/{number}"
_PAGE_SIZE = 60
_MAY_REPORT = permission(Permission.ADVERSE_EVENT_REPORT)
_MAY_READ = permission(Permission.ADVERSE_EVENT_READ)


@router.get("/t/{trial}/adverse-events", openapi_extra=_MAY_READ)
def list_events(
    request: Request,
    here: Here,
    session: Write,
    kind: str = "all",
    words: Annotated[str, Query(max_length=80)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=100_000)] = 1,
) -> Response:
    everything = EventsAsked(site_id=here.site.id if here.site else None, words=words)
    serious = replace(everything, serious=True)
    asked = serious if kind == "serious" else everything
    counts = {one: count_events(session, here.actor, here.trial.id, one) for one in (everything, serious)}
    first = (number - 1) * _PAGE_SIZE
    return page(
        request, "safety/events.html", here=here, kind=kind, words=words, term_words=term_words,
        events=events_for(session, here.actor, here.trial.id, asked, first=first, limit=_PAGE_SIZE),
        total=counts[everything], serious=counts[serious], number=number, last=max(1, -(-counts[asked] // _PAGE_SIZE)),
        urls={one: _list_address(here, kind=one, words=words) for one in ("all", "serious")},
        base=_list_address(here, kind=kind, words=words, page=""),
    )  # fmt: skip


def _list_address(here: Place, **asked: str) -> str:
    kept = {name: value for name, value in asked.items() if value or name == "page"}
    return with_query(list_url(here, "adverse-events"), **kept)


@router.get(f"{_REPORT}/report", openapi_extra=_MAY_REPORT)
def show_report(request: Request, here: Here, session: Write, code: str) -> Response:
    book = opened(session, here, code)
    return _report_page(request, session, here, book, FormState(values=blank_values(book)))


@router.post(f"{_REPORT}/report", openapi_extra=_MAY_REPORT)
def report(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _report_page(request, session, here, opened(session, here, code), state, status)

    with reshown(session, posted, again):
        book = opened(session, here, code)
        with fields_as({"aware_at": "aware"}):
            event = report_adverse_event(session, here.actor, _reporting(book, posted))
    if may_here(here, book, Permission.ADVERSE_EVENT_READ):
        return see(list_url(here, "adverse-events", code, event.number), done="reported")
    return see(subject_url(here, code), done="event")


@router.get(f"{_REPORT}/parts/{{part}}", openapi_extra=_MAY_REPORT)
def show_part(request: Request, here: Here, session: Write, code: str, part: str) -> Response:
    """What an answer adds to the form, for htmx."""
    values = _queried(request)
    state = FormState(values={"aesi": values.get("aesi_meant", ""), **values})
    form = event_form(session, here, opened(session, here, code), state)
    return fragment(request, "safety/part.html", form=form, state=state, part=part if part in PARTS else "")


@router.get(f"{_REPORT}/terms", openapi_extra=_MAY_REPORT)
def find_terms(request: Request, here: Here, session: Write, code: str, term: str = "") -> Response:
    """Terms of the pinned dictionary that what is typed may mean, for htmx."""
    rules = opened(session, here, code).protocol.adverse_events
    return fragment(request, "safety/terms.html", found=suggest(rules, term, 8) if len(term.strip()) > 1 else [])


@router.get(_EVENT, openapi_extra=_MAY_READ)
def show_event(request: Request, here: Here, session: Write, code: str, number: int, done: str = "") -> Response:
    seen = seen_event(session, here, code, number)
    return page(
        request, "safety/event.html", here=here, seen=seen, rows=event_rows(seen), tasks=tasks_on(here, seen),
        trail=_event_trail(here, seen.book)[:-1], done=_DONE.get(done, ""), site_words=site_words,
        url=list_url(here, "adverse-events", code, number), participant_url=subject_url(here, code),
        history_url=history_url(here, seen.event.id, f"event {number} of {code}") if seen.event else "",
        update_url=list_url(here, "adverse-events", code, number, "update") if seen.can_update(here) else "",
        correct_url=list_url(here, "adverse-events", code, number, "correct") if seen.can_update(here) else "",
        record=record_of(session, here, seen), **_files(session, here, seen),
        query_url=raise_query_url(here, seen.book, event=str(number)),
    )  # fmt: skip


def _files(session: TrialSession, here: Place, seen: SeenEvent) -> dict[str, Any]:
    """The event's files, for who may see them, and where one is attached."""
    url = here.url("adverse-events", seen.view.participant, seen.view.number, "files")
    try:
        files = attachments_for(session, here.actor, seen.view.id)
    except EventWithheld:
        return {"files": None, "files_url": "", "attach_url": ""}
    return {"files": files, "files_url": url, "attach_url": url if seen.can_update(here) else ""}


_DONE = {
    "attached": "The file is attached.",
    "withdrawn": "The file is withdrawn. Its content is shown to nobody any more.",
    "reported": "The event is recorded. A serious one has alerted the medical monitor.",
    "updated": "The change is recorded as a new version; the earlier ones stay.",
    "assessed": "The assessment is recorded.",
    "signed": "The event is signed.",
    "susar": "The SUSAR assessment is recorded.",
}


def _reporting(book: Casebook, posted: dict[str, Any]) -> ReportAdverseEvent:
    check_seriousness_said(posted)
    return command_of(
        ReportAdverseEvent,
        idempotency_key=posted.get("idempotency_key", ""),
        participant_id=book.participant.id,
        facts=facts_of(posted),
        aware_at=aware_at(posted, book),
        confirmed_after_consent=posted.get("confirmed_after_consent") == "yes",
        confirmed_another=posted.get("confirmed_another") == "yes",
    )


def _queried(request: Request) -> dict[str, Any]:
    return posted_values(FormData([(name, value) for name, value in request.query_params.multi_items()]))


def _event_trail(here: Place, book: Casebook) -> list[tuple[str, str]]:
    code = book.participant.code
    return [("Adverse events", list_url(here, "adverse-events")), (code, subject_url(here, code)), ("", "")]


def _report_page(
    request: Request, session: TrialSession, here: Place, book: Casebook, state: FormState, status: int = 200
) -> Response:
    code = book.participant.code
    return page(
        request, "safety/report.html", status=status, here=here, book=book, state=state,
        form=event_form(session, here, book, state),
        trail=trail(here, book), url=subject_url(here, code, "adverse-events", "report"), back=subject_url(here, code),
        parts_url=here.url("participants", code, "adverse-events"), dictionary=book.protocol.adverse_events.dictionary,
        kind="report", draft=draft_of(here.caller, code),
    )  # fmt: skip
