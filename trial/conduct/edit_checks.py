"""Edit checks: what a form's answers must be like, as the protocol says. Pure.

Invariants
1. An answer of the wrong kind, outside a choice or beyond a hard limit is refused, each with its own sentence.
2. An answer beyond an expected limit is kept, and becomes a question to the site.
3. Unknown is not wrong: a check whose fields are not all recorded neither refuses nor asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time

from trial.errors import InvalidInput
from trial.protocol.schema import EditCheck, Form, FormField, Value
from trial.reference import submission_values

Answers = Mapping[str, Value | None]
Recorded = Mapping[tuple[str, str], Value | None]


class AnswersRefused(InvalidInput):
    code = "form.answers_refused"


@dataclass(frozen=True, slots=True)
class Question:
    """What a check asks about answers that were kept."""

    form: str
    field: str | None
    sentence: str


def check_form(form: Form, answers: Answers, recorded: Recorded) -> tuple[Question, ...]:
    """The questions that the answers raise. Raises ``AnswersRefused``, one sentence a field.

    recorded: other answers that a check may look at; this form's own are added here.
    """
    refused = dict(_refusals(form, answers))
    if refused:
        raise AnswersRefused(f"{form.name}: correct the answers that are marked.", fields=refused)
    known = {**recorded, **{(form.code, name): answer for name, answer in answers.items()}}
    broken = [check for check in form.checks if check.must_hold.holds(known) is False]
    _refuse(form, [check for check in broken if check.severity == "refuse"])
    asked = [Question(form.code, None, check.sentence) for check in broken if check.severity == "query"]
    return (*_unexpected(form, answers), *asked)


def _refuse(form: Form, broken: Iterable[EditCheck]) -> None:
    sentences = [check.sentence for check in broken]
    if sentences:
        raise AnswersRefused(f"{form.name}: {' '.join(sentences)} Correct the answers.")


def _refusals(form: Form, answers: Answers) -> Iterator[tuple[str, str]]:
    known = {field.name for field in form.fields}
    for name in answers:
        if name not in known:
            yield name, "This form has no such field."
    for field in form.fields:
        answer = answers.get(field.name)
        if answer is None:
            if field.required:
                yield field.name, "An answer is needed."
        elif (wrong := _wrong(field, answer)) is not None:
            yield field.name, wrong


def _wrong(field: FormField, answer: Value) -> str | None:
    match field.kind:
        case "integer" | "number":
            return _wrong_number(field, answer)
        case "yes_no":
            return None if answer in ("yes", "no") else "Answer yes or no."
        case "choice":
            offered = _choices(field)
            return None if answer in offered else f"Choose one of: {', '.join(offered)}."
        case "date":
            return None if _parses(date.fromisoformat, answer) else "Give a date such as 2026-05-31."
        case "time":
            return None if _parses(time.fromisoformat, answer) else "Give a time such as 14:30."
        case "text":
            fits = isinstance(answer, str) and len(answer) <= 4000
            return None if fits else "Give a text of at most 4000 characters."


def _wrong_number(field: FormField, answer: Value) -> str | None:
    if isinstance(answer, (bool, str)) or not math.isfinite(answer):
        return "Give a number."
    if field.kind == "integer" and answer != int(answer):
        return "Give a whole number."
    low, high = field.low, field.high
    if (low is not None and answer < low) or (high is not None and answer > high):
        return f"This must lie between {_bound(low)} and {_bound(high)}."
    return None


def _unexpected(form: Form, answers: Answers) -> Iterator[Question]:
    for field in form.fields:
        answer = answers.get(field.name)
        if answer is None or isinstance(answer, (bool, str)):
            continue
        low, high = field.expected_low, field.expected_high
        if (low is not None and answer < low) or (high is not None and answer > high):
            sentence = f"{field.label}: expected between {_bound(low)} and {_bound(high)}. Is it right?"
            yield Question(form.code, field.name, sentence)


def _choices(field: FormField) -> tuple[str, ...]:
    if field.codelist is not None:
        return submission_values(field.codelist)
    return tuple(choice.code for choice in field.choices)


def _parses(parse: object, answer: Value) -> bool:
    if not isinstance(answer, str) or not callable(parse):
        return False
    try:
        parse(answer)
    except ValueError:
        return False
    return True


def _bound(limit: float | None) -> str:
    return "any" if limit is None else f"{limit:g}"
