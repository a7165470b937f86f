"""Alembic's entry: runs the revisions on the connection that ``migrations.runner`` hands over.

Compares the models with the head as well (``alembic check``): schemas, types and server defaults included.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from migrations.models import metadata
from trial.database.columns import UtcInstant
from trial.database.records import SCHEMAS


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic compares our schemas only: ``audit`` is written in SQL, the work queue's schema is the queue's own."""
    return name in SCHEMAS if kind == "schema" else True


def render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:  # noqa: ARG001 - Alembic's signature
    """An instant is plain ``timestamptz`` in a revision, so that revisions import nothing of today's models."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcInstant) else False


def run() -> None:
    connection: Any = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=ours,
        compare_type=True,
        render_item=render,
        version_table_schema="public",
    )
    with context.begin_transaction():
        context.run_migrations()


run()
