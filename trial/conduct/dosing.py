"""Dosing arithmetic: from a weight to the ordered dose, and from a dose to what a syringe can draw. Pure.

    82.4 kg at 0.5 mg/kg: 41.2 mg ordered; of 50 mg/mL 0.824 mL, drawn 0.82 mL, which hold 41.0 mg.

Invariants
1. The ordered dose is the protocol's nominal one, the same whatever the arm. What is drawn is the pharmacy's matter.
2. The cap comes last: after the adjusted weight, never before.
3. Rounding is to the nearest graduation, halves up, in decimal arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from trial.errors import InvalidInput
from trial.protocol.schema import InfusionPlan, WeightRules

_TENTH, _HUNDREDTH = Decimal("0.1"), Decimal("0.01")
_INCH_CM: Final = 2.54
_DEVINE_FROM_INCHES: Final = 60
_DEVINE_PER_INCH_KG: Final = 2.3
_DEVINE_MALE_KG, _DEVINE_OTHER_KG = 50.0, 45.5


class DoseFlag(StrEnum):
    WEIGHT_LOW = "weight_low"
    WEIGHT_HIGH = "weight_high"
    CAPPED = "capped"
    ADJUSTED_WEIGHT = "adjusted_weight"
    REDOSED = "redosed"


class HeightNeeded(InvalidInput):
    code = "infusion.height_needed"


@dataclass(frozen=True, slots=True)
class OrderedDose:
    """``weight_kg`` is the weight that the dose rests on: the measured or the adjusted one."""

    weight_kg: float
    mg_per_kg: float
    dose_mg: float
    flags: tuple[DoseFlag, ...]


@dataclass(frozen=True, slots=True)
class DrawnDose:
    """What a syringe of this graduation can draw, and the milligrams in it."""

    volume_ml: float
    dose_mg: float


@dataclass(frozen=True, slots=True)
class DayWindow:
    """The days on which an infusion may be given."""

    first: date
    last: date

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


def body_mass_index(weight_kg: float, height_cm: float) -> float:
    return weight_kg / (height_cm / 100) ** 2


def ideal_weight_devine(height_cm: float, sex: str) -> float:
    """Devine's ideal body weight in kg. The lower constant serves everybody who is not male: the smaller dose.

    Below five feet the formula is held at its value for five feet.
    """
    inches_over = max(0.0, height_cm / _INCH_CM - _DEVINE_FROM_INCHES)
    return (_DEVINE_MALE_KG if sex == "M" else _DEVINE_OTHER_KG) + _DEVINE_PER_INCH_KG * inches_over


def dosing_weight(rules: WeightRules, weight_kg: float, height_cm: float | None, sex: str) -> float:
    """The measured weight, or the adjusted one from the protocol's body mass index on. Raises ``HeightNeeded``."""
    adjusted = rules.adjusted
    if adjusted is None:
        return weight_kg
    if height_cm is None:
        raise HeightNeeded(
            "The dose depends on the body mass index. Give the height.",
            fields={"height_cm": "The height is needed once."},
        )
    if body_mass_index(weight_kg, height_cm) < adjusted.from_bmi:
        return weight_kg
    ideal = ideal_weight_devine(height_cm, sex)
    return _rounded(ideal + adjusted.excess_fraction * (weight_kg - ideal), _TENTH)


def nominal_dose(plan: InfusionPlan, weight_kg: float, height_cm: float | None, sex: str) -> OrderedDose:
    """The dose to order for a weight, by the protocol's rules. Raises ``HeightNeeded``."""
    used = dosing_weight(plan.weight, weight_kg, height_cm, sex)
    wanted = dose_by_weight(plan.dose.mg_per_kg, used)
    flags = [*weight_flags(plan.weight, weight_kg)]
    if used != weight_kg:
        flags.append(DoseFlag.ADJUSTED_WEIGHT)
    if wanted > plan.dose.cap_mg:
        flags.append(DoseFlag.CAPPED)
    return OrderedDose(used, plan.dose.mg_per_kg, min(wanted, plan.dose.cap_mg), tuple(flags))


def dose_by_weight(mg_per_kg: float, weight_kg: float) -> float:
    """Milligrams for a weight, before any cap, to the hundredth."""
    return _rounded(float(Decimal(str(mg_per_kg)) * Decimal(str(weight_kg))), _HUNDREDTH)


def weight_flags(rules: WeightRules, weight_kg: float) -> tuple[DoseFlag, ...]:
    """Whether a weight is one that somebody should look at twice."""
    if weight_kg < rules.flag_below_kg:
        return (DoseFlag.WEIGHT_LOW,)
    return (DoseFlag.WEIGHT_HIGH,) if weight_kg > rules.flag_above_kg else ()


def must_redose(rules: WeightRules, basis_kg: float, weight_kg: float) -> bool:
    """Whether the weight has changed by more than the protocol allows since the dose was computed."""
    change = abs(Decimal(str(weight_kg)) - Decimal(str(basis_kg)))
    return change > Decimal(str(rules.redose_if_change_over)) * Decimal(str(basis_kg))


def drawn_dose(dose_mg: float, stock_mg_per_ml: float, graduation_ml: float) -> DrawnDose:
    """The nearest volume that a syringe shows, and what it holds.

    >>> drawn_dose(41.2, 50, 0.01)
    DrawnDose(volume_ml=0.82, dose_mg=41.0)
    """
    stock, graduation = Decimal(str(stock_mg_per_ml)), Decimal(str(graduation_ml))
    steps = (Decimal(str(dose_mg)) / stock / graduation).quantize(Decimal(1), ROUND_HALF_UP)
    volume = steps * graduation
    return DrawnDose(float(volume), float(volume * stock))


def infusion_window(plan: InfusionPlan, number: int, given: Mapping[int, date]) -> DayWindow | None:
    """The days on which infusion ``number`` may be given, after those given; ``None`` for the first one given.

    Each infusion may move by the protocol's days after the last one given, and all lie within its span.
    """
    earlier = [done for done in given if done < number]
    if not earlier:
        return None
    rules, last = plan.days, max(earlier)
    due = given[last] + timedelta(days=rules.days[number - 1] - rules.days[last - 1])
    latest = due + timedelta(days=rules.may_move_days * (number - last))
    first = min(earlier)
    start = given[first] - timedelta(days=rules.days[first - 1] - rules.days[0])
    return DayWindow(due, min(latest, start + timedelta(days=rules.all_within_days - 1)))


def _rounded(value: float, step: Decimal) -> float:
    return float(Decimal(str(value)).quantize(step, ROUND_HALF_UP))
