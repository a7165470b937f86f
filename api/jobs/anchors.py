"""Anchors: every ten minutes, and after an act that asks for one, the audit's head is written outside the database.

Invariants
1. None is written where the last one already stands at the head: a job that runs twice writes one.
"""

from __future__ import annotations

from uuid import UUID

from procrastinate import JobContext

from api.installation import Installation
from api.jobs.contexts import write_milestone
from api.jobs.queue import BY_THE_CLOCK, defer, tasks
from api.jobs.restores import notice_restore
from trial.audit.anchors import read_anchors, read_head
from trial.database.session import TrialSession

BY_CLOCK = "by the clock"


@tasks.periodic(cron="*/10 * * * *")
@tasks.task(name="write_anchor", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="write_anchor")
def write_anchor(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Write an anchor when something was recorded since the last one."""
    installation: Installation = context.additional_context["installation"]
    anchor_if_moved(installation)


def ask_for_anchor(session: TrialSession, reason: str, about: UUID) -> None:
    """Have a milestone anchored as soon as this transaction is committed: by the worker, who holds the key. A page does not."""
    defer(session, "write_asked_anchor", {"reason": reason, "about": about})


@tasks.task(name="write_asked_anchor", pass_context=True)
def write_asked_anchor(context: JobContext, *, reason: str, about: str) -> None:
    """The anchor of one milestone."""
    installation: Installation = context.additional_context["installation"]
    anchor_if_moved(installation, reason, about=about)


def anchor_if_moved(installation: Installation, reason: str = BY_CLOCK, **facts: str) -> bool:
    """Whether an anchor was written: none is where the last one already stands at the head.

    None is either over a restored backup that nobody has declared yet: its lists that lag are held instead.
    """
    if notice_restore(installation):
        return False
    anchors = read_anchors(installation.settings.anchor_path)
    with installation.database.reading() as session:
        here = read_head(session)
    if anchors and anchors[-1].head == here:
        return False
    write_milestone(installation, reason, **facts)
    return True
