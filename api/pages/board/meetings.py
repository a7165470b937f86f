"""The board's meetings: the list, convening one, and one meeting with everything that belongs to it.

Invariants
1. Declarations and votes are shown to members of the board alone; papers to those who may read their kind.
2. What a member does next stands first: declare, read, vote, and for the chair sign. A paper that will not open yet is
   named, and no link.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlmodel import select
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.render import page
from api.pages.words import MEETING_KIND_WORDS, RECOMMENDATION_WORDS
from api.permissions import permission
from trial.access.accounts import accounts_by_id, names_of_actors
from trial.access.permissions import Permission
from trial.database.session import TrialSession
from trial.oversight.decisions import Decision
from trial.oversight.meetings import (
    ConveneMeeting,
    Meeting,
    MeetingAct,
    MeetingNotFound,
    MeetingState,
    can_act,
    convene_meeting,
    declaration_of,
    declarations_at,
    get_meeting,
    looks_with_meeting,
    meetings_of,
    protocol_of_meeting,
)
from trial.oversight.papers import PaperKind, can_open_papers, openings_of, papers_for
from trial.oversight.recommendations import Recommendation, voting_members
from trial.oversight.votes import votes_at

router = APIRouter()
register_way(Way("Meetings", "meetings", (Permission.REPORT_OPEN_READ,), order=20))

SAID = {
    "convened": "The meeting is convened. Members see it on their home page.",
    "declared": "Your declaration is recorded.",
    "voted": "Your vote is recorded. You can change it until the recommendation is signed.",
    "asked": "The report is being built. It appears below when it is ready.",
    "signed": "The recommendation is signed and has gone to the sponsor.",
}


@router.get("/t/{trial}/meetings", openapi_extra=permission("report:open:read"))
def list_meetings(request: Request, here: Here, session: Write) -> Response:
    meetings = meetings_of(session, here.trial.id)
    return page(
        request,
        "board/meetings.html",
        here=here,
        meetings=meetings[::-1],
        kinds=MEETING_KIND_WORDS,
        may_convene=here.may(Permission.BOARD_CONVENE),
    )


@router.get("/t/{trial}/meetings/new", openapi_extra=permission("board:convene"))
def show_convening(request: Request, here: Here, session: Write) -> Response:
    return _convening(request, here, session, FormState(), 200)


def _convening(request: Request, here: Place, session: TrialSession, state: FormState, status: int) -> Response:
    held = looks_with_meeting(session, here.trial.id)
    planned = _planned_looks(here)
    free = [(number, words) for number, words in planned if int(number) not in held]
    context: dict[str, Any] = {"here": here, "state": state, "kinds": list(MEETING_KIND_WORDS.items()), "looks": free}
    return page(request, "board/convene.html", status=status, **context)


def _planned_looks(here: Place) -> list[tuple[str, str]]:
    protocol = here.protocol
    return [(str(look.number), f"{look.number}: {look.name}") for look in protocol.design.looks] if protocol else []


@router.post("/t/{trial}/meetings", openapi_extra=permission("board:convene"))
def convene(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _convening(request, here, session, state, status)):
        given = {**picked(posted, "kind", "look"), "planned_on": date_text(posted, "planned_on")}
        meeting = convene_meeting(session, here.actor, ConveneMeeting(trial_id=here.trial.id, **given))
    return see(here.url("meetings", meeting.id), done="convened")


@router.get("/t/{trial}/meetings/{meeting_id}", openapi_extra=permission("report:open:read"))
def show_meeting(request: Request, here: Here, session: Write, meeting_id: UUID, done: str = "") -> Response:
    meeting = meeting_here(session, here, meeting_id)
    return page(
        request,
        "board/meeting.html",
        here=here,
        meeting=meeting,
        kind=MEETING_KIND_WORDS[meeting.kind],
        said=SAID.get(done, ""),
        words=RECOMMENDATION_WORDS,
        papers=_papers(session, here, meeting),
        board=_board(session, here, meeting),
        recommendation=_recommendation(session, here, meeting),
        tasks=_tasks(session, here, meeting),
        may_build=can_act(meeting.state, MeetingAct.FILE_PAPER)
        and (here.may(Permission.REPORT_OPEN_BUILD) or here.may(Permission.REPORT_CLOSED_BUILD)),
    )


def meeting_here(session: TrialSession, here: Place, meeting_id: UUID) -> Meeting:
    """The meeting, if it is this trial's. Raises ``MeetingNotFound``."""
    meeting = get_meeting(session, meeting_id)
    if meeting.trial_id != here.trial.id:
        raise MeetingNotFound("There is no such meeting. Choose one from the board's list.")
    return meeting


def _papers(session: TrialSession, here: Place, meeting: Meeting) -> list[dict[str, Any]]:
    shown = []
    opens = can_open_papers(session, here.actor, here.trial.id, meeting.id)
    for paper in sorted(papers_for(session, here.actor, meeting.id), key=lambda one: one.kind is PaperKind.CLOSED):
        openings = openings_of(session, paper.id)
        names = names_of_actors(session, (opening.opened_by for opening in openings))
        shown.append(
            {
                "paper": paper,
                "url": here.url("papers", paper.id, f"{paper.kind.value}.pdf") if opens else "",
                "openings": [(names[opening.opened_by], opening.recorded_at) for opening in openings],
            }
        )
    return shown


def _board(session: TrialSession, here: Place, meeting: Meeting) -> list[dict[str, Any]]:
    """Who is present, and how they voted: for members alone."""
    if not here.may(Permission.BOARD_VOTE):
        return []
    declarations = declarations_at(session, meeting.id)
    people = accounts_by_id(session, (one.account_id for one in declarations))
    votes = {vote.account_id: vote for vote in votes_at(session, here.actor, meeting.id)}
    return [
        {"declaration": one, "name": people[one.account_id].display_name, "vote": votes.get(one.account_id)}
        for one in declarations
    ]


def _recommendation(session: TrialSession, here: Place, meeting: Meeting) -> dict[str, Any] | None:
    """The recommendation and the sponsor's answer, for the board and for those who may read it."""
    if not (here.may(Permission.RECOMMENDATION_READ) or here.may(Permission.BOARD_VOTE)):
        return None
    given = session.exec(select(Recommendation).where(Recommendation.meeting_id == meeting.id)).first()
    if given is None:
        return None
    decision = session.exec(select(Decision).where(Decision.recommendation_id == given.id)).first()
    signer = accounts_by_id(session, [given.signed_by])[given.signed_by].display_name
    return {"record": given, "signer": signer, "decision": decision}


def _tasks(session: TrialSession, here: Place, meeting: Meeting) -> list[tuple[str, str, str, str, str]]:
    """What a member of the board does at this meeting, in order, each with how it stands."""
    if not here.may(Permission.BOARD_VOTE) or meeting.state is MeetingState.CANCELLED:
        return []
    own = declaration_of(session, meeting.id, here.actor.account_id)
    open_now = can_act(meeting.state, MeetingAct.VOTE)
    recused = own is not None and own.has_conflict
    voted = any(vote.account_id == here.actor.account_id for vote in votes_at(session, here.actor, meeting.id))
    tasks = [_declaration_task(here, meeting, declared=own is not None, recused=recused, open_now=open_now)]
    can_vote = own is not None and not recused and open_now
    word, kind = ("Voted", "done") if voted else ("Recused", "plain") if recused else ("To do", "warning")
    if not open_now and not voted:
        word, kind = "Closed", "plain"
    tasks.append(
        ("Vote", here.url("meetings", meeting.id, "vote") if can_vote else "", word, kind, "Read the papers first")
    )
    if here.may(Permission.BOARD_RECOMMEND):
        tasks.append(_signing_task(session, here, meeting, can_sign=can_vote))
    return tasks


def _declaration_task(
    here: Place, meeting: Meeting, *, declared: bool, recused: bool, open_now: bool
) -> tuple[str, str, str, str, str]:
    label, hint = "Declare whether you have a conflict of interest", "Opens the papers"
    if declared:
        return label, "", "Conflict" if recused else "No conflict", "warning" if recused else "done", ""
    if not open_now:
        return label, "", "Closed", "plain", ""
    return label, here.url("meetings", meeting.id, "declaration"), "To do", "warning", hint


def _signing_task(
    session: TrialSession, here: Place, meeting: Meeting, *, can_sign: bool
) -> tuple[str, str, str, str, str]:
    board = protocol_of_meeting(session, meeting).board
    voting = len(voting_members(session, meeting.id))
    if not can_act(meeting.state, MeetingAct.RECOMMEND):
        return "Sign the recommendation", "", "Signed", "done", ""
    url = here.url("meetings", meeting.id, "recommendation") if can_sign and voting >= board.quorum else ""
    word, kind = ("Ready to sign", "active") if url else ("Waits for votes", "waiting")
    return "Sign the recommendation", url, word, kind, f"{voting} of the {board.quorum} votes of a quorum are in"


@home_worklist(Permission.BOARD_VOTE)
def meetings_to_attend(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    for meeting in meetings_of(session, here.trial.id):
        if meeting.state is not MeetingState.CONVENED:
            continue
        own = declaration_of(session, meeting.id, here.actor.account_id)
        url = here.url("meetings", meeting.id)
        if own is None:
            yield WorkRow(1, f"declaration for meeting {meeting.number}", url, "opens the papers", "warning")
        elif not own.has_conflict and not _has_voted(session, here, meeting):
            yield WorkRow(1, f"vote at meeting {meeting.number}", url, "after reading the papers")
        elif not own.has_conflict and here.may(Permission.BOARD_RECOMMEND) and _is_quorate(session, meeting):
            yield WorkRow(
                1, f"recommendation of meeting {meeting.number} to sign", url, "a quorum has voted", "warning"
            )


def _is_quorate(session: TrialSession, meeting: Meeting) -> bool:
    return len(voting_members(session, meeting.id)) >= protocol_of_meeting(session, meeting).board.quorum


def _has_voted(session: TrialSession, here: Place, meeting: Meeting) -> bool:
    return any(vote.account_id == here.actor.account_id for vote in votes_at(session, here.actor, meeting.id))
