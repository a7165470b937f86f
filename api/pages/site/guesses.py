"""Blinding guesses: entered by the one who guesses, or from the participant's paper. What was guessed is never shown again."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of, whole_number
from api.pages.site.subjects import opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.conduct.casebooks import Casebook
from trial.conduct.guesses import (
    DONT_KNOW,
    Guesser,
    GuessNotExpected,
    RecordGuess,
    check_guesser,
    guesses_made_for,
    record_guess,
)
from trial.conduct.schedules import VisitStanding
from trial.conduct.visits import VisitState
from trial.database.session import TrialSession
from trial.errors import NotPermitted

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/guesses/{occasion}/{guesser}"
_GUESSES = permission(Permission.GUESS_WRITE)
_WHO = {
    Guesser.PARTICIPANT: "the participant",
    Guesser.INFUSION_NURSE: "the infusion nurse",
    Guesser.ASSESSOR: "the assessor",
}


@dataclass(frozen=True, slots=True)
class DueGuess:
    label: str
    url: str


@router.get(_PATH, openapi_extra=_GUESSES)
def show_guess(request: Request, here: Here, session: Write, code: str, occasion: str, guesser: Guesser) -> Response:
    return _page(request, session, here, code, occasion, guesser, FormState())


@router.post(_PATH, openapi_extra=_GUESSES)
def enter_guess(
    request: Request, here: Here, session: Write, posted: Posted, code: str, occasion: str, guesser: Guesser
) -> Response:
    def again(state: FormState, status: int) -> Response:
        return _page(request, session, here, code, occasion, guesser, state, status)

    with reshown(session, posted, again):
        command = command_of(
            RecordGuess,
            participant_id=opened(session, here, code).participant.id,
            occasion=occasion,
            guesser=guesser,
            certainty=whole_number(posted.get("certainty", "")),
            **picked(posted, "guess", "reason"),
        )
        record_guess(session, here.actor, command)
    return see(subject_url(here, code), done="guess")


def due_guesses(session: TrialSession, here: Place, book: Casebook, visits: list[VisitState]) -> list[DueGuess]:
    """The guesses that this person may enter now: the occasion's visit took place and nobody has entered it."""
    if not may(here.actor, Permission.GUESS_WRITE, book.trial.id, book.site.id):
        return []
    held = {state.planned.visit.code for state in visits if state.standing is VisitStanding.DONE}
    made = guesses_made_for(session, here.actor, book.participant.id)
    return [
        DueGuess(
            f"Guess of {_WHO[guesser]}, {form.label[:1].lower()}{form.label[1:]}",
            subject_url(here, book.participant.code, "guesses", form.occasion, guesser.value),
        )
        for form in book.protocol.guesses.forms
        for guesser in map(Guesser, form.guessers)
        if form.visit in held and (form.occasion, guesser) not in made and _may_guess(here, book, guesser)
    ]


def _may_guess(here: Place, book: Casebook, guesser: Guesser) -> bool:
    try:
        check_guesser(here.actor, book, guesser)
    except NotPermitted:
        return False
    return True


def _page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    occasion: str,
    guesser: Guesser,
    state: FormState,
    status: int = 200,
) -> Response:
    book = opened(session, here, code)
    check_guesser(here.actor, book, guesser)
    plan = book.protocol.guesses
    form = next((one for one in plan.forms if one.occasion == occasion), None)
    if form is None:
        raise GuessNotExpected(f"The protocol asks for no guess at {occasion}. Choose one from the participant's page.")
    options = [(arm.code, arm.name) for arm in book.protocol.arms]
    return page(
        request, "site/guess.html", status=status, here=here, book=book, state=state, trail=trail(here, book),
        who=_WHO[guesser], occasion=form.label, options=[*options, (DONT_KNOW, "Don't know")],
        certainties=[(str(one), str(one)) for one in range(plan.certainty_low, plan.certainty_high + 1)],
        reasons=[(one.code, one.label) for one in plan.reasons], back=subject_url(here, code),
        url=subject_url(here, code, "guesses", occasion, guesser.value),
    )  # fmt: skip
