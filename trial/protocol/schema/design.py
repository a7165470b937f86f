"""Sample size, planned looks, spending, stages of the lock, the board, and who is responsible for what."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from trial.protocol.schema.base import Code, Count, Fraction, Number, Part, Positive, Text


class SampleSize(Part):
    difference: Positive
    standard_deviation: Positive
    fixed_per_arm: Count
    inflation: Annotated[float, Field(ge=1, le=3)]
    missing_fraction: Annotated[float, Field(ge=0, lt=1)]
    total: Count
    text: Text


class Look(Part):
    number: Count
    name: Text
    information_fraction: Fraction


class EfficacySpending(Part):
    function: Literal["lan_demets_obrien_fleming", "lan_demets_pocock", "hwang_shih_decani"]
    gamma: Number | None = None

    @model_validator(mode="after")
    def _gamma_belongs_to_one_family(self) -> Self:
        if (self.gamma is not None) != (self.function == "hwang_shih_decani"):
            raise ValueError("hwang_shih_decani needs gamma, and no other function has one")
        return self


class FutilitySpending(Part):
    function: Literal["hwang_shih_decani"]
    gamma: Number
    beta: Fraction
    binding: bool


class Design(Part):
    """A fixed design has no looks. The final analysis is not listed: it is at information 1."""

    framework: Literal["superiority", "non_inferiority", "equivalence"]
    structure: Literal["parallel"]
    alpha_one_sided: Annotated[float, Field(gt=0, lt=0.5)]
    power: Fraction
    looks: tuple[Look, ...] = ()
    information: Text
    efficacy: EfficacySpending | None = None
    futility: FutilitySpending | None = None

    @model_validator(mode="after")
    def _looks_increase(self) -> Self:
        fractions = [look.information_fraction for look in self.looks]
        if fractions != sorted(set(fractions)):
            raise ValueError("the information fractions of the looks must increase, each between 0 and 1")
        if [look.number for look in self.looks] != list(range(1, len(self.looks) + 1)):
            raise ValueError("looks are numbered 1, 2, 3 … in their order")
        if bool(self.looks) != (self.efficacy is not None):
            raise ValueError("efficacy spending is given if and only if there are looks")
        return self

    @property
    def information_fractions(self) -> tuple[float, ...]:
        """Every analysis, the final one included."""
        return (*(look.information_fraction for look in self.looks), 1.0)


class SafetyReviews(Part):
    every_months: Count
    text: Text


class BoardSeat(Part):
    seat: Code
    expertise: Text
    needed_for_quorum: bool = False


RecommendationName = Literal[
    "continue", "modify", "pause_randomizing", "stop_randomizing", "stop_dosing", "stop_follow_up"
]


class Board(Part):
    seats: Annotated[tuple[BoardSeat, ...], Field(min_length=1)]
    quorum: Count
    recommendations: Annotated[tuple[RecommendationName, ...], Field(min_length=1)]
    arms_shown_as: tuple[Text, ...]
    bounds_alert: tuple[Code, ...]
    text: Text

    @model_validator(mode="after")
    def _quorum_fits(self) -> Self:
        if self.quorum > len(self.seats):
            raise ValueError(f"the quorum ({self.quorum}) is larger than the board ({len(self.seats)} members)")
        return self


class LockStage(Part):
    """One stage of the staged lock; visits after ``through_visit`` go on blind, behind a result firewall."""

    code: Code
    name: Text
    through_visit: Code
    primary_analysis: bool
    text: Text


class Responsibility(Part):
    task: Text
    role: Code
    text: Text | None = None
