"""Eligibility, visits, forms and their checks.

Invariants
1. A study day counts from the anchor as day 1, and there is no day 0.
2. A machine check of a criterion is true when the criterion's own words are true: an inclusion that is met,
   an exclusion that is present.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from trial.protocol.schema.base import Check, Code, Coded, Count, Day, Number, Part, Sourced, Text, Value


class Criterion(Sourced):
    id: Code
    kind: Literal["inclusion", "exclusion"]
    text: Text
    check: Check | None = None

    def permits(self, recorded: Mapping[tuple[str, str], Value | None]) -> bool | None:
        """Whether recorded values let the participant in; ``None`` if they cannot tell, or a person must."""
        held = self.check.holds(recorded) if self.check else None
        return held if held is None or self.kind == "inclusion" else not held


class ExpectedInstrument(Part):
    """An instrument due at a visit, perhaps more than once. A bare id in the file means once."""

    id: Code
    times: Count = 1
    days_apart: Annotated[int, Field(ge=0, le=60)] = 0

    @model_validator(mode="before")
    @classmethod
    def _a_bare_id_means_once(cls, given: Any) -> Any:
        return {"id": given} if isinstance(given, str) else given


@dataclass(frozen=True, slots=True)
class VisitDates:
    planned: date
    opens: date
    closes: date


class Visit(Sourced):
    """``day``, ``opens`` and ``closes`` are study days, or days after the anchor where ``count`` says so."""

    code: Code
    name: Text
    period: Literal["screening", "treatment", "follow_up"]
    anchor: Literal["first_dose", "last_dose", "randomization"]
    count: Literal["study_day", "days_after"] = "study_day"
    day: Day
    opens: Day
    closes: Day
    dose: Count | None = None
    allowed_on_day_1_before_first_dose: bool = False
    forms: tuple[Code, ...] = ()
    instruments: tuple[ExpectedInstrument, ...] = ()
    note: Text | None = None

    @model_validator(mode="after")
    def _window_holds_the_day(self) -> Self:
        if not self.opens <= self.day <= self.closes:
            raise ValueError(f"day {self.day} is outside its own window {self.opens} to {self.closes}")
        if self.count == "study_day" and 0 in (self.day, self.opens, self.closes):
            raise ValueError("there is no study day 0: the day before day 1 is day -1")
        return self

    @property
    def instrument_ids(self) -> tuple[str, ...]:
        return tuple(expected.id for expected in self.instruments)

    def dates(self, anchor: date) -> VisitDates:
        """The visit's calendar dates, given the date of its anchor."""
        planned, opens, closes = (self._date(anchor, day) for day in (self.day, self.opens, self.closes))
        if self.allowed_on_day_1_before_first_dose:
            closes = max(closes, anchor)
        return VisitDates(planned, opens, closes)

    def _date(self, anchor: date, day: int) -> date:
        offset = day - 1 if self.count == "study_day" and day > 0 else day
        return anchor + timedelta(days=offset)


class OpenPeriod(Part):
    """Treatment offered after the randomized period; recorded apart and never mixed with it."""

    code: Code
    name: Text
    after_visit: Code
    text: Text


class Schedule(Part):
    visits: Annotated[tuple[Visit, ...], Field(min_length=1)]
    anchor_if_never_dosed: Literal["randomization"] = "randomization"
    participant_answers_before_seeing_staff: bool = False
    open_period: OpenPeriod | None = None


class FormField(Part):
    """Beyond ``low`` and ``high`` is refused; beyond the expected limits raises a query.

    The answers of ``yes_no`` are the texts ``yes`` and ``no``.
    """

    name: Code
    label: Text
    kind: Literal["text", "integer", "number", "choice", "yes_no", "date", "time"]
    unit: Text | None = None
    choices: tuple[Coded, ...] = ()
    codelist: Code | None = None
    required: bool = True
    low: Number | None = None
    high: Number | None = None
    expected_low: Number | None = None
    expected_high: Number | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "choice") != bool(self.choices or self.codelist):
            raise ValueError("a choice has choices or a codelist, and no other kind has them")
        limits = (self.low, self.high, self.expected_low, self.expected_high)
        if self.kind not in ("integer", "number") and any(limit is not None for limit in limits):
            raise ValueError(f"limits belong to numbers, not to {self.kind}")
        return self


class EditCheck(Part):
    """What must hold of a form's answers; otherwise they are refused, or a query is raised."""

    id: Code
    sentence: Text
    severity: Literal["refuse", "query"]
    must_hold: Check


class Form(Part):
    """``domain`` decides who may read it: the infusion domain has a grant of its own."""

    code: Code
    name: Text
    domain: Literal["screening", "conduct", "infusion", "efficacy", "safety"]
    fields: Annotated[tuple[FormField, ...], Field(min_length=1)]
    checks: tuple[EditCheck, ...] = ()

    def field(self, name: str) -> FormField | None:
        return next((field for field in self.fields if field.name == name), None)
