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
    """``efficacy`` and ``futility`` say whether this look has that bound; what it would spend is left for the next."""

    number: Count
    name: Text
    information_fraction: Fraction
    efficacy: bool = True
    futility: bool = True


SpendingName = Literal[
    "lan_demets_obrien_fleming", "lan_demets_pocock", "hwang_shih_decani", "kim_demets", "exponential", "stepwise"
]
SpendingPoint = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]
_PARAMETERS = {
    "hwang_shih_decani": "gamma",
    "kim_demets": "rho",
    "exponential": "nu",
    "stepwise": "points",
    "wang_tsiatis": "delta",
    "haybittle_peto": "interim",
    "fixed": "bounds",
}


class BoundRule(Part):
    """How one side's bounds come about: a function, with the parameter that it alone has."""

    gamma: Number | None = None
    rho: Positive | None = None
    nu: Positive | None = None
    points: tuple[SpendingPoint, ...] | None = None

    @model_validator(mode="after")
    def _each_function_has_its_own_parameter(self) -> Self:
        function = str(getattr(self, "function", ""))
        for name, parameter in _PARAMETERS.items():
            if (getattr(self, parameter, None) is not None) != (function == name) and hasattr(self, parameter):
                raise ValueError(f"{name} needs {parameter}, and no other function has one")
        return self


class EfficacySpending(BoundRule):
    """Bounds for efficacy: spending alpha, of one shape (O'Brien–Fleming, Pocock, Wang–Tsiatis), or Haybittle–Peto."""

    function: SpendingName | Literal["obrien_fleming", "pocock", "wang_tsiatis", "haybittle_peto"]
    delta: Number | None = None
    interim: Positive | tuple[Positive, ...] | None = None


class FutilitySpending(BoundRule):
    """Bounds for futility: spending beta; spending ``total`` under no effect; or given z for each interim look."""

    function: SpendingName | Literal["fixed"]
    bounds: tuple[Number, ...] | None = None
    total: Fraction | None = None
    beta: Fraction
    binding: bool


class Design(Part):
    """A fixed design has no looks. The final analysis is not listed: it is at information 1."""

    framework: Literal["superiority", "non_inferiority", "equivalence"]
    structure: Literal["parallel"]
    alpha_one_sided: Annotated[float, Field(gt=0, lt=0.5)]
    power: Fraction
    sides: Literal[1, 2] = 1
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
        if self.sides == 2 and self.futility is not None and self.futility.total is not None:
            raise ValueError("a two-sided design spends no total under no effect: its other side is the bound for harm")
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
