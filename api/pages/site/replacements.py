"""For whom a participant in screening stands in: recorded, changed or taken back, by the code of the one who left."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import opened, subject_url, trail
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.participants import check_before_randomization
from trial.conduct.replacements import (
    RecordReplacement,
    needs_reason,
    record_replacement,
    replaceable,
    stand_ins_about,
)
from trial.database.session import TrialSession
from trial.protocol.schema import Protocol

router = APIRouter()

_PATH = "/t/{trial}/participants/{code}/replacement"
_MAY = permission(Permission.SCREENING_WRITE)


@router.get(_PATH, openapi_extra=_MAY)
def show_replacement(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, FormState())


@router.post(_PATH, openapi_extra=_MAY)
def set_replacement(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, state, status)):
        one = opened(session, here, code).participant.id
        command = command_of(RecordReplacement, participant_id=one, **picked(posted, "replaces", "reason"))
        record_replacement(session, here.actor, command)
    return see(subject_url(here, code), done="replacement")


def whom_words(session: TrialSession, here: Place, protocol: Protocol) -> str:
    """What may be typed: the codes of those who may be replaced now, as far as the reader may see them."""
    codes = replaceable(session, here.actor, here.trial.id, protocol)
    told = f"may be replaced now: {', '.join(codes)}" if codes else "nobody of your sites is to be replaced now"
    return f"The code of the participant who left; {told}"


def _page(
    request: Request, session: TrialSession, here: Place, code: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    check_before_randomization(book.participant)
    stands_for, _ = stand_ins_about(session, book.participant)
    return page(
        request, "site/replacement.html", status=status, here=here, book=book, state=state, stands_for=stands_for,
        changes=needs_reason(session, book.participant),
        rule=book.protocol.randomization.replacements, whom=whom_words(session, here, book.protocol),
        trail=trail(here, book), url=subject_url(here, code, "replacement"), back=subject_url(here, code),
    )  # fmt: skip
