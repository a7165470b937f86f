"""Real servers in real directories, and what tests do to them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg

from trial.database.embedded import EmbeddedPostgres
from trial.database.embedded.directory import LOG, RECORD, SERVER_LOCK, open_instance
from trial.database.embedded.locking import FileLock
from trial.database.embedded.passwords import OWNER
from trial.database.embedded.postmaster import read_pid_file, works_in
from trial.errors import DomainError

CHECKOUT = Path(__file__).parents[4]
SMALL_DISK = "EQUIPOISE_TEST_SMALL_DISK"  # mounted by root for a run without root's rights
SMALL_DISK_MB = 160
ENOUGH_SECONDS = 30.0

running_as_root = os.geteuid() == 0


class House:
    """One data directory and everything that a test does to the server in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._made: list[EmbeddedPostgres] = []
        self._programs: list[subprocess.Popen[str]] = []
        self._logged = len(self.log)

    @property
    def log(self) -> str:
        path = self.directory / LOG
        return path.read_text() if path.exists() else ""

    def said(self) -> str:
        """What the log says of the time since this object was made."""
        return self.log[self._logged :]

    def server(self, **wishes) -> EmbeddedPostgres:
        made = EmbeddedPostgres(self.directory, **({"durable": False} | wishes))
        self._made.append(made)
        return made

    @property
    def instance(self):
        """As recorded; asking must not make the record, which is the launcher's work."""
        if not (self.directory / RECORD).exists():
            raise FileNotFoundError(self.directory / RECORD)
        return open_instance(self.directory)

    @property
    def postmaster(self) -> int:
        return read_pid_file(self.instance.postmaster_pid).pid

    @property
    def supervisor(self) -> int:
        return psutil.Process(self.postmaster).ppid()

    def processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if works_in(process.pid, self.instance.pgdata)]

    def await_end(self) -> None:
        """Until the kernel says that no PostgreSQL is left."""
        with FileLock(self.directory / SERVER_LOCK) as lock:
            assert lock.take(shared=True, wait_seconds=ENOUGH_SECONDS), "PostgreSQL goes on"

    def program(self, script: str, **options) -> subprocess.Popen[str]:
        """Another process of ours; it gets the data directory as its argument and says a line when it is ready."""
        started = subprocess.Popen(
            [sys.executable, "-c", script, str(self.directory)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        self._programs.append(started)
        return started

    def leave(self) -> None:
        """Everything that this object started has ended."""
        for program in self._programs:
            if program.poll() is None:
                program.kill()
            program.communicate()
        for made in self._made:
            made.stop()
        if (self.directory / SERVER_LOCK).exists():
            self.await_end()

    def clear(self) -> None:
        """And nothing is left on the disk."""
        self.leave()
        with contextlib.suppress(FileNotFoundError, DomainError):
            shutil.rmtree(self.instance.place, ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def mounted_tmpfs(place: Path, options: str):
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def query(connection, statement: str, parameters=(), *, role: str = OWNER, database: str = "equipoise"):
    with psycopg.connect(connection.conninfo(database, role), autocommit=True) as session:
        cursor = session.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def eventually(attempt, *, of=psycopg.OperationalError):
    """The first answer that ``attempt`` gives instead of an error."""
    deadline = time.monotonic() + ENOUGH_SECONDS
    while True:
        try:
            return attempt()
        except of:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def kill_and_await(*pids: int) -> None:
    """SIGKILL, to all of them before any of them can react."""
    processes = [psutil.Process(pid) for pid in pids]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    for process in processes:
        process.kill()
    eventually(lambda: all_ended(processes), of=AssertionError)


def all_ended(processes: list[psutil.Process]) -> None:
    """Dead; whether the system has buried them does not matter."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            assert process.status() == psutil.STATUS_ZOMBIE
