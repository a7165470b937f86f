"""Infusions: today's list, and one infusion from its order to its record."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import Posted, reshown, see
from api.pages.drafts import draft_of
from api.pages.forms import FormState
from api.pages.frame import Here
from api.pages.infusion.courses import SeenCourse, courses_now, seen_course
from api.pages.infusion.readings import (
    INTERRUPTIONS,
    bedside_forms,
    confirmed_of,
    course_so_far,
    error_fields,
    form_answers,
    instants_of,
    interruptions_of,
    moments_of,
    readings_of,
    signs_of,
    signs_offered,
    to_confirm,
)
from api.pages.infusion.records import record_rows, record_table
from api.pages.render import fragment, page
from api.pages.site.commands import command_of, fields_as, number
from api.pages.site.subjects import list_url, raise_query_url, subject_url, trail
from api.pages.site.words import said
from api.permissions import permission
from api.places import Place
from randomization.kits.dispensing import expected_kit
from trial.access.permissions import Permission
from trial.conduct.infusion_orders import OrderInfusion, order_infusion
from trial.conduct.infusions import MissInfusion, RecordInfusion, miss_infusion, record_infusion
from trial.database.session import TrialSession

router = APIRouter()

_ONE = "/t/{trial}/participants/{code}/infusions/{dose}"
_READ = permission(Permission.INFUSION_READ)


@router.get("/t/{trial}/infusions", openapi_extra=_READ)
def list_today(request: Request, here: Here, session: Write, done: str = "") -> Response:
    found = courses_now(session, here)
    return page(
        request, "infusion/today.html", here=here, today=[one for one in found if one.is_today],
        later=[one for one in found if not one.is_today], done=_DONE.get(done, ""), subject_url=subject_url,
    )  # fmt: skip


@router.get(_ONE, openapi_extra=_READ)
def show_infusion(request: Request, here: Here, session: Write, code: str, dose: int, done: str = "") -> Response:
    return _page(request, session, here, code, dose, FormState(), done=done)


@router.post(f"{_ONE}/order", openapi_extra=permission(Permission.INFUSION_ORDER))
def order(request: Request, here: Here, session: Write, posted: Posted, code: str, dose: int) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, dose, state, status)):
        command = command_of(
            OrderInfusion,
            participant_id=seen_course(session, here, code).book.participant.id,
            infusion=dose,
            weight_kg=number(posted.get("weight_kg", "")),
            height_cm=number(posted.get("height_cm", "")),
        )
        order_infusion(session, here.actor, command)
    return see(subject_url(here, code, "infusions", dose), done="ordered")


@router.post(_ONE, openapi_extra=permission(Permission.INFUSION_WRITE))
def record(request: Request, here: Here, session: Write, posted: Posted, code: str, dose: int) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, dose, state, status)):
        seen = seen_course(session, here, code)
        with fields_as(error_fields(seen.book, seen.plan, seen.book.protocol.visit_of_dose(dose))):
            record_infusion(session, here.actor, _recording(seen, dose, posted))
    return see(subject_url(here, code, "infusions", dose), done="recorded")


@router.post(f"{_ONE}/missed", openapi_extra=permission(Permission.INFUSION_WRITE))
def record_missed(request: Request, here: Here, session: Write, posted: Posted, code: str, dose: int) -> Response:
    with reshown(session, posted, lambda state, status: _page(request, session, here, code, dose, state, status)):
        one = seen_course(session, here, code).book.participant.id
        with fields_as({"reason": "missed_reason"}):
            command = command_of(MissInfusion, participant_id=one, infusion=dose, reason=posted.get("missed_reason"))
            miss_infusion(session, here.actor, command)
    return see(list_url(here, "infusions"), done="missed")


@router.post(f"{_ONE}/course", openapi_extra=permission(Permission.INFUSION_WRITE))
def show_course(request: Request, here: Here, session: Write, posted: Posted, code: str, dose: int) -> Response:
    """What the rules say of the readings typed so far, for htmx. It records nothing."""
    del dose
    seen = seen_course(session, here, code)
    return fragment(request, "infusion/course.html", course=course_so_far(seen.book, seen.plan, posted))


_DONE = {
    "ordered": "The infusion is ordered for today.",
    "recorded": "The infusion is recorded.",
    "missed": "The infusion is recorded as missed. It is not made up.",
}


def _recording(seen: SeenCourse, dose: int, posted: dict[str, Any]) -> RecordInfusion:
    visit = seen.book.protocol.visit_of_dose(dose)
    return command_of(
        RecordInfusion,
        participant_id=seen.book.participant.id,
        infusion=dose,
        **instants_of(seen.book, posted),
        infused_volume_ml=number(posted.get("infused_volume_ml", "")),
        readings=readings_of(seen.plan, posted),
        kit=posted.get("kit"),
        interruptions=interruptions_of(posted),
        signs=signs_of(seen.plan, posted),
        stopped_reason=posted.get("stopped_reason"),
        confirmed_at_discharge=confirmed_of(seen.book, seen.plan, visit, posted),
        forms=form_answers(seen.book, visit, posted),
    )


def _page(
    request: Request,
    session: TrialSession,
    here: Place,
    code: str,
    dose: int,
    state: FormState,
    status: int = 200,
    *,
    done: str = "",
) -> Response:
    seen = seen_course(session, here, code)
    visit, recorded = seen.book.protocol.visit_of_dose(dose), seen.recorded(dose)
    common: dict[str, Any] = {
        "here": here, "seen": seen, "book": seen.book, "dose": dose, "visit": visit, "done": _DONE.get(done, ""),
        "trail": trail(here, seen.book), "back": list_url(here, "infusions"), "P": Permission, "said": said,
        "url": subject_url(here, code, "infusions", dose),
    }  # fmt: skip
    if recorded is not None:
        rows, table = record_rows(seen.book, recorded), record_table(seen.plan, recorded)
        return page(
            request, "infusion/record.html", status=status, recorded=recorded, rows=rows, table=table,
            query_url=raise_query_url(here, seen.book, dose=str(dose)), **common,
        )  # fmt: skip
    if dose != seen.number or seen.is_over:
        return page(request, "infusion/not_yet.html", status=status, **common)
    shown = state if state.has_errors else FormState(values=_blank(seen))
    return page(
        request, "infusion/bedside.html", status=status, state=shown, kit=_kit(session, seen),
        moments=moments_of(seen.book, seen.plan, shown.values), signs=signs_offered(seen.plan),
        forms=bedside_forms(seen.book, visit), course=course_so_far(seen.book, seen.plan, shown.values),
        draft=draft_of(here.caller, seen.order.id if seen.order else ""),
        confirmed=to_confirm(seen.book, seen.plan, visit), pauses=range(1, INTERRUPTIONS + 1),
        **common,
    )  # fmt: skip


def _blank(seen: SeenCourse) -> dict[str, str]:
    last = seen.course.orders[-1] if seen.course.orders else None
    return {
        "infused_volume_ml": f"{seen.plan.delivery.volume_ml:g}",
        "weight_kg": f"{seen.order.weight_kg:g}" if seen.order else "",
        "height_cm": f"{last.height_cm:g}" if last and last.height_cm else "",
    }


def _kit(session: TrialSession, seen: SeenCourse) -> str | None:
    """The kit that is the participant's now; none where the pharmacist prepares without."""
    if not seen.book.protocol.supply.numbered_kits:
        return None
    return expected_kit(session, seen.book.participant.id)
