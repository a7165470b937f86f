"""Databases of a test run: made by copying a template, dropped when their test has ended."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Dialect, Engine
from sqlalchemy.util import LRUCache

from trial.database.embedded.connection import Connection
from trial.database.session import open_engine

_MEMORY = Path("/dev/shm")
_PREFIX = "equipoise-tests-"
_ROOM_NEEDED = 2 * 1024**3
_STATEMENTS = 4000
_FIRST: dict[str, tuple[Dialect, LRUCache[Any, Any]]] = {}
_OWNERS: dict[str, psycopg.Connection[psycopg.rows.TupleRow]] = {}


def place_of_server(otherwise: Path, run: int) -> Path:
    """Where the run's PostgreSQL keeps its files: in memory where there is room, for each test makes a thousand files.

    ``run`` is the process that the run ends with: what a killed run left behind is removed by the next one.
    """
    if not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _ROOM_NEEDED:
        return otherwise
    for left in _MEMORY.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    return _MEMORY / f"{_PREFIX}{run}"


def run_as_owner(server: Connection, statement: str) -> None:
    """Over one connection a worker: to make another for each statement costs a process of the server."""
    owner = _OWNERS.get(server.conninfo())
    if owner is None or owner.closed:
        owner = _OWNERS[server.conninfo()] = psycopg.connect(server.conninfo(), autocommit=True)
    owner.execute(statement)


def leave_server(server: Connection) -> None:
    """Nobody of this worker is connected as its owner any more."""
    owner = _OWNERS.pop(server.conninfo(), None)
    if owner is not None:
        owner.close()


def copy_database(server: Connection, name: str, *, template: str) -> None:
    """Nobody may be connected to ``template``. File by file: half the time of writing each page to the log."""
    run_as_owner(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")


def drop_database(server: Connection, name: str) -> None:
    try:
        run_as_owner(server, f"DROP DATABASE {name} WITH (FORCE)")
    except psycopg.errors.InsufficientPrivilege:
        # An autovacuum worker is in it, which the owner may not end: the plain command waits for it.
        run_as_owner(server, f"DROP DATABASE {name}")


def engine_for(url: str) -> Engine:
    """An engine as ``open_engine`` makes it, which knows the statements that earlier tests of this worker had compiled.

    In real use an engine lives as long as its server; here each test has one, and would compile every statement anew.
    """
    made = open_engine(url)
    server = url.rpartition("/")[0]
    if server not in _FIRST:
        # What it once asked its server holds for all databases of the server.
        made.connect().close()
        made._compiled_cache = LRUCache(_STATEMENTS)
        _FIRST[server] = made.dialect, made._compiled_cache
    made.dialect, made._compiled_cache = _FIRST[server]
    made.pool._dialect = made.dialect
    return made
