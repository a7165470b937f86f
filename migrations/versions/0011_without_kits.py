"""Trials without numbered kits: an allocation, an envelope and a preparation may name none."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import keep_rows

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ALERT_KIND = (
    "account_locked",
    "credentials_reset",
    "code_broken",
    "serious_event",
    "stock_low",
    "harm_bound",
    "recommendation",
    "count_differs",
)
UNBLINDING_KIND = (
    "emergency",
    "susar",
    "closed_frame",
    "closed_document",
    "code_decoded",
    "end_of_trial",
    "simulator",
)
WATCHED = {"sealed.drawn_lot": {"content": "digest"}}
KEPT = ("sealed.drawn_lot",)
NAMES_A_KIT = ("allocation", "envelope", "preparation")


def allow(table: str, constraint: str, column: str, values: tuple[str, ...]) -> None:
    """The column may hold these values and no others."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({column} IN ({listed}))")


def upgrade() -> None:
    allow("access.alert", "ck_alert_alert_kind", "kind", (*ALERT_KIND, "to_prepare"))
    allow("trial.unblinding", "ck_unblinding_unblinding_kind", "kind", (*UNBLINDING_KIND, "envelopes"))
    for table in NAMES_A_KIT:
        op.alter_column(table, "kit_id", nullable=True, schema="trial")
    op.add_column(
        "preparation",
        sa.Column("lot_recorded", sa.Boolean(), nullable=False, server_default=sa.false()),
        schema="trial",
    )
    op.alter_column("preparation", "lot_recorded", server_default=None, schema="trial")
    op.create_table(
        "drawn_lot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("preparation_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["preparation_id"], ["trial.preparation.id"], name=op.f("fk_drawn_lot_preparation_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_drawn_lot_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drawn_lot")),
        sa.UniqueConstraint("preparation_id", "ordinal", name=op.f("uq_drawn_lot_preparation_id_ordinal")),
        schema="sealed",
    )
    op.create_index(op.f("ix_drawn_lot_trial_id"), "drawn_lot", ["trial_id"], unique=False, schema="sealed")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for table in KEPT:
        op.execute(keep_rows(table))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("drawn_lot", schema="sealed")
    op.drop_column("preparation", "lot_recorded", schema="trial")
    for table in NAMES_A_KIT:
        op.alter_column(table, "kit_id", nullable=False, schema="trial")
    allow("trial.unblinding", "ck_unblinding_unblinding_kind", "kind", UNBLINDING_KIND)
    allow("access.alert", "ck_alert_alert_kind", "kind", ALERT_KIND)
