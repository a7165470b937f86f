"""Servers that are stopped and removed after each test, whoever runs it.

``test_as_ordinary_user.py`` runs the other modules of this directory once more without root's rights.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.trial.database.embedded.house import (
    SMALL_DISK,
    SMALL_DISK_MB,
    House,
    mounted_tmpfs,
    running_as_root,
)


@contextlib.contextmanager
def passable_directory():
    """One that every user may pass through, as ``tmp_path`` is not; so root's cluster can lie in it."""
    made = Path(tempfile.mkdtemp(prefix="equipoise-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def open_path():
    with passable_directory() as made:
        yield made


@pytest.fixture(scope="session")
def common_directory():
    """Of a database that test after test starts, kills and starts: making one anew takes longer than most tests."""
    with passable_directory() as place:
        with House(place / "database").server():
            pass
        yield place / "database"


@pytest.fixture
def house(common_directory):
    """A database that ran before and may have been through a lot."""
    made = House(common_directory)
    yield made
    made.leave()


@pytest.fixture
def new_house(open_path):
    """A place for a database that was never started."""
    made = House(open_path / "new")
    yield made
    made.clear()


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    """A server for tests that only look; for root its cluster lies away from the data directory."""
    made = House(tmp_path_factory.mktemp("running") / "database")
    made.server().start()
    yield made
    made.clear()


@pytest.fixture
def small_disk(open_path):
    """A file system that is really small: mounted here by root, or for us by root who runs us as another user."""
    if SMALL_DISK in os.environ:
        disk = Path(os.environ[SMALL_DISK])
        yield disk
        for entry in disk.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return
    if not running_as_root:
        pytest.skip("only root can mount a small disk; the limit on file sizes is tested instead")
    with mounted_tmpfs(open_path / "disk", f"size={SMALL_DISK_MB}m,mode=755") as disk:
        yield disk
