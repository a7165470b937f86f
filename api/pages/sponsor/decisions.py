"""What the board recommended and what the sponsor decided; the three levers.

Invariants
1. Nothing of a meeting but its signed recommendation is shown here.
2. Each lever is moved by itself, with a reason, on a page that shows how all three stand.
"""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here, Place, Way, register_way
from api.pages.render import page
from api.pages.words import LEVER_WORDS, RECOMMENDATION_WORDS
from api.permissions import permission
from trial.access.accounts import accounts_by_id
from trial.access.permissions import Permission
from trial.conduct.trials import Lever, get_trial
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.oversight.decisions import (
    LEVERS_CLOSED_BY,
    Answer,
    DecideOnRecommendation,
    MoveLevers,
    decide_on_recommendation,
    decisions_for,
    levers_of,
    move_levers,
)
from trial.oversight.meetings import meetings_of
from trial.oversight.recommendations import (
    Recommendation,
    RecommendationNotFound,
    get_recommendation,
    recommendations_for,
)

router = APIRouter()
register_way(Way("Recommendations", "recommendations", (Permission.RECOMMENDATION_READ,), order=25, aside=True))

SAID = {"decided": "The decision is recorded, and the levers stand as it says."}
ANSWERS = [
    (Answer.ACCEPT.value, "Accept", "The levers move as the recommendation says"),
    (Answer.MODIFY.value, "Modify", "The levers stand as you choose below"),
    (Answer.REJECT.value, "Reject", "No lever moves"),
]


class LeverUnchosen(InvalidInput):
    code = "lever.unchosen"


@router.get("/t/{trial}/recommendations", openapi_extra=permission("recommendation:read"))
def list_recommendations(request: Request, here: Here, session: Write, done: str = "") -> Response:
    found = recommendations_for(session, here.actor, here.trial.id)
    decisions = {one.recommendation_id: one for one in decisions_for(session, here.actor, here.trial.id)}
    signers = accounts_by_id(session, (one.signed_by for one in found))
    numbers = {meeting.id: meeting.number for meeting in meetings_of(session, here.trial.id)}
    return page(
        request,
        "sponsor/recommendations.html",
        here=here,
        said=SAID.get(done, ""),
        words=RECOMMENDATION_WORDS,
        lever_words=LEVER_WORDS,
        rows=[(one, numbers[one.meeting_id], signers[one.signed_by], decisions.get(one.id)) for one in found[::-1]],
        may_decide=here.may(Permission.OVERSIGHT_DECIDE),
    )


def undecided(session: TrialSession, here: Place) -> list[Recommendation]:
    """The recommendations that wait for the sponsor."""
    decided = {one.recommendation_id for one in decisions_for(session, here.actor, here.trial.id)}
    return [one for one in recommendations_for(session, here.actor, here.trial.id) if one.id not in decided]


@router.get("/t/{trial}/recommendations/{recommendation_id}/decision", openapi_extra=permission("oversight:decide"))
def show_decision(request: Request, here: Here, session: Write, recommendation_id: UUID) -> Response:
    return _decision_page(request, here, session, recommendation_id, FormState())


def _decision_page(
    request: Request, here: Place, session: TrialSession, recommendation_id: UUID, state: FormState, status: int = 200
) -> Response:
    found = get_recommendation(session, recommendation_id)
    if found.trial_id != here.trial.id:
        raise RecommendationNotFound("There is no such recommendation. Choose one from the list.")
    closes = [LEVER_WORDS[lever] for lever in LEVERS_CLOSED_BY[found.recommendation]]
    context: dict[str, Any] = {
        "here": here,
        "state": state,
        "record": found,
        "words": RECOMMENDATION_WORDS[found.recommendation],
        "closes": closes,
        "answers": ANSWERS,
        "levers": _standing(session, here),
    }
    return page(request, "sponsor/decision.html", status=status, **context)


def _standing(session: TrialSession, here: Place) -> list[tuple[str, str, bool]]:
    trial = get_trial(session, here.trial.id)
    return [(lever.value, LEVER_WORDS[lever], is_open) for lever, is_open in levers_of(trial).items()]


@router.post("/t/{trial}/recommendations/{recommendation_id}/decision", openapi_extra=permission("oversight:decide"))
def decide(request: Request, here: Here, session: Write, posted: Posted, recommendation_id: UUID) -> Response:
    def show(state: FormState, status: int) -> Response:
        return _decision_page(request, here, session, recommendation_id, state, status)

    with reshown(session, posted, show):
        given = picked(posted, "idempotency_key", "answer", "reason")
        levers = chosen_levers(posted) if given.get("answer") == Answer.MODIFY else {}
        command = DecideOnRecommendation(recommendation_id=recommendation_id, levers=levers, **given)
        decide_on_recommendation(session, here.actor, command)
    return see(here.url("recommendations"), done="decided")


def chosen_levers(posted: Posted) -> dict[Lever, bool]:
    """The levers that a form moves; one that was left alone is not named."""
    return {lever: posted[lever.value] == "open" for lever in Lever if posted.get(lever.value) in {"open", "closed"}}


@router.get("/t/{trial}/levers", openapi_extra=permission("oversight:decide"))
def show_levers(request: Request, here: Here, session: Write) -> Response:
    return _levers_page(request, here, session, FormState())


def _levers_page(request: Request, here: Place, session: TrialSession, state: FormState, status: int = 200) -> Response:
    context: dict[str, Any] = {"here": here, "state": state, "levers": _standing(session, here)}
    return page(request, "sponsor/levers.html", status=status, **context)


@router.post("/t/{trial}/levers", openapi_extra=permission("oversight:decide"))
def move(request: Request, here: Here, session: Write, posted: Posted) -> Response:
    with reshown(session, posted, lambda state, status: _levers_page(request, here, session, state, status)):
        levers = chosen_levers(posted)
        if not levers:
            raise LeverUnchosen("Choose what becomes open or closed; leave the others as they are.")
        move_levers(session, here.actor, MoveLevers(trial_id=here.trial.id, levers=levers, **picked(posted, "reason")))
    return see(here.url("overview"), done="moved")
