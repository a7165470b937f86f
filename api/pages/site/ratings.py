"""A clinician's rating at a visit: an instrument that the site itself completes."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.assessor.assessments import administrations
from api.pages.assessor.questionnaires import error_fields, items_of, recording, values_of
from api.pages.drafts import draft_of
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import fields_as
from api.pages.site.subjects import opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.outcomes import InstrumentNotExpected, record_outcomes
from trial.database.session import TrialSession
from trial.protocol.schema import Instrument

router = APIRouter()

_ONE = "/t/{trial}/participants/{code}/visits/{visit}/ratings/{instrument}"
_SITE = permission(Permission.VISIT_WRITE)


@router.get(_ONE, openapi_extra=_SITE)
def show_rating(
    request: Request, here: Here, session: Write, code: str, visit: str, instrument: str, repeat: int = 0
) -> Response:
    return _page(request, session, here, (code, visit, instrument), None, repeat=repeat)


@router.post(_ONE, openapi_extra=_SITE)
def record_rating(
    request: Request, here: Here, session: Write, posted: Posted, code: str, visit: str, instrument: str
) -> Response:
    where = (code, visit, instrument)
    with reshown(session, posted, lambda state, status: _page(request, session, here, where, state, status)):
        book = opened(session, here, code)
        described = _rated_by_site(book.protocol.instrument(instrument))
        with fields_as(error_fields(described)):
            record_outcomes(session, here.actor, recording(book, visit, described, posted))
    return see(subject_url(here, code, "visits", visit), done="rating")


def _rated_by_site(instrument: Instrument) -> Instrument:
    """Raises ``InstrumentNotExpected``: what the participant answers is the assessor's to enter."""
    if instrument.completed_by != "clinician":
        raise InstrumentNotExpected(f"{instrument.name} is not rated by the site. The efficacy assessor enters it.")
    return instrument


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
    described, seen = _rated_by_site(book.protocol.instrument(instrument)), book.protocol.visit(visit)
    made = administrations(session, here, book, visit, instrument)
    expected = next((one.times for one in seen.instruments if one.id == instrument), 0)
    to_correct = next((one for one in made if one.repeat == repeat), None)
    shown = state or FormState(values=values_of(book, to_correct))
    back = subject_url(here, code, "visits", visit)
    return page(
        request, "assessor/questionnaire.html", status=status, here=here, book=book, visit=seen, instrument=described,
        items=items_of(described), state=shown, made=made,
        open=len(made) < expected or to_correct is not None or state is not None, expected=expected,
        draft=draft_of(here.caller, len(made), shown.value("repeat")),
        trail=[*trail(here, book), (seen.name, back)], back=back,
        url=subject_url(here, code, "visits", visit, "ratings", instrument),
        domains={one.name: one.label for one in described.domains},
    )  # fmt: skip
