"""What waits about safety: serious events to judge and to sign."""

from collections.abc import Iterator

from api.pages.frame import Place, Way, WorkRow, home_worklist, register_way
from api.pages.site.subjects import list_url
from api.pages.site.words import counted
from trial.access.permissions import Permission
from trial.access.policies import sites_where
from trial.access.signatures import holds, signatures_on
from trial.clock import local_date
from trial.database.session import TrialSession
from trial.safety.adverse_events import get_event
from trial.safety.causality import sponsor_assessment_of
from trial.safety.reading import EventsAsked, EventView, events_for
from trial.safety.situation_reading import due_situations, may_follow_up, situations_for

register_way(Way("Adverse events", "adverse-events", (Permission.ADVERSE_EVENT_READ,), order=20))
register_way(Way("Special situations", "special-situations", (Permission.ADVERSE_EVENT_READ,), order=21, aside=True))


def _here(session: TrialSession, here: Place, *, serious: bool = False, unassessed: bool = False) -> list[EventView]:
    wanted = EventsAsked(site_id=here.site.id if here.site else None, serious=serious, unassessed=unassessed)
    return events_for(session, here.actor, here.trial.id, wanted)


@home_worklist(Permission.SAE_SIGN)
def for_investigators(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Events without causality; serious events without a signature that holds."""
    open_ones = _here(session, here, unassessed=True)
    assessed = [event for event in _here(session, here, serious=True) if event.causality is not None]
    unsigned = [event for event in assessed if not _is_signed(session, event)]
    yield _row(here, open_ones, "event to assess", "events to assess", "warning")
    yield _row(here, unsigned, "serious event to sign", "serious events to sign", "danger")


@home_worklist(Permission.SUSAR_ASSESS)
def for_the_monitor(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Serious events that the sponsor's side has not judged."""
    serious = _here(session, here, serious=True)
    waiting = [event for event in serious if sponsor_assessment_of(session, event.id) is None]
    yield _row(here, waiting, "serious event to assess", "serious events to assess", "danger")


@home_worklist(Permission.ADVERSE_EVENT_REPORT)
def for_who_follows_up(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Overdoses, errors and pregnancies whose follow-up is due, for those at the site."""
    if sites_where(here.actor, Permission.ADVERSE_EVENT_REPORT, here.trial.id) is None:
        return
    views = situations_for(session, here.actor, here.trial.id)
    mine = [view for view in views if may_follow_up(here.actor, view, here.trial.id)]
    due = due_situations(mine, local_date(session.now(), here.zone))
    url = list_url(here, "special-situations")
    who = ", ".join(f"{view.participant} situation {view.number}" for view in due[:2])
    words = counted(len(due), "special situation to follow up", "special situations to follow up")
    yield WorkRow(len(due), words, url, who, "warning")


def _is_signed(session: TrialSession, event: EventView) -> bool:
    record = get_event(session, event.id)
    return any(holds(one, record) for one in signatures_on(session, record))


def _row(here: Place, events: list[EventView], one: str, many: str, kind: str) -> WorkRow:
    url = here.url("adverse-events")
    if len(events) == 1:
        url = here.url("adverse-events", events[0].participant, events[0].number)
    who = ", ".join(f"{event.participant} event {event.number}" for event in events[:2])
    return WorkRow(len(events), counted(len(events), one, many), url, who, kind)
