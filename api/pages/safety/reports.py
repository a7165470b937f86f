"""What the form of an adverse event offers, given what is typed so far.

Invariants
1. What a part of the form asks appears only when an earlier answer calls for it; a hidden part sends nothing.
2. Term and grade are offered from the pinned dictionary; a grade without words does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from api.pages.forms import FormState
from api.pages.render import day_words
from api.pages.safety.typed_events import facts_of
from api.pages.site.subjects import may_here
from api.pages.site.words import said, terms_of
from api.places import Place
from trial.access.permissions import Permission
from trial.conduct.casebooks import Casebook
from trial.database.session import TrialSession
from trial.partial_dates import PartialDate
from trial.safety.adverse_events import (
    CRITERIA,
    FATAL,
    RECOVERED,
    AdverseEvent,
    Ascertainment,
    EventTreatment,
    Likeness,
)
from trial.safety.coding import TermUnknown, find_term, grades_offered, interests_of, suggest
from trial.safety.reading import EventView, events_for

PARTS: Final = ("serious", "term", "outcome", "infusion", "treatment")
_OVER: Final = RECOVERED | {FATAL}
_CAUGHT: Final = [
    (Ascertainment.NON_SYSTEMATIC.value, "Told by the participant, or by an open question"),
    (Ascertainment.SYSTEMATIC.value, "Asked for by name, from the checklist"),
]
TREATMENT_WORDS: Final = {
    EventTreatment.NONE.value: "Nothing",
    EventTreatment.MEDICATION.value: "Medication",
    EventTreatment.PROCEDURE.value: "A procedure",
    EventTreatment.HOSPITAL_CARE.value: "Care in hospital",
    EventTreatment.OTHER.value: "Something else",
}


@dataclass(frozen=True)
class EventForm:
    """What the form offers, given what is typed so far."""

    book: Casebook
    state: FormState
    sees_infusions: bool
    others: tuple[EventView, ...] = ()

    @property
    def severities(self) -> list[tuple[str, str]]:
        return terms_of("C66769")

    @property
    def severity_required(self) -> bool:
        return self.book.protocol.adverse_events.severity_required

    @property
    def treatments(self) -> list[tuple[str, str]]:
        return list(TREATMENT_WORDS.items())

    @property
    def is_treated(self) -> bool:
        return any(self.state.is_chosen("treatments", kind) for kind in TREATMENT_WORDS if kind != "none")

    @property
    def earlier(self) -> list[tuple[str, str]]:
        """The participant's events, of which this may be a recurrence; none for those who may not read them."""
        return [
            (str(one.number), f"Event {one.number}: {one.term or 'withheld'}, {_day(one.onset)}") for one in self.others
        ]

    @property
    def look_alikes(self) -> list[int]:
        """The events that look like what is typed, for the links to them."""
        if not self.state.error("confirmed_another"):
            return []
        typed = facts_of(self.state.values)
        return [
            one.number
            for one in self.others
            if one.verbatim
            and one.term
            and Likeness(one.verbatim, one.term, PartialDate.parse(one.onset)).is_like(Likeness.of(typed))
        ]

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
    def is_update(self) -> bool:
        """A change asks in a place of its own when the site heard of it."""
        return bool(self.state.value("update"))

    @property
    def is_follow_up(self) -> bool:
        return self.state.is_chosen("update", "follow_up")

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


def event_form(session: TrialSession, here: Place, book: Casebook, state: FormState, own: int = 0) -> EventForm:
    """``own`` is the number of the event that is followed up."""
    others: tuple[EventView, ...] = ()
    if may_here(here, book, Permission.ADVERSE_EVENT_READ):
        found = events_for(session, here.actor, here.trial.id, participant_id=book.participant.id)
        others = tuple(one for one in found if one.number != own)
    return EventForm(book, state, may_here(here, book, Permission.INFUSION_READ), others)


def criteria_words(book: Casebook, event: AdverseEvent) -> str:
    """Why the event is serious."""
    labels = {one.name: one.label for one in book.protocol.adverse_events.seriousness}
    return "; ".join(labels.get(name, said(name)) for name in CRITERIA if getattr(event, name)) or "None"


def _day(moment: str) -> str:
    return day_words(moment.partition("T")[0])
