"""What can keep the embedded database from running, each with the sentence that says what to do about it.

Invariants
1. Every failure of the launcher that a person can meet is one of these; none is a traceback.
2. A quoted log line comes from a server that logs no statement, no parameter and no DETAIL: it holds no row.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from trial.errors import Unavailable


class EmbeddedDatabaseUnavailable(Unavailable):
    """The embedded PostgreSQL cannot run here and now."""

    code: ClassVar[str] = "database.embedded_unavailable"


class BinariesMissing(EmbeddedDatabaseUnavailable):
    code = "database.binaries_missing"


class AlreadyRunning(EmbeddedDatabaseUnavailable):
    code = "database.already_running"


class DiskFull(EmbeddedDatabaseUnavailable):
    code = "database.disk_full"


class OtherVersion(EmbeddedDatabaseUnavailable):
    code = "database.other_version"


class DirectoryNotOurs(EmbeddedDatabaseUnavailable):
    code = "database.directory_not_ours"


class DirectoryNotWritable(EmbeddedDatabaseUnavailable):
    code = "database.directory_not_writable"


class DirectoryCopied(EmbeddedDatabaseUnavailable):
    code = "database.directory_copied"


class PasswordsMissing(EmbeddedDatabaseUnavailable):
    code = "database.passwords_missing"


class PortInUse(EmbeddedDatabaseUnavailable):
    code = "database.port_in_use"


class NoUnprivilegedUser(EmbeddedDatabaseUnavailable):
    code = "database.no_unprivileged_user"


class WouldNotStart(EmbeddedDatabaseUnavailable):
    code = "database.would_not_start"


class WouldNotStop(EmbeddedDatabaseUnavailable):
    code = "database.would_not_stop"


class NotRunning(EmbeddedDatabaseUnavailable):
    code = "database.not_running"


def disk_full(place: Path) -> DiskFull:
    return DiskFull(
        f"The disk that holds {place} is full, or a quota is reached: free some space there and start again, "
        "or name a data directory on another disk. What was committed is safe."
    )


def other_version(place: Path, found: str, ours: int) -> OtherVersion:
    return OtherVersion(
        f"The data in {place} belong to PostgreSQL {found}, and this is PostgreSQL {ours}: dump them with "
        "the version that wrote them and restore the dump here, or name another directory."
    )


@contextmanager
def in_words(data_directory: Path) -> Iterator[None]:
    """The operating system's refusals, as errors that say what to do."""
    try:
        yield
    except OSError as error:
        told = _in_words(error, data_directory)
        if told is None:
            raise
        raise told from error


def _in_words(error: OSError, data_directory: Path) -> EmbeddedDatabaseUnavailable | None:
    where = os.fspath(error.filename or data_directory)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DirectoryNotWritable(
            f"{where} may not be used by this user: start Equipoise as the user who owns it, "
            "or name a data directory of your own."
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return disk_full(data_directory)
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ELOOP):
        return DirectoryNotOurs(
            f"{where} is not a data directory of Equipoise: name an empty directory, or one that does not exist yet."
        )
    return None
