"""What waits about safety: serious events to judge and to sign."""

from collections.abc import Iterator

from api.pages.frame import Place, Way, WorkRow, home_worklist, register_way
from api.pages.site.words import counted
from trial.access.permissions import Permission
from trial.access.signatures import holds, signatures_on
from trial.database.session import TrialSession
from trial.safety.adverse_events import get_event
from trial.safety.causality import sponsor_assessment_of
from trial.safety.reading import EventView, events_for

register_way(Way("Adverse events", "adverse-events", (Permission.ADVERSE_EVENT_READ,), order=20))


def _here(session: TrialSession, here: Place) -> list[EventView]:
    found = events_for(session, here.actor, here.trial.id)
    return [event for event in found if here.site is None or event.site_id == here.site.id]


@home_worklist(Permission.SAE_SIGN)
def for_investigators(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Events without causality; serious events without a signature that holds."""
    events = _here(session, here)
    open_ones = [event for event in events if event.causality is None]
    assessed = [event for event in events if event.serious and event.causality is not None]
    unsigned = [event for event in assessed if not _is_signed(session, event)]
    yield _row(here, open_ones, "event to assess", "events to assess", "warning")
    yield _row(here, unsigned, "serious event to sign", "serious events to sign", "danger")


@home_worklist(Permission.SUSAR_ASSESS)
def for_the_monitor(session: TrialSession, here: Place) -> Iterator[WorkRow]:
    """Serious events that the sponsor's side has not judged."""
    waiting = [
        event for event in _here(session, here) if event.serious and sponsor_assessment_of(session, event.id) is None
    ]
    yield _row(here, waiting, "serious event to assess", "serious events to assess", "danger")


def _is_signed(session: TrialSession, event: EventView) -> bool:
    record = get_event(session, event.id)
    return any(holds(one, record) for one in signatures_on(session, record))


def _row(here: Place, events: list[EventView], one: str, many: str, kind: str) -> WorkRow:
    url = here.url("adverse-events")
    if len(events) == 1:
        url = here.url("adverse-events", events[0].participant, events[0].number)
    who = ", ".join(f"{event.participant} event {event.number}" for event in events[:2])
    return WorkRow(len(events), counted(len(events), one, many), url, who, kind)
