"""Infusions: ordered for the day, recorded with all their readings. The order is nominal, the same in every arm."""

from datetime import date, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field

from api.dependencies import Write
from api.pages.site.commands import command_of
from api.permissions import permission
from api.places import Here
from api.routes.subjects import participant_id
from trial.access.permissions import Permission
from trial.conduct.forms import FormAnswers
from trial.conduct.infusion_courses import Infusion, InfusionOrder, InfusionStatus
from trial.conduct.infusion_orders import OrderInfusion, order_infusion
from trial.conduct.infusions import (
    Interruption,
    MissInfusion,
    RecordInfusion,
    Sign,
    infusions_for,
    miss_infusion,
    record_infusion,
)

router = APIRouter()

_PATH = "/trials/{trial}/participants/{code}/infusions"


class OrderedDose(BaseModel):
    infusion: int
    for_day: date
    weight_kg: float
    dose_mg: float = Field(description="Nominal: the same whatever the treatment.")
    volume_ml: float
    rate_ml_per_h: float
    minutes: int
    flags: list[str]

    @classmethod
    def of(cls, order: InfusionOrder) -> "OrderedDose":
        return cls.model_validate(order, from_attributes=True)


class NewOrder(BaseModel):
    weight_kg: float
    height_cm: float | None = None


class InfusionSummary(BaseModel):
    infusion: int
    visit: str
    status: InfusionStatus
    given_on: date | None
    started_at: datetime | None
    ended_at: datetime | None
    infused_volume_ml: float | None
    readings_missing: int
    rules_fired: list[dict[str, Any]] = Field(description="Rule, action, text and minute of each.")

    @classmethod
    def of(cls, infusion: Infusion) -> "InfusionSummary":
        return cls.model_validate(infusion, from_attributes=True)


class InfusionFacts(BaseModel):
    started_at: AwareDatetime
    ended_at: AwareDatetime
    infused_volume_ml: float
    readings: dict[int, dict[str, float]] = Field(description="Values by minute and measure.")
    kit: str | None = None
    interruptions: tuple[Interruption, ...] = ()
    signs: tuple[Sign, ...] = ()
    stopped_reason: str | None = None
    discharged_at: AwareDatetime | None = None
    confirmed_at_discharge: tuple[str, ...] = ()
    forms: dict[str, FormAnswers] = Field(default_factory=dict)


class NotGiven(BaseModel):
    reason: str = Field(min_length=3, max_length=500)


@router.get(_PATH, openapi_extra=permission(Permission.INFUSION_READ))
def list_infusions(here: Here, session: Write, code: str) -> list[InfusionSummary]:
    """By number."""
    found = infusions_for(session, here.actor, participant_id(session, here, code))
    return [InfusionSummary.of(one) for one in found]


@router.put(f"{_PATH}/{{number}}/order", openapi_extra=permission(Permission.INFUSION_ORDER))
def order_one_infusion(here: Here, session: Write, code: str, number: int, body: NewOrder) -> OrderedDose:
    """Order today's infusion for today's weight; the dose is computed."""
    one = participant_id(session, here, code)
    command = command_of(OrderInfusion, participant_id=one, infusion=number, **body.model_dump())
    return OrderedDose.of(order_infusion(session, here.actor, command))


@router.put(f"{_PATH}/{{number}}", openapi_extra=permission(Permission.INFUSION_WRITE))
def record_one_infusion(here: Here, session: Write, code: str, number: int, body: InfusionFacts) -> InfusionSummary:
    """An infusion that was given, wholly or in part, with everything seen in it."""
    one = participant_id(session, here, code)
    command = command_of(RecordInfusion, participant_id=one, infusion=number, **body.model_dump())
    return InfusionSummary.of(record_infusion(session, here.actor, command))


@router.put(f"{_PATH}/{{number}}/missed", openapi_extra=permission(Permission.INFUSION_WRITE))
def record_missed_infusion(here: Here, session: Write, code: str, number: int, body: NotGiven) -> InfusionSummary:
    """An infusion that was not given, and why."""
    one = participant_id(session, here, code)
    command = command_of(MissInfusion, participant_id=one, infusion=number, reason=body.reason)
    return InfusionSummary.of(miss_infusion(session, here.actor, command))
