"""The infusion plan: dose, weight, delivery, days, monitoring, and the rules that hold, stop or discharge.

Invariants
1. The volume, the time and the rate agree with each other, and are the same in every arm.
2. The order that blinded staff see is the nominal dose. What an arm really gets is its ``Preparation``.

A protocol without infusions has no plan.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trial.protocol.schema.base import (
    Code,
    Coded,
    Comparison,
    Count,
    Fraction,
    Minute,
    Number,
    Part,
    Positive,
    Sourced,
    Text,
    compare,
)


class AdjustedWeight(Sourced):
    """Above a body mass index, dose by ideal weight plus a fraction of the excess."""

    from_bmi: Positive
    ideal_weight: Literal["devine"]
    excess_fraction: Fraction


class WeightRules(Sourced):
    dose_by_weight_of_infusion: Count
    weigh_each_day: bool
    redose_if_change_over: Fraction
    flag_below_kg: Positive
    flag_above_kg: Positive
    adjusted: AdjustedWeight | None = None


class NominalDose(Sourced):
    """The dose that is ordered for everybody, in whichever arm."""

    mg_per_kg: Positive
    cap_mg: Positive
    stock_mg_per_ml: Positive
    syringe_graduation_ml: Positive


class Delivery(Part):
    """``beyond_use_hours`` counts from the preparation and is the same for every arm: the shortest of them."""

    route: Text
    volume_ml: Positive
    minutes: Count
    rate_ml_per_h: Positive
    beyond_use_hours: Positive | None = None

    @model_validator(mode="after")
    def _rate_follows_from_volume_and_time(self) -> Self:
        expected = self.volume_ml / self.minutes * 60
        if abs(expected - self.rate_ml_per_h) > 0.005 * expected:
            raise ValueError(
                f"{self.volume_ml:g} mL in {self.minutes} min are {expected:g} mL/h, not {self.rate_ml_per_h:g}"
            )
        return self


class DayRules(Sourced):
    """On which days infusions are due and how far they may move. A missed one is not made up."""

    days: Annotated[tuple[Count, ...], Field(min_length=1)]
    may_move_days: Annotated[int, Field(ge=0, le=30)]
    all_within_days: Count
    missed: Literal["not_made_up"]

    @model_validator(mode="after")
    def _days_are_in_order_and_fit(self) -> Self:
        if list(self.days) != sorted(set(self.days)):
            raise ValueError("the days of infusion increase and are named once")
        if self.all_within_days < self.days[-1] - self.days[0] + 1:
            raise ValueError("all_within_days is shorter than the planned days themselves")
        return self


class Measure(Part):
    """Something read during an infusion; ``low`` and ``high`` are the limits of what can be true."""

    name: Code
    label: Text
    unit: Text
    low: Number
    high: Number

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self


class ScaleReading(Part):
    """An instrument that is asked during the infusion, at its own minutes."""

    instrument: Code
    minutes: Annotated[tuple[Minute, ...], Field(min_length=1)]


class Monitoring(Sourced):
    minutes: Annotated[tuple[Minute, ...], Field(min_length=1)]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    scales: tuple[ScaleReading, ...] = ()
    open_question_before_checklist: bool

    @model_validator(mode="after")
    def _minutes_increase(self) -> Self:
        for minutes in (self.minutes, *(scale.minutes for scale in self.scales)):
            if list(minutes) != sorted(set(minutes)):
                raise ValueError("minutes increase and are named once")
        return self


class ReadingLimit(Part):
    """A limit on a measure; ``readings`` says how many in a row must cross it."""

    measure: Code
    comparison: Comparison
    value: Number
    readings: Count = 1

    def crossed_by(self, value: float) -> bool:
        return compare(value, self.comparison, self.value)


class InfusionRule(Sourced):
    """Hold or stop an infusion: for a reading, a sign that is seen, or a hold that does not resolve."""

    id: Code
    action: Literal["hold", "stop"]
    text: Text
    reading: ReadingLimit | None = None
    sign: Coded | None = None
    unresolved_after_min: Count | None = None

    @model_validator(mode="after")
    def _has_exactly_one_trigger(self) -> Self:
        triggers = [self.reading, self.sign, self.unresolved_after_min]
        if sum(trigger is not None for trigger in triggers) != 1:
            raise ValueError("give exactly one of reading, sign and unresolved_after_min")
        return self


class DischargeRules(Sourced):
    minutes_after_end: Count
    vitals_within_fraction_of_baseline: Fraction
    vitals: Annotated[tuple[Code, ...], Field(min_length=1)]
    readings: tuple[ReadingLimit, ...]
    confirmed: tuple[Coded, ...]


class InfusionPlan(Part):
    dose: NominalDose
    weight: WeightRules
    delivery: Delivery
    days: DayRules
    monitoring: Monitoring
    rules: tuple[InfusionRule, ...]
    discharge: DischargeRules
    setting: Text

    @property
    def count(self) -> int:
        """How many infusions are planned."""
        return len(self.days.days)

    def measure(self, name: str) -> Measure | None:
        return next((measure for measure in self.monitoring.measures if measure.name == name), None)
