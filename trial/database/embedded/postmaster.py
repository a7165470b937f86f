"""What the server's own files say: its pid file, its log, the disk it lies on.

Invariants
1. A number in a pid file is a claim. It counts for a process that is PostgreSQL and works in this cluster.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from trial.database.embedded.cluster import NO_ROOM
from trial.database.embedded.directory import LOG, Instance
from trial.database.embedded.errors import (
    AlreadyRunning,
    DiskFull,
    EmbeddedDatabaseUnavailable,
    WouldNotStart,
    disk_full,
)
from trial.database.embedded.locking import open_private

LOG_KEPT_BYTES = 5_000_000
LOG_TAIL_CHARACTERS = 2_000
TOO_LITTLE_TO_RUN_BYTES = 1_000_000
_PID_LINE, _PORT_LINE, _STATUS_LINE = 0, 3, 7


@dataclass(frozen=True)
class PidFile:
    """What a postmaster wrote about itself."""

    pid: int
    port: int | None
    ready: bool


def read_pid_file(path: Path) -> PidFile | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        pid = abs(int(lines[_PID_LINE]))
    except (FileNotFoundError, ValueError, IndexError):
        return None
    port = lines[_PORT_LINE].strip() if len(lines) > _PORT_LINE else ""
    ready = len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"
    return PidFile(pid, int(port) if port.isdigit() else None, ready)


def works_in(pid: int, pgdata: Path) -> bool:
    """Whether process ``pid`` is a PostgreSQL of this cluster: every one of them makes it its directory."""
    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and Path(process.cwd()).samefile(pgdata)
    except (psutil.Error, OSError):
        return False


def processes_in(pgdata: Path) -> list[int]:
    return [pid for pid in psutil.pids() if works_in(pid, pgdata)]


def remove_stale_pid_file(instance: Instance) -> None:
    """Remove what a killed server left. The caller knows by the server lock that none of ours is alive."""
    path = instance.postmaster_pid
    if not path.exists():
        return
    if processes_in(instance.pgdata):
        raise AlreadyRunning(
            f"A PostgreSQL that Equipoise did not start is running on {instance.pgdata}: stop it, then start again."
        )
    path.unlink(missing_ok=True)


def open_log(instance: Instance) -> int:
    """A descriptor to append to. A long log is set aside first; the one before it goes."""
    path = instance.directory / LOG
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_KEPT_BYTES:
            path.rename(path.with_name(f"{LOG}.old"))
    return open_private(path, os.O_WRONLY | os.O_APPEND)


def said_since(instance: Instance, offset: int) -> str:
    with (instance.directory / LOG).open("rb") as log:
        log.seek(offset)
        return log.read().decode("utf-8", errors="replace").strip()


def explain_death(instance: Instance, said: str) -> EmbeddedDatabaseUnavailable:
    """Why a server did not come up: by its log, or by a disk that is too full to hold the reason."""
    for place in (instance.place, instance.directory):
        if any(words in said for words in NO_ROOM) or free_bytes(place) < TOO_LITTLE_TO_RUN_BYTES:
            return disk_full(place)
    return WouldNotStart(
        f"The database in {instance.directory} did not start: cure what its log {LOG} says, and start again. "
        f"The log ends with: {said[-LOG_TAIL_CHARACTERS:] or 'nothing'}"
    )


def port_was_taken(said: str) -> bool:
    return "could not bind" in said and "Address already in use" in said


def free_bytes(place: Path) -> int:
    """What an ordinary user may still write there; the reserve of root is not counted."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def check_free_space(place: Path, needed: int) -> None:
    free = free_bytes(place)
    if free < needed:
        raise DiskFull(
            f"The disk that holds {place} has {free // 1_000_000} MB left and the database needs "
            f"{needed // 1_000_000} MB: free some space there, or name a data directory on another disk."
        )
