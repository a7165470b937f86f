"""Where one works and what waits there: the choice of trial and site, today's page, alerts."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Called, Write
from api.pages.answers import see
from api.pages.frame import Here, When, WorkRow, role_words, site_words, with_site, work_of
from api.pages.render import page
from api.permissions import self_service
from api.places import locate, trials_of
from trial.access.alerts import AlertKind, alerts_for, mark_seen

router = APIRouter()

_HEADINGS: tuple[tuple[When, str], ...] = (
    ("late", "Late"),
    ("today", "To do"),
    ("waiting", "Waiting for somebody else"),
)


@router.get("/", openapi_extra=self_service())
def start(caller: Called, session: Write) -> Response:
    found = trials_of(session, caller.actor)
    return see(locate(session, caller, found[0].code).url()) if len(found) == 1 else see("/choose")


@router.get("/choose", openapi_extra=self_service())
def choose_place(request: Request, caller: Called, session: Write) -> Response:
    places = [locate(session, caller, trial.code) for trial in trials_of(session, caller.actor)]
    words = {
        place.trial.code: ", ".join(
            sorted({role_words(held.role) for held in caller.actor.roles if held.trial_id == place.trial.id})
        )
        for place in places
    }
    return page(request, "everyone/choose.html", places=places, roles=words, site_words=site_words)


@router.get("/t/{trial}", openapi_extra=self_service())
def show_home(request: Request, here: Here, session: Write) -> Response:
    rows = work_of(session, here)
    return page(
        request,
        "everyone/home.html",
        here=here,
        alerts=alerts_for(session, here.actor, here.trial.id),
        links={AlertKind.LIST_HELD: ("Allocation lists: what is held", here.url("allocation-lists"))},
        groups=_grouped(rows),
        today=session.now(),
    )


def _grouped(rows: Sequence[WorkRow]) -> list[tuple[str, list[WorkRow]]]:
    """The lines under their headings, what is late first."""
    groups = [(heading, [row for row in rows if row.when == when]) for when, heading in _HEADINGS]
    return [(heading, lines) for heading, lines in groups if lines]


@router.post("/t/{trial}/alerts/{alert_id}/seen", openapi_extra=self_service())
def see_alert(here: Here, session: Write, alert_id: UUID) -> Response:
    mark_seen(session, here.actor, here.trial.id, alert_id)
    return see(with_site(here.url(), here))
