"""From what a form sent to a command, with each complaint in words that a person at a site can act on.

Invariants
1. A value that cannot be read is kept as it was typed, so that the command's own check refuses it at its field.
2. Complaints name the field of the form, never a type or a library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from trial.errors import InvalidInput

C = TypeVar("C", bound=BaseModel)

_SENTENCES = {
    "missing": "This is required.",
    "string_type": "This is required.",
    "none_required": "This is required.",
    "bool_type": "Choose one answer.",
    "bool_parsing": "Choose one answer.",
    "int_parsing": "Give a whole number.",
    "int_type": "Give a whole number.",
    "int_from_float": "Give a whole number.",
    "float_parsing": "Give a number.",
    "float_type": "Give a number.",
    "enum": "Choose one of the answers.",
    "uuid_parsing": "Choose one from the list.",
    "timezone_aware": "Give a date and a time.",
}


class FormIncomplete(InvalidInput):
    code = "form.incomplete"


def command_of(kind: type[C], /, **given: Any) -> C:
    """The command, or ``FormIncomplete`` with a sentence for each field. Empty texts count as not given."""
    try:
        return kind(**{name: value for name, value in given.items() if value not in ("", None)})
    except ValidationError as error:
        raise refusal_of(error) from None


def refusal_of(error: ValidationError) -> FormIncomplete:
    """What a command's own checks say, by field; what concerns no single field stands alone."""
    fields: dict[str, str] = {}
    alone: list[str] = []
    for found in error.errors():
        sentence = _sentence(dict(found))
        if found["loc"]:
            fields.setdefault(str(found["loc"][0]), sentence)
        else:
            alone.append(sentence)
    return FormIncomplete(" ".join(alone) or "Correct the fields that are named.", fields=fields)


def _sentence(found: Mapping[str, Any]) -> str:
    kind, context = str(found["type"]), found.get("ctx", {})
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind.startswith("datetime_"):
        return "Give a day and a time, such as 14:05."
    if kind.startswith("date_"):
        return "Give a whole date, such as 22 11 2026."
    if kind == "string_too_short":
        return f"Write at least {context['min_length']} characters."
    if kind == "string_too_long":
        return f"Write at most {context['max_length']} characters."
    if kind == "greater_than_equal":
        return f"This must be {context['ge']:g} or more."
    if kind == "less_than_equal":
        return f"This must be {context['le']:g} or less."
    if kind == "greater_than":
        return f"This must be more than {context['gt']:g}."
    words = str(found["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


@contextmanager
def fields_as(names: Mapping[str, str]) -> Iterator[None]:
    """Refusals inside stand at the form's own fields: ``names`` maps a command's field to the form's."""
    try:
        yield
    except InvalidInput as error:
        fields = {names.get(name, name): words for name, words in error.fields.items()}
        raise type(error)(error.sentence, fields=fields) from error


def prefixed(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """For ``fields_as``: each of ``names`` stands at ``prefix + name``."""
    return {name: f"{prefix}{name}" for name in names}


def number(text: Any) -> Any:
    """A number as people type it, with a point or a comma; what is none stays as it is, to be refused."""
    if not isinstance(text, str):
        return text
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def whole_number(text: Any) -> Any:
    """As ``number``, for counts."""
    found = number(text)
    return int(found) if isinstance(found, float) and found.is_integer() else found


def local_instant(day: str, clock: str, zone: str) -> datetime | str:
    """The instant of a date and a time of day at the site; what cannot be read stays text, to be refused."""
    try:
        local = datetime.fromisoformat(f"{day}T{clock.strip().replace('.', ':').zfill(5)}")
    except ValueError:
        return f"{day} {clock}".strip()
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def yes(value: Any) -> bool | None:
    """A yes/no answer; ``None`` where there is none."""
    return {"yes": True, "no": False}.get(str(value))
