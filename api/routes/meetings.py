"""The board's meetings and the papers that were filed for them."""

from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Write
from api.pages.board.meetings import meeting_here
from api.permissions import permission
from api.places import Here
from trial.oversight.meetings import meetings_of
from trial.oversight.papers import papers_for

router = APIRouter()


class MeetingSummary(BaseModel):
    id: UUID
    number: int
    kind: str
    planned_on: date
    look: int | None = Field(description="The number of the planned look, for a planned look only.")
    state: str


class PaperSummary(BaseModel):
    id: UUID
    kind: str = Field(description="open or closed")
    document_sha256: str | None = Field(
        description="Over the document's own bytes, before a signature is appended. Of a closed paper the strongroom alone "
        "knows it: a guess could be tried on it."
    )
    document_size: int | None
    snapshot_sha256: str
    code_version: str
    recorded_at: datetime


@router.get("/trials/{trial}/meetings", openapi_extra=permission("report:open:read"))
def list_board_meetings(here: Here, session: Write) -> list[MeetingSummary]:
    """Every meeting of the trial's board, in order."""
    found = meetings_of(session, here.trial.id)
    return [MeetingSummary.model_validate(meeting, from_attributes=True) for meeting in found]


@router.get("/trials/{trial}/meetings/{meeting_id}", openapi_extra=permission("report:open:read"))
def read_board_meeting(here: Here, session: Write, meeting_id: UUID) -> MeetingSummary:
    """One meeting."""
    return MeetingSummary.model_validate(meeting_here(session, here, meeting_id), from_attributes=True)


@router.get("/trials/{trial}/meetings/{meeting_id}/papers", openapi_extra=permission("report:open:read"))
def list_papers(here: Here, session: Write, meeting_id: UUID) -> list[PaperSummary]:
    """The meeting's papers of the kinds that you may read."""
    meeting = meeting_here(session, here, meeting_id)
    found = papers_for(session, here.actor, meeting.id)
    return [PaperSummary.model_validate(paper, from_attributes=True) for paper in found]
