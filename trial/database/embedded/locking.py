"""Locks that the kernel keeps: they end with the process that holds them, however it dies.

Invariants
1. Whether somebody uses, supervises or is the server is asked of these locks, never of a pid file.
2. A process forked off a holder does not hold: its copy of the descriptor is closed at once.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.02

_open_descriptors: set[int] = set()


def _close_copies() -> None:
    """In a forked child: closing a copy leaves the parent's lock as it is."""
    for descriptor in _open_descriptors:
        os.close(descriptor)
    _open_descriptors.clear()


os.register_at_fork(after_in_child=_close_copies)


class FileLock:
    """One open lock file. Two objects on one path are strangers, even in one process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_private(path, os.O_RDWR)
        self._process = os.getpid()
        _open_descriptors.add(self._descriptor)

    def take(self, *, shared: bool = False, wait_seconds: float = 0.0) -> bool:
        """Try until the time is over; true when the lock is held."""
        kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._descriptor, kind)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(POLL_SECONDS)
            else:
                return True

    @property
    def descriptor(self) -> int:
        """For a child process that is to go on holding the lock after :meth:`close`."""
        return self._descriptor

    def close(self) -> None:
        """Let go. The lock ends when the last process that was handed the descriptor lets go."""
        if self._descriptor in _open_descriptors and os.getpid() == self._process:
            _open_descriptors.discard(self._descriptor)
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock for himself alone. Asking disturbs nobody who asks the same."""
    with FileLock(path) as lock:
        return not lock.take(shared=True)


def is_shared(path: Path) -> bool:
    """Whether somebody holds the lock as one of possibly many.

    The second look tells such a holder from one who holds it alone. The latter must be one who never lets go
    while alive, or the answer may be out of date.
    """
    with FileLock(path) as lock:
        if lock.take():
            return False
    return not is_held(path)


def open_private(path: Path, flags: int) -> int:
    """Open or create a file of mode 600 that belongs to the owner of its directory; a link is refused.

    The owner matters when root starts the database in an ordinary user's directory: that user must be able
    to go on alone later, and must not be able to send root elsewhere through a link.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor
