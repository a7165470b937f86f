"""Brings a database to a revision, as its owner, from wherever the package is installed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from trial.errors import Conflict

# Two processes that migrate at once: the second waits, and then finds nothing to do.
_ONE_AT_A_TIME = text("SELECT pg_advisory_lock(7305127, 2)")


class DatabaseNewerThanProgram(Conflict):
    code = "database.newer_than_program"


def _configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


@cache
def _known() -> tuple[str, ...]:
    """Every revision that this program ships, from the newest to the first: read once, for each is a module."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_configuration()).walk_revisions())


def head() -> str:
    """The newest revision that this program knows."""
    return _known()[0]


def _run(owner_url: str, act: Callable[[Config], None]) -> None:
    engine = create_engine(owner_url, poolclass=NullPool)
    config = _configuration()
    with engine.connect() as connection:
        connection.execute(_ONE_AT_A_TIME)
        _refuse_newer(MigrationContext.configure(connection).get_current_revision())
        config.attributes["connection"] = connection
        act(config)
        connection.commit()
    engine.dispose()


def _refuse_newer(current: str | None) -> None:
    if current is not None and current not in _known():
        raise DatabaseNewerThanProgram(
            f"The database is at revision {current}, which this program does not know: install the newer Equipoise."
        )


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Apply every revision up to ``revision``. Raises ``DatabaseNewerThanProgram``."""
    _run(owner_url, lambda config: command.upgrade(config, revision))


def downgrade(owner_url: str, revision: str) -> None:
    """Undo revisions down to ``revision`` (``base`` for all). For tests and for a development database."""
    _run(owner_url, lambda config: command.downgrade(config, revision))


def check(owner_url: str) -> None:
    """Raise when the models and the database's head differ (``alembic check``)."""
    _run(owner_url, command.check)


def current_revision(owner_url: str) -> str | None:
    """The revision a database is at; ``None`` for an empty one."""
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return found


def admit(owner_url: str, login_role: str) -> None:
    """Let the application's login role act as the blinded and the strongroom role, and as nothing by itself."""
    engine = create_engine(owner_url, poolclass=NullPool)
    with engine.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote(login_role)
        connection.execute(
            text(f"GRANT equipoise_blinded, equipoise_strongroom TO {quoted} WITH INHERIT FALSE, SET TRUE")
        )
    engine.dispose()
