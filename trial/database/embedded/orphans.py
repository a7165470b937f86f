"""A PostgreSQL that has lost its supervisor is ended before another one starts.

Invariants
1. A process is signalled only if it is PostgreSQL and works in this cluster; a number in a file is no reason.
2. Only the postmaster is asked to shut down: to PostgreSQL's other processes that signal means other things.
"""

from __future__ import annotations

import contextlib
import os
import signal

from trial.database.embedded.directory import SERVER_LOCK, Instance
from trial.database.embedded.errors import AlreadyRunning
from trial.database.embedded.locking import FileLock
from trial.database.embedded.postmaster import processes_in, read_pid_file, works_in

SHUTDOWN_SECONDS = 30.0
GRACE_SECONDS = 10.0  # for processes that notice by themselves that their postmaster is gone


def end_orphans(instance: Instance) -> None:
    """Return when no process of ours is left on the cluster; first asked, then told."""
    if _are_gone(instance, 0):
        return
    asked = _ask_postmaster(instance)
    if _are_gone(instance, SHUTDOWN_SECONDS if asked else GRACE_SECONDS):
        return
    for request in (signal.SIGQUIT, signal.SIGKILL):
        for pid in processes_in(instance.pgdata):
            _send(pid, request)
        if _are_gone(instance, GRACE_SECONDS):
            return
    raise AlreadyRunning(
        f"A PostgreSQL of an earlier start is still running on {instance.pgdata} and cannot be ended: "
        "end it, then start again."
    )


def _ask_postmaster(instance: Instance) -> bool:
    found = read_pid_file(instance.postmaster_pid)
    if found is None or not works_in(found.pid, instance.pgdata):
        return False
    _send(found.pid, signal.SIGINT)
    return True


def _send(pid: int, request: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, request)


def _are_gone(instance: Instance, seconds: float) -> bool:
    with FileLock(instance.directory / SERVER_LOCK) as lock:
        return lock.take(shared=True, wait_seconds=seconds)
