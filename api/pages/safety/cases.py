"""One serious case: narrative, verdicts, the register of its reports, its papers, and who was told.

Invariants
1. It is for those who see the whole of an event; the unblinded safety officer finds the officer's own acts here as well.
2. Blinded and unblinded readers see the same facts. What a regulator's copy shows, and what became of a report, is opened
   by the officer alone, on pages marked as unblinded.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, site_words
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import instant_words, page
from api.pages.safety.clock_words import basis_words, clock_kind, clock_word, clock_words
from api.pages.safety.reports import criteria_words
from api.pages.site.commands import command_of
from api.pages.site.words import term_words
from api.permissions import permission
from api.places import Place
from randomization.unblinding.copies import copies_of
from reports.datasets.safety_case import safety_case_json
from reports.documents.cioms import cioms_form
from trial.access.accounts import get_account
from trial.access.permissions import Permission
from trial.conduct.casebooks import open_casebook
from trial.database.session import TrialSession
from trial.safety.adverse_events import AdverseEvent
from trial.safety.cases import case_of, check_may_read_case, find_case_event
from trial.safety.escalation import steps_of
from trial.safety.narratives import WriteNarrative, narratives_of, write_narrative
from trial.safety.susars import SusarAssessment, susar_assessments_of
from trial.safety.watch import case_under_watch, dues_for

router = APIRouter()

CASE = "/t/{trial}/adverse-events/{code}/{number}/case"
_READERS = permission(Permission.ADVERSE_EVENT_READ)
_DONE = {
    "narrative": "The narrative is kept as a further version.",
    "copy": "The case is unblinded and the regulator's copy is sealed.",
    "dealt": "The report is dealt with, and its clock has ended.",
}


def case_here(session: TrialSession, here: Place, code: str, number: int) -> AdverseEvent:
    """The event, for who may read all of it. Raises ``EventNotFound``, ``NotPermitted``."""
    event = find_case_event(session, here.trial.id, code.upper(), number)
    check_may_read_case(here.actor, event)
    return event


def case_url(here: Place, code: str, number: int, *parts: object) -> str:
    return here.url("adverse-events", code.upper(), number, "case", *parts)


@router.get(CASE, openapi_extra=_READERS)
def show_case(request: Request, here: Here, session: Write, code: str, number: int, done: str = "") -> Response:
    event = case_here(session, here, code, number)
    watched = case_under_watch(session, event)
    now, zone = session.now(), watched.site.zone
    clocks = [
        (due, clock_words(due, now, zone), clock_word(due, now), clock_kind(due, now), basis_words(due))
        for due in dues_for(here.actor, watched)
    ]
    return page(
        request, "safety/cases/case.html", here=here, code=code.upper(), number=number, zone=zone,
        done=_DONE.get(done, ""), clocks=clocks, provisional=watched.provisional,
        facts=facts_rows(session, event), narratives=narratives_of(session, event.id)[::-1],
        susars=_verdicts(session, event),
        reports=watched.reports, copies=copies_of(session, event.id),
        steps=[one for one in steps_of(session, event.id) if one.told],
        url=case_url(here, code, number), event_url=here.url("adverse-events", code.upper(), number),
        acts=_acts(here, code, number), is_officer=here.may(Permission.SUSAR_UNBLIND),
    )  # fmt: skip


def _verdicts(session: TrialSession, event: AdverseEvent) -> list[tuple[SusarAssessment, str]]:
    """The newest first, each with who gave it."""
    found = susar_assessments_of(session, event.id)[::-1]
    return [(one, get_account(session, one.assessed_by).display_name) for one in found]


def facts_rows(session: TrialSession, event: AdverseEvent) -> list[tuple[str, str]]:
    """The event in a few words."""
    book = open_casebook(session, event.participant_id)
    return [
        ("Participant", book.participant.code),
        ("Site", site_words(book.site)),
        (event.dictionary, f"{event.term}, grade {event.grade}"),
        ("Serious because", criteria_words(book, event)),
        ("Began", event.onset.replace("T", ", ")),
        ("Outcome", term_words("C66768", event.outcome)),
        ("Site aware", instant_words(event.aware_at, book.site.zone)),
        ("Sponsor informed", instant_words(event.sponsor_received_at, book.site.zone)),
    ]


def _acts(here: Place, code: str, number: int) -> list[tuple[str, str]]:
    rows = [
        ("Write the narrative", case_url(here, code, number, "narrative"), Permission.SUSAR_ASSESS),
        ("Judge again whether it is a SUSAR", here.url("adverse-events", code.upper(), number, "susar"), Permission.SUSAR_ASSESS),
        ("Unblind for the authority", case_url(here, code, number, "copy"), Permission.SUSAR_UNBLIND),
        ("Deal with a report", case_url(here, code, number, "report"), Permission.SUSAR_UNBLIND),
    ]  # fmt: skip
    return [(label, url) for label, url, needed in rows if here.may(needed)]


@router.get(f"{CASE}/cioms.pdf", openapi_extra=_READERS)
def download_cioms(here: Here, session: Write, code: str, number: int) -> Response:
    """The blinded copy of the CIOMS I form; the same bytes until something is recorded."""
    case = case_of(session, here.actor, case_here(session, here, code, number).id)
    return pdf_answer(cioms_form(case), f"{case.number}-cioms.pdf")


@router.get(f"{CASE}/case.json", openapi_extra=_READERS)
def download_case(here: Here, session: Write, code: str, number: int) -> Response:
    """The case for the sponsor's safety database; its schema is at ``/api/v1/trials/{trial}/safety/case-schema``."""
    case = case_of(session, here.actor, case_here(session, here, code, number).id)
    headers = {"Content-Disposition": f'attachment; filename="{case.number}.json"'}
    return Response(safety_case_json(case), media_type="application/json", headers=headers)


@router.get(f"{CASE}/narrative", openapi_extra=permission(Permission.SUSAR_ASSESS))
def show_narrative(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    earlier = narratives_of(session, case_here(session, here, code, number).id)
    values = {"text": earlier[-1].text if earlier else "", "after": str(len(earlier))}
    return _narrative_page(request, here, session, code, number, FormState(values=values))


@router.post(f"{CASE}/narrative", openapi_extra=permission(Permission.SUSAR_ASSESS))
def record_narrative(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _narrative_page(request, here, session, code, number, state, status)

    with reshown(session, posted, again):
        event = case_here(session, here, code, number)
        command = command_of(WriteNarrative, event_id=event.id, **picked(posted, "text", "after", "reason"))
        write_narrative(session, here.actor, command)
    return see(case_url(here, code, number), done="narrative")


def _narrative_page(
    request: Request, here: Place, session: TrialSession, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    event = case_here(session, here, code, number)
    return page(
        request, "safety/cases/narrative.html", status=status, here=here, state=state, facts=facts_rows(session, event),
        is_first=not narratives_of(session, event.id), **around(here, code, number, "narrative"),
    )  # fmt: skip


def around(here: Place, code: str, number: int, step: str) -> dict[str, Any]:
    """Where a page below a case stands."""
    return {
        "trail": [("Safety", here.url("safety")), (f"{code.upper()}, event {number}", case_url(here, code, number))],
        "url": case_url(here, code, number, step),
        "back": case_url(here, code, number),
    }
