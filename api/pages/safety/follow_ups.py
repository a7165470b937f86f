"""Following up an adverse event, or correcting what was recorded of it: each a new version, with its reason."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.drafts import draft_of
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.safety.reports import event_form
from api.pages.safety.single import SeenEvent, seen_event
from api.pages.safety.typed_events import (
    aware_at,
    blank_values,
    check_seriousness_said,
    continued_course,
    facts_of,
    follow_up_values,
    kept_course,
    values_of_event,
)
from api.pages.site.commands import command_of, fields_as
from api.pages.site.subjects import list_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.safety.adverse_events import UpdateAdverseEvent, update_adverse_event

router = APIRouter()

_EVENT = "/t/{trial}/adverse-events/{code}/{number}"
_MAY_REPORT = permission(Permission.ADVERSE_EVENT_REPORT)
Kind = Literal["follow_up", "correction"]
_STEPS: Mapping[Kind, str] = {"follow_up": "update", "correction": "correct"}


@router.get(f"{_EVENT}/update", openapi_extra=_MAY_REPORT)
def show_update(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    seen = seen_event(session, here, code, number)
    return _page(request, session, here, seen, "follow_up", FormState(values=follow_up_values(seen.record, seen.book)))


@router.post(f"{_EVENT}/update", openapi_extra=_MAY_REPORT)
def update(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    return _submit(request, session, here, posted, code, number, "follow_up")


@router.get(f"{_EVENT}/correct", openapi_extra=_MAY_REPORT)
def show_correction(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    seen = seen_event(session, here, code, number)
    values = values_of_event(seen.record) | blank_values(seen.book)
    return _page(request, session, here, seen, "correction", FormState(values=values))


@router.post(f"{_EVENT}/correct", openapi_extra=_MAY_REPORT)
def correct(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    return _submit(request, session, here, posted, code, number, "correction")


def _submit(
    request: Request, session: TrialSession, here: Place, posted: dict[str, Any], code: str, number: int, kind: Kind
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _page(request, session, here, seen_event(session, here, code, number), kind, state, status)

    with reshown(session, posted, again), fields_as({"aware_at": "aware", "course": "grade_since"}):
        update_adverse_event(session, here.actor, _command(seen_event(session, here, code, number), posted, kind))
    return see(list_url(here, "adverse-events", code, number), done="updated")


def _command(seen: SeenEvent, posted: dict[str, Any], kind: Kind) -> UpdateAdverseEvent:
    check_seriousness_said(posted)
    course = continued_course if kind == "follow_up" else kept_course
    return command_of(
        UpdateAdverseEvent,
        event_id=seen.record.id,
        facts=facts_of(posted, course(seen.record, posted)),
        reason=posted.get("reason"),
        kind=kind,
        received_at=aware_at(posted, seen.book),
        confirmed_after_consent=posted.get("confirmed_after_consent") == "yes",
    )


def _page(
    request: Request,
    session: TrialSession,
    here: Place,
    seen: SeenEvent,
    kind: Kind,
    state: FormState,
    status: int = 200,
) -> Response:
    book, code, number = seen.book, seen.book.participant.code, seen.view.number
    return page(
        request, "safety/report.html", status=status, here=here, book=book, state=state,
        form=event_form(session, here, book, state, number), kind=kind,
        correct_url=list_url(here, "adverse-events", code, number, "correct"),
        trail=[*trail(here, book), (f"Event {number}", list_url(here, "adverse-events", code, number))],
        url=list_url(here, "adverse-events", code, number, _STEPS[kind]),
        back=list_url(here, "adverse-events", code, number),
        parts_url=here.url("participants", code, "adverse-events"), dictionary=book.protocol.adverse_events.dictionary,
        draft=draft_of(here.caller, seen.record.id, seen.latest),
    )  # fmt: skip
