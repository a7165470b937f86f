"""Lists held after a restored backup, receipts taken back, running totals of minimization."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import keep_rows

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.list_hold": {},
    "sealed.running_total": {"content": "digest"},
    "trial.hold_signing": {},
    "trial.reseated_seat": {},
}

ALERT_KIND = (
    "account_locked",
    "credentials_reset",
    "code_broken",
    "serious_event",
    "stock_low",
    "harm_bound",
    "recommendation",
    "count_differs",
    "to_prepare",
)
LATER_ALERT_KIND = ("list_held", "stratum_low")


def allow(table: str, constraint: str, column: str, values: tuple[str, ...]) -> None:
    """The column may hold these values and no others."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({column} IN ({listed}))")


def upgrade() -> None:
    allow("access.alert", "ck_alert_alert_kind", "kind", ALERT_KIND + LATER_ALERT_KIND)
    op.create_table(
        "list_hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expected", postgresql.JSONB(), nullable=False),
        sa.Column("numbers_from", sa.Integer(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_list_hold_list_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_list_hold_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_list_hold_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_hold")),
        schema="trial",
    )
    op.create_index(op.f("ix_list_hold_list_id"), "list_hold", ["list_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_list_hold_trial_id"), "list_hold", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "running_total",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["counter_id"], ["trial.stratum_counter.id"], name=op.f("fk_running_total_counter_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_running_total_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_running_total")),
        sa.UniqueConstraint("counter_id", name=op.f("uq_running_total_counter_id")),
        schema="sealed",
    )
    op.create_index(op.f("ix_running_total_trial_id"), "running_total", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "hold_signing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("without_receipts", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_hold_signing_account_id")),
        sa.ForeignKeyConstraint(["hold_id"], ["trial.list_hold.id"], name=op.f("fk_hold_signing_hold_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_hold_signing_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_hold_signing_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold_signing")),
        sa.UniqueConstraint("hold_id", "account_id", name=op.f("uq_hold_signing_hold_id_account_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_hold_signing_trial_id"), "hold_signing", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "reseated_seat",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("number", sa.String(48), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=True),
        sa.Column("participant_code", sa.String(16), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=True),
        sa.Column("allocation_id", sa.Uuid(), nullable=True),
        sa.Column("randomized_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["allocation_id"], ["trial.allocation.id"], name=op.f("fk_reseated_seat_allocation_id")
        ),
        sa.ForeignKeyConstraint(["counter_id"], ["trial.stratum_counter.id"], name=op.f("fk_reseated_seat_counter_id")),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_reseated_seat_kit_id")),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_reseated_seat_list_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_reseated_seat_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_reseated_seat_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_reseated_seat_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_reseated_seat_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reseated_seat")),
        sa.UniqueConstraint("counter_id", "position", name=op.f("uq_reseated_seat_counter_id_position")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_reseated_seat_kit_id")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_reseated_seat_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_reseated_seat_list_id"), "reseated_seat", ["list_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_reseated_seat_trial_id"), "reseated_seat", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    op.execute(keep_rows("trial.hold_signing"))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("reseated_seat", schema="trial")
    op.drop_table("hold_signing", schema="trial")
    op.drop_table("running_total", schema="sealed")
    op.drop_table("list_hold", schema="trial")
    allow("access.alert", "ck_alert_alert_kind", "kind", ALERT_KIND)
