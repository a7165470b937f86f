"""Blobs, cut-offs, snapshots, locks and datasets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch
from migrations.lock_triggers import FUNCTION, guard, keep_rows, unguard

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.freeze": {},
    "trial.snapshot": {},
    "trial.casebook_signature": {},
    "trial.cutoff": {},
    "trial.data_lock": {},
    "trial.lock_signing": {},
    "trial.locked_dataset": {},
    "trial.dataset_pull": {},
}

# A cut-off and its snapshot stay as they were taken.
CONSTANT = (
    ("trial.snapshot", "tables"),
    ("trial.snapshot", "sha256"),
    ("trial.cutoff", "cut_off_at"),
    ("trial.cutoff", "snapshot_id"),
    ("trial.locked_dataset", "files"),
    ("trial.locked_dataset", "manifest_sha256"),
)
# What happens to participants: no write once the trial is locked, or where a freeze covers the row.
GUARDED = (
    "trial.participant",
    "trial.attendance",
    "trial.blinding_guess",
    "trial.concomitant_treatment",
    "trial.consent",
    "trial.consent_withdrawal",
    "trial.deviation",
    "trial.eligibility_assessment",
    "trial.factor_value",
    "trial.form_record",
    "trial.infusion_order",
    "trial.infusion",
    "trial.outcome",
    "trial.query",
    "trial.screening_failure",
    "trial.study_end",
    "trial.treatment_end",
    "trial.visit",
    "trial.adverse_event",
    "trial.sponsor_assessment",
    "trial.susar_assessment",
    "trial.casebook_signature",
)


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blob")),
        sa.UniqueConstraint("sha256", name=op.f("uq_blob_sha256")),
        schema="trial",
    )
    op.create_table(
        "freeze",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("visit", sa.String(48), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("frozen_by", sa.String(80), nullable=False),
        sa.Column("lock_id", sa.Uuid(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.String(80), nullable=True),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_freeze_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_freeze_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_freeze_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freeze")),
        schema="trial",
    )
    op.create_index(op.f("ix_freeze_trial_id"), "freeze", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("cut_off_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scope", sa.String(48), nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("tables", postgresql.JSONB(), nullable=False),
        sa.Column("rows", postgresql.JSONB(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_snapshot_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_snapshot_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        schema="trial",
    )
    op.create_index(op.f("ix_snapshot_trial_id"), "snapshot", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "casebook_signature",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("signed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_casebook_signature_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_casebook_signature_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["signed_by"], ["access.account.id"], name=op.f("fk_casebook_signature_signed_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_casebook_signature_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_casebook_signature_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_casebook_signature")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_casebook_signature_participant_id"),
        "casebook_signature",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_casebook_signature_trial_id"), "casebook_signature", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "cutoff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cut_off_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(48), nullable=False),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("taken_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_cutoff_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["snapshot_id"], ["trial.snapshot.id"], name=op.f("fk_cutoff_snapshot_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_cutoff_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cutoff")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_cutoff_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_cutoff_trial_id"), "cutoff", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "data_lock",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(48), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "signed_once",
                "locked",
                "unlock_signed_once",
                "unlocked",
                name="lock_state",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("whole_trial", sa.Boolean(), nullable=False),
        sa.Column("cutoff_id", sa.Uuid(), nullable=True),
        sa.Column("snapshot_id", sa.Uuid(), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cutoff_id"], ["trial.cutoff.id"], name=op.f("fk_data_lock_cutoff_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_data_lock_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["snapshot_id"], ["trial.snapshot.id"], name=op.f("fk_data_lock_snapshot_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_data_lock_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_lock")),
        schema="trial",
    )
    op.create_index(op.f("ix_data_lock_trial_id"), "data_lock", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "lock_signing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("lock_id", sa.Uuid(), nullable=False),
        sa.Column(
            "act",
            sa.Enum("lock", "unlock", name="lock_act", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("role", sa.String(48), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_lock_signing_account_id")),
        sa.ForeignKeyConstraint(["lock_id"], ["trial.data_lock.id"], name=op.f("fk_lock_signing_lock_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_lock_signing_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_lock_signing_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_signing")),
        sa.UniqueConstraint("lock_id", "act", "account_id", name=op.f("uq_lock_signing_lock_id_act_account_id")),
        sa.UniqueConstraint("lock_id", "act", "role", name=op.f("uq_lock_signing_lock_id_act_role")),
        schema="trial",
    )
    op.create_index(op.f("ix_lock_signing_lock_id"), "lock_signing", ["lock_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_lock_signing_trial_id"), "lock_signing", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "locked_dataset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("lock_id", sa.Uuid(), nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column(
            "mode",
            sa.Enum(
                "naive", "dummy", "unblinded", name="dataset_mode", native_enum=False, create_constraint=True, length=48
            ),
            nullable=False,
        ),
        sa.Column("manifest_path", sa.String(200), nullable=False),
        sa.Column("manifest_sha256", sa.String(64), nullable=False),
        sa.Column("files", postgresql.JSONB(), nullable=False),
        sa.Column("code_version", sa.String(64), nullable=False),
        sa.Column("built_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(["lock_id"], ["trial.data_lock.id"], name=op.f("fk_locked_dataset_lock_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_locked_dataset_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_locked_dataset_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locked_dataset")),
        sa.UniqueConstraint(
            "lock_id", "mode", "manifest_sha256", name=op.f("uq_locked_dataset_lock_id_mode_manifest_sha256")
        ),
        schema="trial",
    )
    op.create_index(op.f("ix_locked_dataset_lock_id"), "locked_dataset", ["lock_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_locked_dataset_trial_id"), "locked_dataset", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "dataset_pull",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("pulled_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["trial.locked_dataset.id"], name=op.f("fk_dataset_pull_dataset_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_dataset_pull_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_dataset_pull_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_pull")),
        schema="trial",
    )
    op.create_index(op.f("ix_dataset_pull_dataset_id"), "dataset_pull", ["dataset_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_dataset_pull_trial_id"), "dataset_pull", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for table, column in CONSTANT:
        op.execute(keep_constant(table, column))
    op.execute(keep_rows("trial.blob"))
    op.execute(FUNCTION)
    for table in GUARDED:
        op.execute(guard(table))


def downgrade() -> None:
    for table in GUARDED:
        op.execute(unguard(table))
    op.execute("DROP FUNCTION trial.refuse_when_locked()")
    for table, column in CONSTANT:
        op.execute(drop_constant(table, column))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("dataset_pull", schema="trial")
    op.drop_table("locked_dataset", schema="trial")
    op.drop_table("lock_signing", schema="trial")
    op.drop_table("data_lock", schema="trial")
    op.drop_table("cutoff", schema="trial")
    op.drop_table("casebook_signature", schema="trial")
    op.drop_table("snapshot", schema="trial")
    op.drop_table("freeze", schema="trial")
    op.drop_table("blob", schema="trial")
