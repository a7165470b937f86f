"""Emergency breaks sent to a treating physician, and unblindings that happened outside the system."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UNBLINDING_KIND = (
    "emergency",
    "susar",
    "closed_frame",
    "closed_document",
    "code_decoded",
    "end_of_trial",
    "simulator",
    "envelopes",
)
CONSTANT = ("unblinding_id", "physician", "institution", "screen", "sent_at")


def allow(values: tuple[str, ...]) -> None:
    """The register may hold these kinds and no others."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute("ALTER TABLE trial.unblinding DROP CONSTRAINT ck_unblinding_unblinding_kind")
    op.execute(f"ALTER TABLE trial.unblinding ADD CONSTRAINT ck_unblinding_unblinding_kind CHECK (kind IN ({listed}))")


def upgrade() -> None:
    allow((*UNBLINDING_KIND, "paper", "accident"))
    op.create_table(
        "code_handover",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("unblinding_id", sa.Uuid(), nullable=False),
        sa.Column("physician", sa.String(120), nullable=False),
        sa.Column("institution", sa.String(200), nullable=False),
        sa.Column("screen", sa.String(16), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_code_handover_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_code_handover_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_code_handover_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_code_handover_trial_id")),
        sa.ForeignKeyConstraint(
            ["unblinding_id"], ["trial.unblinding.id"], name=op.f("fk_code_handover_unblinding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_handover")),
        sa.UniqueConstraint("unblinding_id", name=op.f("uq_code_handover_unblinding_id")),
        schema="trial",
    )
    for column in ("participant_id", "screen", "trial_id"):
        op.create_index(op.f(f"ix_code_handover_{column}"), "code_handover", [column], unique=False, schema="trial")
    op.execute(watch("trial.code_handover", {}))
    for column in CONSTANT:
        op.execute(keep_constant("trial.code_handover", column))


def downgrade() -> None:
    for column in CONSTANT:
        op.execute(drop_constant("trial.code_handover", column))
    op.execute(unwatch("trial.code_handover"))
    op.drop_table("code_handover", schema="trial")
    allow(UNBLINDING_KIND)
