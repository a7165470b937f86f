"""How taking part ends: screening, treatment, the study. Three pages, because they are three things."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, picked, reshown, see, several
from api.pages.forms import FormState, date_text, date_values
from api.pages.frame import Here
from api.pages.render import page
from api.pages.site.commands import command_of
from api.pages.site.subjects import opened, subject_url, trail
from api.pages.site.words import END_REASON
from api.permissions import permission
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.departures import EndReason, EndStudy, EndTreatment, StudyEndKind, end_study, end_treatment
from trial.conduct.screening import FailScreening, NotEnrolledKind, fail_screening
from trial.database.session import TrialSession

router = APIRouter()

_ONE = "/t/{trial}/participants/{code}"
_KINDS = [
    (StudyEndKind.COMPLETED.value, "Completed", "Every visit of the schedule is over"),
    (StudyEndKind.WITHDRAWN.value, "Withdrawn", "By the participant or the physician"),
    (StudyEndKind.LOST.value, "Lost to follow-up", "Could not be reached any more"),
    (StudyEndKind.DIED.value, "Died", "Report the adverse event as well"),
]
_NOT_ENROLLED = [
    (NotEnrolledKind.NOT_ELIGIBLE.value, "Not eligible"),
    (NotEnrolledKind.DECLINED.value, "Declined"),
    (NotEnrolledKind.OTHER.value, "Another reason"),
]
_TREATMENT_REASONS = [(reason.value, words) for reason, words in END_REASON.items() if reason is not EndReason.DEATH]
_STUDY_REASONS = [(reason.value, words) for reason, words in END_REASON.items()]


@router.get(f"{_ONE}/end-screening", openapi_extra=permission(Permission.SCREENING_WRITE))
def show_end_screening(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, "end_screening", FormState())


@router.post(f"{_ONE}/end-screening", openapi_extra=permission(Permission.SCREENING_WRITE))
def end_screening(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(
        session, posted, lambda state, status: _page(request, session, here, code, "end_screening", state, status)
    ):
        command = command_of(
            FailScreening,
            participant_id=opened(session, here, code).participant.id,
            criteria=tuple(several(posted, "criteria")),
            **picked(posted, "kind", "reason"),
        )
        fail_screening(session, here.actor, command)
    return see(subject_url(here, code), done="screening-end")


@router.get(f"{_ONE}/end-treatment", openapi_extra=permission(Permission.VISIT_WRITE))
def show_end_treatment(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, "end_treatment", FormState())


@router.post(f"{_ONE}/end-treatment", openapi_extra=permission(Permission.VISIT_WRITE))
def stop_treatment(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(
        session, posted, lambda state, status: _page(request, session, here, code, "end_treatment", state, status)
    ):
        command = command_of(
            EndTreatment,
            participant_id=opened(session, here, code).participant.id,
            ended_on=date_text(posted, "ended_on"),
            **picked(posted, "reason", "detail"),
        )
        end_treatment(session, here.actor, command)
    return see(subject_url(here, code), done="treatment-end")


@router.get(f"{_ONE}/end-study", openapi_extra=permission(Permission.VISIT_WRITE))
def show_end_study(request: Request, here: Here, session: Write, code: str) -> Response:
    return _page(request, session, here, code, "end_study", FormState())


@router.post(f"{_ONE}/end-study", openapi_extra=permission(Permission.VISIT_WRITE))
def leave_study(request: Request, here: Here, session: Write, posted: Posted, code: str) -> Response:
    with reshown(
        session, posted, lambda state, status: _page(request, session, here, code, "end_study", state, status)
    ):
        command = command_of(
            EndStudy,
            participant_id=opened(session, here, code).participant.id,
            ended_on=date_text(posted, "ended_on"),
            died_on=date_text(posted, "died_on"),
            **picked(posted, "kind", "reason", "detail"),
        )
        end_study(session, here.actor, command)
    return see(subject_url(here, code), done="study-end")


def _page(
    request: Request, session: TrialSession, here: Place, code: str, name: str, state: FormState, status: int = 200
) -> Response:
    book = opened(session, here, code)
    blank = FormState(values=date_values("ended_on", book.today.isoformat()))
    return page(
        request, f"site/{name}.html", status=status, here=here, book=book, state=state if state.has_errors else blank,
        trail=trail(here, book), back=subject_url(here, code), url=subject_url(here, code, name.replace("_", "-")),
        kinds=_KINDS, not_enrolled=_NOT_ENROLLED, study_reasons=_STUDY_REASONS, treatment_reasons=_TREATMENT_REASONS,
        criteria=[(one.id, f"{one.id}: {one.text}") for one in book.protocol.eligibility],
    )  # fmt: skip
