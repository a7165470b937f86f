"""The coder's desk: events whose coding wants a look, codes in MedDRA, and what another dictionary version changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Way, WorkRow, home_worklist, register_way
from api.pages.render import fragment, page
from api.pages.safety.single import SeenEvent, event_rows, seen_event
from api.pages.site.commands import FormIncomplete, command_of, whole_number
from api.pages.site.subjects import list_url
from api.pages.site.words import counted
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.protocol.schema import AdverseEventRules
from trial.safety.coders.meddra_codings import (
    CodeInMeddra,
    code_in_meddra,
    code_what_is_certain,
    meddra_coding_of,
    meddra_queue,
    propose,
)
from trial.safety.coders.recoding import CERTAIN, RecodeEvents, recode, recoding_report, report_csv
from trial.safety.coders.reviews import ReviewCoding, coding_queue, review_coding
from trial.safety.coding import TermUnknown, confidence, dictionary_label, grades_offered, interests_of, suggest
from trial.safety.meddra.releases import open_release

router = APIRouter()
register_way(Way("Coding", "coding", (Permission.CODING_WRITE,), order=24))

_DESK = "/t/{trial}/coding"
_ONE = f"{_DESK}/{{code}}/{{number}}"
_MAY = permission(Permission.CODING_WRITE)
_LLT = re.compile(r"\d{8}")
_DONE = {
    "reviewed": "The coding is reviewed.",
    "coded": "The event has its code in MedDRA.",
    "recoded": "What was certain is carried over. What is left waits for you.",
}


@router.get(_DESK, openapi_extra=_MAY)
def show_desk(request: Request, here: Here, session: Write, done: str = "", coded: int = -1, left: int = 0) -> Response:
    queue = coding_queue(session, here.actor, here.trial.id)
    release = _pinned(here)
    told = (
        f"{coded} {counted(coded, 'event is', 'events are')} coded by itself; {left} wait."
        if coded >= 0
        else _DONE.get(done, "")
    )
    return page(
        request, "safety/coding.html", here=here, queue=queue, release=release, told=told,
        uncoded=meddra_queue(session, here.actor, here.trial.id) if release else [],
        to_recode=len(recoding_report(session, here.actor, here.trial.id)), desk_url=here.url("coding"),
    )  # fmt: skip


@router.get(f"{_DESK}/terms", openapi_extra=_MAY)
def find_terms(request: Request, here: Here, term: str = "") -> Response:
    """Terms of the pinned dictionary that what is typed may mean, for htmx."""
    found = suggest(here.protocol.adverse_events, term, 8) if here.protocol and len(term.strip()) > 1 else []
    return fragment(request, "safety/terms.html", found=found)


@router.get(f"{_DESK}/meddra/terms", openapi_extra=_MAY)
def find_llts(request: Request, here: Here, session: Write, llt: str = "") -> Response:
    """Current terms of the pinned MedDRA release that what is typed may mean, for htmx."""
    version = _pinned(here)
    if version is None or len(llt.strip()) < 3:
        return fragment(request, "safety/llts.html", found=[])
    release = open_release(session, version)
    found = [release.term(hit.key) for hit in release.find(llt, typing=True)[:8]]
    return fragment(request, "safety/llts.html", found=found)


@router.post(f"{_DESK}/meddra", openapi_extra=_MAY)
def code_certain(here: Here, session: Write, posted: Posted) -> Response:  # noqa: ARG001 - the form's token is checked with it
    done = code_what_is_certain(session, here.actor, here.trial.id)
    return see(here.url("coding"), coded=str(done.coded), left=str(done.left))


@router.get(_ONE, openapi_extra=_MAY)
def show_review(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    event = seen_event(session, here, code, number).record
    values = {"term": event.term, "grade": str(event.grade), "aesi": event.aesi or ""}
    return _review_page(request, here, session, code, number, FormState(values=values))


@router.get(f"{_ONE}/grades", openapi_extra=_MAY)
def show_grades(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    """The grades and events of special interest of the term that is chosen, for htmx."""
    rules = seen_event(session, here, code, number).book.protocol.adverse_events
    values = dict(request.query_params)
    state = FormState(values={"aesi": values.get("aesi_meant", ""), **values})
    return fragment(request, "safety/coding_grades.html", state=state, **_choices(rules, values.get("term", "")))


@router.post(_ONE, openapi_extra=_MAY)
def review(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _review_page(request, here, session, code, number, state, status)

    with reshown(session, posted, again):
        event = seen_event(session, here, code, number).record
        command = command_of(
            ReviewCoding,
            event_id=event.id,
            grade=whole_number(posted.get("grade", "")),
            **picked(posted, "term", "aesi", "reason"),
        )
        if (command.term, command.grade) != (event.term, event.grade) and len(command.reason) < 3:
            raise FormIncomplete("Say why the coding changes.", fields={"reason": "This is required for a change."})
        review_coding(session, here.actor, command)
    return see(here.url("coding"), done="reviewed")


@router.get(f"{_ONE}/meddra", openapi_extra=_MAY)
def show_meddra(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _meddra_page(request, here, session, code, number, FormState())


@router.post(f"{_ONE}/meddra", openapi_extra=_MAY)
def record_meddra(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _meddra_page(request, here, session, code, number, state, status)

    with reshown(session, posted, again):
        event = seen_event(session, here, code, number).record
        found = _LLT.search(str(posted.get("llt", "")))
        if found is None:
            raise FormIncomplete(
                "Choose a term from the list.", fields={"llt": "Type a word and choose from the list."}
            )
        code_in_meddra(
            session, here.actor, CodeInMeddra(event_id=event.id, llt_code=found.group(), **picked(posted, "reason"))
        )
    return see(here.url("coding"), done="coded")


@router.get("/t/{trial}/recoding", openapi_extra=_MAY)
def show_recoding(request: Request, here: Here, session: Write) -> Response:
    return _recoding_page(request, here, session, FormState())


@router.post("/t/{trial}/recoding", openapi_extra=_MAY)
def carry_over(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _recoding_page(request, here, session, state, status)):
        recode(session, here.actor, command_of(RecodeEvents, trial_id=here.trial.id, reason=posted.get("reason")))
    return see(here.url("coding"), done="recoded")


@router.get("/t/{trial}/recoding.csv", openapi_extra=_MAY)
def recoding_file(here: Here, session: Write) -> Response:
    content = report_csv(recoding_report(session, here.actor, here.trial.id))
    headers = {"Content-Disposition": f'attachment; filename="{here.trial.code}-recoding.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@home_worklist(Permission.CODING_WRITE)
def to_review(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Codings that want a look."""
    queue = coding_queue(session, here.actor, here.trial.id)
    waiting = len(queue.waiting)
    yield WorkRow(waiting, counted(waiting, "coding to review", "codings to review"), here.url("coding"), kind="plain")


def _pinned(here: Place) -> str | None:
    """The MedDRA release that the protocol in force pins."""
    return here.protocol.adverse_events.dictionary.meddra if here.protocol else None


def _choices(rules: AdverseEventRules, term: str) -> dict[str, Any]:
    """What the term leaves to choose; nothing while it is none of the dictionary."""
    try:
        grades = grades_offered(rules, term)
    except TermUnknown:
        return {"grades": [], "interests": []}
    interests = interests_of(rules, term)
    return {
        "grades": [(str(grade), f"Grade {grade}", words) for grade, words in grades.items()],
        "interests": [(name, name) for name in interests] if len(interests) > 1 or term.endswith("specify") else [],
    }


def _review_page(
    request: Request, here: Place, session: TrialSession, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    seen = seen_event(session, here, code, number)
    event, rules = seen.record, seen.book.protocol.adverse_events
    return page(
        request, "safety/coding_review.html", status=status, here=here, seen=seen, rows=event_rows(seen), state=state,
        sure=round(100 * confidence(rules, event.verbatim, event.term, event.aesi)), label=dictionary_label(rules),
        suggestions=suggest(rules, event.verbatim, 3), **_choices(rules, str(state.value("term"))),
        **_addresses(here, seen),
    )  # fmt: skip


def _meddra_page(
    request: Request, here: Place, session: TrialSession, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    seen = seen_event(session, here, code, number)
    event, version = seen.record, seen.book.protocol.adverse_events.dictionary.meddra
    release = open_release(session, version) if version else None
    return page(
        request, "safety/coding_meddra.html", status=status, here=here, seen=seen, rows=event_rows(seen), state=state,
        release=release, coded=meddra_coding_of(session, event, version) if version else None,
        proposals=propose(release, seen.book, event) if release else [], **_addresses(here, seen),
    )  # fmt: skip


def _recoding_page(
    request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200
) -> Response:
    lines = recoding_report(session, here.actor, here.trial.id)
    return page(
        request, "safety/recoding.html", status=status, here=here, lines=lines, state=state, back=here.url("coding"),
        certain=sum(line.move.outcome in CERTAIN and line.term is not None for line in lines),
        url=here.url("recoding"), file_url=f"{here.url('recoding')}.csv",
    )  # fmt: skip


def _addresses(here: Place, seen: SeenEvent) -> dict[str, Any]:
    code, number = seen.view.participant, seen.view.number
    return {
        "trail": [
            ("Coding", here.url("coding")),
            (f"{code}, event {number}", list_url(here, "adverse-events", code, number)),
        ],
        "url": here.url("coding", code, number),
        "desk_url": here.url("coding"),
    }
