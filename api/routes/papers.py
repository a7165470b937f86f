"""Open reports for programs. Closed reports are opened by people, on the meeting's page."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.dependencies import Write
from api.pages.board.papers import paper_here, pdf
from api.permissions import permission
from api.places import Here
from trial.oversight.papers import PaperKind, read_open_paper

router = APIRouter()

_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {}}, "description": "The document. ETag is its SHA-256."}
}


@router.get(
    "/trials/{trial}/papers/{paper_id}/document",
    openapi_extra=permission("report:open:read"),
    response_class=Response,
    responses=_PDF,
)
def pull_open_report(here: Here, session: Write, paper_id: UUID) -> Response:
    """An open report's bytes. That you opened it is recorded."""
    paper = paper_here(session, here, paper_id, PaperKind.OPEN)
    return pdf(paper, read_open_paper(session, here.actor, paper.id))
