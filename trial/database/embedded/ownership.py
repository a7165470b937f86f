"""As whom PostgreSQL runs, and where that user may go.

PostgreSQL refuses to run as root. An ordinary user runs it as himself, in the data directory. For root it
runs as an unprivileged user.

Invariants
1. No permission of a directory that we did not make is ever changed.
2. A place for root's databases is made by root and belongs to root, so nobody can slip another one in.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from trial.database.embedded.errors import DirectoryNotWritable, NoUnprivilegedUser

OWN_USER = "equipoise-postgres"
STAND_INS = ("postgres", "nobody")  # where a system user of our own cannot be made
USERADD_PATHS = "/usr/sbin:/sbin:/usr/bin:/bin"
SHARED_AREAS = (Path("/var/lib/equipoise"), Path("/var/tmp/equipoise"))  # noqa: S108 - checked to be root's own


class SpawnOptions(TypedDict, total=False):
    """Arguments of ``subprocess.run`` and ``Popen``."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class PostgresUser:
    """As whom the programs run. ``borrowed`` when that is not who we are."""

    uid: int
    gid: int
    borrowed: bool

    def spawn_options(self) -> SpawnOptions:
        """For ``subprocess``: become this user, with no group left over from us."""
        if not self.borrowed:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def running_as_root() -> bool:
    return os.geteuid() == 0


def postgres_user(*belongings: Path) -> PostgresUser:
    """Ourselves; or for root the first owner of these who is not root, or else a system user."""
    if not running_as_root():
        return PostgresUser(os.geteuid(), os.getegid(), borrowed=False)
    for path in belongings:
        if path.exists() and (user := _owner_with_a_name(path)):
            return user
    return _own_system_user() or _stand_in()


def _owner_with_a_name(path: Path) -> PostgresUser | None:
    """``initdb`` wants the name of whoever runs it; an owner without one cannot."""
    owner = path.stat().st_uid
    with contextlib.suppress(KeyError):
        entry = pwd.getpwuid(owner)
        return PostgresUser(entry.pw_uid, entry.pw_gid, borrowed=True) if owner else None
    return None


def _own_system_user() -> PostgresUser | None:
    for attempt in range(3):
        if found := _look_up(OWN_USER):
            return found
        if not _make_system_user():
            return None
        if attempt:
            time.sleep(0.2)  # another start holds the password file, and is making the same user
    return _look_up(OWN_USER)


def _make_system_user() -> bool:
    """Whether it is worth looking again."""
    useradd = shutil.which("useradd", path=USERADD_PATHS)
    if useradd is None:
        return False
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [useradd, *options, "--shell", "/usr/sbin/nologin", OWN_USER]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed words, no input
    return True


def _stand_in() -> PostgresUser:
    for name in STAND_INS:
        if found := _look_up(name):
            return found
    raise NoUnprivilegedUser(
        "PostgreSQL refuses to run as root, and no other user could be found or made: start Equipoise as an "
        f"ordinary user, or make a system user named {OWN_USER}."
    )


def _look_up(name: str) -> PostgresUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return PostgresUser(entry.pw_uid, entry.pw_gid, borrowed=True) if entry.pw_uid else None


def may_enter(user: PostgresUser, directory: Path) -> bool:
    """Whether the user can reach ``directory``, tried and not computed: access lists count too."""
    command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    tried = subprocess.run(  # noqa: S603 - fixed words; the path is an argument, not part of the script
        command, check=False, capture_output=True, cwd="/", **user.spawn_options()
    )
    return tried.returncode == 0


def shared_area() -> Path:
    """Root's own directory for binaries and clusters that other users must reach."""
    for area in SHARED_AREAS:
        try:
            make_directory(area, 0o755)
        except OSError:
            continue
        found = area.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and not found.st_mode & 0o022:
            return area
    raise DirectoryNotWritable(
        "Root's databases need a directory that other users can reach, and neither "
        f"{SHARED_AREAS[0]} nor {SHARED_AREAS[1]} can be used: make the first, owned by root with mode 755."
    )


def make_directory(directory: Path, mode: int) -> None:
    """Make it with exactly this mode, whatever the umask; one that exists is left as it is."""
    try:
        directory.mkdir(mode=mode)
    except FileExistsError:
        return
    directory.chmod(mode)


def give_back(user: PostgresUser, directory: Path) -> None:
    """Hand a cluster that root copied or restored to the user who is to run it; links are not followed."""
    if not user.borrowed or directory.stat().st_uid == user.uid:
        return
    for parent, directories, files in os.walk(directory):
        for name in (".", *directories, *files):
            os.chown(Path(parent, name), user.uid, user.gid, follow_symlinks=False)


def make_directory_for(user: PostgresUser, directory: Path) -> None:
    """A directory that only ``user`` may enter."""
    make_directory(directory, 0o700)
    if user.borrowed:
        os.chown(directory, user.uid, user.gid)
