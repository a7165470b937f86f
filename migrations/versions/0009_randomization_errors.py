"""Errors that happened at a site with an allocation."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import guard, keep_rows, unguard

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.randomization_error": {},
}


def upgrade() -> None:
    op.create_table(
        "randomization_error",
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
                "wrong_stratum",
                "in_error",
                "wrong_kit",
                "duplicate",
                name="randomization_error_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("factor", sa.String(48), nullable=True),
        sa.Column("as_used", sa.String(64), nullable=True),
        sa.Column("corrected", sa.String(64), nullable=True),
        sa.Column("kit_given", sa.String(16), nullable=True),
        sa.Column("same_person_as", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'wrong_stratum') = (factor IS NOT NULL AND as_used IS NOT NULL AND corrected IS NOT NULL)"
            " AND (kind = 'wrong_kit') = (kit_given IS NOT NULL) AND (kind = 'duplicate') = (same_person_as IS NOT NULL)",
            name=op.f("ck_randomization_error_told_by_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_randomization_error_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_randomization_error_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(
            ["same_person_as"], ["trial.participant.id"], name=op.f("fk_randomization_error_same_person_as")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_randomization_error_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_randomization_error_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_randomization_error")),
        sa.UniqueConstraint("participant_id", "number", name=op.f("uq_randomization_error_participant_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_randomization_error_participant_id"),
        "randomization_error",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_randomization_error_trial_id"), "randomization_error", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    op.execute(keep_rows("trial.randomization_error"))
    op.execute(guard("trial.randomization_error"))


def downgrade() -> None:
    op.execute(unguard("trial.randomization_error"))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("randomization_error", schema="trial")
