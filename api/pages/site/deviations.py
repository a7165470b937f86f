"""A protocol deviation of one participant."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.deviations import RecordDeviation, record_deviation
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/deviation"


@router.get(_PATH, openapi_extra=permission(Permission.VISIT_WRITE))
def show_deviation(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, FormState())


@router.post(_PATH, openapi_extra=permission(Permission.VISIT_WRITE))
def add_deviation(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        command = command_of(
            RecordDeviation,
            participant_id=opened(session, here, code).participant.id,
            happened_on=date_text(posted, "happened_on"),
            important=posted.get("important") == "yes",
            **picked(posted, "category", "description"),
        )
        record_deviation(session, here.actor, command)
    return see(subject_url(here, code), done="deviation")


def _page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    kinds = [
        (kind.code, kind.label, "Important" if kind.important else "Other, unless you mark it below")
        for kind in book.protocol.deviations
    ]
    blank = FormState(values=date_values("happened_on", book.today.isoformat()))
    return page(
        request, "site/deviation.html", status=status, here=here, book=book, state=state if state.has_errors else blank,
        kinds=kinds, trail=trail(here, book), url=subject_url(here, code, "deviation"), back=subject_url(here, code),
    )  # fmt: skip
