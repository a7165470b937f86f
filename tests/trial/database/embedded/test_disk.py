"""Disks that are too small, become full, or may not be written."""

from __future__ import annotations

import os
import resource

import psycopg
import pytest

from tests.trial.database.embedded.house import House, mounted_tmpfs, query, running_as_root
from trial.database.embedded.errors import DirectoryNotWritable, DiskFull
from trial.database.embedded.postmaster import free_bytes

LIMITED = """
import sys, resource
from pathlib import Path
from trial.database.embedded import EmbeddedPostgres
from trial.errors import DomainError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.stdin.readline()),) * 2)
try:
    EmbeddedPostgres(Path(sys.argv[1])).start()
except DomainError as error:
    print(error.code, error.sentence)
"""


@pytest.fixture
def cramped(small_disk):
    made = House(small_disk / "database")
    yield made
    made.clear()


def fill(disk, *, but_for: int) -> None:
    size = free_bytes(disk) - but_for
    with (disk / "filler").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def test_too_little_space_is_seen_before_anything_is_written(cramped, small_disk):
    fill(small_disk, but_for=20_000_000)
    with pytest.raises(DiskFull, match="has 19 MB left and the database needs 150 MB"):
        cramped.server().start()
    assert not list(cramped.instance.place.iterdir())


@pytest.mark.parametrize("room", [0, 20_000_000])
def test_a_disk_that_fills_while_the_cluster_is_made_leaves_no_half_of_it(cramped, small_disk, room):
    fill(small_disk, but_for=room)
    with pytest.raises(DiskFull, match="free some space"):
        cramped.server(check_space=False).start()
    assert not cramped.directory.exists() or not [*cramped.directory.glob("cluster/*")]
    (small_disk / "filler").unlink()
    with cramped.server() as connection:
        assert query(connection, "SELECT 1") == [(1,)]


def test_a_disk_that_fills_in_service_loses_nothing_that_was_committed(cramped, small_disk):
    server = cramped.server(durable=True, check_space=False)
    connection = server.start()
    query(connection, "CREATE TABLE kept AS SELECT 7 AS number")
    fill(small_disk, but_for=8_000_000)
    with pytest.raises((psycopg.errors.DiskFull, psycopg.OperationalError)):
        query(connection, "CREATE TABLE big AS SELECT repeat(md5(i::text), 50) FROM generate_series(1, 200000) i")
    server.stop()
    if free := free_bytes(small_disk):
        with (small_disk / "more filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, free)
    with pytest.raises(DiskFull, match="free some space"):
        server.start()
    (small_disk / "filler").unlink()
    (small_disk / "more filler").unlink(missing_ok=True)
    assert query(server.start(), "SELECT number FROM kept") == [(7,)]


def test_a_limit_on_the_size_of_files_is_told_like_a_full_disk(new_house):
    program = new_house.program(LIMITED)
    said, _ = program.communicate(f"{1_000_000}\n")
    assert said.startswith("database.disk_full")
    assert not list(new_house.instance.place.iterdir())


def test_the_limit_of_this_test_run_itself_is_not_what_is_tested():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_directory_that_may_not_be_written_is_named(tmp_path):
    if running_as_root:
        with mounted_tmpfs(tmp_path / "disk", "ro") as disk:
            refuse_to_start_in(disk / "database")
    else:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
        refuse_to_start_in(closed / "database")


def refuse_to_start_in(directory) -> None:
    with pytest.raises(DirectoryNotWritable, match=f"{directory} may not be used by this user"):
        House(directory).server().start()
