"""The common ground of every table.

Invariants
1. Each table belongs to a schema that says who may read it: ``access``, ``identity``, ``trial`` (blinded), ``sealed``.
2. Each record has an id that tells nothing, the instant at which it was recorded and, in a trial, the protocol
   version that it was made under.
3. Constraint names follow one convention, so that a migration can name what it drops.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData
from sqlmodel import Field, SQLModel

from trial.database.columns import UtcInstant

SCHEMAS = ("access", "identity", "trial", "sealed")

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


def in_schema(schema: str, *constraints: Any, **info: Any) -> tuple[Any, ...]:
    """``__table_args__`` for a table in ``schema``; ``info`` may say how the audit treats its columns.

    ``secret=("password_hash",)`` redacts columns, ``digest=("ciphertext",)`` records only their SHA-256,
    ``unrecorded=("last_seen_at",)`` leaves changes of those columns alone out of the audit,
    ``unaudited="why"`` exempts the table.
    """
    if schema not in SCHEMAS:
        raise ValueError(f"schema must be one of {SCHEMAS}")
    return (*constraints, {"schema": schema, "info": info})


class Record(SQLModel):
    id: UUID = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=UtcInstant)


class TrialRecord(Record):
    """A record of one trial, made under one version of its protocol."""

    trial_id: UUID = Field(foreign_key="trial.trial.id", index=True)
    protocol_version_id: UUID = Field(foreign_key="trial.protocol_version.id")
