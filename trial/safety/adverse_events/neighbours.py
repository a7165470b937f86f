"""An event beside the participant's others: the one that it repeats, and one that looks the same.

Invariants
1. A recurrence is an event of its own, which names an earlier event of the same participant.
2. What looks the same is pointed out and never merged: who reports it confirms that it is another, or goes to the first.
3. It is pointed out only to who may read the detail of the other event; a report says nothing of it to anybody else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trial.errors import Conflict, InvalidInput
from trial.partial_dates import PartialDate
from trial.safety.adverse_events.facts import EventFacts
from trial.safety.adverse_events.records import AdverseEvent


class RecurrenceUnknown(InvalidInput):
    code = "adverse_event.recurrence_unknown"


class RecurrenceBeforeFirst(InvalidInput):
    code = "adverse_event.recurrence_before_first"


class EventLooksTheSame(Conflict):
    code = "adverse_event.looks_the_same"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What two events are compared by."""

    verbatim: str
    term: str
    onset: PartialDate

    @classmethod
    def of(cls, event: AdverseEvent | EventFacts) -> Likeness:
        onset = event.onset if isinstance(event.onset, PartialDate) else PartialDate.parse(event.onset)
        return cls(" ".join(event.verbatim.casefold().split()), event.term, onset)

    def is_like(self, other: Likeness) -> bool:
        """The same term or the same words, on what can be the same day."""
        same = self.term == other.term or self.verbatim == other.verbatim
        return same and self.onset.earliest() <= other.onset.latest() and other.onset.earliest() <= self.onset.latest()


def look_alikes(facts: EventFacts, others: Iterable[AdverseEvent]) -> list[AdverseEvent]:
    """The events that look the same as what is reported, but for the one that it says it repeats."""
    reported = Likeness.of(facts)
    return [event for event in others if event.number != facts.recurrence_of and reported.is_like(Likeness.of(event))]


def check_another(facts: EventFacts, readable: Iterable[AdverseEvent]) -> None:
    """Raise ``EventLooksTheSame``; ``readable`` are the events whose detail the reporter may read."""
    numbers = [event.number for event in look_alikes(facts, readable)]
    if numbers:
        named = " and ".join(f"event {number}" for number in numbers[:3])
        raise EventLooksTheSame(
            f"{named.capitalize()} {'looks' if len(numbers) == 1 else 'look'} the same. Go to it and follow it up, or"
            " confirm that this is another event.",
            fields={"confirmed_another": f"Is it another event than {named}?"},
        )


def check_recurrence(facts: EventFacts, others: Iterable[AdverseEvent], *, own: int | None = None) -> None:
    """Raise ``RecurrenceUnknown``, ``RecurrenceBeforeFirst``."""
    if facts.recurrence_of is None:
        return
    first = next((event for event in others if event.number == facts.recurrence_of), None)
    if first is None or first.number == own:
        raise RecurrenceUnknown(
            f"This participant has no earlier event {facts.recurrence_of}. Give the number of the event that came back.",
            fields={"recurrence_of": "Choose an earlier event of this participant."},
        )
    if facts.onset.surely_before(PartialDate.parse(first.onset)):
        raise RecurrenceBeforeFirst(
            f"It began before event {first.number}, which it is said to repeat. Correct the onset or the event.",
            fields={"recurrence_of": "This event began later."},
        )
