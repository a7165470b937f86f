"""Escalation: whoever can still act is told while there is time, and told again when there is none left.

Invariants
1. Each step of each clock raises its alerts once, however often the job runs and however many workers there are: the step
   is a row, written in the transaction of its alerts.
2. A step that was missed while nothing ran is made up for at the next run; steps overtaken by a later one are noted
   without an alert, so that nobody gets three mails about one clock at once.
3. An alert names the case by participant's code and event number, the report and its time; no name, no term, no arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, col, select

from trial.access.actions import Action
from trial.access.actors import Actor
from trial.access.alerts import AlertKind, raise_alert
from trial.access.policies import declare
from trial.database.columns import instant
from trial.database.records import Record, in_schema
from trial.database.session import TrialSession
from trial.errors import InvalidInput
from trial.safety.clocks import SITES_OWN, Due
from trial.safety.watch import WatchedCase, cases_under_watch

STEPS: Final = ("half", "24h", "overdue")
"""When a clock is told of: at half of its time, a day before its end, and at its end. ``6h`` and the like work as well."""
TOLD_OF_AN_AUTHORITYS: Final = ("medical_monitor", "safety_officer_unblinded", "sponsor")
TOLD_OF_THE_SITES_OWN: Final = ("medical_monitor", "sponsor")
AT_THE_SITE: Final = ("investigator", "coordinator")


class StepUnreadable(InvalidInput):
    code = "clock.step_unreadable"


class ClockStep(Record, table=True):
    """A step that was reached: ``told`` says whether alerts went out with it or a later step had overtaken it."""

    __tablename__ = "clock_step"
    __table_args__ = in_schema("trial", UniqueConstraint("event_id", "clock_id", "started_at", "step"))

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    site_id: UUID = Field(foreign_key="trial.site.id")
    event_id: UUID = Field(foreign_key="trial.adverse_event.id", index=True)
    clock_id: str = Field(max_length=48)
    started_at: datetime = instant()
    step: str = Field(max_length=16)
    told: bool


@dataclass(frozen=True, slots=True)
class _Reached:
    due: Due
    steps: tuple[str, ...]  # new ones, in their order


def step_at(step: str, due: Due) -> datetime | None:
    """When the step of this clock comes; ``None`` where it would come before the clock began. Raises ``StepUnreadable``."""
    if step == "overdue":
        return due.due_at + timedelta(seconds=1)
    if step == "half":
        return due.started_at + (due.due_at - due.started_at) / 2
    if not (step.endswith("h") and step[:-1].isdigit()):
        raise StepUnreadable(f"The step {step} is not known. Write half, overdue, or hours before the end, as in 24h.")
    at = due.due_at - timedelta(hours=int(step[:-1]))
    return at if at > due.started_at else None


def escalate(session: TrialSession, actor: Actor, trial_id: UUID, steps: Sequence[str] = STEPS) -> int:
    """Raise what is to be told now; the number of alerts. For the job that comes round by the clock."""
    declare(session, actor, Action.CLOCK_ESCALATED)
    known = _known_steps(session, trial_id)
    raised = 0
    for case in cases_under_watch(session, trial_id):
        for reached in _reached(case, steps, known, session.now()):
            raised += _tell(session, case, reached)
    session.flush()
    return raised


def _known_steps(session: TrialSession, trial_id: UUID) -> set[tuple[UUID, str, datetime, str]]:
    found = select(ClockStep).where(ClockStep.trial_id == trial_id)
    return {(one.event_id, one.clock_id, one.started_at, one.step) for one in session.exec(found)}


def _reached(
    case: WatchedCase, steps: Sequence[str], known: set[tuple[UUID, str, datetime, str]], now: datetime
) -> Iterable[_Reached]:
    for due in case.dues:
        if not due.is_open:
            continue
        times = sorted((at, step) for step in steps if (at := step_at(step, due)) is not None and at <= now)
        new = tuple(step for _, step in times if (case.event.id, due.clock_id, due.started_at, step) not in known)
        if new:
            yield _Reached(due, new)


def _tell(session: TrialSession, case: WatchedCase, reached: _Reached) -> int:
    last = reached.steps[-1]
    for step in reached.steps:
        session.add(
            ClockStep(
                **session.stamp(),
                trial_id=case.event.trial_id,
                site_id=case.event.site_id,
                event_id=case.event.id,
                clock_id=reached.due.clock_id,
                started_at=reached.due.started_at,
                step=step,
                told=step == last,
            )
        )
    told = _who_is_told(reached.due)
    for role, at_site in told:
        raise_alert(
            session,
            AlertKind.REPORT_DUE,
            role,
            sentence_of(case, reached.due, session.now()),
            trial_id=case.event.trial_id,
            site_id=case.event.site_id if at_site else None,
        )
    return len(told)


def _who_is_told(due: Due) -> list[tuple[str, bool]]:
    """Roles, each with whether it is told as the event's site."""
    if due.jurisdiction == SITES_OWN:
        return [*((role, False) for role in TOLD_OF_THE_SITES_OWN), *((role, True) for role in AT_THE_SITE)]
    return [(role, False) for role in TOLD_OF_AN_AUTHORITYS]


def sentence_of(case: WatchedCase, due: Due, now: datetime) -> str:
    """What the alert says: which case and report, and until when."""
    until = f"{due.due_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    what = f"Participant {case.participant}, event {case.event.number}: {due.report} ({due.jurisdiction})"
    if due.is_overdue(now):
        return f"{what} has been overdue since {until}. Send it now."
    return f"{what} is due by {until}."


def steps_of(session: TrialSession, event_id: UUID) -> list[ClockStep]:
    """Every step that a clock of the event reached, oldest first."""
    found = select(ClockStep).where(ClockStep.event_id == event_id)
    return list(session.exec(found.order_by(col(ClockStep.recorded_at), col(ClockStep.id))))
