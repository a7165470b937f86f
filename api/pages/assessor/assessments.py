"""The efficacy assessor: what is due today, and one questionnaire. Nothing of the infusion is on these pages."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.assessor.agenda import due_assessments
from api.pages.assessor.questionnaires import error_fields, items_of, recording, values_of
from api.pages.drafts import draft_of
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import fields_as
from api.pages.site.subjects import list_url, opened
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.conduct.outcomes import Outcome, outcomes_for, record_outcomes
from trial.database.session import TrialSession

router = APIRouter()

_ONE = "/t/{trial}/assessments/{code}/{visit}/{instrument}"
_ASSESSOR = permission(Permission.EFFICACY_WRITE)


@router.get("/t/{trial}/assessments", openapi_extra=_ASSESSOR)
def list_assessments(request: Request, here: Here, session: Write, done: str = "") -> Response:
    return page(
        request, "assessor/today.html", here=here, due=due_assessments(session, here),
        done="The answers are recorded and scored." if done else "",
    )  # fmt: skip


@router.get(_ONE, openapi_extra=_ASSESSOR)
def show_questionnaire(
    request: Request, here: Here, session: Write, code: str, visit: str, instrument: str, repeat: int = 0
) -> Response:
    return _page(request, session, here, (code, visit, instrument), None, repeat=repeat)


@router.post(_ONE, openapi_extra=_ASSESSOR)
def record_questionnaire(
    request: Request, here: Here, session: Write, posted: Posted, code: str, visit: str, instrument: str
) -> Response:
    where = (code, visit, instrument)
    with reshown(session, posted, lambda state, status: _page(request, session, here, where, state, status)):
        book = opened(session, here, code)
        described = book.protocol.instrument(instrument)
        with fields_as(error_fields(described)):
            record_outcomes(session, here.actor, recording(book, visit, described, posted))
    return see(list_url(here, "assessments"), done="recorded")


def _page(
    request: Request,
    session: TrialSession,
    here: Place,
    where: tuple[str, str, str],
    state: FormState | None,
    status: int = 200,
    *,
    repeat: int = 0,
) -> Response:
    code, visit, instrument = where
    book = opened(session, here, code)
    described, seen = book.protocol.instrument(instrument), book.protocol.visit(visit)
    made = administrations(session, here, book, visit, instrument)
    expected = next((one.times for one in seen.instruments if one.id == instrument), 0)
    to_correct = next((one for one in made if one.repeat == repeat), None)
    shown = state or FormState(values=values_of(book, to_correct))
    return page(
        request, "assessor/questionnaire.html", status=status, here=here, book=book, visit=seen, instrument=described,
        items=items_of(described), state=shown, made=made,
        open=len(made) < expected or to_correct is not None or state is not None, expected=expected,
        draft=draft_of(here.caller, len(made), shown.value("repeat")),
        trail=[("Assessments", list_url(here, "assessments"))], back=list_url(here, "assessments"),
        url=list_url(here, "assessments", code, visit, instrument), domains={one.name: one.label for one in described.domains},
    )  # fmt: skip


def administrations(session: TrialSession, here: Place, book: Casebook, visit: str, instrument: str) -> list[Outcome]:
    """What is entered of the instrument at the visit, as far as the reader may see it."""
    found = outcomes_for(session, here.actor, book.participant.id)
    return [one for one in found if (one.visit, one.instrument) == (visit, instrument)]
