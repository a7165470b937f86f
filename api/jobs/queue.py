"""Queued work: long tasks that a request asks for and a worker does, kept in the same database.

Invariants
1. A job is deferred on the session's own connection: it exists if and only if the transaction that asked for it committed.
2. Its arguments are ids only. Whatever it needs to know it reads when it runs; no arm and no name is in the queue.
3. A job may run twice (a worker can die between its last write and the mark that it is done), so each task is written to
   do nothing the second time.

What it does not do: decide. A task acts for the person who asked for it, whose roles are read again when it runs.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final
from uuid import UUID

from procrastinate import App, Blueprint, PsycopgConnector
from procrastinate.testing import InMemoryConnector
from sqlalchemy import text
from sqlalchemy.engine import make_url

from trial.database.session import BLINDED_ROLE, TrialSession
from trial.errors import Unavailable

if TYPE_CHECKING:
    from api.installation import Installation

tasks = Blueprint()
TASK_MODULES: Final = (
    "api.jobs.reports",
    "api.jobs.datasets",
    "api.jobs.anchors",
    "api.jobs.alerts",
    "api.jobs.bounds",
    "api.jobs.clock_alerts",
)
"""Where the tasks are; loaded by a worker alone, so that a door that only defers needs none of what they import."""

ASKED_FOR, BY_THE_CLOCK = "default", "clock"
"""The queue of what somebody asked for, and that of what comes round by itself."""
_NAMESPACE: Final = "equipoise"
_FAILED = text("SELECT count(*) FROM queue.procrastinate_jobs WHERE status = 'failed'")
# Whoever asks for the same at the same time waits here, and then finds it asked for.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext(:once))")
_DEFER = text(
    "SELECT queue.procrastinate_defer_jobs_v1(ARRAY[ROW(:queue, :task, 0, NULL, :once, CAST(:args AS jsonb), NULL)"
    "::queue.procrastinate_job_to_defer_v1]) WHERE NOT EXISTS"
    " (SELECT 1 FROM queue.procrastinate_jobs WHERE queueing_lock = :once AND status = 'todo')"
)


class JobFailed(Unavailable):
    code = "job.failed"


def defer(session: TrialSession, task: str, ids: Mapping[str, UUID | str]) -> None:
    """Ask for ``task`` as part of this transaction. The same task for the same ids waits in the queue once."""
    args = json.dumps({name: str(value) for name, value in ids.items()}, sort_keys=True)
    once = f"{task}:{args}"
    session.flush()
    session.execute(_ONE_AT_A_TIME, {"once": once})
    session.execute(_DEFER, {"queue": ASKED_FOR, "task": f"{_NAMESPACE}:{task}", "once": once, "args": args})


@cache
def _all_tasks() -> App:
    """Every task under its full name. Made once in a process: procrastinate names the tasks themselves anew each time."""
    for module in TASK_MODULES:
        importlib.import_module(module)
    app = App(connector=InMemoryConnector())
    app.add_tasks_from(tasks, namespace=_NAMESPACE)
    return app


def _connector(app_url: str) -> PsycopgConnector:
    """The application's login role, which acts as the blinded role in the queue too."""
    conninfo = make_url(app_url).set(drivername="postgresql").render_as_string(hide_password=False)
    return PsycopgConnector(
        conninfo=conninfo,
        kwargs={"options": f"-c role={BLINDED_ROLE} -c search_path=queue,pg_catalog -c timezone=UTC"},
        min_size=1,
        max_size=4,
    )


async def work(installation: Installation, *, until_empty: bool = False) -> None:
    """Do queued work; for ever, or with ``until_empty`` until nothing waits that somebody asked for."""
    with _all_tasks().replace_connector(_connector(installation.urls.app)) as app:
        async with app.open_async():
            await app.run_worker_async(
                concurrency=1,
                queues=[ASKED_FOR] if until_empty else [ASKED_FOR, BY_THE_CLOCK],
                wait=not until_empty,
                delete_jobs="successful",
                install_signal_handlers=False,
                additional_context={"installation": installation},
            )


def work_off(installation: Installation) -> None:
    """Do everything that somebody asked for, in this thread. Raises ``JobFailed`` when a job did not come to its end."""
    with installation.database.reading() as session:
        failed_before = session.execute(_FAILED).scalar_one()
    asyncio.run(work(installation, until_empty=True))
    with installation.database.reading() as session:
        if session.execute(_FAILED).scalar_one() > failed_before:
            raise JobFailed(
                "A queued job failed, and nothing that it was to make was kept. The log says where; ask again."
            )
