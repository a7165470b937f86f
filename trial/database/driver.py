"""PostgreSQL in the driver's own words: for the few statements that every request says.

Of what a statement costs, most is SQLAlchemy's: it compiles, describes and wraps. Where text goes in and a few values come out,
none of that is needed.

What it does not do: map rows to records, or write what a session has still to write (``TrialSession.run_sql`` does).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Final, LiteralString

import psycopg
from psycopg.rows import TupleRow, tuple_row
from sqlalchemy import Connection, Dialect, Table, bindparam
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlmodel import SQLModel

from trial.database.refusals import refusal_of

_STATEMENTS: Final = "plain statements"


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


class PlainStatements:
    """The statements of one connection: a cursor for each, so that it knows already how to write values and read rows."""

    def __init__(self, connection: Connection | PoolProxiedConnection, dialect: Dialect) -> None:
        self._connection, self._dialect = connection, dialect
        held = connection.connection if isinstance(connection, Connection) else connection
        self._driver: psycopg.Connection[TupleRow] = held.driver_connection  # type: ignore[assignment]  # SQLAlchemy knows no driver
        self._known: dict[LiteralString, _Statement] = held.info.setdefault(_STATEMENTS, {})

    def run(self, statement: LiteralString, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows that a statement gives, with its columns as attributes; none for one that gives no rows.

        Parameters stand in the statement as ``%(name)s``. Raises what the connection raises for a statement of SQLAlchemy's: a
        domain error where a trigger of ours refused, otherwise ``DBAPIError``.
        """
        known = self._known.get(statement) or self._learn(statement)
        try:
            return known.run(statement, parameters)
        except psycopg.Error as error:
            raise self._error_of(error, statement) from error

    def _learn(self, statement: LiteralString) -> _Statement:
        made = self._known[statement] = _Statement(self._driver.cursor(row_factory=tuple_row))
        return made

    def _error_of(self, error: psycopg.Error, statement: str) -> BaseException:
        if self._driver.broken:
            self._connection.invalidate(error)
        wrapped = DBAPIError.instance(
            statement, None, error, psycopg.Error, hide_parameters=True, dialect=self._dialect
        )
        return refusal_of(error) or wrapped


class _Statement:
    """A statement's own cursor, and the rows that it gives. It names its columns, so that they are always the same."""

    __slots__ = ("_cursor", "_row", "_width")

    def __init__(self, cursor: psycopg.Cursor[TupleRow]) -> None:
        self._cursor = cursor
        self._row: Callable[[TupleRow], Any] | None = None
        self._width = 0

    def run(self, statement: LiteralString, parameters: Mapping[str, Any]) -> list[Any]:
        self._cursor.execute(statement, parameters, binary=True)
        width = self._cursor.pgresult.nfields  # type: ignore[union-attr]  # there is a result after an execution
        if not width:
            return []
        if self._row is None or self._width != width:
            self._width = width
            self._row = _row_of(tuple([column.name for column in self._cursor.description or ()]))
        return list(map(self._row, self._cursor.fetchall()))


@cache
def _row_of(columns: tuple[str, ...]) -> Callable[[TupleRow], Any]:
    row: Any = namedtuple("Row", list(columns), rename=True)  # type: ignore[misc]  # noqa: PYI024 - known when the statement has run
    make: Callable[[TupleRow], Any] = row._make
    return make


@cache
def insertion_of(*kinds: type[SQLModel]) -> LiteralString:
    """The statement that stores a new record of each of these classes, the first one first. The value of column ``c`` of the
    record with number ``n``, from 0, is the parameter ``c_n``."""
    first, *others = [_insertion(kind, number) for number, kind in enumerate(kinds)]
    named = ", ".join(f"other_{number} AS ({other})" for number, other in enumerate(others))
    return f"WITH {named} {first}" if named else first


def _insertion(kind: type[SQLModel], number: int) -> str:
    table: Table = kind.__table__  # type: ignore[attr-defined]  # SQLModel adds it
    values: dict[str, Any] = {column.name: bindparam(f"{column.name}_{number}") for column in table.columns}
    return str(table.insert().values(values).compile(dialect=psycopg_dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
