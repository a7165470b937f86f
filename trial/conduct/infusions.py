"""Infusions as given: start, end, interruptions, readings by minute, discharge; all in one command.

Invariants
1. An infusion is recorded against the order of its own day.
2. What was done is recorded even where a rule said otherwise; the rules that fired are kept beside it.
3. The first infusion given dates the participant's visits; the last one, given or missed, ends the treatment.
4. A missed infusion is not made up.

What it does not do: know what is in the bag, or whether the kit was this participant's (the strongroom does).
All of it belongs to the infusion domain, which the efficacy assessor never reads.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, datetime
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, model_validator
from pydantic import Field as Bounded
from sqlmodel import col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.permissions import Permission
from trial.access.policies import check_may
from trial.conduct.casebooks import Casebook, open_casebook, open_for
from trial.conduct.departures import EndReason, note_treatment_end
from trial.conduct.forms import FormAnswers, write_forms
from trial.conduct.infusion_courses import (
    Course,
    Infusion,
    InfusionOrder,
    InfusionStatus,
    check_number,
    course_of,
    plan_for,
)
from trial.conduct.infusion_rules import SignSeen, discharge_unmet, readings_missing, rules_fired
from trial.conduct.participants import (
    ParticipantStatus,
    Step,
    check_not_future,
    take_step,
)
from trial.conduct.queries import DataDomain
from trial.conduct.schedules import planned_visit
from trial.conduct.trials import Lever
from trial.conduct.visits import anchors_of, note_missed, note_visit
from trial.database.session import TrialSession
from trial.errors import Conflict, InvalidInput
from trial.protocol.schema import InfusionPlan, Protocol, Visit


class InfusionNotOrdered(Conflict):
    code = "infusion.not_ordered"


class ReadingsRefused(InvalidInput):
    code = "infusion.readings_refused"


class VolumeRefused(InvalidInput):
    code = "infusion.volume_refused"


class SignUnknown(InvalidInput):
    code = "infusion.sign_unknown"


class Interruption(BaseModel):
    model_config = ConfigDict(frozen=True)

    minute: int = Bounded(ge=0, le=2880)
    minutes: int = Bounded(ge=1, le=2880)
    reason: str = Bounded(min_length=2, max_length=300)


class Sign(BaseModel):
    """A sign that the protocol's rules name, seen at a minute."""

    model_config = ConfigDict(frozen=True)

    code: str
    minute: int = Bounded(ge=-1440, le=2880)


class RecordInfusion(BaseModel):
    """``readings``: values by measure (of a scale, its total), by minute from the start."""

    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    infusion: int = Bounded(ge=1, le=200)
    started_at: AwareDatetime
    ended_at: AwareDatetime
    infused_volume_ml: float = Bounded(gt=0, le=5000)
    readings: dict[int, dict[str, float]]
    kit: str | None = Bounded(default=None, max_length=40)
    interruptions: tuple[Interruption, ...] = ()
    signs: tuple[Sign, ...] = ()
    stopped_reason: str | None = Bounded(default=None, max_length=500)
    discharged_at: AwareDatetime | None = None
    confirmed_at_discharge: tuple[str, ...] = ()
    forms: dict[str, FormAnswers] = {}

    @model_validator(mode="after")
    def _times_follow_each_other(self) -> Self:
        if not self.started_at < self.ended_at:
            raise ValueError("the infusion ends after it starts")
        if self.discharged_at is not None and self.discharged_at < self.ended_at:
            raise ValueError("discharge comes after the end of the infusion")
        return self


class MissInfusion(BaseModel):
    model_config = ConfigDict(frozen=True)

    participant_id: UUID
    infusion: int = Bounded(ge=1, le=200)
    reason: str = Bounded(min_length=3, max_length=500)


def record_infusion(session: TrialSession, actor: Actor, command: RecordInfusion) -> Infusion:
    """An infusion that was given, wholly or in part, with everything seen in it.

    Raises ``NoInfusions``, ``LeverClosed``, ``NotRandomized``, ``TreatmentIsOver``, ``InfusionNotOrdered``,
    ``InfusionAlreadyRecorded``, ``InfusionOutOfOrder``, ``ReadingsRefused``, ``VolumeRefused``, ``SignUnknown``,
    ``DateInFuture``, ``AnswersRefused``.
    """
    casebook = open_for(session, actor, Action.INFUSION_RECORDED, command.participant_id, lever=Lever.DOSING)
    plan = plan_for(casebook)
    day = casebook.day_of(command.started_at)
    check_not_future(day, casebook.today, "started_at")
    course = course_of(session, casebook.participant.id)
    check_number(plan, course, command.infusion)
    order = _order_of(course, command.infusion, day)
    check_readings(casebook.protocol, plan, command.readings)
    check_volume(plan, command)
    check_signs(plan, command.signs)
    visit = casebook.protocol.visit_of_dose(command.infusion)
    _date_doses(session, casebook, command.started_at)
    infusion = _given(session, casebook, plan, order, visit, command, day)
    session.add(infusion)
    write_forms(session, casebook, visit, command.forms, day, domains={DataDomain.INFUSION}, known={})
    note_visit(session, casebook, visit, day)
    _close_if_last(session, casebook, plan, [*course.infusions, infusion], day)
    session.flush()
    return infusion


def miss_infusion(session: TrialSession, actor: Actor, command: MissInfusion) -> Infusion:
    """An infusion that was not given, and why. The next one keeps its own day.

    Raises ``NoInfusions``, ``NotRandomized``, ``TreatmentIsOver``, ``InfusionAlreadyRecorded``, ``InfusionOutOfOrder``.
    """
    casebook = open_for(session, actor, Action.INFUSION_MISSED, command.participant_id, reason=command.reason)
    plan = plan_for(casebook)
    course = course_of(session, casebook.participant.id)
    check_number(plan, course, command.infusion)
    visit = casebook.protocol.visit_of_dose(command.infusion)
    infusion = Infusion(
        **casebook.stamp(session),
        infusion=command.infusion,
        visit=visit.code,
        status=InfusionStatus.MISSED,
        planned_on=_planned_on(casebook, visit),
        planned_volume_ml=plan.delivery.volume_ml,
        missed_reason=command.reason,
    )
    session.add(infusion)
    note_missed(session, casebook, visit, command.reason)
    _close_if_last(session, casebook, plan, [*course.infusions, infusion], casebook.today)
    session.flush()
    return infusion


def check_readings(protocol: Protocol, plan: InfusionPlan, readings: dict[int, dict[str, float]]) -> None:
    """Raise ``ReadingsRefused`` for a measure that the protocol does not name or a value that cannot be true."""
    limits = {measure.name: (measure.low, measure.high) for measure in plan.monitoring.measures}
    for scale in plan.monitoring.scales:
        total = protocol.instrument(scale.instrument).domains[0]
        limits[scale.instrument] = (total.low, total.high)
    wrong = dict(_wrong_readings(limits, readings))
    if wrong:
        raise ReadingsRefused("Correct the readings that are marked.", fields=wrong)


def _wrong_readings(
    limits: dict[str, tuple[float, float]], readings: dict[int, dict[str, float]]
) -> Iterator[tuple[str, str]]:
    for minute, values in readings.items():
        for measure, value in values.items():
            if measure not in limits:
                yield f"{minute}.{measure}", f"This is none of: {', '.join(limits)}."
                continue
            low, high = limits[measure]
            if not low <= value <= high:
                yield f"{minute}.{measure}", f"This must lie between {low:g} and {high:g}."


def check_volume(plan: InfusionPlan, command: RecordInfusion) -> None:
    """Raise ``VolumeRefused`` for more than was hung, or less without a reason."""
    planned = plan.delivery.volume_ml
    if command.infused_volume_ml > planned:
        raise VolumeRefused(
            f"The bag holds {planned:g} mL, so no more can have been infused.",
            fields={"infused_volume_ml": f"At most {planned:g} mL."},
        )
    if command.infused_volume_ml < planned and not command.stopped_reason:
        raise VolumeRefused(
            f"Less than the planned {planned:g} mL was infused. Give the reason for stopping.",
            fields={"stopped_reason": "Say why the infusion was stopped."},
        )


def check_signs(plan: InfusionPlan, signs: Iterable[Sign]) -> None:
    """Raise ``SignUnknown``."""
    known = {rule.sign.code for rule in plan.rules if rule.sign is not None}
    unknown = sorted({sign.code for sign in signs} - known)
    if unknown:
        raise SignUnknown(
            f"The protocol's rules know no sign {', '.join(unknown)}; they know {', '.join(sorted(known))}."
        )


def _order_of(course: Course, number: int, day: date) -> InfusionOrder:
    order = course.order_for(number, day)
    if order is None:
        raise InfusionNotOrdered(
            f"Infusion {number} has no order for {day.isoformat()}. An investigator orders it on its day."
        )
    return order


def _given(
    session: TrialSession,
    casebook: Casebook,
    plan: InfusionPlan,
    order: InfusionOrder,
    visit: Visit,
    command: RecordInfusion,
    day: date,
) -> Infusion:
    signs = [SignSeen(sign.code, sign.minute) for sign in command.signs]
    seen_until = max([*command.readings, 0])
    return Infusion(
        **casebook.stamp(session),
        infusion=command.infusion,
        visit=visit.code,
        status=InfusionStatus.PARTIAL if command.stopped_reason else InfusionStatus.GIVEN,
        order_id=order.id,
        given_on=day,
        planned_on=_planned_on(casebook, visit),
        started_at=command.started_at,
        ended_at=command.ended_at,
        infused_volume_ml=command.infused_volume_ml,
        planned_volume_ml=order.volume_ml,
        interruptions=[one.model_dump() for one in command.interruptions],
        interrupted_min=sum(one.minutes for one in command.interruptions),
        stopped_reason=command.stopped_reason,
        kit=command.kit,
        readings={str(minute): values for minute, values in command.readings.items()},
        readings_missing=readings_missing(plan, command.readings, until_minute=seen_until),
        signs=[one.model_dump() for one in command.signs],
        rules_fired=[asdict(fired) for fired in rules_fired(plan, command.readings, signs)],
        discharged_at=command.discharged_at,
        discharge_unmet=_unmet_at_discharge(plan, command),
    )


def _unmet_at_discharge(plan: InfusionPlan, command: RecordInfusion) -> list[str]:
    if command.discharged_at is None:
        return []
    return list(
        discharge_unmet(
            plan.discharge,
            command.readings,
            ended_at=command.ended_at,
            discharged_at=command.discharged_at,
            confirmed=frozenset(command.confirmed_at_discharge),
        )
    )


def _date_doses(session: TrialSession, casebook: Casebook, started_at: datetime) -> None:
    participant = casebook.participant
    if participant.status is ParticipantStatus.RANDOMIZED:
        take_step(session, participant, Step.START_TREATMENT)
    participant.first_dose_at = participant.first_dose_at or started_at
    participant.last_dose_at = started_at
    session.add(participant)


def _planned_on(casebook: Casebook, visit: Visit) -> date | None:
    anchors = anchors_of(casebook.participant, casebook.site.zone)
    dates = planned_visit(casebook.protocol, visit.code, anchors).dates
    return None if dates is None else dates.planned


def _close_if_last(
    session: TrialSession, casebook: Casebook, plan: InfusionPlan, infusions: list[Infusion], day: date
) -> None:
    """End the treatment with its last infusion: completed when each was given, wholly or in part."""
    if len(infusions) < plan.count:
        return
    missed = [one.missed_reason for one in infusions if one.status is InfusionStatus.MISSED]
    reason = EndReason.OTHER if missed else EndReason.COMPLETED
    note_treatment_end(session, casebook, day, reason, missed[-1] if missed else None)


def infusions_for(session: TrialSession, actor: Actor, participant_id: UUID) -> list[Infusion]:
    """A participant's infusions, by number. Raises ``NotPermitted``: never for an efficacy assessor."""
    casebook = open_casebook(session, participant_id)
    check_may(actor, Permission.INFUSION_READ, casebook.trial.id, casebook.site.id)
    found = select(Infusion).where(Infusion.participant_id == participant_id)
    return list(session.exec(found.order_by(col(Infusion.infusion))))
