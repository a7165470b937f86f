"""A participant's course of infusions: what is ordered and recorded so far, and what may come next.

Invariants
1. Infusions come in their order, each on a day of its own and within the protocol's days.
2. An order is the nominal dose: the same whatever the arm, as are volume, rate and time.

``infusion_orders`` writes the orders and ``infusions`` the infusions; both ask here what comes next.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import UniqueConstraint, bindparam
from sqlalchemy.orm import defer
from sqlmodel import Field, col, select

from trial.conduct.casebooks import Casebook
from trial.conduct.dosing import DayWindow, infusion_window
from trial.conduct.participants import (
    ParticipantRecord,
    ParticipantStatus,
    check_active,
    check_randomized,
)
from trial.database.columns import choice, document, instant, prose
from trial.database.records import in_schema
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import InfusionPlan


class InfusionStatus(StrEnum):
    GIVEN = "given"
    PARTIAL = "partial"
    MISSED = "missed"


class NoInfusions(InvalidInput):
    code = "infusion.not_in_protocol"


class InfusionOutOfOrder(Conflict):
    code = "infusion.out_of_order"


class InfusionOutOfDays(Conflict):
    code = "infusion.out_of_days"


class InfusionAlreadyRecorded(Conflict):
    code = "infusion.already_recorded"


class TreatmentIsOver(Conflict):
    code = "infusion.treatment_is_over"


class InfusionOrder(ParticipantRecord, table=True):
    """``weight_kg`` is the day's; ``basis_weight_kg`` the measured weight that the dose was last computed from;
    ``dose_weight_kg`` that weight, adjusted where the protocol says so."""

    __tablename__ = "infusion_order"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "infusion", "for_day"))

    infusion: int
    for_day: date
    ordered_by: UUID = Field(foreign_key="access.account.id")
    weight_kg: float
    height_cm: float | None = None
    basis_weight_kg: float
    dose_weight_kg: float
    mg_per_kg: float
    dose_mg: float
    volume_ml: float
    rate_ml_per_h: float
    minutes: int
    flags: list[str] = document(default_factory=list)


class Infusion(ParticipantRecord, table=True):
    """``readings`` by minute and measure, as given. ``rules_fired``: rule, action, text and minute of each."""

    __tablename__ = "infusion"
    __table_args__ = in_schema("trial", UniqueConstraint("participant_id", "infusion"))

    infusion: int
    visit: str = Field(max_length=48)
    status: InfusionStatus = choice(InfusionStatus)
    order_id: UUID | None = Field(default=None, foreign_key="trial.infusion_order.id")
    given_on: date | None = None
    planned_on: date | None = None
    started_at: datetime | None = instant(default=None)
    ended_at: datetime | None = instant(default=None)
    infused_volume_ml: float | None = None
    planned_volume_ml: float | None = None
    interruptions: list[dict[str, Any]] = document(default_factory=list)
    interrupted_min: int = 0
    stopped_reason: str | None = prose(default=None)
    missed_reason: str | None = prose(default=None)
    kit: str | None = Field(default=None, max_length=40)
    readings: dict[str, dict[str, float]] = document(default_factory=dict)
    readings_missing: int = 0
    signs: list[dict[str, Any]] = document(default_factory=list)
    rules_fired: list[dict[str, Any]] = document(default_factory=list)
    discharged_at: datetime | None = instant(default=None)
    discharge_unmet: list[str] = document(default_factory=list)


_ORDERS: Final = (
    select(InfusionOrder)
    .where(InfusionOrder.participant_id == bindparam("participant_id"))
    .order_by(col(InfusionOrder.for_day), col(InfusionOrder.infusion))
)
# What was measured in an infusion is read when somebody asks for it: what may come next does not depend on it.
_MEASURED: Final[tuple[Any, ...]] = (Infusion.readings, Infusion.rules_fired, Infusion.interruptions)
_INFUSIONS: Final = (
    select(Infusion)
    .where(Infusion.participant_id == bindparam("participant_id"))
    .order_by(col(Infusion.infusion))
    .options(*(defer(column) for column in _MEASURED))
)


@dataclass(frozen=True, slots=True)
class Course:
    """Orders and infusions so far, each in their order."""

    orders: tuple[InfusionOrder, ...] = ()
    infusions: tuple[Infusion, ...] = ()

    @property
    def given(self) -> dict[int, date]:
        """The days of the infusions that were given, wholly or in part, by number."""
        return {one.infusion: one.given_on for one in self.infusions if one.given_on is not None}

    @property
    def next_number(self) -> int:
        return len(self.infusions) + 1

    def order_for(self, number: int, day: date) -> InfusionOrder | None:
        return next((one for one in self.orders if (one.infusion, one.for_day) == (number, day)), None)


def course_of(session: TrialSession, participant_id: UUID) -> Course:
    """What is ordered and recorded. For services; readers use ``orders_for`` and ``infusions_for``."""
    whose = {"participant_id": participant_id}
    return Course(tuple(session.exec(_ORDERS, params=whose)), tuple(session.exec(_INFUSIONS, params=whose)))


def plan_for(casebook: Casebook) -> InfusionPlan:
    """The protocol's plan for somebody on treatment.

    Raises ``NoInfusions``, ``NotRandomized``, ``ParticipantHasLeft``, ``TreatmentIsOver``.
    """
    plan = casebook.protocol.infusions
    if plan is None:
        raise NoInfusions("This trial's treatment is not infused. Record the visit instead.")
    check_active(casebook.participant)
    check_randomized(casebook.participant)
    if casebook.participant.status is ParticipantStatus.FOLLOW_UP:
        raise TreatmentIsOver(
            f"Treatment of {casebook.participant.code} has ended. Further infusions belong to a separate period."
        )
    return plan


def can_be_next(plan: InfusionPlan, course: Course, number: int, day: date) -> bool:
    """Whether infusion ``number`` may be given on ``day``."""
    if number != course.next_number or number > plan.count:
        return False
    window = infusion_window(plan, number, course.given)
    return window is None or window.holds(day)


def check_next(plan: InfusionPlan, course: Course, number: int, day: date) -> None:
    """Raise ``InfusionAlreadyRecorded``, ``InfusionOutOfOrder`` or ``InfusionOutOfDays``."""
    check_number(plan, course, number)
    if not can_be_next(plan, course, number, day):
        window = infusion_window(plan, number, course.given)
        raise InfusionOutOfDays(
            f"Infusion {number} may be given {_between(window)}, not on {day.isoformat()}. Wait for its day, or record it"
            " as missed: it is not made up."
        )


def check_number(plan: InfusionPlan, course: Course, number: int) -> None:
    """Raise ``InfusionAlreadyRecorded`` or ``InfusionOutOfOrder``."""
    if number < course.next_number:
        raise InfusionAlreadyRecorded(f"Infusion {number} is recorded already. Open it to see its record.")
    if number > plan.count:
        raise InfusionOutOfOrder(f"The protocol has {plan.count} infusions; there is no infusion {number}.")
    if number > course.next_number:
        raise InfusionOutOfOrder(
            f"Infusion {course.next_number} comes first. Record it, or record that it was missed and why."
        )


def _between(window: DayWindow | None) -> str:
    if window is None:
        return "on any day"
    if window.last < window.first:
        return "no longer: the protocol's days are over"
    return f"from {window.first.isoformat()} to {window.last.isoformat()}"
