"""An adverse event between form and command: what was typed, and the facts that it means.

Invariants
1. What a part of the form asks appears only when an earlier answer calls for it; a hidden part sends nothing.
2. Term and grade are offered from the pinned dictionary; a grade without words does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.pages.answers import several
from api.pages.forms import FormState, date_text, date_values
from api.pages.site.commands import command_of, local_instant, whole_number
from api.pages.site.subjects import may_here
from api.pages.site.words import said, terms_of
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.safety.adverse_events import CRITERIA, FATAL, RECOVERED, AdverseEvent, Ascertainment, EventFacts
from trial.safety.coding import TermUnknown, find_term, grades_offered, interests_of, suggest

PARTS: Final = ("serious", "term", "outcome", "infusion")
_OVER: Final = RECOVERED | {FATAL}
_CAUGHT: Final = [
    (Ascertainment.NON_SYSTEMATIC.value, "Told by the participant, or by an open question"),
    (Ascertainment.SYSTEMATIC.value, "Asked for by name, from the checklist"),
]


@dataclass(frozen=True)
class EventForm:
    """What the form offers, given what is typed so far."""

    book: Casebook
    state: FormState
    sees_infusions: bool

    @property
    def zone(self) -> str:
        return self.book.site.zone

    @property
    def criteria(self) -> list[tuple[str, str]]:
        return [(one.name, one.label) for one in self.book.protocol.adverse_events.seriousness]

    @property
    def is_serious(self) -> bool:
        return self.state.is_chosen("serious", "yes")

    @property
    def is_follow_up(self) -> bool:
        """A follow-up does not ask again when the site first heard of the event."""
        return self.state.is_chosen("update", "yes")

    @property
    def is_over(self) -> bool:
        return str(self.state.value("outcome")) in _OVER

    @property
    def term(self) -> str:
        return str(self.state.value("term")).strip()

    @property
    def grades(self) -> list[tuple[str, str, str]]:
        """The grades that the term has, with the dictionary's words; none while the term is not one of it."""
        try:
            offered = grades_offered(self.book.protocol.adverse_events, self.term)
        except TermUnknown:
            return []
        return [(str(grade), f"Grade {grade}", words) for grade, words in offered.items()]

    @property
    def definition(self) -> str:
        try:
            return find_term(self.book.protocol.adverse_events, self.term).definition
        except TermUnknown:
            return ""

    @property
    def near(self) -> list[str]:
        """Terms that the words typed may mean, where they are no term yet."""
        if not self.term or self.grades:
            return []
        found = suggest(self.book.protocol.adverse_events, self.term, 8)
        return list(dict.fromkeys(one.term for one in found))

    @property
    def interests(self) -> list[tuple[str, str]]:
        """Events of special interest among which the term leaves a choice."""
        found = interests_of(self.book.protocol.adverse_events, self.term)
        is_general = self.term.endswith("Other, specify")
        return [(name, name) for name in found] if len(found) > 1 or (found and is_general) else []

    @property
    def infusions(self) -> list[tuple[str, str]]:
        """The doses that an event can be tied to, for those who may know of them."""
        doses = [visit.dose for visit in self.book.protocol.visits if visit.dose is not None]
        if not self.sees_infusions or not doses:
            return []
        return [("none", "No"), *((str(dose), f"Infusion {dose}") for dose in doses)]

    @property
    def during_infusion(self) -> bool:
        return str(self.state.value("infusion")).isdigit()

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return terms_of("C66768")

    @property
    def actions_taken(self) -> list[tuple[str, str]]:
        return terms_of("C66767")

    @property
    def caught(self) -> list[tuple[str, str]]:
        return _CAUGHT


def event_form(here: Place, book: Casebook, state: FormState) -> EventForm:
    return EventForm(book, state, may_here(here, book, Permission.INFUSION_READ))


def facts_of(posted: Mapping[str, Any]) -> EventFacts:
    """The facts that were typed. Raises ``FormIncomplete``."""
    chosen = several(posted, "criteria") if posted.get("serious") == "yes" else []
    infusion = posted.get("infusion", "")
    return command_of(
        EventFacts,
        verbatim=posted.get("verbatim"),
        term=posted.get("term"),
        grade=whole_number(posted.get("grade", "")),
        aesi=posted.get("aesi"),
        onset=_moment(posted, "onset"),
        ended=_moment(posted, "ended"),
        ascertainment=posted.get("ascertainment"),
        infusion=whole_number(infusion) if infusion != "none" else None,
        onset_minute=whole_number(posted.get("onset_minute", "")),
        outcome=posted.get("outcome"),
        action_taken=posted.get("action_taken"),
        led_to_withdrawal=posted.get("led_to_withdrawal") == "yes",
        **{name: name in chosen for name in CRITERIA},
    )


def aware_at(posted: Mapping[str, Any], book: Casebook) -> datetime | str:
    """When the site heard of it: as typed, or now where it was not asked for."""
    day = date_text(posted, "aware")
    return local_instant(day, str(posted.get("aware_time", "")), book.site.zone) if day else book.now


def serious_needs_criterion(posted: Mapping[str, Any]) -> bool:
    """Whether “serious” was answered yes without saying why."""
    return posted.get("serious") == "yes" and not several(posted, "criteria")


def blank_values(book: Casebook) -> dict[str, str]:
    """A new report: heard of now, unless somebody says otherwise."""
    local = book.now.astimezone(ZoneInfo(book.site.zone))
    return {**date_values("aware", book.today.isoformat()), "aware_time": f"{local:%H:%M}"}


def values_of_event(event: AdverseEvent) -> dict[str, Any]:
    """A recorded event as the form shows it."""
    chosen = [name for name in CRITERIA if getattr(event, name)]
    values: dict[str, Any] = {
        "update": "yes",
        "serious": "yes" if event.serious else "no",
        "criteria": chosen,
        "verbatim": event.verbatim,
        "term": event.term,
        "grade": str(event.grade),
        "aesi": event.aesi or "",
        "ascertainment": event.ascertainment.value,
        "infusion": str(event.infusion) if event.infusion else "none",
        "onset_minute": "" if event.onset_minute is None else str(event.onset_minute),
        "outcome": event.outcome,
        "action_taken": event.action_taken,
        "led_to_withdrawal": "yes" if event.led_to_withdrawal else "",
    }
    for name, moment in (("onset", event.onset), ("ended", event.ended or "")):
        day, _, clock = moment.partition("T")
        values.update({**date_values(name, day), f"{name}_time": clock})
    return values


def criteria_words(book: Casebook, event: AdverseEvent) -> str:
    """Why the event is serious."""
    labels = {one.name: one.label for one in book.protocol.adverse_events.seriousness}
    return "; ".join(labels.get(name, said(name)) for name in CRITERIA if getattr(event, name)) or "None"


def _moment(posted: Mapping[str, Any], name: str) -> str:
    """A partial date, with the time where the day is known."""
    day, clock = date_text(posted, name), str(posted.get(f"{name}_time", "")).strip().replace(".", ":")
    whole = len(day) == len("2026-03-02")
    return f"{day}T{clock.zfill(5)}" if day and clock and whole else day
