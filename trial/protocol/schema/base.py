"""What every part of a protocol shares: frozen, closed models, names, comparisons, and notes on sources.

Invariants
1. A part never changes once read, and refuses a field that it does not know.
2. One meaning for each comparison, wherever a protocol writes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,47}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
VersionLabel = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){0,2}$")]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=1_000_000)]
Day = Annotated[int, Field(ge=-3650, le=3650)]
Minute = Annotated[int, Field(ge=-1440, le=2880)]

Value = bool | int | float | str
"""A recorded answer, as a form holds it."""

Direction = Literal["higher", "lower"]
"""Which way is better for the participant."""

Comparison = Literal["<", "<=", ">", ">=", "==", "!="]


class Part(BaseModel):
    """One part of a protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=4000)


class Sourced(Part):
    """A part whose numbers may be defaults: the file says so, and on what they rest."""

    default_without_single_source: bool = False
    basis: Text | None = None


class Coded(Part):
    """A code with the words that people read."""

    code: Code
    label: Text


def compare(value: Value, comparison: Comparison, bound: Value) -> bool:
    """Whether ``value comparison bound``. Order is defined between numbers only; text is equal or not."""
    if comparison == "==":
        return value == bound
    if comparison == "!=":
        return value != bound
    if isinstance(value, str) or isinstance(bound, str):
        raise TypeError(f"{comparison} compares numbers, not {value!r} with {bound!r}")
    if comparison in ("<", "<="):
        return value < bound or (comparison == "<=" and value == bound)
    return value > bound or (comparison == ">=" and value == bound)


class Condition(Part):
    """A recorded field (or an instrument's domain, as ``form`` and ``field``) compared with a value."""

    form: Code
    field: Code
    comparison: Comparison
    value: Value

    @model_validator(mode="after")
    def _order_is_between_numbers(self) -> Self:
        if self.comparison not in ("==", "!=") and isinstance(self.value, (str, bool)):
            raise ValueError(f"{self.comparison} needs a number, not {self.value!r}")
        return self

    def holds(self, recorded: Mapping[tuple[str, str], Value | None]) -> bool | None:
        """True, false, or ``None`` while the field is not recorded. Keys are ``(form, field)``."""
        found = recorded.get((self.form, self.field))
        if found is None or (isinstance(found, str) and self.comparison not in ("==", "!=")):
            return None
        return compare(found, self.comparison, self.value)


class Check(Part):
    """Conditions that hold together (``all``) or singly (``any``); unknown stays unknown (Kleene)."""

    combine: Literal["all", "any"] = "all"
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]

    def holds(self, recorded: Mapping[tuple[str, str], Value | None]) -> bool | None:
        verdicts = [condition.holds(recorded) for condition in self.conditions]
        decisive = self.combine == "any"
        if decisive in verdicts:
            return decisive
        return None if None in verdicts else not decisive
