"""The whole life of a kit: replacements, excursions, returns, destruction, counts and what follows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import unwatch, watch

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.depot_return": {},
    "trial.destruction": {},
    "trial.stock_count": {},
    "trial.stock_reading": {},
    "trial.storage_excursion": {},
    "trial.supply_plan": {},
    "trial.destruction_witness": {},
    "trial.supply_review": {},
    "trial.envelope": {},
    "trial.kit_reservation": {},
    "trial.kit_return": {},
    "trial.quarantine_verdict": {},
    "trial.bag_handover": {},
    "trial.envelope_opening": {},
    "trial.kit_replacement": {},
}

KIT_STATUS = ("in_transit", "available", "assigned", "dispensed", "quarantined", "lost")
LATER_KIT_STATUS = ("returned", "rejected", "sent_back", "at_depot", "destroyed")
ALERT_KIND = (
    "account_locked",
    "credentials_reset",
    "code_broken",
    "serious_event",
    "stock_low",
    "harm_bound",
    "recommendation",
)
LATER_ALERT_KIND = ("count_differs",)


def allow(table: str, constraint: str, column: str, values: tuple[str, ...]) -> None:
    """The column may hold these values and no others."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK ({column} IN ({listed}))")


def upgrade() -> None:
    allow("trial.kit", "ck_kit_kit_status", "status", KIT_STATUS + LATER_KIT_STATUS)
    allow("access.alert", "ck_alert_alert_kind", "kind", ALERT_KIND + LATER_ALERT_KIND)
    op.create_table(
        "depot_return",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kits", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_depot_return_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["received_by"], ["access.account.id"], name=op.f("fk_depot_return_received_by")),
        sa.ForeignKeyConstraint(["sent_by"], ["access.account.id"], name=op.f("fk_depot_return_sent_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_depot_return_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_depot_return_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_depot_return")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_depot_return_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_depot_return_site_id"), "depot_return", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_depot_return_trial_id"), "depot_return", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "destruction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kits", postgresql.JSONB(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["destroyed_by"], ["access.account.id"], name=op.f("fk_destruction_destroyed_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_destruction_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_destruction_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_destruction_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destruction")),
        schema="trial",
    )
    op.create_index(op.f("ix_destruction_site_id"), "destruction", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_destruction_trial_id"), "destruction", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "stock_count",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("missing", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["counted_by"], ["access.account.id"], name=op.f("fk_stock_count_counted_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_stock_count_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_stock_count_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_stock_count_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count")),
        schema="trial",
    )
    op.create_index(op.f("ix_stock_count_site_id"), "stock_count", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_stock_count_trial_id"), "stock_count", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "stock_reading",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("read_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_stock_reading_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["read_by"], ["access.account.id"], name=op.f("fk_stock_reading_read_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_stock_reading_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_stock_reading_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_reading")),
        schema="trial",
    )
    op.create_index(op.f("ix_stock_reading_site_id"), "stock_reading", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_stock_reading_trial_id"), "stock_reading", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "storage_excursion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lowest_c", sa.Float(), nullable=False),
        sa.Column("highest_c", sa.Float(), nullable=False),
        sa.Column("kits", postgresql.JSONB(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_storage_excursion_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["recorded_by"], ["access.account.id"], name=op.f("fk_storage_excursion_recorded_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_storage_excursion_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_storage_excursion_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_excursion")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_storage_excursion_site_id"), "storage_excursion", ["site_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_storage_excursion_trial_id"), "storage_excursion", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "supply_plan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_supply_plan_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_supply_plan_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supply_plan")),
        schema="trial",
    )
    op.create_index(op.f("ix_supply_plan_trial_id"), "supply_plan", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "destruction_witness",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("destruction_id", sa.Uuid(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("witnessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("witnessed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["destruction_id"], ["trial.destruction.id"], name=op.f("fk_destruction_witness_destruction_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_destruction_witness_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_destruction_witness_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_destruction_witness_trial_id")),
        sa.ForeignKeyConstraint(
            ["witnessed_by"], ["access.account.id"], name=op.f("fk_destruction_witness_witnessed_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destruction_witness")),
        sa.UniqueConstraint("destruction_id", name=op.f("uq_destruction_witness_destruction_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_destruction_witness_site_id"), "destruction_witness", ["site_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_destruction_witness_trial_id"), "destruction_witness", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "supply_review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("reviewed_on", sa.Date(), nullable=False),
        sa.Column("usable", sa.Integer(), nullable=False),
        sa.Column("chance", sa.Float(), nullable=False),
        sa.Column("sets", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["trial.supply_plan.id"], name=op.f("fk_supply_review_plan_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_supply_review_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_supply_review_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_supply_review_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supply_review")),
        schema="trial",
    )
    op.create_index(op.f("ix_supply_review_site_id"), "supply_review", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_supply_review_trial_id"), "supply_review", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "envelope",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["counter_id"], ["trial.stratum_counter.id"], name=op.f("fk_envelope_counter_id")),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_envelope_kit_id")),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_envelope_list_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_envelope_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_envelope_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_envelope_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_envelope")),
        sa.UniqueConstraint("counter_id", "position", name=op.f("uq_envelope_counter_id_position")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_envelope_kit_id")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_envelope_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_envelope_list_id"), "envelope", ["list_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_envelope_site_id"), "envelope", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_envelope_trial_id"), "envelope", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "kit_reservation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("reserved_for", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_kit_reservation_kit_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_kit_reservation_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_reservation")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_kit_reservation_kit_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_kit_reservation_trial_id"), "kit_reservation", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "kit_return",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("units_per_kit", sa.Integer(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_kit_return_kit_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_kit_return_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_kit_return_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_kit_return_site_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["access.account.id"], name=op.f("fk_kit_return_taken_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_kit_return_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_return")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_kit_return_kit_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_kit_return_participant_id"), "kit_return", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_kit_return_trial_id"), "kit_return", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "quarantine_verdict",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("excursion_id", sa.Uuid(), nullable=True),
        sa.Column(
            "verdict",
            sa.Enum("released", "rejected", name="verdict", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["access.account.id"], name=op.f("fk_quarantine_verdict_decided_by")),
        sa.ForeignKeyConstraint(
            ["excursion_id"], ["trial.storage_excursion.id"], name=op.f("fk_quarantine_verdict_excursion_id")
        ),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_quarantine_verdict_kit_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_quarantine_verdict_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_quarantine_verdict_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_quarantine_verdict_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine_verdict")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_quarantine_verdict_excursion_id"), "quarantine_verdict", ["excursion_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_quarantine_verdict_kit_id"), "quarantine_verdict", ["kit_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_quarantine_verdict_site_id"), "quarantine_verdict", ["site_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_quarantine_verdict_trial_id"), "quarantine_verdict", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "bag_handover",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("preparation_id", sa.Uuid(), nullable=False),
        sa.Column("infusion", sa.Integer(), nullable=False),
        sa.Column("beyond_use_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_bag_handover_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["preparation_id"], ["trial.preparation.id"], name=op.f("fk_bag_handover_preparation_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_bag_handover_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["received_by"], ["access.account.id"], name=op.f("fk_bag_handover_received_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_bag_handover_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_bag_handover_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bag_handover")),
        sa.UniqueConstraint("preparation_id", name=op.f("uq_bag_handover_preparation_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_bag_handover_participant_id"), "bag_handover", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_bag_handover_trial_id"), "bag_handover", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "envelope_opening",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("envelope_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=True),
        sa.Column("allocation_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(120), nullable=False),
        sa.Column("in_order", sa.Boolean(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("reconciled_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["allocation_id"], ["trial.allocation.id"], name=op.f("fk_envelope_opening_allocation_id")
        ),
        sa.ForeignKeyConstraint(["envelope_id"], ["trial.envelope.id"], name=op.f("fk_envelope_opening_envelope_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_envelope_opening_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_envelope_opening_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["reconciled_by"], ["access.account.id"], name=op.f("fk_envelope_opening_reconciled_by")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_envelope_opening_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_envelope_opening_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_envelope_opening")),
        sa.UniqueConstraint("envelope_id", name=op.f("uq_envelope_opening_envelope_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_envelope_opening_participant_id"), "envelope_opening", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_envelope_opening_site_id"), "envelope_opening", ["site_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_envelope_opening_trial_id"), "envelope_opening", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "kit_replacement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("allocation_id", sa.Uuid(), nullable=False),
        sa.Column("replaced_kit_id", sa.Uuid(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["allocation_id"], ["trial.allocation.id"], name=op.f("fk_kit_replacement_allocation_id")
        ),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_kit_replacement_kit_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_kit_replacement_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_kit_replacement_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["replaced_by"], ["access.account.id"], name=op.f("fk_kit_replacement_replaced_by")),
        sa.ForeignKeyConstraint(["replaced_kit_id"], ["trial.kit.id"], name=op.f("fk_kit_replacement_replaced_kit_id")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_kit_replacement_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_kit_replacement_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_replacement")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_kit_replacement_kit_id")),
        sa.UniqueConstraint("replaced_kit_id", name=op.f("uq_kit_replacement_replaced_kit_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_kit_replacement_allocation_id"), "kit_replacement", ["allocation_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_kit_replacement_participant_id"), "kit_replacement", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_kit_replacement_trial_id"), "kit_replacement", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("kit_replacement", schema="trial")
    op.drop_table("envelope_opening", schema="trial")
    op.drop_table("bag_handover", schema="trial")
    op.drop_table("quarantine_verdict", schema="trial")
    op.drop_table("kit_return", schema="trial")
    op.drop_table("kit_reservation", schema="trial")
    op.drop_table("envelope", schema="trial")
    op.drop_table("supply_review", schema="trial")
    op.drop_table("destruction_witness", schema="trial")
    op.drop_table("supply_plan", schema="trial")
    op.drop_table("storage_excursion", schema="trial")
    op.drop_table("stock_reading", schema="trial")
    op.drop_table("stock_count", schema="trial")
    op.drop_table("destruction", schema="trial")
    op.drop_table("depot_return", schema="trial")
    allow("access.alert", "ck_alert_alert_kind", "kind", ALERT_KIND)
    allow("trial.kit", "ck_kit_kit_status", "status", KIT_STATUS)
