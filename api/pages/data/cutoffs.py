"""Cut-offs: the instants as of which reports and datasets know the trial; and the reports that are built from one.

Invariants
1. A cut-off is taken now; none is ever set to another instant.
2. Asking for a report queues its build; the paper appears with its meeting when it is ready.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.jobs.reports import BuildReport, ask_for_report
from api.pages.answers import Posted, picked, reshown, see
from api.pages.board.meetings import meeting_here
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, register_way
from api.pages.render import page
from api.permissions import permission
from trial.access.accounts import names_of_actors
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.locks.cutoffs import TakeCutoff, cutoffs_of, take_cutoff
from trial.locks.snapshots import get_snapshot
from trial.oversight.papers import PaperKind

router = APIRouter()
register_way(Way("Cut-offs", "cutoffs", (Permission.DATA_CUTOFF,), order=32))

SAID = {"taken": "The cut-off is taken, and its snapshot kept."}


@router.get("/t/{trial}/cutoffs", openapi_extra=permission("data:cutoff"))
def list_cutoffs(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return _cutoffs_page(request, here, session, FormState(), said=SAID.get(done, ""))


def _cutoffs_page(
    request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200, said: str = ""
) -> Response:
    found = cutoffs_of(session, here.trial.id)[::-1]
    names = names_of_actors(session, (one.taken_by for one in found))
    context: dict[str, Any] = {
        "here": here,
        "state": state,
        "said": said,
        "rows": [(one, names[one.taken_by], get_snapshot(session, one.snapshot_id).sha256) for one in found],
    }
    return page(request, "data/cutoffs.html", status=status, **context)


@router.post("/t/{trial}/cutoffs", openapi_extra=permission("data:cutoff"))
def take(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _cutoffs_page(request, here, session, state, status)):
        given = picked(posted, "idempotency_key", "purpose")
        take_cutoff(session, here.actor, TakeCutoff(trial_id=here.trial.id, **given))
    return see(here.url("cutoffs"), done="taken")


@router.get(
    "/t/{trial}/meetings/{meeting_id}/reports", openapi_extra=permission("report:open:build", "report:closed:build")
)
def show_report_form(request: Request, here: Here, session: Write, meeting_id: UUID) -> Response:
    return _report_page(request, here, session, meeting_id, FormState())


def _report_page(
    request: Request, here: Place, session: TrialSession, meeting_id: UUID, state: FormState, status: int = 200
) -> Response:
    kinds = [
        (kind.value, f"{kind.value.capitalize()} report")
        for kind in PaperKind
        if here.may(f"report:{kind.value}:build")
    ]
    context: dict[str, Any] = {
        "here": here,
        "meeting": meeting_here(session, here, meeting_id),
        "state": state,
        "kinds": kinds,
        "cutoffs": cutoffs_of(session, here.trial.id)[::-1],
        "may_cut_off": here.may(Permission.DATA_CUTOFF),
    }
    return page(request, "data/report.html", status=status, **context)


@router.post(
    "/t/{trial}/meetings/{meeting_id}/reports", openapi_extra=permission("report:open:build", "report:closed:build")
)
def build_report(request: Request, here: Here, session: Write, posted: Posted, meeting_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _report_page(request, here, session, meeting_id, state, status)

    with reshown(session, posted, show):
        meeting = meeting_here(session, here, meeting_id)
        command = BuildReport.model_validate({"meeting_id": meeting.id, **picked(posted, "kind", "cutoff_id")})
        ask_for_report(session, here.actor, command)
    return see(here.url("meetings", meeting_id), done="asked")
