"""An instrument as a form: items by id, answers by code. The items' words are the licence holder's and are not here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.pages.forms import date_text, date_values
from api.pages.site.commands import command_of, whole_number
from trial.conduct.casebooks import Casebook
from trial.conduct.outcomes import ItemAnswers, Outcome, RecordOutcomes
from trial.protocol.schema import Instrument

PREFIX: Final = "item-"


@dataclass(frozen=True, slots=True)
class ItemInput:
    """One item: its codes in order, with the words at both ends."""

    id: str
    name: str
    codes: tuple[int, ...]
    low_label: str
    high_label: str


def items_of(instrument: Instrument) -> list[ItemInput]:
    found = []
    for item in instrument.items:
        answers = instrument.answers_of(item)
        codes = tuple(range(answers.low, answers.high + 1))
        found.append(ItemInput(item.id, f"{PREFIX}{item.id}", codes, answers.low_label, answers.high_label))
    return found


def recording(book: Casebook, visit: str, instrument: Instrument, posted: Mapping[str, Any]) -> RecordOutcomes:
    """The command for one administration, new or corrected. Raises ``FormIncomplete``."""
    return command_of(
        RecordOutcomes,
        participant_id=book.participant.id,
        visit=visit,
        answered_on=date_text(posted, "answered_on"),
        answers={instrument.id: _answers(instrument, posted)},
        repeat=whole_number(posted.get("repeat", "")),
        reason=posted.get("reason"),
    )


def values_of(book: Casebook, outcome: Outcome | None) -> dict[str, str]:
    """A blank form of today, or the answers that are to be corrected."""
    if outcome is None:
        return date_values("answered_on", book.today.isoformat())
    answers = {f"{PREFIX}{item}": str(code) for item, code in outcome.answers.items()}
    return {**answers, **date_values("answered_on", outcome.answered_on.isoformat()), "repeat": str(outcome.repeat)}


def error_fields(instrument: Instrument) -> dict[str, str]:
    """Where a refusal's fields stand on the page."""
    return {item.id: f"{PREFIX}{item.id}" for item in instrument.items}


def _answers(instrument: Instrument, posted: Mapping[str, Any]) -> ItemAnswers:
    given = {item.id: whole_number(posted.get(f"{PREFIX}{item.id}", "")) for item in instrument.items}
    return {item: code if isinstance(code, int) else None for item, code in given.items()}
