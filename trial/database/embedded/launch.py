"""Bring up a server where none runs. The caller holds the start lock and a share of the users' lock.

Invariants
1. A server is launched only when the kernel's locks say that no supervisor and no PostgreSQL of ours is left.
2. A port that another program takes between our look and PostgreSQL's start costs a retry, not a failure.
3. A failed launch leaves no server behind and nothing half-written.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trial.database.embedded import supervisor
from trial.database.embedded.binaries import Binaries, copy_binaries, wheel_binaries
from trial.database.embedded.cluster import ENVIRONMENT, make_cluster, server_settings
from trial.database.embedded.directory import (
    SERVER_LOCK,
    SUPERVISOR_LOCK,
    USERS_LOCK,
    Instance,
    check_version,
    prepare_place,
)
from trial.database.embedded.errors import AlreadyRunning, WouldNotStart
from trial.database.embedded.locking import POLL_SECONDS, FileLock, is_held
from trial.database.embedded.orphans import end_orphans
from trial.database.embedded.ownership import PostgresUser, give_back, postgres_user, shared_area
from trial.database.embedded.passwords import SUPERUSER
from trial.database.embedded.ports import free_port, is_free, port_in_use
from trial.database.embedded.postmaster import (
    check_free_space,
    explain_death,
    open_log,
    port_was_taken,
    read_pid_file,
    remove_stale_pid_file,
    said_since,
)

PORT_ATTEMPTS = 5
STOP_SECONDS = 60.0  # for a fast shutdown's checkpoint; a server that needs longer recovers at the next start
SUPERVISOR_LOCK_SECONDS = 5.0
SPACE_FOR_NEW_CLUSTER = 150_000_000
SPACE_TO_START = 20_000_000


@dataclass(frozen=True)
class Wishes:
    """How the server is to run."""

    port: int | None
    durable: bool
    shared_buffers_mb: int
    max_connections: int
    start_seconds: float
    check_space: bool


@dataclass(frozen=True)
class Launch:
    """One attempt at one instance: what runs, as whom, and how."""

    instance: Instance
    binaries: Binaries
    user: PostgresUser
    wishes: Wishes


def launch(instance: Instance, wishes: Wishes, passwords: dict[str, str]) -> int:
    """The port of a server that is ready."""
    end_orphans(instance)
    if wishes.port is not None and not is_free(wishes.port):
        raise port_in_use(wishes.port)
    user = postgres_user(instance.place, instance.directory)
    plan = Launch(instance, _reachable_binaries(user), user, wishes)
    prepare_place(instance, user)
    _prepare_cluster(plan, passwords[SUPERUSER])
    remove_stale_pid_file(instance)
    return _start_on_some_port(plan)


def _reachable_binaries(user: PostgresUser) -> Binaries:
    if not user.borrowed:
        return wheel_binaries()
    return copy_binaries(wheel_binaries(), shared_area())


def _prepare_cluster(plan: Launch, password: str) -> None:
    instance = plan.instance
    exists = instance.pgdata.exists()
    if plan.wishes.check_space:
        check_free_space(instance.place, SPACE_TO_START if exists else SPACE_FOR_NEW_CLUSTER)
    if not exists:
        make_cluster(instance, plan.binaries, plan.user, password, durable=plan.wishes.durable)
    check_version(instance.pgdata)
    give_back(plan.user, instance.pgdata)


def _start_on_some_port(plan: Launch) -> int:
    for _ in range(PORT_ATTEMPTS):
        port = plan.wishes.port or free_port()
        said_before = _spawn(plan, port)
        if await_ready(plan.instance, plan.wishes.start_seconds) == port:
            return port
        said = said_since(plan.instance, said_before)
        if is_held(plan.instance.directory / SUPERVISOR_LOCK):
            raise _too_slow(plan, said)
        if not port_was_taken(said):
            raise explain_death(plan.instance, said)
        if plan.wishes.port is not None:
            raise port_in_use(plan.wishes.port)
    raise WouldNotStart(f"Other programs took {PORT_ATTEMPTS} free ports before the database could: start again.")


def _spawn(plan: Launch, port: int) -> int:
    """Start the supervisor, holding its lock from the first moment; returns how long the log was before."""
    lock = FileLock(plan.instance.directory / SUPERVISOR_LOCK)
    log = open_log(plan.instance)
    try:
        if not lock.take(wait_seconds=SUPERVISOR_LOCK_SECONDS):
            raise AlreadyRunning(
                f"Another process has just started the database in {plan.instance.directory}: start again to share it."
            )
        said_before = os.fstat(log).st_size
        subprocess.run(  # noqa: S603 - our own program, no shell
            [sys.executable, "-I", "-S", str(Path(supervisor.__file__)), _order(plan, port)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            pass_fds=(lock.descriptor,),
            start_new_session=True,
        )
        return said_before
    finally:
        os.close(log)
        lock.close()


def _order(plan: Launch, port: int) -> str:
    """What the supervisor is to do. It shows in the list of processes, so it holds no secret."""
    instance, wishes = plan.instance, plan.wishes
    settings = server_settings(
        port=port,
        durable=wishes.durable,
        shared_buffers_mb=wishes.shared_buffers_mb,
        max_connections=wishes.max_connections,
    )
    command = [str(plan.binaries.program("postgres")), "-D", str(instance.pgdata)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    order = {
        "command": command,
        "environment": ENVIRONMENT,
        "become": plan.user.spawn_options(),
        "pgdata": str(instance.pgdata),
        "users_lock": str(instance.directory / USERS_LOCK),
        "server_lock": str(instance.directory / SERVER_LOCK),
        "stop_seconds": STOP_SECONDS,
    }
    return json.dumps(order)


def await_ready(instance: Instance, seconds: float) -> int | None:
    """The port of the supervised server once it takes connections; none if it, or the time, ends first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = read_pid_file(instance.postmaster_pid)
        if found is not None and found.ready:
            return found.port
        if not is_held(instance.directory / SUPERVISOR_LOCK):
            return None
        time.sleep(POLL_SECONDS)
    return None


def _too_slow(plan: Launch, said: str) -> WouldNotStart:
    return WouldNotStart(
        f"The database in {plan.instance.directory} was not ready after {plan.wishes.start_seconds:.0f} "
        f"seconds: start again and give it more time. Its log ends with: {said[-1000:] or 'nothing'}"
    )
