"""Lists that another one retires, when their strata ended, and the weight that a preparation was made for."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch
from migrations.lock_triggers import keep_rows

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLE = "list_retirement"
WATCHED: dict[str, dict[str, str]] = {"trial.list_retirement": {}}


def upgrade() -> None:
    op.add_column("stratum_counter", sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True), schema="trial")
    op.add_column("preparation", sa.Column("dose_weight_kg", sa.Float(), nullable=True), schema="trial")
    op.execute(keep_constant("trial.stratum_counter", "retired_at", once="OLD.retired_at IS NOT NULL"))
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("retired_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("list_id <> retired_id", name=op.f("ck_list_retirement_another_list")),
        _to("list_id", "trial.allocation_list.id"),
        _to("protocol_version_id", "trial.protocol_version.id"),
        _to("retired_id", "trial.allocation_list.id"),
        _to("trial_id", "trial.trial.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_retirement")),
        sa.UniqueConstraint("list_id", "retired_id", name=op.f("uq_list_retirement_list_id_retired_id")),
        schema="trial",
    )
    for column in ("retired_id", "trial_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
        op.execute(keep_rows(table))


def _to(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{TABLE}_{column}"))


def downgrade() -> None:
    op.execute(unwatch("trial.list_retirement"))
    op.drop_table(TABLE, schema="trial")
    op.execute(drop_constant("trial.stratum_counter", "retired_at"))
    op.drop_column("preparation", "dose_weight_kg", schema="trial")
    op.drop_column("stratum_counter", "retired_at", schema="trial")
