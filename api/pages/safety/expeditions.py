"""The unblinded safety officer's own acts on a case: unblind it, open its copy, deal with a report, read what became of each.

Invariants
1. Every page here that shows a treatment, or what follows from one, is marked as unblinded and kept by no browser.
2. The officer does the same acts, in the same order, for every SUSAR, whatever the copy shows: so nobody can count them.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.jobs.regulator_copies import MakeRegulatorCopy, make_regulator_copy
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import page
from api.pages.safety.cases import CASE, around, case_here, case_url, facts_rows
from api.pages.safety.clock_words import clock_words
from api.pages.site.commands import command_of, fields_as, local_instant
from api.permissions import permission
from api.places import Place
from randomization.unblinding.copies import copies_of, open_copy
from randomization.unblinding.emergency import MEANING
from randomization.unblinding.expedition import DealWithReport, Expedition, deal_with_report, open_expeditions
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.safety.clocks import SITES_OWN
from trial.safety.expedited_reports import OF_ITS_OWN_ACCORD
from trial.safety.watch import WatchedCase, case_under_watch

router = APIRouter()

_OFFICER = permission(Permission.SUSAR_UNBLIND)
_DECISIONS = [
    (Expedition.SENT.value, "Sent to the authority"),
    (Expedition.NOT_EXPEDITED.value, "Filed and not expedited: no active treatment"),
]


@router.get(f"{CASE}/copy", openapi_extra=_OFFICER)
def show_unblinding(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _copy_page(request, here, session, code, number, FormState())


@router.post(f"{CASE}/copy", openapi_extra=_OFFICER)
def unblind(
    request: Request, here: Here, caller: Called, session: Write, posted: Posted, code: str, number: int
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _copy_page(request, here, session, code, number, state, status)

    with reshown(session, posted, again):
        proof = caller.prove(posted.get("password", ""), posted.get("code"))
        event = case_here(session, here, code, number)
        command = command_of(MakeRegulatorCopy, event_id=event.id, idempotency_key=posted.get("idempotency_key", ""))
        make_regulator_copy(session, here.actor, proof, command)
    return see(case_url(here, code, number), done="copy")


@router.get(f"{CASE}/copies/{{version}}.pdf", openapi_extra=_OFFICER)
def download_copy(here: Here, session: Write, code: str, number: int, version: int) -> Response:
    """The regulator's copy, opened from under its seal; entered in the register each time."""
    found = open_copy(session, here.actor, case_here(session, here, code, number).id, version)
    answer = pdf_answer(found.content, f"{here.trial.code}-{code.upper()}-{number}-regulator-{version}.pdf")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.get(f"{CASE}/report", openapi_extra=_OFFICER)
def show_report_form(request: Request, here: Here, session: Write, code: str, number: int) -> Response:
    return _report_page(request, here, session, code, number, FormState())


@router.post(f"{CASE}/report", openapi_extra=_OFFICER)
def deal_with(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _report_page(request, here, session, code, number, state, status)

    with reshown(session, posted, again):
        case = case_under_watch(session, case_here(session, here, code, number))
        day = date_text(posted, "dealt")
        clock_id, _, jurisdiction = str(posted.get("report", "")).partition("@")
        with fields_as({"clock_id": "report", "dealt_with_at": "dealt"}):
            command = command_of(
                DealWithReport,
                event_id=case.event.id,
                clock_id=clock_id,
                jurisdiction=jurisdiction,
                dealt_with_at=local_instant(day, str(posted.get("dealt_time", "")), case.site.zone) if day else None,
                **picked(posted, "decision", "recipient", "reference", "note", "idempotency_key"),
            )
            deal_with_report(session, here.actor, command)
    return see(case_url(here, code, number), done="dealt")


@router.post(f"{CASE}/expeditions", openapi_extra=_OFFICER)
def show_expeditions(request: Request, here: Here, session: Write, posted: Posted, code: str, number: int) -> Response:
    """In the answer itself and at no address; that they were opened is recorded."""
    del posted
    event = case_here(session, here, code, number)
    zone = case_under_watch(session, event).site.zone
    answer = page(
        request, "safety/cases/expeditions.html", unblinded=True, here=here, zone=zone,
        opened=open_expeditions(session, here.actor, event.id), decisions=dict(_DECISIONS),
        **around(here, code, number, "expeditions"),
    )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _copy_page(
    request: Request, here: Place, session: TrialSession, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    event = case_here(session, here, code, number)
    return page(
        request, "safety/cases/copy.html", status=status, here=here, state=state, facts=facts_rows(session, event),
        made=len(copies_of(session, event.id)), meaning=MEANING, needs_code=here.caller.needs_code,
        **around(here, code, number, "copy"),
    )  # fmt: skip


def _report_page(
    request: Request, here: Place, session: TrialSession, code: str, number: int, state: FormState, status: int = 200
) -> Response:
    case = case_under_watch(session, case_here(session, here, code, number))
    context: dict[str, Any] = around(here, code, number, "report")
    return page(
        request, "safety/cases/report.html", status=status, here=here, state=state, zone=case.site.zone,
        facts=facts_rows(session, case.event), options=_due_here(session, case), decisions=_DECISIONS, **context,
    )  # fmt: skip


def _due_here(session: TrialSession, case: WatchedCase) -> list[tuple[str, str, str]]:
    """What can be dealt with now: open clocks, and a follow-up to an authority that had a first report."""
    zone = case.site.zone
    due = [
        (
            f"{one.clock_id}@{one.jurisdiction}",
            f"{one.report} ({one.jurisdiction})",
            clock_words(one, session.now(), zone),
        )
        for one in case.dues
        if one.is_open and one.jurisdiction != SITES_OWN
    ]
    told = dict.fromkeys(one.jurisdiction for one in case.reports)
    return [*due, *((f"{OF_ITS_OWN_ACCORD}@{one}", f"Follow-up that no clock asks for ({one})", "") for one in told)]
