"""Root starts the database: it runs as somebody else, where that user may go, and nothing is opened up for it."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.trial.database.embedded.house import House, query, running_as_root
from trial.database.embedded import ownership
from trial.database.embedded.errors import DirectoryCopied, NoUnprivilegedUser
from trial.database.embedded.passwords import SUPERUSER

if not running_as_root:
    pytest.skip("these are root's cases, and this run is not root's", allow_module_level=True)


@pytest.fixture
def away(tmp_path):
    """Below a directory of mode 700 of root's."""
    assert not ownership.may_enter(ownership.postgres_user(), tmp_path)
    made = House(tmp_path / "database")
    yield made
    made.clear()


def test_no_process_of_postgresql_has_any_right_of_root(running):
    for process in running.processes():
        assert 0 not in process.uids()
        assert 0 not in process.gids()
        status = Path("/proc", str(process.pid), "status").read_text()
        assert re.search(r"^Groups:\s*$", status, re.MULTILINE)


def test_a_cluster_that_its_user_could_not_reach_lies_elsewhere_and_the_directory_says_where(away):
    above = [(parent.stat().st_mode, parent.stat().st_uid) for parent in away.directory.parents]
    with away.server() as connection:
        assert query(connection, "SELECT 1") == [(1,)]
        assert away.instance.away
        told = query(connection, "SHOW data_directory", role=SUPERUSER)
        assert told == [(str(away.instance.pgdata),)]
    assert [(parent.stat().st_mode, parent.stat().st_uid) for parent in away.directory.parents] == above
    assert stat.S_IMODE(away.instance.place.stat().st_mode) == 0o700


def test_a_cluster_that_its_user_can_reach_lies_in_the_data_directory(house):
    with house.server():
        assert house.instance.pgdata.is_relative_to(house.directory)
        assert (house.directory / "passwords.json").stat().st_uid == 0


def test_the_programs_belong_to_root_and_their_user_cannot_change_them(running):
    installation = Path(psutil.Process(running.postmaster).exe()).parents[3]
    assert installation.parent == ownership.shared_area()
    for path in (installation, *installation.rglob("*")):
        assert path.lstat().st_uid == 0
        assert not path.lstat().st_mode & 0o022


def test_a_strict_umask_changes_nothing(tmp_path, open_path):
    """The copied programs must be readable, and the way to the cluster passable, all the same."""
    program = "import os, sys; os.umask(0o077)\n" + STARTS_AND_STOPS
    for place in (open_path / "database", tmp_path / "database"):
        house = House(place)
        assert house.program(program).communicate()[0] == "started\n"
        house.clear()


STARTS_AND_STOPS = """
import sys
from pathlib import Path
from trial.database.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), durable=False):
    print("started")
"""


def test_a_moved_data_directory_finds_its_cluster(away, tmp_path):
    with away.server() as connection:
        query(connection, "CREATE TABLE kept AS SELECT 7 AS number")
    moved = House(away.directory.rename(tmp_path / "moved"))
    with moved.server() as connection:
        assert query(connection, "SELECT number FROM kept") == [(7,)]
    moved.clear()


def test_a_copied_data_directory_never_writes_into_the_cluster_of_the_original(away, tmp_path):
    connection = away.server().start()
    copy = House(tmp_path / "copy")
    shutil.copytree(away.directory, copy.directory)
    with pytest.raises(DirectoryCopied, match="use the original"):
        copy.server().start()
    assert query(connection, "SELECT 1") == [(1,)]
    shutil.rmtree(copy.directory)


def test_in_the_directory_of_an_ordinary_user_it_runs_as_that_user(open_path):
    home = open_path / "home"
    home.mkdir(mode=0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    (home / "database").mkdir(mode=0o700)
    os.chown(home / "database", nobody.pw_uid, nobody.pw_gid)
    house = House(home / "database")
    with house.server():
        assert psutil.Process(house.postmaster).uids().effective == nobody.pw_uid
    found = {path.stat().st_uid for path in house.directory.rglob("*")}
    assert found == {nobody.pw_uid}, "the user must be able to go on alone"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    house.clear()


def test_a_stand_in_runs_it_where_no_user_can_be_made(open_path, monkeypatch):
    monkeypatch.setattr(ownership, "OWN_USER", "equipoise-absent")
    monkeypatch.setattr(ownership, "USERADD_PATHS", "/nonexistent")
    house = House(open_path / "database")
    with house.server():
        assert psutil.Process(house.postmaster).username() in ownership.STAND_INS
    house.clear()


def test_without_any_user_the_remedy_is_named(house, monkeypatch):
    monkeypatch.setattr(ownership, "OWN_USER", "equipoise-absent")
    monkeypatch.setattr(ownership, "USERADD_PATHS", "/nonexistent")
    monkeypatch.setattr(ownership, "STAND_INS", ())
    with pytest.raises(NoUnprivilegedUser, match="start Equipoise as an ordinary user"):
        ownership.postgres_user()


def test_a_shared_area_that_somebody_else_could_write_is_not_used(tmp_path, monkeypatch):
    planted, own = tmp_path / "planted", tmp_path / "own"
    planted.mkdir()
    planted.chmod(0o777)
    monkeypatch.setattr(ownership, "SHARED_AREAS", (planted, own))
    assert ownership.shared_area() == own
    assert subprocess.check_output(["stat", "-c", "%a %U", own], text=True) == "755 root\n"
