"""Who reads infusions by a grant, freezes by form, treatments with their dates."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import FUNCTION_WITH_FORMS, FUNCTION_WITHOUT_FORMS

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "access.infusion_domain_grant": {},
}
TREATMENT_COLUMNS = {"indication": 200, "started": 16, "ended": 16}


def upgrade() -> None:
    op.create_table(
        "infusion_domain_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["access.account.id"], name=op.f("fk_infusion_domain_grant_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["access.account.id"], name=op.f("fk_infusion_domain_grant_granted_by")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_infusion_domain_grant_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infusion_domain_grant")),
        schema="access",
    )
    op.create_index(
        op.f("ix_infusion_domain_grant_account_id"),
        "infusion_domain_grant",
        ["account_id"],
        unique=False,
        schema="access",
    )
    op.create_index(
        op.f("ix_infusion_domain_grant_trial_id"), "infusion_domain_grant", ["trial_id"], unique=False, schema="access"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for name, length in TREATMENT_COLUMNS.items():
        op.add_column("concomitant_treatment", sa.Column(name, sa.String(length), nullable=True), schema="trial")
    op.add_column("freeze", sa.Column("form", sa.String(48), nullable=True), schema="trial")
    op.execute(FUNCTION_WITH_FORMS)


def downgrade() -> None:
    op.execute(FUNCTION_WITHOUT_FORMS)
    op.drop_column("freeze", "form", schema="trial")
    for name in TREATMENT_COLUMNS:
        op.drop_column("concomitant_treatment", name, schema="trial")
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("infusion_domain_grant", schema="access")
