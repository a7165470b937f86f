"""A form between two showings of its page: what was typed is kept, and each error stands at its field.

A page handler reads the posted values, builds the command, and on a ``DomainError`` shows the same page again
with ``FormState.refused(values, error)``. What it does not do: validate. Commands and services do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from pydantic import ValidationError
from starlette.datastructures import FormData

from trial.errors import DomainError

_SECRETS = frozenset({"password", "new_password", "new_password_again", "code", "csrf_token"})
_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FormState:
    """``values`` as typed, ``errors`` by field name, ``sentence`` for what concerns no single field."""

    values: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)
    errors: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    sentence: str = ""

    @classmethod
    def refused(cls, values: Mapping[str, Any], error: DomainError | ValidationError) -> Self:
        """The form as it was sent, the refusal beside what it concerns. Secrets are never shown again."""
        kept = {name: value for name, value in values.items() if name not in _SECRETS}
        if isinstance(error, ValidationError):
            told = [(found["loc"], _sentence(found["msg"])) for found in error.errors()]
            whole = " ".join(sentence for place, sentence in told if not place)
            return cls(kept, {str(place[0]): sentence for place, sentence in told if place}, whole)
        return cls(kept, error.fields, "" if error.fields else error.sentence)

    def value(self, name: str) -> Any:
        return self.values.get(name, "")

    def error(self, name: str) -> str:
        return self.errors.get(name, "")

    def is_chosen(self, name: str, option: str) -> bool:
        """Whether ``option`` was ticked, of one answer or of several."""
        given = self.value(name)
        return option in given if isinstance(given, (list, tuple, set, frozenset)) else str(given) == option

    @property
    def has_errors(self) -> bool:
        return bool(self.errors or self.sentence)


def posted_values(form: FormData) -> dict[str, Any]:
    """What a form sent: a text for each name, a list of texts where a name came more than once."""
    values: dict[str, Any] = {}
    for name in form:
        texts = [item.strip() for item in form.getlist(name) if isinstance(item, str)]
        values[name] = texts[0] if len(texts) == 1 else texts
    return values


def date_text(values: Mapping[str, Any], name: str) -> str:
    """The ISO date of a date field's three boxes; partial (``2026-03``) where some stay empty."""
    year, month, day = (str(values.get(f"{name}_{part}", "")).strip() for part in ("year", "month", "day"))
    if not year and not month and not day:
        return ""
    return "-".join(part for part in (year, month.zfill(2) if month else "", day.zfill(2) if day else "") if part)


def date_values(name: str, iso: str) -> dict[str, str]:
    """The three boxes that show an ISO date, whole or partial."""
    parts = [*iso.split("-"), "", ""][:3]
    return {
        f"{name}_year": parts[0],
        f"{name}_month": parts[1].lstrip("0"),
        f"{name}_day": parts[2].lstrip("0"),
    }


def _sentence(message: str) -> str:
    words = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return words if words.endswith(".") else f"{words}."
