"""Reviews of codings, MedDRA releases and the events' codes in them."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import guard, keep_rows

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WATCHED = {
    "trial.meddra_release": {"content": "digest"},
    "trial.coding_review": {},
    "trial.meddra_coding": {},
}
# No write once the trial is locked.
OF_PARTICIPANTS = ("trial.coding_review", "trial.meddra_coding")


def upgrade() -> None:
    op.create_table(
        "meddra_release",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("language", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("terms", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meddra_release")),
        sa.UniqueConstraint("version", name=op.f("uq_meddra_release_version")),
        schema="trial",
    )
    op.create_table(
        "coding_review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("dictionary", sa.String(16), nullable=False),
        sa.Column("verbatim", sa.Text(), nullable=False),
        sa.Column("term", sa.String(200), nullable=False),
        sa.Column("changed", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("reviewed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_coding_review_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_coding_review_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_coding_review_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["reviewed_by"], ["access.account.id"], name=op.f("fk_coding_review_reviewed_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_coding_review_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_coding_review_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coding_review")),
        schema="trial",
    )
    op.create_index(op.f("ix_coding_review_event_id"), "coding_review", ["event_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_coding_review_participant_id"), "coding_review", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_coding_review_trial_id"), "coding_review", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "meddra_coding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("verbatim", sa.Text(), nullable=False),
        sa.Column("term", sa.String(200), nullable=False),
        sa.Column("release", sa.String(16), nullable=False),
        sa.Column("llt_code", sa.String(8), nullable=False),
        sa.Column("llt", sa.String(200), nullable=False),
        sa.Column("pt_code", sa.String(8), nullable=False),
        sa.Column("pt", sa.String(200), nullable=False),
        sa.Column("soc_code", sa.String(8), nullable=False),
        sa.Column("soc", sa.String(200), nullable=False),
        sa.Column(
            "ground",
            sa.Enum(
                "words",
                "ctcae_code",
                "likeness",
                "coder",
                name="coding_ground",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("coded_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_meddra_coding_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_meddra_coding_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_meddra_coding_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_meddra_coding_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_meddra_coding_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meddra_coding")),
        schema="trial",
    )
    op.create_index(op.f("ix_meddra_coding_event_id"), "meddra_coding", ["event_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_meddra_coding_participant_id"), "meddra_coding", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_meddra_coding_trial_id"), "meddra_coding", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
        op.execute(keep_rows(table))
    for table in OF_PARTICIPANTS:
        op.execute(guard(table))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("meddra_coding", schema="trial")
    op.drop_table("coding_review", schema="trial")
    op.drop_table("meddra_release", schema="trial")
