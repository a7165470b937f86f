"""Who stands in for whom, and the sponsor's changes of the planned number."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import guard, keep_rows, unguard

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.participant_replacement": {},
    "trial.planned_number_change": {},
}


def upgrade() -> None:
    _replacements()
    _planned_numbers()
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
        op.execute(keep_rows(table))
    op.execute(guard("trial.participant_replacement"))


def _replacements() -> None:
    table = "participant_replacement"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("replaced_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "replaced_id IS DISTINCT FROM participant_id", name=op.f("ck_participant_replacement_another_participant")
        ),
        sa.CheckConstraint(
            "(number = 1) = (reason IS NULL) AND (number > 1 OR replaced_id IS NOT NULL)",
            name=op.f("ck_participant_replacement_change_has_reason"),
        ),
        _to("participant_id", "trial.participant.id", table),
        _to("protocol_version_id", "trial.protocol_version.id", table),
        _to("replaced_id", "trial.participant.id", table),
        _to("site_id", "trial.site.id", table),
        _to("trial_id", "trial.trial.id", table),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant_replacement")),
        sa.UniqueConstraint("participant_id", "number", name=op.f("uq_participant_replacement_participant_id_number")),
        schema="trial",
    )
    for column in ("participant_id", "trial_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False, schema="trial")


def _planned_numbers() -> None:
    table = "planned_number_change"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("was", sa.Integer(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        _to("decided_by", "access.account.id", table),
        _to("protocol_version_id", "trial.protocol_version.id", table),
        _to("trial_id", "trial.trial.id", table),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_number_change")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_planned_number_change_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f(f"ix_{table}_trial_id"), table, ["trial_id"], unique=False, schema="trial")


def _to(column: str, target: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))


def downgrade() -> None:
    op.execute(unguard("trial.participant_replacement"))
    for table in WATCHED:
        op.execute(unwatch(table))
        op.drop_table(table.removeprefix("trial."), schema="trial")
