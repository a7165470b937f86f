"""Clocks that come near, every five minutes, and unblindings that wait to be assessed, every hour: who can act is alerted.

Once for each step of each clock; once a day for each unblinding.

Invariants
1. Each trial is one transaction, in which the steps and their alerts are written together: a crash in between loses none and
   repeats none. The mails are sent from the alerts (``api.jobs.alerts``).
2. Two workers at once do not tell twice: the second waits for the first one's trial.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from procrastinate import JobContext
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlmodel import col, select

from api.installation import Installation
from api.jobs.queue import BY_THE_CLOCK, tasks
from api.logs import log
from randomization.unblinding.chasing import chase_assessments
from trial.access.actors import Actor, system_actor
from trial.conduct.trials import Trial
from trial.database.session import TrialSession
from trial.errors import DomainError
from trial.safety.escalation import STEPS, escalate


class ClockSettings(BaseSettings):
    """When a clock is told of, from the environment: ``EQUIPOISE_CLOCK_STEPS='["half", "24h", "overdue"]'``."""

    model_config = SettingsConfigDict(env_prefix="EQUIPOISE_CLOCK_", extra="ignore", frozen=True)

    steps: tuple[str, ...] = STEPS


@tasks.periodic(cron="*/5 * * * *")
@tasks.task(name="watch_clocks", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="watch_clocks")
def watch_clocks(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Raise what is to be told now, in every trial."""
    installation: Installation = context.additional_context["installation"]
    tell_of_clocks(installation, ClockSettings().steps)


def tell_of_clocks(installation: Installation, steps: tuple[str, ...] = STEPS) -> int:
    """How many alerts were raised. A trial that cannot be read is logged, and the others are told of all the same."""
    return _in_every_trial(installation, lambda session, actor, trial_id: escalate(session, actor, trial_id, steps))


@tasks.periodic(cron="20 * * * *")
@tasks.task(name="chase_unblindings", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="chase_unblindings")
def chase_unblindings(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Remind of unblindings that nobody has assessed."""
    remind_of_unblindings(context.additional_context["installation"])


def remind_of_unblindings(installation: Installation) -> int:
    """How many reminders were raised."""
    return _in_every_trial(installation, chase_assessments)


def _in_every_trial(installation: Installation, tell: Callable[[TrialSession, Actor, UUID], int]) -> int:
    with installation.database.reading() as session:
        trials = list(session.exec(select(Trial.id).order_by(col(Trial.code))))
    raised = 0
    for trial_id in trials:
        try:
            with installation.database.transaction() as session:
                session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
                raised += tell(session, system_actor("worker"), trial_id)
        except DomainError as refusal:
            log.error("clocks.not_watched", code=refusal.code)
    return raised
