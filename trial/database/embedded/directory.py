"""The data directory: what lies in it, whose it is, and where the cluster really is.

    instance.json      which database this is and where its cluster lies
    passwords.json     of the three login roles, mode 600
    postgres.log       what the server says, and the log before it
    cluster/pgdata     the cluster itself, unless root had to put it where another user can reach it
    *.lock             see :mod:`trial.database.embedded.locking`

Invariants
1. A directory with anything else in it, and without our record, is not ours: nothing is written there.
2. Passwords are on disk before the cluster that needs them.
3. A cluster away from its data directory knows that directory. A copied data directory does not get to use it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from trial.database.embedded.binaries import MAJOR_VERSION
from trial.database.embedded.errors import (
    DirectoryCopied,
    DirectoryNotOurs,
    OtherVersion,
    PasswordsMissing,
)
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
from trial.ids import Entropy

SUPERUSER = "postgres"
OWNER = "equipoise_owner"
APP = "equipoise_app"
LOGIN_ROLES = (SUPERUSER, OWNER, APP)

RECORD = "instance.json"
PASSWORDS = "passwords.json"  # noqa: S105 - the name of a file
LOG = "postgres.log"
START_LOCK = "start.lock"
USERS_LOCK = "users.lock"
SUPERVISOR_LOCK = "supervisor.lock"
SERVER_LOCK = "server.lock"
HOME_NOTE = "home.json"

# What a first start that was killed may have left before the record was written.
_HARMLESS = {START_LOCK, USERS_LOCK, SUPERVISOR_LOCK, SERVER_LOCK, PASSWORDS, LOG}


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
    if strangers := sorted(name for name in names - _HARMLESS if not name.endswith(".new")):
        raise DirectoryNotOurs(
            f"{directory} is not a data directory of Equipoise: it holds {strangers[0]}. "
            "Name an empty directory, or one that does not exist yet."
        )


def check_version(pgdata: Path) -> None:
    """Refuse a cluster that another version of PostgreSQL made."""
    found = (pgdata / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
    if found != str(MAJOR_VERSION):
        raise OtherVersion(
            f"The data in {pgdata} belong to PostgreSQL {found}, and this is PostgreSQL {MAJOR_VERSION}: dump "
            "them with the version that wrote them and restore the dump here, or name another directory."
        )


def open_instance(directory: Path) -> Instance:
    """The instance that lives here, recorded now if there is none. The caller holds the start lock."""
    record = directory / RECORD
    if record.exists():
        return _recorded_instance(directory, record)
    identity = os.urandom(8).hex()
    away = running_as_root() and not may_enter(postgres_user(directory), directory)
    place = shared_area() / identity if away else directory / "cluster"
    _write_whole(record, {"identity": identity, "place": str(place) if away else "", "major": MAJOR_VERSION})
    return Instance(directory, identity, place, away)


def _recorded_instance(directory: Path, record: Path) -> Instance:
    try:
        facts = json.loads(record.read_text(encoding="utf-8"))
        identity, place, major = str(facts["identity"]), str(facts["place"]), int(facts["major"])
    except (ValueError, KeyError, TypeError) as error:
        raise DirectoryNotOurs(
            f"{record} cannot be read as the record of a database: restore it from a backup, or name another directory."
        ) from error
    if major != MAJOR_VERSION:
        raise OtherVersion(
            f"{directory} belongs to PostgreSQL {major}, and this is PostgreSQL {MAJOR_VERSION}: dump the data with "
            "the version that wrote them and restore the dump here, or name another directory."
        )
    return Instance(directory, identity, Path(place) if place else directory / "cluster", away=bool(place))


def prepare_place(instance: Instance, user: PostgresUser, *, disposable: bool) -> None:
    """The directory of the cluster, for the user who runs it, knowing where it belongs."""
    make_directory_for(user, instance.place)
    if not instance.away:
        return
    note = instance.place / HOME_NOTE
    home = _read_home(note)
    if home and Path(home) != instance.directory and _identity_in(Path(home)) == instance.identity:
        raise DirectoryCopied(
            f"{instance.directory} is a copy of {home}, whose database lies in {instance.place} and was not copied: "
            "use the original, or move a database by dumping and restoring it."
        )
    _write_whole(note, {"directory": str(instance.directory), "disposable": disposable})


def sweep_abandoned_test_clusters(area: Path) -> None:
    """Remove clusters made without durability, for tests, whose data directory is gone. No other is touched."""
    for note in area.glob(f"*/{HOME_NOTE}"):
        try:
            facts = json.loads(note.read_text(encoding="utf-8"))
            abandoned = (
                facts["disposable"] is True and _identity_in(Path(facts["directory"])) != note.parent.name
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if abandoned:
            shutil.rmtree(note.parent, ignore_errors=True)


def _read_home(note: Path) -> str | None:
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["directory"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _identity_in(directory: Path) -> str | None:
    try:
        return str(json.loads((directory / RECORD).read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_or_make_passwords(instance: Instance, entropy: Entropy) -> dict[str, str]:
    """The passwords of the login roles; made only where there is no cluster that knows others."""
    path = instance.directory / PASSWORDS
    try:
        passwords = json.loads(path.read_text(encoding="utf-8"))
        return {role: str(passwords[role]) for role in LOGIN_ROLES}
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        if instance.pgdata.exists():
            raise PasswordsMissing(
                f"{path} is missing or damaged, and the database opens to nothing else: restore it from a backup."
            ) from error
    made = {role: _new_password(entropy) for role in LOGIN_ROLES}
    _write_whole(path, made)
    return made


def _new_password(entropy: Entropy) -> str:
    return base64.urlsafe_b64encode(entropy.take(24, "embedded database password")).decode("ascii")


def _write_whole(path: Path, facts: dict[str, object] | dict[str, str]) -> None:
    """All of it or nothing, private from the first byte."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(open_private(aside, os.O_WRONLY | os.O_EXCL), "w", encoding="utf-8") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
