"""A meeting's papers as they are opened: bytes for a reader, inline, with their hash.

Invariants
1. Each opening is recorded in the same transaction that reads the bytes, and committed before they are sent.
2. An open and a closed paper have different addresses, each with its own permission.
"""

import hashlib
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, Place
from api.permissions import permission
from randomization.unblinding.documents import open_document
from trial.database.session import TrialSession
from trial.oversight.papers import Paper, PaperKind, PaperNotFound, get_paper, open_paper, read_open_paper

router = APIRouter()


@router.get("/t/{trial}/papers/{paper_id}/open.pdf", openapi_extra=permission("report:open:read"))
def read_open_report(here: Here, session: Write, paper_id: UUID) -> Response:
    paper = paper_here(session, here, paper_id, PaperKind.OPEN)
    return pdf(paper, read_open_paper(session, here.actor, paper.id))


@router.get("/t/{trial}/papers/{paper_id}/closed.pdf", openapi_extra=permission("report:closed:read"))
def read_closed_report(here: Here, session: Write, paper_id: UUID) -> Response:
    paper = paper_here(session, here, paper_id, PaperKind.CLOSED)
    return pdf(paper, closed_bytes(session, here, paper))


def closed_bytes(session: TrialSession, here: Place, paper: Paper) -> bytes:
    """Record the opening in the meeting, then let the strongroom open the document. Raises ``PaperNotFound``."""
    open_paper(session, here.actor, paper.id)
    if paper.sealed_document_id is None:
        raise PaperNotFound("The strongroom holds no such document. Ask the unblinded statistician to build it again.")
    return open_document(session, here.actor, paper.sealed_document_id).content


def paper_here(session: TrialSession, here: Place, paper_id: UUID, kind: PaperKind) -> Paper:
    """The paper, if it is this trial's and of this kind. Raises ``PaperNotFound``."""
    paper = get_paper(session, paper_id)
    if paper.trial_id != here.trial.id or paper.kind is not kind:
        raise PaperNotFound("There is no such paper. Choose one from the meeting.")
    return paper


def pdf(paper: Paper, content: bytes) -> Response:
    found = hashlib.sha256(content).hexdigest()
    name = f"{paper.kind.value}-report-{found[:12]}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "ETag": f'"{found}"'}
    return Response(content, media_type="application/pdf", headers=headers)
