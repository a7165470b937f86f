"""What stands on an event's page below its facts: the course of its grade, its versions, and its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.pages.render import day_words, instant_words
from api.pages.safety.reports import TREATMENT_WORDS
from api.pages.safety.single import SeenEvent
from api.pages.site.subjects import list_url
from api.pages.site.words import said, term_words
from api.places import Place
from trial.database.session import TrialSession
from trial.partial_dates import PartialDate
from trial.safety.adverse_events import EventVersion, FactChange, Likeness, changes_between
from trial.safety.adverse_events import facts_of as recorded_facts
from trial.safety.reading import EventView, EventWithheld, events_for, versions_for

_KINDS: Final = {
    "initial": "First report",
    "follow_up": "Follow-up",
    "correction": "Correction",
    "coding": "Coding",
}
_NAMES: Final = {
    "verbatim": "In the reporter's words",
    "soc": "Class",
    "llt_code": "Code",
    "aesi": "Special interest",
    "onset": "Began",
    "ended": "Ended",
    "infusion": "During infusion",
    "onset_minute": "Minute",
    "action_taken": "Action with study treatment",
    "ascertainment": "Caught by",
    "treatments": "Treated with",
    "treatment_words": "Treatment",
    "course": "Course",
    "recurrence_of": "Recurrence of event",
}
_CODELISTS: Final = {"outcome": "C66768", "action_taken": "C66767", "severity": "C66769"}


@dataclass(frozen=True)
class ShownVersion:
    """One submission, in words; ``changes`` are (name, before, after)."""

    title: str
    received: str
    by: str
    reason: str
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True)
class EventRecord:
    """``versions`` are ``None`` for a reader from whom one of them is withheld."""

    course: list[tuple[str, str]]
    versions: list[ShownVersion] | None
    alike: list[tuple[int, str]]
    recurrences: list[tuple[int, str]]


def record_of(session: TrialSession, here: Place, seen: SeenEvent) -> EventRecord:
    """What this reader may see of it."""
    if seen.event is None:
        return EventRecord([], None, [], [])
    others = events_for(session, here.actor, here.trial.id, participant_id=seen.book.participant.id)
    others = [one for one in others if one.number != seen.view.number]
    return EventRecord(
        _course(seen),
        _versions(session, here, seen),
        [(one.number, _url(here, one)) for one in others if _is_alike(seen, one)],
        [(one.number, _url(here, one)) for one in others if one.recurrence_of == seen.view.number],
    )


def _course(seen: SeenEvent) -> list[tuple[str, str]]:
    """The periods of grade; empty where the grade never changed."""
    if not seen.record.course:
        return []
    return [
        (f"Grade {period.grade}", f"since {_moment(str(period.since))}" if period.since else "since when is not known")
        for period in recorded_facts(seen.record).periods
    ]


def _versions(session: TrialSession, here: Place, seen: SeenEvent) -> list[ShownVersion] | None:
    try:
        versions = versions_for(session, here.actor, seen.record.id)
    except EventWithheld:
        return None
    before: Mapping[str, Any] | None = None
    shown = []
    for version in versions:
        changes = [] if before is None else changes_between(before, version.facts)
        shown.append(_version(seen, version, changes))
        before = version.facts
    return shown[::-1]


def _version(seen: SeenEvent, version: EventVersion, changes: list[FactChange]) -> ShownVersion:
    return ShownVersion(
        f"Version {version.number}: {_KINDS[version.kind.value].lower()}",
        instant_words(version.received_at, seen.book.site.zone),
        version.printed_name or "",
        version.reason,
        [
            (_NAMES.get(one.name, said(one.name)), fact_words(one.name, one.before), fact_words(one.name, one.after))
            for one in changes
        ],
    )


def _name(change: FactChange) -> str:
    return _NAMES.get(change.name, said(change.name))


def fact_words(name: str, value: Any) -> str:
    """One recorded fact as people read it."""
    if value in (None, "", [], {}):
        return "–"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if name in ("onset", "ended"):
        return _moment(value)
    if name in _CODELISTS:
        return term_words(_CODELISTS[name], value)
    if name == "treatments":
        return ", ".join(TREATMENT_WORDS[kind] for kind in value)
    if name == "course":
        return "; ".join(
            f"grade {one['grade']}" + (f" since {_moment(one['since'])}" if one["since"] else "") for one in value
        )
    return said(value) if name == "ascertainment" else str(value)


def _is_alike(seen: SeenEvent, other: EventView) -> bool:
    if other.verbatim is None or other.term is None or other.recurrence_of == seen.view.number:
        return False
    if seen.view.recurrence_of == other.number:
        return False
    return Likeness.of(seen.record).is_like(Likeness(other.verbatim, other.term, PartialDate.parse(other.onset)))


def _url(here: Place, event: EventView) -> str:
    return list_url(here, "adverse-events", event.participant, event.number)


def _moment(moment: str) -> str:
    day, _, clock = moment.partition("T")
    return f"{day_words(day)}, {clock}" if clock else day_words(day)
