"""A cluster: made with ``initdb``, started with settings of ours, opened to two roles.

Invariants
1. A cluster is complete or absent: it is made aside and renamed.
2. Passwords reach PostgreSQL in a private file or as SCRAM verifiers, never in a statement or an argument.
3. No statement, parameter, DETAIL or failed input of a session is ever logged: they hold participants' data.
4. Neither role is a superuser, and the application's role owns nothing and inherits nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from trial.database.embedded.binaries import Binaries
from trial.database.embedded.directory import SERVER_LOCK, Instance
from trial.database.embedded.errors import EmbeddedDatabaseUnavailable, WouldNotStart, disk_full
from trial.database.embedded.locking import FileLock
from trial.database.embedded.ownership import PostgresUser, make_directory_for
from trial.database.embedded.passwords import APP, OWNER, SUPERUSER

DATABASE = "equipoise"
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}

# How the operating system and PostgreSQL say: no space, quota reached, limit on the size of a file reached.
NO_ROOM = (
    "No space left on device",
    "Disk quota exceeded",
    "File too large",
    "File size limit exceeded",
    "wrote only",
    "Check free disk space",
)

_ALWAYS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "cluster_name": "equipoise",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_FOR_TESTS_ONLY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Nothing is replicated and databases live for a second: less is written, and nobody sweeps them.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_init_zero": "off",
    "wal_recycle": "off",
    "autovacuum": "off",
    # Our passwords are random and long: stretching them only makes each of some ten thousand connections dear.
    "scram_iterations": "1",
    "io_method": "sync",  # all lies in memory: to ask a worker for a page takes longer than to read it
}


def server_settings(*, port: int, durable: bool, shared_buffers_mb: int, max_connections: int) -> dict[str, str]:
    """What the server is started with; on the command line, where no file in the cluster can undo it."""
    chosen = {
        "port": str(port),
        "shared_buffers": f"{shared_buffers_mb}MB",
        "max_connections": str(max_connections),
    }
    return _ALWAYS | chosen | ({} if durable else _FOR_TESTS_ONLY)


def make_cluster(instance: Instance, binaries: Binaries, user: PostgresUser, password: str, *, durable: bool) -> None:
    """Run ``initdb`` aside and move the finished cluster to its place."""
    aside = instance.place / "initializing"
    shutil.rmtree(aside, ignore_errors=True)  # of a start that was killed
    make_directory_for(user, aside)
    try:
        _write_for(user, aside / "password", password)
        # Its process holds the server lock, so that the next start waits for an initdb that outlives us.
        with FileLock(instance.directory / SERVER_LOCK) as lock:
            lock.take()
            said = _run_initdb(aside, binaries, user, lock.descriptor, durable=durable)
        if said is not None:
            raise _initdb_error(instance.place, said)
        (aside / "pgdata").rename(instance.pgdata)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_for(user: PostgresUser, path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        if user.borrowed:
            os.fchown(descriptor, user.uid, user.gid)


def _run_initdb(aside: Path, binaries: Binaries, user: PostgresUser, lock: int, *, durable: bool) -> str | None:
    """What it complained of, if it failed."""
    command = [
        str(binaries.program("initdb")),
        *("--pgdata", "pgdata", "--username", SUPERUSER, "--pwfile", "password"),
        *("--auth", "scram-sha-256", "--data-checksums", "--no-instructions", "--encoding", "UTF8"),
        *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        *(() if durable else ("--no-sync",)),
    ]
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=aside,
        env=ENVIRONMENT,
        umask=0o077,
        pass_fds=(lock,),
        **user.spawn_options(),
    )
    return done.stderr if done.returncode else None


def _initdb_error(place: Path, said: str) -> EmbeddedDatabaseUnavailable:
    if any(words in said for words in NO_ROOM):
        return disk_full(place)
    return WouldNotStart(
        "The database could not be made: see what initdb says, and start again when that is cured. "
        f"It says: {said.strip()[-1000:]}"
    )


def ensure_accounts(superuser_conninfo: str, passwords: dict[str, str]) -> None:
    """The database and its two login roles, made where they are missing."""
    with psycopg.connect(superuser_conninfo, autocommit=True) as connection:
        _keep_rows_out_of_the_log(connection)
        _ensure_role(connection, OWNER, passwords[OWNER], sql.SQL("CREATEDB CREATEROLE INHERIT"))
        _ensure_role(connection, APP, passwords[APP], sql.SQL("NOCREATEDB NOCREATEROLE NOINHERIT"))
        _ensure_database(connection)


def _keep_rows_out_of_the_log(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """A message of severity ERROR quotes failed input: it goes to the client only. LOG and FATAL stay.

    Set for roles and not for the server, whose background processes must be able to report a broken disk.
    """
    connection.execute("ALTER ROLE ALL SET log_min_messages = 'log'")


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str, rights: sql.SQL) -> None:
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        return
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    statement = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOREPLICATION NOBYPASSRLS {} PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), rights, sql.Literal(verifier.decode())))


def _ensure_database(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
        name, owner = sql.Identifier(DATABASE), sql.Identifier(OWNER)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(APP))
    )
