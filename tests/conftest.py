"""One embedded PostgreSQL for the whole run, one migrated template database a worker, one fresh database a test."""

import asyncio
import contextlib
import gc
import os
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from migrations.runner import admit, upgrade
from tests.support.browser import ARGUMENTS, require_chromium
from tests.support.databases import (
    copy_database,
    drop_database,
    engine_for,
    leave_server,
    place_of_server,
    run_as_owner,
)
from tests.support.house import House
from trial.clock import SetClock
from trial.database.embedded.connection import Connection
from trial.database.embedded.errors import AlreadyRunning
from trial.database.embedded.passwords import APP
from trial.database.embedded.server import EmbeddedPostgres
from trial.database.session import Database
from trial.ids import UnsafeSeededEntropy
from trial.keyring import Keyring
from trial.keys import MasterKey
from trial.vault import Vault

# One commit, one answer: the same examples each time, however busy the machine. EQUIPOISE_TEST_EXPLORE=1 looks for new ones.
settings.register_profile(
    "ours",
    deadline=None,
    derandomize=not os.environ.get("EQUIPOISE_TEST_EXPLORE"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ours")

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONGEST = ("tests/e2e/", "tests/attacks/", "tests/api/cli/", "tests/trial/database/embedded/", "tests/packaging/")


class FixedKey:
    """A key provider whose key the test knows."""

    def __init__(self, secret: bytes) -> None:
        self._key = MasterKey(secret)

    def master_key(self) -> MasterKey:
        return self._key


def open_database(app_url: str, clock: SetClock, *, seed: int) -> Database:
    keyring = Keyring(vault=Vault(b"v" * 32), sealing=FixedKey(b"s" * 32))
    return Database(engine_for(app_url), keyring, clock=clock, entropy=UnsafeSeededEntropy(seed))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser a worker; tests open contexts in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require_chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and by one worker where they share what is long to make: the run ends with short ones."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_collection_finish() -> None:
    """Most of what a test makes dies with it; to look for cycles among all that was imported costs a tenth of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    return (yield from without_the_browsers_loop(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    return (yield from without_the_browsers_loop(item))


def without_the_browsers_loop(item: pytest.Item) -> Generator[None]:
    """Playwright leaves its event loop marked as running in this thread for as long as the browser lives.

    A test that does not drive the browser may well run a loop of its own, whichever tests its worker had before it.
    """
    running = None if "chromium" in getattr(item, "fixturenames", ()) else asyncio._get_running_loop()
    if running is None:
        return (yield)
    asyncio._set_running_loop(None)
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(running)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """The run's server, shared by all workers: whoever comes first starts it, the last one out stops it."""
    base = tmp_path_factory.getbasetemp()
    shared, run = (base.parent, os.getppid()) if os.environ.get("PYTEST_XDIST_WORKER") else (base, os.getpid())
    postgres = EmbeddedPostgres(place_of_server(shared / "postgres", run), durable=False, max_connections=200)
    connection = postgres.start()
    yield connection
    leave_server(connection)
    # Another worker may still use it: then that one removes it.
    with contextlib.suppress(AlreadyRunning):
        postgres.destroy()


@pytest.fixture(scope="session")
def template(server: Connection) -> str:
    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    run_as_owner(server, f"CREATE DATABASE {name}")
    upgrade(server.url(name))
    admit(server.url(name), APP)
    return name


@pytest.fixture(scope="session")
def furnished(server: Connection, template: str) -> str:
    """A database in which the small trial of ``House`` is already set up: copying it is cheaper than setting it up."""
    name = f"furnished_{template.removeprefix('template_')}"
    copy_database(server, name, template=template)
    database = open_database(server.url(name, role=APP), SetClock(START), seed=2025)
    House.build(database, SetClock(START))
    database.close()
    return name


@pytest.fixture
def database_name(request: pytest.FixtureRequest, server: Connection, template: str) -> Iterator[str]:
    source = request.getfixturevalue("furnished") if "house" in request.fixturenames else template
    name = f"test_{uuid4().hex[:12]}"
    copy_database(server, name, template=source)
    yield name
    drop_database(server, name)


@pytest.fixture
def owner_url(server: Connection, database_name: str) -> str:
    return server.url(database_name)


@pytest.fixture
def app_url(server: Connection, database_name: str) -> str:
    return server.url(database_name, role=APP)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(START)


@pytest.fixture
def database(app_url: str, clock: SetClock) -> Iterator[Database]:
    made = open_database(app_url, clock, seed=2026)
    yield made
    made.close()


@pytest.fixture
def house(database: Database, clock: SetClock) -> House:
    """A simulated trial of two sites with one person in every role: what most tests start from."""
    return House.reopen(database, clock)
