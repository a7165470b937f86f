"""Several starts on one data directory share one server, which runs until its last user is gone."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.trial.database.embedded.house import query
from trial.database.embedded import launch
from trial.database.embedded.errors import AlreadyRunning, PortInUse

SHARER = """
import sys
from pathlib import Path
from trial.database.embedded import EmbeddedPostgres
print("begins", flush=True)
sys.stdin.readline()
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
print(server.start().port, flush=True)
sys.stdin.readline()
server.stop()
print("stopped", flush=True)
"""

FORKED = """
import os, sys
from pathlib import Path
from trial.database.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
heard, tell = os.pipe()
if os.fork() == 0:
    server.stop()
    os.write(tell, b"!")
    sys.stdin.readline()
    os._exit(0)
os.read(heard, 1)
assert server.is_running()
server.stop()
print("stopped", server.is_running(), flush=True)
os.wait()
"""


def say(program, line: str = "\n") -> None:
    program.stdin.write(line)
    program.stdin.flush()


def test_processes_that_start_at_once_on_a_new_directory_share_one_server(new_house):
    sharers = [new_house.program(SHARER) for _ in range(3)]
    for sharer in sharers:
        assert sharer.stdout.readline() == "begins\n"
    for sharer in sharers:
        say(sharer)
    ports = {sharer.stdout.readline() for sharer in sharers}
    assert len(ports) == 1
    assert new_house.said().count("ready to accept connections") == 1
    for sharer in sharers[:-1]:
        say(sharer)
        assert sharer.stdout.readline() == "stopped\n"
    assert new_house.server().is_running()
    say(sharers[-1])
    assert sharers[-1].stdout.readline() == "stopped\n"
    assert not new_house.server().is_running()


def test_threads_that_start_and_stop_at_random_always_find_a_server(house):
    def use(number: int) -> list[tuple[int]]:
        with house.server() as connection:
            return query(connection, "SELECT %s::int", [number])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(use, range(12)))
    assert answers == [[(number,)] for number in range(12)]
    house.await_end()


def test_a_sharer_keeps_the_server_when_the_one_who_started_it_is_killed(house):
    starter = house.program(SHARER)
    say(starter)
    assert starter.stdout.readline() == "begins\n"
    port = int(starter.stdout.readline())
    connection = house.server().start()
    assert connection.port == port
    starter.kill()
    starter.wait()
    assert query(connection, "SELECT 1") == [(1,)]


def test_a_forked_child_neither_keeps_the_server_nor_stops_it(house):
    program = house.program(FORKED)
    assert program.stdout.readline() == "stopped False\n"
    say(program)
    assert program.wait() == 0


def test_two_data_directories_have_two_servers(house, running):
    here, there = house.server().start(), running.server().start()
    query(here, "CREATE TABLE IF NOT EXISTS only_here ()")
    assert here.port != there.port
    assert here.passwords != there.passwords
    assert query(there, "SELECT to_regclass('only_here')") == [(None,)]


def test_a_running_server_is_not_shared_by_one_who_wants_another_port(house):
    connection = house.server().start()
    with pytest.raises(AlreadyRunning, match=f"already runs on port {connection.port}"):
        house.server(port=connection.port - 1).start()
    assert query(connection, "SELECT 1") == [(1,)]


def test_a_server_for_tests_is_not_shared_by_one_who_wants_his_data_kept(house):
    connection = house.server(durable=False).start()
    with pytest.raises(AlreadyRunning, match="for tests only"):
        house.server(durable=True).start()
    assert query(connection, "SELECT 1") == [(1,)]


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_fixed_port_that_is_taken_is_refused_before_anything_is_made(new_house, taken_port):
    with pytest.raises(PortInUse, match=f"Port {taken_port} .* choose another port"):
        new_house.server(port=taken_port).start()
    assert not new_house.instance.place.exists()


def test_a_fixed_port_is_used_and_used_again(house, taken_port):
    with house.server() as connection:
        port = connection.port
    for _ in range(2):
        with house.server(port=port) as connection:
            assert connection.port == port


def test_a_port_lost_to_another_program_between_look_and_start_costs_a_retry(house, taken_port, monkeypatch):
    looks = iter([taken_port, taken_port])
    free_port = launch.free_port
    monkeypatch.setattr(launch, "free_port", lambda: next(looks, None) or free_port())
    with house.server() as connection:
        assert query(connection, "SELECT 1") == [(1,)]
    assert next(looks, None) is None


def test_a_fixed_port_lost_between_look_and_start_is_named(house, taken_port, monkeypatch):
    monkeypatch.setattr(launch, "is_free", lambda _: True)
    with pytest.raises(PortInUse, match=f"Port {taken_port}"):
        house.server(port=taken_port).start()
    house.await_end()


def test_a_database_in_use_is_not_destroyed(house):
    connection = house.server().start()
    with pytest.raises(AlreadyRunning, match="in use by another process"):
        house.server().destroy()
    assert query(connection, "SELECT 1") == [(1,)]
