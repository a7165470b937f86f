"""``equipoise worker``: does queued work (reports, datasets, anchors, e-mail) apart from the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from fastapi import FastAPI
from starlette.types import Lifespan

from api.cli.options import DataOption, settings_from
from api.installation import Installation, open_installation
from api.jobs.queue import work
from api.logs import configure_logging, log

SECONDS_BEFORE_AGAIN = 5.0


def worker(
    data: DataOption = None,
    once: Annotated[bool, typer.Option("--once", help="Do what waits now, then stop.")] = False,
) -> None:
    """Do queued work until Ctrl-C. “equipoise serve” does it too; run this where the server has no worker of its own."""
    with open_installation(settings_from(data)) as installation:
        configure_logging(installation.settings.log_level)
        asyncio.run(_until_told(installation, once=once))


async def _until_told(installation: Installation, *, once: bool) -> None:
    if once:
        await work(installation, until_empty=True)
        return
    loop, working = asyncio.get_running_loop(), asyncio.create_task(keep_working(installation))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, working.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await working


async def keep_working(installation: Installation) -> None:
    """Work for ever: a worker that fails (the database restarts, say) is started again."""
    # It tells of every minute's periodic task; what fails it still tells.
    logging.getLogger("procrastinate").setLevel(logging.WARNING)
    while True:
        try:
            await work(installation)
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - whatever ended the worker, the next one starts afresh; the log says what it was
            log.exception("worker.failed")
        await asyncio.sleep(SECONDS_BEFORE_AGAIN)


def beside_the_server(installation: Installation) -> Lifespan[FastAPI]:
    """A worker for as long as the application runs, in its event loop; its tasks run in threads."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001 - Starlette's signature
        working = asyncio.create_task(keep_working(installation))
        try:
            yield
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working

    return lifespan
