"""The style guide: every component on one page, for those who build pages. Served in development only.

``/style`` shows them in the frame of a signed-in coordinator, ``/style/sign-in`` the signed-out frame,
``/style/sheet`` a printed sheet, ``/style/unblinded`` the frame of an unblinded page. All is invented.
"""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.pages.forms import FormState
from api.pages.render import Frame, NavItem, fragment, page
from api.permissions import public
from trial.errors import InvalidInput

DEVELOPMENT_ONLY = True
router = APIRouter()

_NAV = (
    NavItem("Today", "/style", current=True, count=7),
    NavItem("Participants", "/style"),
    NavItem("Visits", "/style"),
    NavItem("Adverse events", "/style"),
    NavItem("Queries", "/style", count=3),
)
_FRAME = Frame(
    person="Anna Keller", role="Coordinator", trial="KETA-PAIN", site="Basel (01)", protocol_version="1.1",
    mode="simulated", nav=_NAV, home_url="/style", find_url="/style", help_url="/style", idle_seconds=1800,
    keep_alive_url="/style/echo", choose_url="/style", account_url="/style", sign_out_url="/style/echo",
)  # fmt: skip
_TYPED = {
    "weight_kg": "540", "severity": "3", "onset_day": "31", "onset_month": "2", "onset_year": "2026",
    "what": "Dizziness after the second infusion",
}  # fmt: skip


def _refused_form() -> FormState:
    error = InvalidInput(
        "Correct two fields.",
        fields={
            "weight_kg": "Give a weight between 30 and 250 kg. You typed 540.",
            "onset": "February 2026 has 28 days. Correct the day.",
        },
    )
    return FormState.refused(_TYPED, error)


@router.get("/style", openapi_extra=public())
def show_style_guide(request: Request) -> HTMLResponse:
    request.state.frame = _FRAME
    return page(request, "style/guide.html", refused=_refused_form(), blank=FormState(), participants=_participants())


@router.get("/style/sign-in", openapi_extra=public())
def show_signed_out_frame(request: Request) -> HTMLResponse:
    return page(request, "style/sign_in.html", state=FormState())


@router.get("/style/sheet", openapi_extra=public())
def show_printed_sheet(request: Request) -> HTMLResponse:
    request.state.frame = _FRAME
    return page(request, "style/sheet.html")


@router.get("/style/unblinded", openapi_extra=public())
def show_unblinded_frame(request: Request) -> HTMLResponse:
    request.state.frame = _FRAME
    return page(request, "style/unblinded.html", unblinded=True)


@router.get("/style/history", openapi_extra=public())
def show_history_fragment(request: Request) -> HTMLResponse:
    return fragment(request, "style/history.html")


@router.post("/style/echo", openapi_extra=public())
def accept_example_form(request: Request) -> HTMLResponse:
    return show_style_guide(request)


def _participants() -> list[dict[str, Any]]:
    return [
        {
            "code": f"01-{number:03d}",
            "status": status,
            "kind": kind,
            "weight": weight,
            "visit": visit,
            "due": due,
        }
        for number, status, kind, weight, visit, due in (
            (142, "In treatment", "active", 71.5, "Infusion 3 of 5", "today"),
            (141, "Randomized", "active", 64.0, "Infusion 1 of 5", "tomorrow"),
            (139, "Screening", "waiting", None, "Eligibility", "3 days"),
            (133, "In follow-up", "done", 88.2, "Month 1", "2 days late"),
            (118, "Withdrawn", "plain", 59.9, "–", "–"),
        )
    ]
