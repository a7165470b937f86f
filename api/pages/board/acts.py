"""What a member of the board does at a meeting: declare, vote, and for the chair sign the recommendation."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.board.meetings import meeting_here
from api.pages.forms import FormState
from api.pages.frame import Here, Place
from api.pages.render import page
from api.pages.words import RECOMMENDATION_WORDS
from api.permissions import permission
from trial.database.session import TrialSession
from trial.oversight.meetings import DeclareConflict, declare_conflict, protocol_of_meeting
from trial.oversight.recommendations import MEANING, SignRecommendation, sign_recommendation, voting_members
from trial.oversight.votes import CastVote, cast_vote, leading, votes_at

router = APIRouter()


def _form(
    request: Request,
    here: Place,
    session: TrialSession,
    meeting_id: UUID,
    template: str,
    state: FormState,
    status: int = 200,
) -> Response:
    meeting = meeting_here(session, here, meeting_id)
    offered = protocol_of_meeting(session, meeting).board.recommendations
    context: dict[str, Any] = {
        "here": here,
        "meeting": meeting,
        "state": state,
        "offered": [(name, RECOMMENDATION_WORDS[name]) for name in offered],
    }
    return page(request, f"board/{template}.html", status=status, **context)


@router.get("/t/{trial}/meetings/{meeting_id}/declaration", openapi_extra=permission("board:vote"))
def show_declaration(request: Request, here: Here, session: Write, meeting_id: UUID) -> Response:
    return _form(request, here, session, meeting_id, "declaration", FormState())


@router.post("/t/{trial}/meetings/{meeting_id}/declaration", openapi_extra=permission("board:vote"))
def declare(request: Request, here: Here, session: Write, posted: Posted, meeting_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _form(request, here, session, meeting_id, "declaration", state, status)

    with reshown(session, posted, show):
        given = picked(posted, "has_conflict", "statement")
        given.setdefault("statement", "No conflict of interest." if given.get("has_conflict") == "no" else "")
        meeting = meeting_here(session, here, meeting_id)
        declare_conflict(session, here.actor, DeclareConflict(meeting_id=meeting.id, **given))
    return see(here.url("meetings", meeting_id), done="declared")


@router.get("/t/{trial}/meetings/{meeting_id}/vote", openapi_extra=permission("board:vote"))
def show_vote(request: Request, here: Here, session: Write, meeting_id: UUID) -> Response:
    own = [v for v in votes_at(session, here.actor, meeting_id) if v.account_id == here.actor.account_id]
    values = {"recommendation": own[0].recommendation, "comment": own[0].comment} if own else {}
    return _form(request, here, session, meeting_id, "vote", FormState(values))


@router.post("/t/{trial}/meetings/{meeting_id}/vote", openapi_extra=permission("board:vote"))
def vote(request: Request, here: Here, session: Write, posted: Posted, meeting_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _form(request, here, session, meeting_id, "vote", state, status)

    with reshown(session, posted, show):
        meeting = meeting_here(session, here, meeting_id)
        given = picked(posted, "recommendation", "comment")
        cast_vote(session, here.actor, CastVote(meeting_id=meeting.id, **given))
    return see(here.url("meetings", meeting_id), done="voted")


@router.get("/t/{trial}/meetings/{meeting_id}/recommendation", openapi_extra=permission("board:recommend"))
def show_recommendation_form(request: Request, here: Here, session: Write, meeting_id: UUID) -> Response:
    most = sorted(leading(v.recommendation for v in votes_at(session, here.actor, meeting_id)))
    state = FormState({"recommendation": most[0]} if len(most) == 1 else {})
    return _signing(request, here, session, meeting_id, state)


def _signing(
    request: Request, here: Place, session: TrialSession, meeting_id: UUID, state: FormState, status: int = 200
) -> Response:
    meeting = meeting_here(session, here, meeting_id)
    tally = [v.recommendation for v in votes_at(session, here.actor, meeting.id)]
    context: dict[str, Any] = {
        "here": here,
        "meeting": meeting,
        "state": state,
        "meaning": MEANING,
        "quorum": protocol_of_meeting(session, meeting).board.quorum,
        "voting": len(voting_members(session, meeting.id)),
        "tally": [(words, tally.count(name)) for name, words in RECOMMENDATION_WORDS.items() if name in tally],
        "offered": [(n, RECOMMENDATION_WORDS[n]) for n in protocol_of_meeting(session, meeting).board.recommendations],
    }
    return page(request, "board/recommendation.html", status=status, **context)


@router.post("/t/{trial}/meetings/{meeting_id}/recommendation", openapi_extra=permission("board:recommend"))
def sign_one(request: Request, here: Here, session: Write, posted: Posted, meeting_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _signing(request, here, session, meeting_id, state, status)

    with reshown(session, posted, show):
        given = picked(posted, "recommendation", "text", "idempotency_key")
        command = SignRecommendation(meeting_id=meeting_id, **given)
        proof = here.caller.prove(posted.get("password", ""), posted.get("code"))
        meeting_here(session, here, meeting_id)
        sign_recommendation(session, here.actor, proof, command)
    return see(here.url("meetings", meeting_id), done="signed")
