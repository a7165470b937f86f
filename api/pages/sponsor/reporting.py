"""The reporting checklist of each cut-off: CONSORT 2025, CONSORT Harms 2022 and SPIRIT 2025, filled from the trial's data.

Invariants
1. The document is blinded: everybody who may read open reports reads the same bytes.
"""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.jobs.reporting import checklist_of
from api.pages.frame import Here, Way, register_way
from api.pages.pharmacy.stock_papers import pdf_answer
from api.pages.render import page
from api.permissions import permission
from trial.access.permissions import Permission
from trial.locks.cutoffs import CutoffNotFound, cutoffs_of, get_cutoff

router = APIRouter()
register_way(Way("Reporting checklist", "reporting", (Permission.REPORT_OPEN_READ,), order=46, aside=True))


@router.get("/t/{trial}/reporting", openapi_extra=permission("report:open:read"))
def list_checklists(request: Request, here: Here, session: Write) -> Response:
    return page(request, "sponsor/reporting.html", here=here, cutoffs=cutoffs_of(session, here.trial.id)[::-1])


@router.get("/t/{trial}/cutoffs/{cutoff_id}/checklist.pdf", openapi_extra=permission("report:open:read"))
def download_checklist(here: Here, session: Write, cutoff_id: UUID) -> Response:
    """The checklist as PDF. Raises ``CutoffNotFound``."""
    cutoff = get_cutoff(session, cutoff_id)
    if cutoff.trial_id != here.trial.id:
        raise CutoffNotFound("There is no such cut-off. Choose one from the trial's list.")
    return pdf_answer(checklist_of(session, cutoff), f"{here.trial.code}-reporting-checklist-{cutoff.number}.pdf")
