"""PostgreSQL in the driver's own words: for the few statements that every request says.

Of what a statement costs, most is SQLAlchemy's: it compiles, describes and wraps. Where text goes in and a few values come out,
none of that is needed.

What it does not do: map rows to records, or write what a session has still to write (``TrialSession.run_sql`` does).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow, namedtuple_row
from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlmodel import SQLModel

from trial.database.refusals import refusal_of

_CURSOR: Final = "cursor for plain statements"


class DescribingOnce(psycopg.Cursor[TupleRow]):
    """A cursor that describes the columns of a result once for all: to describe them anew each time takes longer than to fetch
    them."""

    _described: ClassVar[dict[tuple[tuple[bytes | None, int, int, int], ...], list[psycopg.Column]]] = {}

    @property
    def description(self) -> list[psycopg.Column] | None:
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description
        columns = tuple(
            [(result.fname(at), result.ftype(at), result.fmod(at), result.fsize(at)) for at in range(result.nfields)]
        )
        known = self._described.get(columns)
        if known is None:
            known = self._described[columns] = super().description or []
        return known


def run_sql(connection: Connection, statement: LiteralString, parameters: Mapping[str, Any]) -> list[Any]:
    """The rows that a statement gives, with its columns as attributes; none for one that gives no rows.

    Parameters stand in the statement as ``%(name)s``. Raises what the connection raises for a statement of SQLAlchemy's: a domain
    error where a trigger of ours refused, otherwise ``DBAPIError``.
    """
    held = connection.connection
    cursor = held.info.get(_CURSOR) or _make_cursor(held)
    try:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.pgresult.nfields else []
    except psycopg.Error as error:
        if cursor.connection.broken:
            connection.invalidate(error)
        wrapped = DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        )
        raise (refusal_of(error) or wrapped) from error


@cache
def insertion_of(record: type[SQLModel]) -> LiteralString:
    """The statement that stores a record of this class, each column under its own name."""
    table: Table = record.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    return str(table.insert().compile(dialect=psycopg_dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def _make_cursor(held: PoolProxiedConnection) -> Any:
    """One for as long as the connection lasts: it knows already how each value is written."""
    driver: psycopg.Connection[TupleRow] = held.driver_connection  # type: ignore[assignment]  # SQLAlchemy knows no driver
    cursor = held.info[_CURSOR] = driver.cursor(row_factory=namedtuple_row)
    return cursor
