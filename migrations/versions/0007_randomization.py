"""Lists, allocations, kits, preparations and unblindings."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch
from migrations.lock_triggers import guard, keep_rows, unguard

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

WATCHED = {
    "sealed.arm_coding": {"content": "digest"},
    "sealed.data_key": {"token": "digest"},
    "sealed.document": {"content": "digest", "sha256": "secret"},
    "trial.allocation_list": {},
    "trial.list_opening": {},
    "trial.shipment": {},
    "sealed.contribution": {"content": "digest"},
    "sealed.list_matter": {"design": "digest", "seed": "digest"},
    "trial.kit": {},
    "trial.stratum_counter": {},
    "trial.unblinding": {},
    "sealed.draw": {"content": "digest"},
    "sealed.kit_content": {"content": "digest"},
    "trial.allocation": {},
    "trial.preparation": {},
    "trial.unblinding_assessment": {},
    "sealed.prepared_content": {"content": "digest"},
    "trial.dispensing": {},
    "trial.worksheet_reading": {},
}

# Rows that are never changed once written.
KEPT = (
    "sealed.slot",
    "sealed.draw",
    "sealed.contribution",
    "sealed.kit_content",
    "sealed.prepared_content",
    "sealed.document",
    "trial.allocation",
    "trial.unblinding",
    "trial.unblinding_assessment",
)
SEALED = "OLD.sealed_at IS NOT NULL"
CONSTANT = (
    ("trial.allocation_list", "root", SEALED),
    ("trial.allocation_list", "design_commitment", SEALED),
    ("trial.allocation_list", "contribution_commitment", "true"),
    ("trial.stratum_counter", "slots", "true"),
    ("sealed.list_matter", "seed", "OLD.seed IS NOT NULL"),
    ("trial.kit", "number", "true"),
)
GUARDED = ("trial.allocation", "trial.dispensing", "trial.preparation")


def upgrade() -> None:
    op.create_table(
        "arm_coding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_arm_coding_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arm_coding")),
        sa.UniqueConstraint("trial_id", name=op.f("uq_arm_coding_trial_id")),
        schema="sealed",
    )
    op.create_table(
        "data_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("holder", sa.String(80), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_data_key_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
        sa.UniqueConstraint("holder", name=op.f("uq_data_key_holder")),
        schema="sealed",
    )
    op.create_index(op.f("ix_data_key_trial_id"), "data_key", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "document",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "closed_report",
                "unblinded_pack",
                name="document_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_document_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("trial_id", "sha256", name=op.f("uq_document_trial_id_sha256")),
        schema="sealed",
    )
    op.create_table(
        "recruitment_tally",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("place", sa.String(48), nullable=False),
        sa.Column("randomized", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_recruitment_tally_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recruitment_tally")),
        sa.UniqueConstraint("trial_id", "stage", "place", name=op.f("uq_recruitment_tally_trial_id_stage_place")),
        schema="trial",
    )
    op.create_table(
        "allocation_list",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("scheme", sa.String(48), nullable=False),
        sa.Column(
            "status",
            sa.Enum("designed", "sealed", name="list_status", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("slots_per_stratum", sa.Integer(), nullable=False),
        sa.Column("designed_by", sa.Uuid(), nullable=False),
        sa.Column("contribution_commitment", sa.String(64), nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("design_commitment", sa.String(64), nullable=True),
        sa.Column("root", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["confirmed_by"], ["access.account.id"], name=op.f("fk_allocation_list_confirmed_by")),
        sa.ForeignKeyConstraint(["designed_by"], ["access.account.id"], name=op.f("fk_allocation_list_designed_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_allocation_list_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_allocation_list_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation_list")),
        sa.UniqueConstraint("trial_id", "stage", "ordinal", name=op.f("uq_allocation_list_trial_id_stage_ordinal")),
        schema="trial",
    )
    op.create_index(op.f("ix_allocation_list_trial_id"), "allocation_list", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "list_opening",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "statistician", "sponsor", name="opening_side", native_enum=False, create_constraint=True, length=48
            ),
            nullable=False,
        ),
        sa.Column("signed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_list_opening_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["signed_by"], ["access.account.id"], name=op.f("fk_list_opening_signed_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_list_opening_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_opening")),
        sa.UniqueConstraint("trial_id", "side", name=op.f("uq_list_opening_trial_id_side")),
        schema="trial",
    )
    op.create_index(op.f("ix_list_opening_trial_id"), "list_opening", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "shipment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kits", sa.Integer(), nullable=False),
        sa.Column("use_by", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum("sent", "received", name="shipment_status", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_shipment_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["received_by"], ["access.account.id"], name=op.f("fk_shipment_received_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_shipment_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_shipment_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipment")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_shipment_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_shipment_site_id"), "shipment", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_shipment_trial_id"), "shipment", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "contribution",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_contribution_account_id")),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_contribution_list_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_contribution_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contribution")),
        sa.UniqueConstraint("list_id", "account_id", name=op.f("uq_contribution_list_id_account_id")),
        schema="sealed",
    )
    op.create_index(op.f("ix_contribution_trial_id"), "contribution", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "list_matter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("design", sa.LargeBinary(), nullable=False),
        sa.Column("seed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_list_matter_list_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_list_matter_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_matter")),
        sa.UniqueConstraint("list_id", name=op.f("uq_list_matter_list_id")),
        schema="sealed",
    )
    op.create_index(op.f("ix_list_matter_trial_id"), "list_matter", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "kit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("shipment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "in_transit",
                "available",
                "assigned",
                "dispensed",
                "quarantined",
                "lost",
                name="kit_status",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("use_by", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_kit_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["shipment_id"], ["trial.shipment.id"], name=op.f("fk_kit_shipment_id")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_kit_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_kit_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_kit_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_kit_shipment_id"), "kit", ["shipment_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_kit_site_id"), "kit", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_kit_trial_id"), "kit", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "stratum_counter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=True),
        sa.Column("next_position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_stratum_counter_list_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_stratum_counter_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stratum_counter")),
        sa.UniqueConstraint("list_id", "stratum", name=op.f("uq_stratum_counter_list_id_stratum")),
        schema="trial",
    )
    op.create_index(op.f("ix_stratum_counter_trial_id"), "stratum_counter", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "unblinding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "emergency",
                "susar",
                "closed_frame",
                "closed_document",
                "code_decoded",
                "end_of_trial",
                "simulator",
                name="unblinding_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("participant_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column(
            "reason",
            sa.Enum(
                "medical_need",
                "overdose",
                "pregnancy",
                "surgery",
                "accidental_exposure",
                "other",
                name="unblinding_reason",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=True,
        ),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.String(80), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_unblinding_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_unblinding_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_unblinding_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_unblinding_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unblinding")),
        schema="trial",
    )
    op.create_index(op.f("ix_unblinding_trial_id"), "unblinding", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "draw",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["counter_id"], ["trial.stratum_counter.id"], name=op.f("fk_draw_counter_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_draw_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draw")),
        sa.UniqueConstraint("counter_id", "position", name=op.f("uq_draw_counter_id_position")),
        schema="sealed",
    )
    op.create_index(op.f("ix_draw_trial_id"), "draw", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "kit_content",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_kit_content_kit_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_kit_content_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_content")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_kit_content_kit_id")),
        schema="sealed",
    )
    op.create_index(op.f("ix_kit_content_trial_id"), "kit_content", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "slot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["counter_id"], ["trial.stratum_counter.id"], name=op.f("fk_slot_counter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint("counter_id", "position", name=op.f("uq_slot_counter_id_position")),
        schema="sealed",
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("number", sa.String(48), nullable=False),
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("counter_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("randomized_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("randomized_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["counter_id"], ["trial.stratum_counter.id"], name=op.f("fk_allocation_counter_id")),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_allocation_kit_id")),
        sa.ForeignKeyConstraint(["list_id"], ["trial.allocation_list.id"], name=op.f("fk_allocation_list_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_allocation_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_allocation_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["randomized_by"], ["access.account.id"], name=op.f("fk_allocation_randomized_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_allocation_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_allocation_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint("counter_id", "position", name=op.f("uq_allocation_counter_id_position")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_allocation_kit_id")),
        sa.UniqueConstraint("participant_id", "stage", name=op.f("uq_allocation_participant_id_stage")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_allocation_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_allocation_list_id"), "allocation", ["list_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_allocation_participant_id"), "allocation", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_allocation_trial_id"), "allocation", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "preparation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("infusion", sa.Integer(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("ordered_mg", sa.Float(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "prepared", "verified", name="preparation_status", native_enum=False, create_constraint=True, length=48
            ),
            nullable=False,
        ),
        sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prepared_by", sa.Uuid(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_preparation_kit_id")),
        sa.ForeignKeyConstraint(["order_id"], ["trial.infusion_order.id"], name=op.f("fk_preparation_order_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_preparation_participant_id")
        ),
        sa.ForeignKeyConstraint(["prepared_by"], ["access.account.id"], name=op.f("fk_preparation_prepared_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_preparation_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_preparation_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_preparation_trial_id")),
        sa.ForeignKeyConstraint(["verified_by"], ["access.account.id"], name=op.f("fk_preparation_verified_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preparation")),
        schema="trial",
    )
    op.create_index(op.f("ix_preparation_order_id"), "preparation", ["order_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_preparation_participant_id"), "preparation", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_preparation_trial_id"), "preparation", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "unblinding_assessment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("unblinding_id", sa.Uuid(), nullable=False),
        sa.Column("impact", sa.Text(), nullable=False),
        sa.Column("bias_possible", sa.Boolean(), nullable=False),
        sa.Column("assessed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessed_by"], ["access.account.id"], name=op.f("fk_unblinding_assessment_assessed_by")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_unblinding_assessment_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_unblinding_assessment_trial_id")),
        sa.ForeignKeyConstraint(
            ["unblinding_id"], ["trial.unblinding.id"], name=op.f("fk_unblinding_assessment_unblinding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unblinding_assessment")),
        sa.UniqueConstraint("unblinding_id", name=op.f("uq_unblinding_assessment_unblinding_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_unblinding_assessment_trial_id"), "unblinding_assessment", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "prepared_content",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("preparation_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["preparation_id"], ["trial.preparation.id"], name=op.f("fk_prepared_content_preparation_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_prepared_content_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prepared_content")),
        sa.UniqueConstraint("preparation_id", name=op.f("uq_prepared_content_preparation_id")),
        schema="sealed",
    )
    op.create_index(
        op.f("ix_prepared_content_trial_id"), "prepared_content", ["trial_id"], unique=False, schema="sealed"
    )
    op.create_table(
        "dispensing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("allocation_id", sa.Uuid(), nullable=False),
        sa.Column("kit_id", sa.Uuid(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=False),
        sa.Column("dispensed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispensed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["allocation_id"], ["trial.allocation.id"], name=op.f("fk_dispensing_allocation_id")),
        sa.ForeignKeyConstraint(["dispensed_by"], ["access.account.id"], name=op.f("fk_dispensing_dispensed_by")),
        sa.ForeignKeyConstraint(["kit_id"], ["trial.kit.id"], name=op.f("fk_dispensing_kit_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_dispensing_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_dispensing_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_dispensing_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_dispensing_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispensing")),
        sa.UniqueConstraint("allocation_id", "visit", name=op.f("uq_dispensing_allocation_id_visit")),
        sa.UniqueConstraint("kit_id", name=op.f("uq_dispensing_kit_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_dispensing_participant_id"), "dispensing", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_dispensing_trial_id"), "dispensing", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "worksheet_reading",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("preparation_id", sa.Uuid(), nullable=False),
        sa.Column("read_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_worksheet_reading_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["preparation_id"], ["trial.preparation.id"], name=op.f("fk_worksheet_reading_preparation_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_worksheet_reading_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["read_by"], ["access.account.id"], name=op.f("fk_worksheet_reading_read_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_worksheet_reading_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_worksheet_reading_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worksheet_reading")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_worksheet_reading_participant_id"),
        "worksheet_reading",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_worksheet_reading_preparation_id"),
        "worksheet_reading",
        ["preparation_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_worksheet_reading_trial_id"), "worksheet_reading", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for table in KEPT:
        op.execute(keep_rows(table))
    for table, column, once in CONSTANT:
        op.execute(keep_constant(table, column, once=once))
    for table in GUARDED:
        op.execute(guard(table))


def downgrade() -> None:
    for table in GUARDED:
        op.execute(unguard(table))
    for table, column, _ in CONSTANT:
        op.execute(drop_constant(table, column))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("worksheet_reading", schema="trial")
    op.drop_table("dispensing", schema="trial")
    op.drop_table("prepared_content", schema="sealed")
    op.drop_table("unblinding_assessment", schema="trial")
    op.drop_table("preparation", schema="trial")
    op.drop_table("allocation", schema="trial")
    op.drop_table("slot", schema="sealed")
    op.drop_table("kit_content", schema="sealed")
    op.drop_table("draw", schema="sealed")
    op.drop_table("unblinding", schema="trial")
    op.drop_table("stratum_counter", schema="trial")
    op.drop_table("kit", schema="trial")
    op.drop_table("list_matter", schema="sealed")
    op.drop_table("contribution", schema="sealed")
    op.drop_table("shipment", schema="trial")
    op.drop_table("list_opening", schema="trial")
    op.drop_table("allocation_list", schema="trial")
    op.drop_table("recruitment_tally", schema="trial")
    op.drop_table("document", schema="sealed")
    op.drop_table("data_key", schema="sealed")
    op.drop_table("arm_coding", schema="sealed")
