"""Checks of the bounds on harm, what they found under seal, and pauses of recruitment."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import keep_rows

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WATCHED = {
    "trial.bound_check": {},
    "trial.harm_pause": {},
    "sealed.bound_findings": {"content": "digest"},
    "trial.harm_pause_release": {},
}


def upgrade() -> None:
    op.create_table(
        "bound_check",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("marker", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_bound_check_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_bound_check_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bound_check")),
        sa.UniqueConstraint("trial_id", "marker", name=op.f("uq_bound_check_trial_id_marker")),
        schema="trial",
    )
    op.create_index(op.f("ix_bound_check_trial_id"), "bound_check", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "harm_pause",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.String(48), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("observed", sa.Integer(), nullable=False),
        sa.Column("at_risk", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_harm_pause_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_harm_pause_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_harm_pause")),
        schema="trial",
    )
    op.create_index(op.f("ix_harm_pause_trial_id"), "harm_pause", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "bound_findings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["check_id"], ["trial.bound_check.id"], name=op.f("fk_bound_findings_check_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bound_findings")),
        sa.UniqueConstraint("check_id", name=op.f("uq_bound_findings_check_id")),
        schema="sealed",
    )
    op.create_table(
        "harm_pause_release",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("pause_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["pause_id"], ["trial.harm_pause.id"], name=op.f("fk_harm_pause_release_pause_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_harm_pause_release_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["released_by"], ["access.account.id"], name=op.f("fk_harm_pause_release_released_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_harm_pause_release_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_harm_pause_release")),
        sa.UniqueConstraint("pause_id", name=op.f("uq_harm_pause_release_pause_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_harm_pause_release_trial_id"), "harm_pause_release", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
        op.execute(keep_rows(table))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("harm_pause_release", schema="trial")
    op.drop_table("bound_findings", schema="sealed")
    op.drop_table("harm_pause", schema="trial")
    op.drop_table("bound_check", schema="trial")
