"""The data directory: what lies in it, whose it is, and where the cluster really is.

    instance.json      which database this is and where its cluster lies
    passwords.json     of the three login roles, mode 600
    postgres.log       what the server says
    cluster/pgdata     the cluster itself, unless root had to put it where another user can reach it
    *.lock             see ``locking.py``

Invariants
1. A directory with anything else in it, and without our record, is not ours: nothing is written there.
2. A cluster away from its data directory knows that directory, and serves no copy of it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from trial.database.embedded.binaries import MAJOR_VERSION
from trial.database.embedded.errors import DirectoryCopied, DirectoryNotOurs, other_version
from trial.database.embedded.locking import open_private
from trial.database.embedded.ownership import (
    PostgresUser,
    make_directory,
    make_directory_for,
    may_enter,
    postgres_user,
    running_as_root,
    shared_area,
)

RECORD = "instance.json"
PASSWORDS = "passwords.json"
LOG = "postgres.log"
START_LOCK = "start.lock"
USERS_LOCK = "users.lock"
SUPERVISOR_LOCK = "supervisor.lock"
SERVER_LOCK = "server.lock"
HOME_NOTE = "home.json"
UNFINISHED = ".new"

# What a first start that was killed may have left before the record was written.
_HARMLESS = {START_LOCK, f"{RECORD}{UNFINISHED}"}


@dataclass(frozen=True)
class Instance:
    """One embedded database: its data directory and the place that holds its cluster."""

    directory: Path
    identity: str
    place: Path
    away: bool

    @property
    def pgdata(self) -> Path:
        return self.place / "pgdata"

    @property
    def postmaster_pid(self) -> Path:
        return self.pgdata / "postmaster.pid"


def make_data_directory(directory: Path) -> None:
    """Make it if need be. Root lets others pass through it, so that the cluster can lie inside."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    make_directory(directory, 0o711 if running_as_root() else 0o700)


def check_directory_is_ours(directory: Path) -> None:
    """Refuse a directory that holds somebody else's files; an empty one may become ours."""
    names = {entry.name for entry in directory.iterdir()}
    if RECORD in names:
        return
    if "PG_VERSION" in names:
        check_version(directory)
    if strangers := sorted(names - _HARMLESS):
        raise DirectoryNotOurs(
            f"{directory} is not a data directory of Equipoise: it holds {strangers[0]}. "
            "Name an empty directory, or one that does not exist yet."
        )


def check_version(pgdata: Path) -> None:
    """Refuse a cluster that another version of PostgreSQL made."""
    found = (pgdata / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    if found != str(MAJOR_VERSION):
        raise other_version(pgdata, found, MAJOR_VERSION)


def open_instance(directory: Path) -> Instance:
    """The instance that lives here, recorded now if there is none. The caller holds the start lock."""
    record = directory / RECORD
    if record.exists():
        return _recorded_instance(directory, record)
    identity = os.urandom(8).hex()
    away = running_as_root() and not may_enter(postgres_user(directory), directory)
    place = str(shared_area() / identity) if away else ""
    write_whole(record, {"identity": identity, "place": place, "major": MAJOR_VERSION})
    return _recorded_instance(directory, record)


def _recorded_instance(directory: Path, record: Path) -> Instance:
    try:
        facts = json.loads(record.read_text(encoding="utf-8"))
        identity, place, major = str(facts["identity"]), str(facts["place"]), int(facts["major"])
    except (ValueError, KeyError, TypeError) as error:
        raise DirectoryNotOurs(
            f"{record} cannot be read as the record of a database: restore it from a backup, or name another directory."
        ) from error
    if major != MAJOR_VERSION:
        raise other_version(directory, str(major), MAJOR_VERSION)
    return Instance(directory, identity, Path(place) if place else directory / "cluster", away=bool(place))


def prepare_place(instance: Instance, user: PostgresUser) -> None:
    """The directory of the cluster, for the user who runs it, knowing where it belongs."""
    make_directory_for(user, instance.place)
    if not instance.away:
        return
    note = instance.place / HOME_NOTE
    home = _home_in(note)
    if home is not None and home != instance.directory and _identity_in(home) == instance.identity:
        raise DirectoryCopied(
            f"{instance.directory} is a copy of {home}, whose database lies in {instance.place} and was not "
            "copied: use the original, or move a database by dumping and restoring it."
        )
    write_whole(note, {"directory": str(instance.directory)})


def _home_in(note: Path) -> Path | None:
    try:
        return Path(json.loads(note.read_text(encoding="utf-8"))["directory"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _identity_in(directory: Path) -> str | None:
    try:
        return str(json.loads((directory / RECORD).read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_whole(path: Path, facts: dict[str, object] | dict[str, str]) -> None:
    """All of it or nothing, private from the first byte."""
    aside = path.with_name(path.name + UNFINISHED)
    aside.unlink(missing_ok=True)
    with os.fdopen(open_private(aside, os.O_WRONLY | os.O_EXCL), "w", encoding="utf-8") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
