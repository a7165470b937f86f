"""The embedded PostgreSQL: start it, share it, stop it.

    with EmbeddedPostgres(Path("equipoise-data/database")) as connection:
        engine = create_engine(connection.url())

Whoever starts a database that already runs shares it, and it runs until the last of its users has stopped it
or died. It needs a directory of its own.

Invariants
1. At most one server runs on a data directory. The kernel's locks say so; pid files are not believed.
2. The server ends soon after its last user, even one that was killed; a terminal's Ctrl-C never reaches it.
3. It listens on 127.0.0.1 only and lets nobody in without a SCRAM password.
4. The superuser serves this package alone.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psycopg

from trial.database.embedded.cluster import DATABASE, ensure_accounts
from trial.database.embedded.connection import Connection
from trial.database.embedded.directory import (
    LOG,
    START_LOCK,
    SUPERVISOR_LOCK,
    USERS_LOCK,
    Instance,
    check_directory_is_ours,
    make_data_directory,
    open_instance,
)
from trial.database.embedded.errors import (
    AlreadyRunning,
    NotRunning,
    PasswordsMissing,
    WouldNotStart,
    WouldNotStop,
    disk_full,
    in_words,
)
from trial.database.embedded.launch import STOP_SECONDS, Wishes, await_ready, launch
from trial.database.embedded.locking import POLL_SECONDS, FileLock, is_held, is_shared
from trial.database.embedded.passwords import OWNER, SUPERUSER, read_or_make_passwords
from trial.database.embedded.postmaster import read_pid_file
from trial.ids import Entropy, SystemEntropy

LOCK_SECONDS = 90.0  # longer than a start or a stop that goes well
CONNECT_SECONDS = 10.0


class EmbeddedPostgres:
    """One data directory's database. ``durable=False`` risks the data in a crash and is for tests only."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        durable: bool = True,
        shared_buffers_mb: int = 64,
        max_connections: int = 100,
        start_seconds: float = 120.0,
        check_space: bool = True,
        entropy: Entropy | None = None,
    ) -> None:
        self._directory = data_dir.resolve()
        self._wishes = Wishes(port, durable, shared_buffers_mb, max_connections, start_seconds, check_space)
        self._entropy = entropy or SystemEntropy()
        self._use: FileLock | None = None
        self._instance: Instance | None = None
        self._connection: Connection | None = None

    def start(self) -> Connection:
        """Start the server, or share the one that runs; returns once it takes connections."""
        if self._connection is not None and self._still_serves(self._connection):
            return self._connection
        self._let_go()
        with in_words(self._directory):
            make_data_directory(self._directory)
            check_directory_is_ours(self._directory)
            with self._start_lock():
                self._instance = open_instance(self._directory)
                self._use = FileLock(self._directory / USERS_LOCK)
                try:
                    self._connection = self._join_or_launch(self._instance, self._use)
                except BaseException:
                    self._let_go()
                    raise
        return self._connection

    def stop(self) -> None:
        """Let go. The last user's call returns when the server has ended; the others' return at once."""
        if self._use is None:
            return
        with in_words(self._directory), self._start_lock():
            self._let_go()
            self._await_end_unless_shared()

    def destroy(self) -> None:
        """Stop, then remove the database and its data directory for good; refused while others use it."""
        if not self._directory.exists():
            return
        check_directory_is_ours(self._directory)
        with in_words(self._directory), self._start_lock():
            self._let_go()
            self._await_end_unless_shared()
            if self.is_running():
                raise AlreadyRunning(
                    f"The database in {self._directory} is in use by another process: stop that first, then remove it."
                )
            shutil.rmtree(open_instance(self._directory).place, ignore_errors=True)
            shutil.rmtree(self._directory)

    def is_running(self) -> bool:
        """Whether a server is up on the data directory, ours or one that another process started."""
        lock = self._directory / SUPERVISOR_LOCK
        return lock.exists() and is_held(lock)

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            raise NotRunning(f"The database in {self._directory} has not been started: start it first.")
        return self._connection

    @property
    def host(self) -> str:
        return self.connection.host

    @property
    def port(self) -> int:
        return self.connection.port

    @property
    def log_file(self) -> Path:
        return self._directory / LOG

    def url(self, database: str = DATABASE, role: str = OWNER) -> str:
        """See :meth:`Connection.url`."""
        return self.connection.url(database, role)

    def __enter__(self) -> Connection:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _still_serves(self, connection: Connection) -> bool:
        """After a crash that its supervisor did not survive, another may have started it elsewhere."""
        found = read_pid_file(self._instance.postmaster_pid) if self._instance else None
        return self.is_running() and found is not None and found.port == connection.port

    def _join_or_launch(self, instance: Instance, use: FileLock) -> Connection:
        if not use.take(shared=True, wait_seconds=LOCK_SECONDS):
            raise _does_not_stop(self._directory)
        passwords = read_or_make_passwords(instance, self._entropy)
        port = None
        if is_held(self._directory / SUPERVISOR_LOCK):
            port = await_ready(instance, self._wishes.start_seconds)
        if port is None:
            port = launch(instance, self._wishes, passwords)
        connection = Connection(port, passwords)
        _prepare_accounts(self._directory, connection)
        self._check_it_suits(connection)
        return connection

    def _check_it_suits(self, connection: Connection) -> None:
        """A server that somebody else started may run otherwise than was asked for here."""
        if self._wishes.port not in (None, connection.port):
            raise AlreadyRunning(
                f"The database in {self._directory} already runs on port {connection.port}: "
                "stop it first, or ask for no port."
            )
        with psycopg.connect(connection.conninfo("postgres", SUPERUSER)) as session:
            fsync = session.execute("SHOW fsync").fetchone()
        if self._wishes.durable and fsync == ("off",):
            raise AlreadyRunning(
                f"The database in {self._directory} already runs in a way that is for tests only: "
                "stop it first, then start again."
            )

    def _await_end_unless_shared(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS + LOCK_SECONDS
        while is_held(self._directory / SUPERVISOR_LOCK) and not is_shared(self._directory / USERS_LOCK):
            if time.monotonic() >= deadline:
                raise _does_not_stop(self._directory)
            time.sleep(POLL_SECONDS)

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        with FileLock(self._directory / START_LOCK) as lock:
            if not lock.take(wait_seconds=self._wishes.start_seconds + LOCK_SECONDS):
                raise AlreadyRunning(
                    f"Another process is starting or stopping the database in {self._directory} and does "
                    "not finish: end that process, then start again."
                )
            yield

    def _let_go(self) -> None:
        if self._use is not None:
            self._use.close()
        self._use = self._connection = None


def _prepare_accounts(data_directory: Path, connection: Connection) -> None:
    """Retried for a moment: a server that was just killed and restarted may not listen yet."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return ensure_accounts(connection.conninfo("postgres", SUPERUSER), connection.passwords)
        except psycopg.errors.DiskFull as error:
            raise disk_full(data_directory) from error
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise PasswordsMissing(
                    f"The passwords beside the database in {data_directory} do not open it: "
                    "restore passwords.json from the backup that the data came from."
                ) from error
            if time.monotonic() >= deadline:
                raise WouldNotStart(
                    f"The database in {data_directory} runs but cannot be reached on port {connection.port}: "
                    f"see {data_directory / LOG}, and start again."
                ) from error
            time.sleep(POLL_SECONDS)


def _does_not_stop(data_directory: Path) -> WouldNotStop:
    return WouldNotStop(
        f"The database in {data_directory} is still shutting down: wait, see {data_directory / LOG}, and try again."
    )
