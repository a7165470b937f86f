"""The trial at a glance, in counts: accrual by site, how the levers stand, what waits for the sponsor."""

from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.answers import see
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.render import page
from api.pages.sponsor.decisions import undecided
from api.pages.words import LEVER_WORDS
from api.permissions import permission
from randomization.ledger.planned_numbers import numbers_of
from trial.access.permissions import Permission
from trial.conduct.accrual import accrual_of
from trial.conduct.trials import start_trial
from trial.database.session import TrialSession
from trial.oversight.decisions import levers_of

router = APIRouter()
register_way(Way("Trial", "overview", (Permission.REPORT_OPEN_READ,), order=10))

SAID = {"started": "The trial has started. Sites that are active can screen.", "moved": "The levers are moved."}


@router.get("/t/{trial}/overview", openapi_extra=permission("report:open:read"))
def show_overview(request: Request, here: Here, session: Write, done: str = "") -> Response:
    sites = accrual_of(session, here.actor, here.trial.id)
    numbers = numbers_of(session, here.trial)
    return page(
        request,
        "sponsor/overview.html",
        here=here,
        said=SAID.get(done, ""),
        sites=sites,
        randomized=sum(site.randomized for site in sites),
        in_all=numbers.planned + numbers.replacements,
        levers=[(LEVER_WORDS[lever], is_open) for lever, is_open in levers_of(here.trial).items()],
        may_start=here.may(Permission.PROTOCOL_AMEND) and here.trial.started_at is None,
        may_decide=here.may(Permission.OVERSIGHT_DECIDE),
    )


@router.post("/t/{trial}/start", openapi_extra=permission("protocol:amend"))
def start(here: Here, session: Write) -> Response:
    start_trial(session, here.actor, here.trial.id)
    return see(here.url("overview"), done="started")


@home_worklist(Permission.OVERSIGHT_DECIDE)
def recommendations_to_decide(session: TrialSession, here: Place) -> Iterable[WorkRow]:
    waiting = undecided(session, here)
    yield WorkRow(len(waiting), "recommendation of the board to decide", here.url("recommendations"), "", "warning")
