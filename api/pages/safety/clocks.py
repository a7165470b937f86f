"""The clocks of serious events: what falls due, the first due first, with what is left of it in words.

Invariants
1. Who may read clocks in the study sees all of them; a site's people see the site's own reports to the sponsor.
2. Nothing here tells an arm: a report that was dealt with is shown the same, whatever became of it under seal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Write
from api.pages.frame import Here, Place, Way, WorkRow, home_worklist, register_way
from api.pages.render import page
from api.pages.safety.clock_words import basis_words, clock_kind, clock_word, clock_words
from api.pages.site.words import counted
from api.permissions import permission
from trial.access.permissions import Permission
from trial.access.policies import may
from trial.database.session import TrialSession
from trial.safety.cases import may_read_case
from trial.safety.watch import WatchedDue, watched_for

router = APIRouter()
# Who acts on serious cases has a way of their own; who only reads them goes by the list of events.
_ACTORS = (Permission.SUSAR_ASSESS, Permission.SUSAR_UNBLIND, Permission.OVERSIGHT_DECIDE, Permission.SAE_SIGN)
register_way(Way("Safety", "safety", _ACTORS, order=21))

_READERS = permission(Permission.SAE_CLOCK_READ)
_NEAR = timedelta(days=3)


@dataclass(frozen=True)
class ClockLine:
    """One row of the table, in words."""

    case: str
    url: str
    site: str
    report: str
    to: str
    due: str
    words: str
    word: str
    kind: str
    basis: str


@router.get("/t/{trial}/safety", openapi_extra=_READERS)
def list_clocks(request: Request, here: Here, session: Write, kind: str = "open") -> Response:
    found = _of_the_place(here, watched_for(session, here.actor, here.trial.id))
    shown = [one for one in found if kind == "all" or one.due.is_open]
    return page(
        request, "safety/cases/clocks.html", here=here, kind=kind,
        lines=[_line(here, one, session.now()) for one in shown],
        total=len(found), waiting=sum(one.due.is_open for one in found), links=links_of(here),
        in_study=may(here.actor, Permission.SAE_CLOCK_READ, here.trial.id),
    )  # fmt: skip


def links_of(here: Place) -> list[tuple[str, str]]:
    """The other pages about serious cases that are open to this person."""
    rows = [
        ("Safety letters", here.url("safety", "letters"), Permission.SAE_CLOCK_READ),
        ("Line listing", here.url("safety", "line-listing"), Permission.REPORT_OPEN_READ),
        ("Reconciliation", here.url("safety", "reconciliation"), Permission.SUSAR_ASSESS),
    ]
    return [(label, url) for label, url, needed in rows if here.may(needed)]


def _of_the_place(here: Place, found: list[WatchedDue]) -> list[WatchedDue]:
    return [one for one in found if here.site is None or one.case.event.site_id == here.site.id]


def _line(here: Place, one: WatchedDue, now: datetime) -> ClockLine:
    case, due, zone = one.case, one.due, one.case.site.zone
    event = case.event
    reads = may(here.actor, Permission.ADVERSE_EVENT_READ, event.trial_id, event.site_id)
    tail = ("case",) if may_read_case(here.actor, event) else ()
    return ClockLine(
        case=f"{case.participant}, event {event.number}",
        url=here.url("adverse-events", case.participant, event.number, *tail) if reads else "",
        site=case.site.code,
        report=f"{due.report}{' (provisional)' if case.provisional and due.jurisdiction != 'PROTOCOL' else ''}",
        to="Sponsor" if due.jurisdiction == "PROTOCOL" else due.jurisdiction,
        due=due.due_at.isoformat(),
        words=clock_words(due, now, zone),
        word=clock_word(due, now),
        kind=clock_kind(due, now),
        basis=basis_words(due),
    )


@home_worklist(Permission.SUSAR_ASSESS, Permission.SUSAR_UNBLIND, Permission.OVERSIGHT_DECIDE)
def clocks_that_run(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Reports that are overdue, and those that end within three days."""
    if not here.may(Permission.SAE_CLOCK_READ):
        return
    now = session.now()
    found = [one for one in _of_the_place(here, watched_for(session, here.actor, here.trial.id)) if one.due.is_open]
    late = [one for one in found if one.due.is_overdue(now)]
    near = [one for one in found if one not in late and one.due.due_at - now <= _NEAR]
    for rows, words, kind in ((late, "report overdue", "danger"), (near, "report due soon", "warning")):
        note = ", ".join(dict.fromkeys(one.case.code for one in rows[:3]))
        yield WorkRow(
            len(rows), counted(len(rows), words, words.replace("report", "reports")), here.url("safety"), note, kind
        )
