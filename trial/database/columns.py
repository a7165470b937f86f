"""The column types that tables share.

Invariants
1. An instant is stored with its zone and read back as aware UTC; a naive one is refused before it reaches the database.
2. A choice is text with a CHECK constraint made from its enumeration: a value outside it cannot be stored.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Enum, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field


class UtcInstant(TypeDecorator[datetime]):
    """``timestamptz`` that accepts aware instants only."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else value.astimezone(UTC)


def instant(**field: Any) -> Any:
    """A field for an instant in UTC."""
    return Field(sa_type=UtcInstant, **field)


def document(**field: Any) -> Any:
    """A field for a JSON document (``jsonb``)."""
    return Field(sa_type=JSONB, **field)


def prose(**field: Any) -> Any:
    """A field for text of any length."""
    return Field(sa_type=Text, **field)


def choice(kind: type[StrEnum], **field: Any) -> Any:
    """A field for one value of ``kind``, kept as text under a CHECK constraint."""
    column_type: Any = Enum(
        kind,
        name=re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(),
        native_enum=False,
        create_constraint=True,
        length=48,
        values_callable=lambda members: [member.value for member in members],
    )
    return Field(sa_type=column_type, **field)
