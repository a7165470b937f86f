"""Root runs the hard cases of this directory once more, as an ordinary user with a home of mode 700.

That user must be able to reach Python and the checkout. Where they lie below a closed directory, such as root's
home, they are shown to him at the same path in a mount namespace of his own; no permission is changed.
"""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trial.database.embedded.house import (
    CHECKOUT,
    SMALL_DISK,
    SMALL_DISK_MB,
    mounted_tmpfs,
    running_as_root,
)
from trial.database.embedded.ownership import PostgresUser, may_enter

MODULES = [str(Path(__file__).with_name(f"test_{what}.py")) for what in ("crashes", "sharing", "disk", "directory")]

if not running_as_root:
    pytest.skip("this run is an ordinary user's already", allow_module_level=True)


def closed_above(user: PostgresUser, path: Path) -> Path | None:
    """The topmost directory on the way to ``path`` that the user may not pass."""
    return next((parent for parent in [*reversed(path.parents), path] if not may_enter(user, parent)), None)


def show_at_the_same_path(user: PostgresUser, needed: list[Path]) -> list[str]:
    """Shell commands, for a private mount namespace, that open a way to ``needed`` without a ``chmod``."""
    commands = []
    for number, path in enumerate(needed):
        closed = closed_above(user, path)
        if closed is None:
            continue
        aside = shlex.quote(f"/tmp/equipoise-aside-{os.getpid()}-{number}")
        quoted, hidden = shlex.quote(str(path)), shlex.quote(str(closed))
        commands += [
            f"mkdir {aside} && mount --bind {quoted} {aside}",
            f"test -e {hidden}/.shown || {{ mount -t tmpfs -o mode=755 tmpfs {hidden} && touch {hidden}/.shown; }}",
            f"mkdir -p {quoted} && mount --bind {aside} {quoted} && umount {aside} && rmdir {aside}",
        ]
    return commands


def test_every_case_holds_for_an_ordinary_user_too(open_path):
    nobody = pwd.getpwnam("nobody")
    user = PostgresUser(nobody.pw_uid, nobody.pw_gid, borrowed=True)
    home = open_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, user.uid, user.gid)
    needed = sorted({Path(sys.base_prefix).resolve(), Path(sys.prefix), CHECKOUT})
    as_user = ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", "--"]
    run = [sys.executable, "-m", "pytest", *MODULES, "-q", "-p", "no:cacheprovider"]
    run += ["--confcutdir", str(Path(__file__).parent)]
    script = " && ".join([*show_at_the_same_path(user, needed), f"exec {shlex.join(as_user + run)}"])
    options = f"size={SMALL_DISK_MB}m,mode=700,uid={user.uid},gid={user.gid}"
    with mounted_tmpfs(open_path / "disk", options) as disk:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # these modules use none
            SMALL_DISK: str(disk),
        }
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script],
            capture_output=True,
            text=True,
            cwd=CHECKOUT,
            env=environment,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
