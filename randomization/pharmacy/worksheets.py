"""The worksheet's arithmetic: from an order and an arm to what a syringe draws.

Invariants
1. The bag has the same volume, rate, time and beyond-use time in every arm; only what is drawn into it differs. As much
   is withdrawn from the full bag as is then added, so that the volume stays.
2. An arm without active substance draws its product in the volume that the nominal dose would have.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from trial.conduct.casebooks import Casebook
from trial.conduct.dosing import DrawnDose, dose_by_weight, drawn_dose
from trial.conduct.infusion_courses import InfusionOrder
from trial.errors import Conflict
from trial.protocol.schema import Arm, InfusionPlan
from trial.protocol.schema.arms import Preparation as ArmPreparation


class NothingToPrepare(Conflict):
    code = "preparation.not_in_protocol"


@dataclass(frozen=True, slots=True)
class Source:
    """What a dose is drawn from: a kit's content, or stock of the pharmacy whose lot is not written down yet."""

    arm: str = field(repr=False)
    lot: str | None = field(repr=False)
    expires_on: date | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn for an arm: ``dose_mg`` is what was meant, ``drawn_mg`` what the syringe holds."""

    dose_mg: float = field(repr=False)
    drawn_ml: float = field(repr=False)
    drawn_mg: float = field(repr=False)


@dataclass(frozen=True, slots=True)
class Worksheet:
    """For the pharmacist and the one who checks; it names the arm."""

    preparation_id: UUID
    participant: str
    randomization_number: str
    kit_number: str | None
    infusion: int
    weight_kg: float
    dose_weight_kg: float
    ordered_mg: float
    volume_ml: float
    rate_ml_per_h: float
    minutes: int
    prepared_at: datetime
    beyond_use_at: datetime | None
    graduation_ml: float
    arm: str = field(repr=False)
    product: str = field(repr=False)
    diluent: str = field(repr=False)
    lot: str | None = field(repr=False)
    expires_on: date | None = field(repr=False)
    mg_per_kg: float = field(repr=False)
    cap_mg: float | None = field(repr=False)
    stock_mg_per_ml: float | None = field(repr=False)
    drawing: Drawing = field(repr=False)

    @property
    def withdrawn_ml(self) -> float:
        """What is taken out of the full bag first, so that every bag ends at the same volume."""
        return self.drawing.drawn_ml

    @property
    def final_mg_per_ml(self) -> float:
        return round(self.drawing.drawn_mg / self.volume_ml, 4)


def plan_and_preparation(casebook: Casebook, arm: Arm) -> tuple[InfusionPlan, ArmPreparation]:
    """Raise ``NothingToPrepare`` where the protocol says of this arm nothing to prepare."""
    plan, preparation = casebook.protocol.infusions, arm.preparation
    if plan is None or preparation is None:
        raise NothingToPrepare("The protocol has nothing to prepare: its kits are given as they are.")
    return plan, preparation


def drawing_for(plan: InfusionPlan, preparation: ArmPreparation, order: InfusionOrder) -> Drawing:
    """What to draw for this arm on this order."""
    graduation = plan.dose.syringe_graduation_ml
    if preparation.mg_per_kg == 0 or preparation.stock_mg_per_ml is None:
        nominal = drawn_dose(order.dose_mg, plan.dose.stock_mg_per_ml, graduation)
        return Drawing(0.0, nominal.volume_ml, 0.0)
    dose = arm_dose(preparation, order.dose_weight_kg)
    drawn: DrawnDose = drawn_dose(dose, preparation.stock_mg_per_ml, graduation)
    return Drawing(dose, drawn.volume_ml, drawn.dose_mg)


def arm_dose(preparation: ArmPreparation, dose_weight_kg: float) -> float:
    """Milligrams of an arm for a weight: rounded as the nominal dose is, the arm's own cap last."""
    wanted = dose_by_weight(preparation.mg_per_kg, dose_weight_kg)
    return wanted if preparation.cap_mg is None else min(wanted, preparation.cap_mg)


def beyond_use_at(casebook: Casebook, prepared_at: datetime) -> datetime | None:
    """Until when a bag may be started; the same for every arm. ``None`` where the protocol sets no limit."""
    plan = casebook.protocol.infusions
    hours = plan.delivery.beyond_use_hours if plan else None
    return None if hours is None else prepared_at + timedelta(hours=hours)


def worksheet_of(
    casebook: Casebook,
    order: InfusionOrder,
    source: Source,
    arm: Arm,
    drawing: Drawing,
    *,
    preparation_id: UUID,
    number: str,
    kit_number: str | None,
    prepared_at: datetime,
) -> Worksheet:
    plan, preparation = plan_and_preparation(casebook, arm)
    return Worksheet(
        preparation_id=preparation_id,
        participant=casebook.participant.code,
        randomization_number=number,
        kit_number=kit_number,
        infusion=order.infusion,
        weight_kg=order.weight_kg,
        dose_weight_kg=order.dose_weight_kg,
        ordered_mg=order.dose_mg,
        volume_ml=order.volume_ml,
        rate_ml_per_h=order.rate_ml_per_h,
        minutes=order.minutes,
        prepared_at=prepared_at,
        beyond_use_at=beyond_use_at(casebook, prepared_at),
        graduation_ml=plan.dose.syringe_graduation_ml,
        arm=arm.code,
        product=preparation.product,
        diluent=preparation.diluent,
        lot=source.lot,
        expires_on=source.expires_on,
        mg_per_kg=preparation.mg_per_kg,
        cap_mg=preparation.cap_mg,
        stock_mg_per_ml=preparation.stock_mg_per_ml,
        drawing=drawing,
    )
