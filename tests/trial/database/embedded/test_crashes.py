"""Processes are killed in every order, and what was committed is there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import psycopg
import pytest

from tests.trial.database.embedded.house import eventually, kill_and_await, query
from trial.database.embedded.binaries import copy_binaries, wheel_binaries
from trial.database.embedded.errors import AlreadyRunning
from trial.database.embedded.ownership import postgres_user, shared_area
from trial.database.embedded.ports import free_port

LAUNCHER = """
import sys
from pathlib import Path
from trial.database.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
try:
    print(server.start().owner_url, flush=True)
    sys.stdin.readline()
except KeyboardInterrupt:
    import psycopg
    with psycopg.connect(server.connection.conninfo()) as session:
        session.execute("CREATE TABLE IF NOT EXISTS written_after_the_interrupt ()")
    server.stop()
    print("stopped in order", flush=True)
"""


def commit_a_row(connection) -> None:
    query(connection, "DROP TABLE IF EXISTS kept")
    query(connection, "CREATE TABLE kept AS SELECT 7 AS number")


def the_row_is_there(connection) -> bool:
    return query(connection, "SELECT number FROM kept") == [(7,)]


def launched_elsewhere(house):
    """A server that another process of ours started: that process, once the server is ready."""
    launcher = house.program(LAUNCHER)
    assert launcher.stdout.readline().startswith("postgresql+psycopg://")
    return launcher


def test_a_killed_launcher_takes_its_server_along(house):
    launcher = launched_elsewhere(house)
    launcher.kill()
    house.await_end()
    assert not house.processes()


def test_a_start_right_after_the_launcher_was_killed_finds_the_data(house):
    launcher = launched_elsewhere(house)
    with house.server(durable=True) as connection:
        commit_a_row(connection)
    launcher.kill()
    with house.server(durable=True) as connection:
        assert the_row_is_there(connection)


def test_a_killed_postmaster_is_started_again_on_its_port_and_recovers(house):
    connection = house.server(durable=True).start()
    commit_a_row(connection)
    killed = house.postmaster
    kill_and_await(killed)
    assert eventually(lambda: the_row_is_there(connection))
    assert house.postmaster != killed


def test_a_postmaster_killed_under_a_long_query_is_started_again(house):
    connection = house.server(durable=True).start()
    commit_a_row(connection)
    busy = psycopg.connect(connection.conninfo())
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
    kill_and_await(house.postmaster)
    assert eventually(lambda: the_row_is_there(connection))
    busy.close()


def test_a_killed_backend_does_not_stop_the_server(house):
    connection = house.server(durable=True).start()
    commit_a_row(connection)
    with psycopg.connect(connection.conninfo()) as session:
        os_pid = session.info.backend_pid
        kill_and_await(os_pid)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert eventually(lambda: the_row_is_there(connection))


def test_a_killed_supervisor_takes_postgresql_along_and_the_next_start_goes_on(house):
    server = house.server(durable=True)
    commit_a_row(server.start())
    postmaster = house.postmaster
    kill_and_await(house.supervisor)
    assert the_row_is_there(server.start())
    assert house.postmaster != postmaster


def test_a_server_that_outlived_its_supervisor_is_ended_before_another_starts(house):
    """As on a system where the kernel does not pass a parent's death on: the postmaster cannot hear it."""
    server = house.server(durable=True)
    commit_a_row(server.start())
    postmaster = psutil.Process(house.postmaster)
    postmaster.suspend()
    kill_and_await(house.supervisor)
    resumed = subprocess.Popen([sys.executable, "-c", f"import os; os.kill({postmaster.pid}, {signal.SIGCONT:d})"])
    assert the_row_is_there(server.start())
    assert resumed.wait() == 0
    assert house.postmaster != postmaster.pid


def test_everything_is_killed_at_once_and_the_next_start_recovers(house):
    launcher = launched_elsewhere(house)
    with house.server(durable=True) as connection:
        commit_a_row(connection)
    kill_and_await(launcher.pid, house.supervisor, *(process.pid for process in house.processes()))
    with house.server(durable=True) as connection:
        assert the_row_is_there(connection)
    assert "automatic recovery in progress" in house.said()


@pytest.mark.parametrize("line_of_the_file", ["whole", "pid only"])
def test_a_stale_pid_file_whose_number_is_now_another_process_is_not_believed(house, line_of_the_file):
    left_behind = kill_all_and_keep_the_pid_file(house)
    user = postgres_user(house.instance.place)
    innocent = subprocess.Popen(["sleep", "600"], **user.spawn_options())
    lines = [str(innocent.pid), *left_behind.splitlines()[1:]]
    house.instance.postmaster_pid.write_text("\n".join(lines if line_of_the_file == "whole" else lines[:1]) + "\n")
    with house.server(durable=True) as connection:
        assert the_row_is_there(connection)
    assert innocent.poll() is None
    innocent.kill()
    innocent.wait()


def test_a_stale_pid_file_whose_number_is_now_another_database_leaves_that_one_alone(house, running):
    left_behind = kill_all_and_keep_the_pid_file(house)
    neighbour = running.server().start()
    lines = [str(running.postmaster), *left_behind.splitlines()[1:]]
    house.instance.postmaster_pid.write_text("\n".join(lines) + "\n")
    with house.server(durable=True) as connection:
        assert the_row_is_there(connection)
        assert connection.port != neighbour.port
    assert query(neighbour, "SELECT 1") == [(1,)]


def kill_all_and_keep_the_pid_file(house) -> str:
    commit_a_row(house.server(durable=True).start())
    kill_and_await(house.supervisor, *(process.pid for process in house.processes()))
    return house.instance.postmaster_pid.read_text()


def test_a_postgresql_started_by_hand_on_our_cluster_is_neither_shared_nor_harmed(house):
    with house.server():
        pass
    user = postgres_user(house.instance.place)
    binaries = wheel_binaries()
    if user.borrowed:
        binaries = copy_binaries(binaries, shared_area())
    by_hand = subprocess.Popen(
        [
            *(str(binaries.program("postgres")), "-D", str(house.instance.pgdata)),
            *("-p", str(free_port()), "-c", "unix_socket_directories="),
        ],
        stderr=subprocess.PIPE,
        text=True,
        **user.spawn_options(),
    )
    while "ready to accept connections" not in by_hand.stderr.readline():
        assert by_hand.poll() is None
    with pytest.raises(AlreadyRunning, match="did not start"):
        house.server().start()
    assert by_hand.poll() is None
    by_hand.send_signal(signal.SIGINT)
    by_hand.communicate()


def test_a_launcher_killed_while_it_makes_the_cluster_leaves_nothing_that_hinders(new_house):
    script = LAUNCHER.replace("import sys\n", "import sys\nprint('begins', flush=True)\n", 1)
    launcher = new_house.program(script)
    assert launcher.stdout.readline() == "begins\n"
    eventually(lambda: next(iter(new_house.instance.place.glob("initializing/pgdata/*"))), of=(StopIteration, OSError))
    launcher.kill()
    with new_house.server() as connection:
        assert query(connection, "SELECT 1") == [(1,)]
    assert not (new_house.instance.place / "initializing").exists()


def test_an_interrupt_in_the_terminal_reaches_the_launcher_and_not_the_server(house):
    launcher = house.program(LAUNCHER, start_new_session=True)
    launcher.stdout.readline()
    os.killpg(launcher.pid, signal.SIGINT)
    assert launcher.stdout.readline() == "stopped in order\n"
    house.await_end()
    with house.server(durable=True) as connection:
        assert query(connection, "SELECT to_regclass('written_after_the_interrupt') IS NOT NULL") == [(True,)]
    assert "recovery" not in house.said()
