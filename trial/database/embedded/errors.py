"""What can keep the embedded database from running, each with the sentence that says what to do about it.

Invariants
1. Every failure of the launcher that a person can meet is one of these; none is a traceback.
2. A quoted log line comes from a server that logs no statement, no parameter and no DETAIL: it holds no row.
"""

from __future__ import annotations

from typing import ClassVar

from trial.errors import Unavailable


class EmbeddedDatabaseUnavailable(Unavailable):
    """The embedded PostgreSQL cannot run here and now."""

    code: ClassVar[str] = "database.unavailable"


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
