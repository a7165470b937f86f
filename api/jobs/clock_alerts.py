"""Clocks that come near, every five minutes: who can still act is alerted, once for each step of each clock.

Invariants
1. Each trial is one transaction, in which the steps and their alerts are written together: a crash in between loses none and
   repeats none. The mails are sent from the alerts (``api.jobs.alerts``).
2. Two workers at once do not tell twice: the second waits for the first one's trial.
"""

from __future__ import annotations

from procrastinate import JobContext
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlmodel import col, select

from api.installation import Installation
from api.jobs.queue import BY_THE_CLOCK, tasks
from api.logs import log
from trial.access.actors import system_actor
from trial.conduct.trials import Trial
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
    with installation.database.reading() as session:
        trials = list(session.exec(select(Trial.id).order_by(col(Trial.code))))
    raised = 0
    for trial_id in trials:
        try:
            with installation.database.transaction() as session:
                session.exec(select(Trial.id).where(Trial.id == trial_id).with_for_update(key_share=True)).one()
                raised += escalate(session, system_actor("worker"), trial_id, steps)
        except DomainError as refusal:
            log.error("clocks.not_watched", code=refusal.code)
    return raised
