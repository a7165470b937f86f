"""Anchors by the clock: every ten minutes the audit's head is written outside the database, if it has moved."""

from __future__ import annotations

from procrastinate import JobContext

from api.installation import Installation
from api.jobs.contexts import write_milestone
from api.jobs.queue import BY_THE_CLOCK, tasks
from api.jobs.restores import notice_restore
from trial.audit.anchors import read_anchors, read_head


@tasks.periodic(cron="*/10 * * * *")
@tasks.task(name="write_anchor", pass_context=True, queue=BY_THE_CLOCK, queueing_lock="write_anchor")
def write_anchor(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - procrastinate's signature
    """Write an anchor when something was recorded since the last one."""
    installation: Installation = context.additional_context["installation"]
    anchor_if_moved(installation)


def anchor_if_moved(installation: Installation) -> bool:
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
    write_milestone(installation, "by the clock")
    return True
