"""Keeps PostgreSQL for as long as somebody uses it, and no longer. Runs as a program of its own.

It is started with one JSON argument and only the standard library, leaves its parent's session, and then:

- starts PostgreSQL, as another user if told so, and starts it again when it was killed;
- stops it when nobody holds the users' lock any more, which the kernel drops even for a killed process;
- takes PostgreSQL along when it is killed itself (on Linux; elsewhere the next start finds the orphan).

Invariants
1. ``server.lock`` is held by PostgreSQL's processes alone, each of which inherits it, so it is free only
   when the last of them is gone, killed or not. PostgreSQL is never started before that.
2. Once this program has taken the users' lock it never gives it back: whoever comes next waits for the end
   of the shutdown and starts a server of his own.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.05
RESTARTS = 5  # within the period below; a server that dies more often has a reason that a restart does not cure
RESTART_PERIOD_SECONDS = 60.0
GRACE_SECONDS = 2.0
QUIT_SECONDS = 10.0
PR_SET_PDEATHSIG = 1


class Supervisor:
    """One server, and the wish to stop it."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._users = os.open(order["users_lock"], os.O_RDWR | os.O_CLOEXEC)
        self._asked_to_stop = False
        self._deaths: list[float] = []

    def ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def run(self) -> None:
        server = self._start_server()
        while server is not None:
            ended = server.poll()
            if ended is not None:
                server = self._start_again() if self._worth_another_start(ended) else None
            elif self._asked_to_stop or try_exclusive(self._users):
                self._stop_server(server)
                return
            else:
                time.sleep(POLL_SECONDS)

    def _start_server(self) -> subprocess.Popen[bytes] | None:
        lock = os.open(self._order["server_lock"], os.O_RDWR | os.O_CLOEXEC)
        try:
            if not self._outlast_earlier_server(lock):
                say("processes of an earlier PostgreSQL do not end; giving up")
                return None
            return subprocess.Popen(  # noqa: S603 - the launcher's own command, no shell
                self._order["command"],
                stdin=subprocess.DEVNULL,
                pass_fds=(lock,),
                env=self._order["environment"],
                preexec_fn=die_with_parent(),  # noqa: PLW1509 - this program has one thread
                umask=0o077,
                **self._order["become"],
            )
        finally:
            os.close(lock)

    def _outlast_earlier_server(self, lock: int) -> bool:
        """A killed postmaster's processes end by themselves, except one that is busy: that one is told."""
        if wait_until(lambda: try_exclusive(lock), GRACE_SECONDS):
            return True
        for request in (signal.SIGQUIT, signal.SIGKILL):
            for pid in postgres_processes_in(self._order["pgdata"]):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, request)
            if wait_until(lambda: try_exclusive(lock), QUIT_SECONDS):
                return True
        return False

    def _start_again(self) -> subprocess.Popen[bytes] | None:
        say("PostgreSQL was killed; starting it again, with recovery")
        # A leftover for certain: its writer was our child and is dead. Left in place it would tell a launcher
        # that the server is ready, and would keep PostgreSQL from starting if its number is used again.
        with contextlib.suppress(FileNotFoundError):
            Path(self._order["pgdata"], "postmaster.pid").unlink()
        return self._start_server()

    def _worth_another_start(self, ended: int) -> bool:
        """Killed by a signal, and not again and again. A server that exits has said why in its log."""
        now = time.monotonic()
        self._deaths = [death for death in self._deaths if now - death < RESTART_PERIOD_SECONDS]
        self._deaths.append(now)
        return ended < 0 and not self._asked_to_stop and len(self._deaths) <= RESTARTS

    def _stop_server(self, server: subprocess.Popen[bytes]) -> None:
        for request, patience in (
            (signal.SIGINT, float(self._order["stop_seconds"])),
            (signal.SIGQUIT, QUIT_SECONDS),
            (signal.SIGKILL, QUIT_SECONDS),
        ):
            server.send_signal(request)
            if wait_until(lambda: server.poll() is not None, patience):
                return


def try_exclusive(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def postgres_processes_in(pgdata: str) -> list[int]:
    """By what the kernel knows of each process: its name and its directory. Empty where there is no /proc."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.joinpath("comm").read_text().startswith("postgres") and process.joinpath("cwd").samefile(pgdata):
                found.append(int(process.name))
    return found


def die_with_parent() -> Callable[[], None] | None:
    """For the child, before PostgreSQL: have the kernel ask it for a fast shutdown when the supervisor dies.

    Everything is loaded here: when the child calls it, it is another user, who may be unable to read Python.
    """
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    supervisor = os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != supervisor:
            os._exit(1)

    return ask_the_kernel


def say(sentence: str) -> None:
    """Into the server's log, which is this program's standard error."""
    with contextlib.suppress(OSError):
        os.write(2, f"supervisor: {sentence}\n".encode())


def main() -> None:
    order = json.loads(sys.argv[1])
    # The launcher waits for the first process only, so it keeps no child to bury.
    if os.fork():
        os._exit(0)
    supervisor = Supervisor(order)
    for request in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(request, supervisor.ask_to_stop)
    supervisor.run()


if __name__ == "__main__":
    main()
