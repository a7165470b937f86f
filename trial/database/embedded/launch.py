"""Bring up a server on an instance where none runs. The caller holds the start lock and a share of the users' lock.

Invariants
1. A server is launched only when the kernel's locks say that no supervisor and no process of PostgreSQL is left.
2. A port that another program takes between our look and PostgreSQL's start costs a retry, not a failure.
3. A failed launch leaves no server behind and nothing half-written.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from trial.database.embedded import supervisor
from trial.database.embedded.binaries import Binaries, copy_binaries, wheel_binaries
from trial.database.embedded.cluster import ENVIRONMENT, make_cluster, server_settings
from trial.database.embedded.connection import HOST
from trial.database.embedded.directory import (
    SERVER_LOCK,
    SUPERUSER,
    SUPERVISOR_LOCK,
    USERS_LOCK,
    Instance,
    check_version,
    prepare_place,
    sweep_abandoned_test_clusters,
)
from trial.database.embedded.errors import AlreadyRunning, PortInUse, WouldNotStart
from trial.database.embedded.locking import POLL_SECONDS, FileLock, is_held
from trial.database.embedded.ownership import PostgresUser, postgres_user, shared_area
from trial.database.embedded.postmaster import (
    check_free_space,
    explain_death,
    open_log,
    port_was_taken,
    read_pid_file,
    remove_stale_pid_file,
    said_since,
    works_in,
)

PORT_ATTEMPTS = 5
STOP_SECONDS = (
    60.0  # for the checkpoint of a fast shutdown; a server that needs longer recovers at the next start
)
ORPHAN_SECONDS = 30.0
SPACE_FOR_NEW_CLUSTER = 150_000_000
SPACE_TO_START = 40_000_000


@dataclass(frozen=True)
class Wishes:
    """How the server is to run."""

    port: int | None
    durable: bool
    shared_buffers_mb: int
    max_connections: int
    start_seconds: float
    check_space: bool


def launch(instance: Instance, wishes: Wishes, passwords: dict[str, str]) -> int:
    """The port of a server that is ready."""
    end_orphans(instance)
    if wishes.port is not None and not _is_free(wishes.port):
        raise _port_in_use(wishes.port)
    user = postgres_user(instance.place, instance.directory)
    binaries = _reachable_binaries(user)
    prepare_place(instance, user, disposable=not wishes.durable)
    _prepare_cluster(instance, binaries, user, wishes, passwords)
    remove_stale_pid_file(instance)
    return _start_on_some_port(instance, binaries, user, wishes)


def _reachable_binaries(user: PostgresUser) -> Binaries:
    if not user.borrowed:
        return wheel_binaries()
    area = shared_area()
    sweep_abandoned_test_clusters(area)
    return copy_binaries(wheel_binaries(), area)


def _prepare_cluster(
    instance: Instance, binaries: Binaries, user: PostgresUser, wishes: Wishes, passwords: dict[str, str]
) -> None:
    exists = instance.pgdata.exists()
    if wishes.check_space:
        check_free_space(instance.place, SPACE_TO_START if exists else SPACE_FOR_NEW_CLUSTER)
    if not exists:
        make_cluster(instance, binaries, user, passwords[SUPERUSER], durable=wishes.durable)
    check_version(instance.pgdata)


def _start_on_some_port(instance: Instance, binaries: Binaries, user: PostgresUser, wishes: Wishes) -> int:
    for _ in range(PORT_ATTEMPTS):
        port = wishes.port or _free_port()
        said_before = _spawn(instance, binaries, user, wishes, port)
        if await_ready(instance, wishes.start_seconds) == port:
            return port
        said = said_since(instance, said_before)
        if is_held(instance.directory / SUPERVISOR_LOCK):
            raise WouldNotStart(
                f"The database in {instance.directory} was not ready after {wishes.start_seconds:.0f} seconds. "
                f"Try again, and see its log there if that does not help. It ends with: {said.strip()[-1000:]}"
            )
        if not port_was_taken(said):
            raise explain_death(instance, said)
        if wishes.port is not None:
            raise _port_in_use(wishes.port)
    raise WouldNotStart(
        f"Other programs took {PORT_ATTEMPTS} free ports before the database could: start again."
    )


def _spawn(instance: Instance, binaries: Binaries, user: PostgresUser, wishes: Wishes, port: int) -> int:
    """Start the supervisor; returns how long the log was before it."""
    lock = FileLock(instance.directory / SUPERVISOR_LOCK)
    log = open_log(instance)
    try:
        if not lock.take(wait_seconds=ORPHAN_SECONDS):
            raise _still_running(instance)
        said_before = os.fstat(log).st_size
        subprocess.run(  # noqa: S603 - our own program, no shell
            [
                sys.executable,
                "-I",
                "-S",
                str(Path(supervisor.__file__)),
                _order(instance, binaries, user, wishes, port),
            ],
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


def _order(instance: Instance, binaries: Binaries, user: PostgresUser, wishes: Wishes, port: int) -> str:
    settings = server_settings(
        port=port,
        durable=wishes.durable,
        shared_buffers_mb=wishes.shared_buffers_mb,
        max_connections=wishes.max_connections,
    )
    command = [str(binaries.program("postgres")), "-D", str(instance.pgdata)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    order = {
        "command": command,
        "environment": ENVIRONMENT,
        "become": user.spawn_options(),
        "users_lock": str(instance.directory / USERS_LOCK),
        "server_lock": str(instance.directory / SERVER_LOCK),
        "postmaster_pid": str(instance.postmaster_pid),
        "stop_seconds": STOP_SECONDS,
    }
    return json.dumps(order)


def await_ready(instance: Instance, seconds: float) -> int | None:
    """The port of the supervised server once it takes connections; none if its supervisor ends first, or time does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = read_pid_file(instance.postmaster_pid)
        if found is not None and found.ready:
            return found.port
        if not is_held(instance.directory / SUPERVISOR_LOCK):
            return None
        time.sleep(POLL_SECONDS)
    return None


def end_orphans(instance: Instance) -> None:
    """End a server that has lost its supervisor. It is signalled only if it is PostgreSQL, in this cluster."""
    server_lock = instance.directory / SERVER_LOCK
    for request in (signal.SIGINT, signal.SIGQUIT):
        if not is_held(server_lock):
            return
        found = read_pid_file(instance.postmaster_pid)
        if found is not None and works_in(found.pid, instance.pgdata):
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, request)
        with FileLock(server_lock) as lock:
            lock.take(shared=True, wait_seconds=ORPHAN_SECONDS)
    if is_held(server_lock):
        raise _still_running(instance)


def _still_running(instance: Instance) -> AlreadyRunning:
    return AlreadyRunning(
        f"A PostgreSQL of an earlier start is still running on {instance.pgdata} and does not end: "
        "end it, then start again."
    )


def _port_in_use(port: int) -> PortInUse:
    return PortInUse(
        f"Port {port} on {HOST} is used by another program: stop that program, choose another port, or choose none "
        "to have a free one found."
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
