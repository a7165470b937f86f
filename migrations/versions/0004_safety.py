"""Adverse events and their assessment."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.adverse_event": {},
    "trial.sponsor_assessment": {},
    "trial.susar_assessment": {},
}


def upgrade() -> None:
    op.create_table(
        "adverse_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("verbatim", sa.Text(), nullable=False),
        sa.Column("term", sa.String(200), nullable=False),
        sa.Column("soc", sa.String(120), nullable=False),
        sa.Column("llt_code", sa.String(16), nullable=False),
        sa.Column("dictionary", sa.String(16), nullable=False),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.Column("aesi", sa.String(120), nullable=True),
        sa.Column("death", sa.Boolean(), nullable=False),
        sa.Column("life_threatening", sa.Boolean(), nullable=False),
        sa.Column("hospitalization", sa.Boolean(), nullable=False),
        sa.Column("disability", sa.Boolean(), nullable=False),
        sa.Column("congenital_anomaly", sa.Boolean(), nullable=False),
        sa.Column("medically_important", sa.Boolean(), nullable=False),
        sa.Column(
            "serious",
            sa.Boolean(),
            sa.Computed(
                "death OR life_threatening OR hospitalization OR disability OR congenital_anomaly OR medically_important",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("onset", sa.String(16), nullable=False),
        sa.Column("onset_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.String(16), nullable=True),
        sa.Column(
            "ascertainment",
            sa.Enum(
                "systematic",
                "non_systematic",
                name="ascertainment",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("infusion", sa.Integer(), nullable=True),
        sa.Column("onset_minute", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(48), nullable=False),
        sa.Column("action_taken", sa.String(48), nullable=False),
        sa.Column("led_to_withdrawal", sa.Boolean(), nullable=False),
        sa.Column("reported_by", sa.String(80), nullable=False),
        sa.Column("aware_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sponsor_received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("became_fatal_or_life_threatening_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follow_up_received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("causality", sa.String(48), nullable=True),
        sa.Column("causality_by", sa.Uuid(), nullable=True),
        sa.Column("causality_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["causality_by"], ["access.account.id"], name=op.f("fk_adverse_event_causality_by")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_adverse_event_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_adverse_event_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_adverse_event_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_adverse_event_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adverse_event")),
        sa.UniqueConstraint("participant_id", "number", name=op.f("uq_adverse_event_participant_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_adverse_event_participant_id"), "adverse_event", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_adverse_event_trial_id"), "adverse_event", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "sponsor_assessment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("causality", sa.String(48), nullable=False),
        sa.Column("expected", sa.Boolean(), nullable=False),
        sa.Column("reference_document", sa.Text(), nullable=False),
        sa.Column("narrative", sa.Text(), nullable=False),
        sa.Column("assessed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["assessed_by"], ["access.account.id"], name=op.f("fk_sponsor_assessment_assessed_by")),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_sponsor_assessment_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_sponsor_assessment_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_sponsor_assessment_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_sponsor_assessment_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_sponsor_assessment_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sponsor_assessment")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_sponsor_assessment_event_id"), "sponsor_assessment", ["event_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_sponsor_assessment_participant_id"),
        "sponsor_assessment",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_sponsor_assessment_trial_id"), "sponsor_assessment", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "susar_assessment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("suspected", sa.Boolean(), nullable=False),
        sa.Column("unexpected", sa.Boolean(), nullable=False),
        sa.Column("is_susar", sa.Boolean(), nullable=False),
        sa.Column("narrative", sa.Text(), nullable=False),
        sa.Column("assessed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["assessed_by"], ["access.account.id"], name=op.f("fk_susar_assessment_assessed_by")),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_susar_assessment_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_susar_assessment_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_susar_assessment_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_susar_assessment_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_susar_assessment_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_susar_assessment")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_susar_assessment_event_id"), "susar_assessment", ["event_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_susar_assessment_participant_id"), "susar_assessment", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_susar_assessment_trial_id"), "susar_assessment", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("susar_assessment", schema="trial")
    op.drop_table("sponsor_assessment", schema="trial")
    op.drop_table("adverse_event", schema="trial")
