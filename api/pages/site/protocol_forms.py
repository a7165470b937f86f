"""A form of the protocol as a page shows it, and back: from fields to inputs, from inputs to answers.

Invariants
1. What a page offers is what the protocol says: kinds, units, choices, codelists. No form of one trial is written here.
2. What cannot be read as the field's kind is kept as text, so that the edit check refuses it at its field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from api.pages.forms import date_text, date_values
from api.pages.site.commands import number, whole_number
from api.pages.site.words import terms_of
from trial.conduct.forms import FormAnswers
from trial.protocol.schema import Form, FormField, Value

PREFIX: Final = "answer-"
_FEW: Final = 4
_UNITS: Final = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "umol/L": "µmol/L"}


@dataclass(frozen=True, slots=True)
class Input:
    """One field as the macros of ``components/forms.html`` take it. ``kind``: radios, select, date, textarea or text."""

    name: str
    label: str
    kind: str
    unit: str
    hint: str
    options: tuple[tuple[str, str], ...]
    optional: bool
    mode: str


def inputs_of(form: Form, prefix: str = PREFIX) -> list[Input]:
    """The form's fields in their order. ``prefix`` tells forms apart that stand on one page."""
    return [_input(field, prefix) for field in form.fields]


def field_names(form: Form) -> frozenset[str]:
    return frozenset(field.name for field in form.fields)


def answers_of(form: Form, posted: Mapping[str, Any], prefix: str = PREFIX) -> FormAnswers:
    """What was typed, as the form's own kinds; an empty input is an answer that was not given."""
    return {field.name: _answer(field, posted, prefix) for field in form.fields}


def values_of(form: Form, answers: Mapping[str, Any]) -> dict[str, str]:
    """Recorded answers as the inputs show them."""
    values: dict[str, str] = {}
    for field in form.fields:
        answer = answers.get(field.name)
        if answer is None:
            continue
        name = f"{PREFIX}{field.name}"
        values.update(date_values(name, str(answer)) if field.kind == "date" else {name: _shown(answer)})
    return values


def answer_words(field: FormField, answer: Value | None) -> str:
    """An answer for reading, with its unit."""
    if answer is None:
        return "–"
    labels = dict(_options(field))
    words = labels.get(str(answer), _shown(answer))
    return f"{words} {unit_words(field.unit)}" if field.unit else words


def unit_words(unit: str | None) -> str:
    """A UCUM unit as people write it."""
    return _UNITS.get(unit or "", unit or "")


def _input(field: FormField, prefix: str) -> Input:
    options = _options(field)
    kind = {"date": "date", "yes_no": "radios", "text": "textarea"}.get(field.kind, "text")
    if field.kind == "choice":
        kind = "radios" if len(options) <= _FEW else "select"
    mode = {"integer": "numeric", "number": "decimal"}.get(field.kind, "")
    return Input(
        f"{prefix}{field.name}",
        field.label,
        kind,
        unit_words(field.unit),
        _hint(field),
        options,
        not field.required,
        mode,
    )


def _options(field: FormField) -> tuple[tuple[str, str], ...]:
    if field.kind == "yes_no":
        return (("yes", "Yes"), ("no", "No"))
    if field.codelist is not None:
        return tuple(terms_of(field.codelist))
    return tuple((choice.code, choice.label) for choice in field.choices)


def _hint(field: FormField) -> str:
    if field.kind == "time":
        return "24 hours, for example 14:05"
    return ""


def _answer(field: FormField, posted: Mapping[str, Any], prefix: str) -> Value | None:
    name = f"{prefix}{field.name}"
    if field.kind == "date":
        return date_text(posted, name) or None
    given = posted.get(name, "")
    if given == "":
        return None
    if field.kind == "integer":
        answer: Value = whole_number(given)
    else:
        answer = number(given) if field.kind == "number" else str(given)
    return answer


def _shown(answer: Any) -> str:
    return f"{answer:g}" if isinstance(answer, float) else str(answer)
