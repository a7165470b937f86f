"""Orders of infusions: by an investigator, for the day, from the day's weight.

Invariants
1. Each infusion has an order of its own day. The dose is computed by the protocol's rules, never typed.
2. The dose of the first infusion stands until the weight has changed by more than the protocol allows.
3. An order says nothing of the arm: nominal dose, volume, rate and time are the same in every arm.
4. Where a dose is prepared, the unblinded pharmacist of the site is told of each order, in the same words whatever the arm.
"""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Bounded

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.permissions import Permission
from trial.access.policies import check_may, may
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.consents import check_consent_current
from trial.conduct.dosing import DoseFlag, OrderedDose, must_redose, nominal_dose, weight_flags
from trial.conduct.infusion_courses import Course, InfusionOrder, check_next, course_of, plan_for
from trial.conduct.trials import Lever
from trial.database.session import TrialSession
from trial.protocol.schema import InfusionPlan


class OrderInfusion(BaseModel):
    """``height_cm`` is needed once, where the protocol adjusts the weight by body mass index."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    infusion: int = Bounded(ge=1, le=200)
    weight_kg: float = Bounded(ge=20, le=350)
    height_cm: float | None = Bounded(default=None, ge=100, le=230)


def order_infusion(session: TrialSession, actor: Actor, command: OrderInfusion) -> InfusionOrder:
    """Order today's infusion. To order it again on the same day replaces the order.

    Raises ``NoInfusions``, ``LeverClosed``, ``NotRandomized``, ``ParticipantHasLeft``, ``TreatmentIsOver``,
    ``ConsentOutdated``, ``InfusionOutOfOrder``, ``InfusionOutOfDays``, ``InfusionAlreadyRecorded``, ``HeightNeeded``.
    """
    casebook = open_for(session, actor, Action.INFUSION_ORDERED, command.participant_id, lever=Lever.DOSING)
    plan = plan_for(casebook)
    check_consent_current(casebook, before_dose=True)
    course = course_of(session, casebook.participant.id)
    check_next(plan, course, command.infusion, casebook.today)
    order = course.order_for(command.infusion, casebook.today)
    if order is None:
        order = InfusionOrder(
            **casebook.stamp(session),
            **_content(plan, casebook, actor, command, course),
            infusion=command.infusion,
            for_day=casebook.today,
        )
    else:
        for name, value in _content(plan, casebook, actor, command, course).items():
            setattr(order, name, value)
    session.add(order)
    _tell_pharmacist(session, casebook, order)
    session.flush()
    return order


def _tell_pharmacist(session: TrialSession, casebook: Casebook, order: InfusionOrder) -> None:
    # Whether any arm has something to prepare, and not this participant's: that would tell it.
    if any(arm.preparation is not None for arm in casebook.protocol.arms):
        raise_alert(
            session,
            AlertKind.TO_PREPARE,
            "pharmacist_unblinded",
            f"Infusion {order.infusion} of {casebook.participant.code} is ordered for {order.for_day.isoformat()}."
            " Prepare it from its worksheet.",
            trial_id=casebook.trial.id,
            site_id=casebook.site.id,
        )


def _content(
    plan: InfusionPlan, casebook: Casebook, actor: Actor, command: OrderInfusion, course: Course
) -> dict[str, Any]:
    earlier = [one for one in course.orders if one.infusion != command.infusion]
    height_cm = command.height_cm or next((one.height_cm for one in earlier if one.height_cm), None)
    dose, basis_kg = _dose(plan, command, earlier, height_cm, casebook.participant.sex)
    return {
        "ordered_by": actor.account_id,
        "weight_kg": command.weight_kg,
        "height_cm": height_cm,
        "basis_weight_kg": basis_kg,
        "dose_weight_kg": dose.weight_kg,
        "mg_per_kg": dose.mg_per_kg,
        "dose_mg": dose.dose_mg,
        "volume_ml": plan.delivery.volume_ml,
        "rate_ml_per_h": plan.delivery.rate_ml_per_h,
        "minutes": plan.delivery.minutes,
        "flags": [flag.value for flag in dose.flags],
    }


def _dose(
    plan: InfusionPlan,
    command: OrderInfusion,
    earlier: list[InfusionOrder],
    height_cm: float | None,
    sex: str,
) -> tuple[OrderedDose, float]:
    """The dose and the measured weight that it rests on: the earlier dose again, unless the weight has changed."""
    settled = [one for one in earlier if one.infusion >= plan.weight.dose_by_weight_of_infusion]
    if not settled:
        return nominal_dose(plan, command.weight_kg, height_cm, sex), command.weight_kg
    last = settled[-1]
    if must_redose(plan.weight, last.basis_weight_kg, command.weight_kg):
        fresh = nominal_dose(plan, command.weight_kg, height_cm, sex)
        flags = (*fresh.flags, DoseFlag.REDOSED)
        return OrderedDose(fresh.weight_kg, fresh.mg_per_kg, fresh.dose_mg, flags), command.weight_kg
    kept = [flag for flag in (DoseFlag.ADJUSTED_WEIGHT, DoseFlag.CAPPED) if flag.value in last.flags]
    flags = (*weight_flags(plan.weight, command.weight_kg), *kept)
    return OrderedDose(last.dose_weight_kg, last.mg_per_kg, last.dose_mg, flags), last.basis_weight_kg


def may_read_orders(actor: Actor, trial_id: UUID, site_id: UUID) -> bool:
    """Orders are read by those who read infusions, and by those who give or order them."""
    readers = (Permission.INFUSION_READ, Permission.INFUSION_ORDER, Permission.INFUSION_WRITE)
    return any(may(actor, permission, trial_id, site_id) for permission in readers)


def orders_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[InfusionOrder]:
    """A participant's orders, by day. Raises ``NotPermitted``. The pharmacy reads them through the strongroom."""
    casebook = open_casebook(session, participant_id)
    if not may_read_orders(actor, casebook.trial.id, casebook.site.id):
        check_may(actor, Permission.INFUSION_READ, casebook.trial.id, casebook.site.id)
    return list(course_of(session, participant_id).orders)
