"""Events keep every submission, the course of their grade, their treatment and their relation to each component."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import guard, keep_rows, unguard

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.adverse_event_version": {},
}


VERSIONS = "trial.adverse_event_version"
DOCUMENTS = {
    "adverse_event": {"course": "[]", "treatments": "[]", "relations": "{}"},
    "sponsor_assessment": {"relations": "{}"},
}
PLAIN: dict[str, dict[str, sa.types.TypeEngine[Any]]] = {
    "adverse_event": {"severity": sa.String(16), "recurrence_of": sa.Integer(), "treatment_words": sa.Text()},
    "sponsor_assessment": {"reference_version": sa.String(64)},
}


def upgrade() -> None:
    _add_columns()
    op.create_table(
        "adverse_event_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "initial",
                "follow_up",
                "correction",
                "coding",
                name="version_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("confirmed", postgresql.JSONB(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.String(80), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["trial.adverse_event.id"], name=op.f("fk_adverse_event_version_event_id")
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_adverse_event_version_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_adverse_event_version_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_adverse_event_version_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_adverse_event_version_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adverse_event_version")),
        sa.UniqueConstraint("event_id", "number", name=op.f("uq_adverse_event_version_event_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_adverse_event_version_event_id"), "adverse_event_version", ["event_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_adverse_event_version_participant_id"),
        "adverse_event_version",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_adverse_event_version_trial_id"), "adverse_event_version", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    op.execute(keep_rows(VERSIONS))
    op.execute(guard(VERSIONS))


def _add_columns() -> None:
    """What stands there already had no course, no treatment and no relation recorded."""
    for table, empty in DOCUMENTS.items():
        for name, value in empty.items():
            column = sa.Column(name, postgresql.JSONB(), nullable=False, server_default=sa.text(f"'{value}'::jsonb"))
            op.add_column(table, column, schema="trial")
            op.alter_column(table, name, server_default=None, schema="trial")
    for table, columns in PLAIN.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True), schema="trial")


def downgrade() -> None:
    op.execute(unguard(VERSIONS))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("adverse_event_version", schema="trial")
    for table, documents in DOCUMENTS.items():
        for name in (*documents, *PLAIN[table]):
            op.drop_column(table, name, schema="trial")
