"""Sessions of the accompanying programme: which a participant attended, and one more."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of, fields_as, whole_number, yes
from api.pages.site.subjects import may_here, opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.attendance import (
    Attendance,
    ProgrammeSession,
    RecordAttendance,
    attendance_for,
    record_attendance,
)
from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/programme"


@router.get(_PATH, openapi_extra=permission(Permission.VISIT_READ))
def show_programme(request: Request, here: Here, session: Write, code: str, done: str = "") -> Response:
    return _page(request, session, here, code, FormState(), done=done)


@router.post(_PATH, openapi_extra=permission(Permission.VISIT_WRITE))
def record_session(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        held = command_of(
            ProgrammeSession,
            session=whole_number(posted.get("session", "")),
            held_on=date_text(posted, "held_on"),
            kind=posted.get("kind"),
            attended=yes(posted.get("attended")),
        )
        with fields_as({"kind": "kind"}):
            one = opened(session, here, code).participant.id
            record_attendance(session, here.actor, RecordAttendance(participant_id=one, sessions=(held,)))
    return see(subject_url(here, code, "programme"), done="session")


def _page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    book = opened(session, here, code)
    sessions = attendance_for(session, here.actor, book.participant.id)
    programme = book.protocol.programme
    return page(
        request, "site/programme.html", status=status, here=here, book=book, sessions=sessions, programme=programme,
        state=state if state.has_errors else FormState(values=_blank(book, sessions)),
        kinds=[(kind, _capital(kind)) for kind in programme.session_kinds] if programme else [], capital=_capital,
        may_write=_may_record(here, book), trail=trail(here, book), back=subject_url(here, code),
        url=subject_url(here, code, "programme"), done="The session is recorded." if done == "session" else "",
    )  # fmt: skip


def _may_record(here: Place, book: Casebook) -> bool:
    joins = book.protocol.programme is not None and book.participant.randomized_at is not None
    return joins and may_here(here, book, Permission.VISIT_WRITE)


def _blank(book: Casebook, sessions: list[Attendance]) -> dict[str, str]:
    """The next session, today."""
    following = max((one.session for one in sessions), default=0) + 1
    return {"session": str(following), **date_values("held_on", book.today.isoformat())}


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
