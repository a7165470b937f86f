"""Overdoses, medication errors and pregnancies with their follow-ups; files attached to events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch
from migrations.lock_triggers import guard, keep_rows, unguard

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.event_attachment": {},
    "trial.special_situation": {},
    "trial.special_situation_version": {},
    "sealed.situation_account": {"content": "digest"},
}


GUARDED = ("trial.event_attachment", "trial.special_situation", "trial.special_situation_version")
APPEND_ONLY = ("trial.special_situation_version", "sealed.situation_account")
CONSTANT = (
    ("trial.event_attachment", "sha256"),
    ("trial.event_attachment", "event_id"),
    ("trial.special_situation", "kind"),
)


def upgrade() -> None:
    op.create_table(
        "event_attachment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(120), nullable=False),
        sa.Column("media_type", sa.String(40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("attached_by", sa.String(80), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(80), nullable=True),
        sa.Column("withdrawal_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_event_attachment_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_event_attachment_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_event_attachment_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_event_attachment_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_event_attachment_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_attachment")),
        sa.UniqueConstraint("event_id", "number", name=op.f("uq_event_attachment_event_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_event_attachment_event_id"), "event_attachment", ["event_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_event_attachment_participant_id"), "event_attachment", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_event_attachment_trial_id"), "event_attachment", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "special_situation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "overdose",
                "medication_error",
                "pregnancy",
                name="situation_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("happened", sa.String(16), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("reported_by", sa.String(80), nullable=False),
        sa.Column("aware_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_on", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_special_situation_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_special_situation_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_special_situation_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_special_situation_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_special_situation_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_special_situation")),
        sa.UniqueConstraint("participant_id", "number", name=op.f("uq_special_situation_participant_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_special_situation_event_id"), "special_situation", ["event_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_special_situation_participant_id"),
        "special_situation",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_special_situation_trial_id"), "special_situation", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "special_situation_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("situation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("under_seal", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.String(80), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_special_situation_version_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_special_situation_version_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_special_situation_version_site_id")),
        sa.ForeignKeyConstraint(
            ["situation_id"], ["trial.special_situation.id"], name=op.f("fk_special_situation_version_situation_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_special_situation_version_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_special_situation_version")),
        sa.UniqueConstraint("situation_id", "number", name=op.f("uq_special_situation_version_situation_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_special_situation_version_participant_id"),
        "special_situation_version",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_special_situation_version_situation_id"),
        "special_situation_version",
        ["situation_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_special_situation_version_trial_id"),
        "special_situation_version",
        ["trial_id"],
        unique=False,
        schema="trial",
    )
    op.create_table(
        "situation_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("given_by", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["given_by"], ["access.account.id"], name=op.f("fk_situation_account_given_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_situation_account_trial_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["trial.special_situation_version.id"], name=op.f("fk_situation_account_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_situation_account")),
        sa.UniqueConstraint("version_id", name=op.f("uq_situation_account_version_id")),
        schema="sealed",
    )
    op.create_index(
        op.f("ix_situation_account_trial_id"), "situation_account", ["trial_id"], unique=False, schema="sealed"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for table in GUARDED:
        op.execute(guard(table))
    for table in APPEND_ONLY:
        op.execute(keep_rows(table))
    for table, column in CONSTANT:
        op.execute(keep_constant(table, column))


def downgrade() -> None:
    for table, column in CONSTANT:
        op.execute(drop_constant(table, column))
    for table in GUARDED:
        op.execute(unguard(table))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("situation_account", schema="sealed")
    op.drop_table("special_situation_version", schema="trial")
    op.drop_table("special_situation", schema="trial")
    op.drop_table("event_attachment", schema="trial")
