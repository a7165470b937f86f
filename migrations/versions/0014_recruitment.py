"""Signed decisions on recruitment at a site or of a cohort."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import keep_rows

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.recruitment_decision": {},
}


def upgrade() -> None:
    op.create_table(
        "recruitment_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("levels", postgresql.JSONB(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["access.account.id"], name=op.f("fk_recruitment_decision_decided_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_recruitment_decision_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_recruitment_decision_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_recruitment_decision_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recruitment_decision")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_recruitment_decision_trial_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_recruitment_decision_trial_id"), "recruitment_decision", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    op.execute(keep_rows("trial.recruitment_decision"))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("recruitment_decision", schema="trial")
