"""What happens to participants."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WATCHED = {
    "trial.participant": {},
    "identity.participant_identity": {"sealed_contact": "digest", "sealed_name": "digest"},
    "trial.attendance": {},
    "trial.blinding_guess": {"certainty": "secret", "guess": "secret", "reason": "secret"},
    "trial.concomitant_treatment": {},
    "trial.consent": {},
    "trial.consent_withdrawal": {},
    "trial.deviation": {},
    "trial.eligibility_assessment": {},
    "trial.factor_value": {},
    "trial.form_record": {},
    "trial.infusion_order": {},
    "trial.outcome": {},
    "trial.query": {},
    "trial.screening_failure": {},
    "trial.study_end": {},
    "trial.treatment_end": {},
    "trial.visit": {},
    "trial.infusion": {},
}

# What an allocation used stays as it was used.
_RANDOMIZED = "OLD.randomized_at IS NOT NULL"
_USED = "OLD.used_at IS NOT NULL"
CONSTANT = (
    ("trial.participant", "code", "true"),
    ("trial.participant", "site_id", "true"),
    ("trial.participant", "randomized_at", _RANDOMIZED),
    ("trial.participant", "randomization_number", _RANDOMIZED),
    ("trial.participant", "stratum", _RANDOMIZED),
    ("trial.factor_value", "value", _USED),
    ("trial.factor_value", "used_at", _USED),
    ("trial.blinding_guess", "guess", "true"),
)


def upgrade() -> None:
    op.create_table(
        "participant_counter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_participant_counter_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant_counter")),
        sa.UniqueConstraint("trial_id", name=op.f("uq_participant_counter_trial_id")),
        schema="trial",
    )
    op.create_table(
        "participant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("sex", sa.String(16), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=False),
        sa.Column("race", sa.String(64), nullable=False),
        sa.Column("ethnicity", sa.String(64), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "screening",
                "eligible",
                "randomized",
                "on_treatment",
                "follow_up",
                "completed",
                "withdrawn",
                "lost",
                "died",
                "not_eligible",
                "declined",
                "not_enrolled",
                name="participant_status",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("consented_on", sa.Date(), nullable=True),
        sa.Column("consent_version_id", sa.Uuid(), nullable=True),
        sa.Column("eligibility_signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("randomized_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("randomization_number", sa.String(16), nullable=True),
        sa.Column("stratum", sa.String(300), nullable=True),
        sa.Column("first_dose_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_dose_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["consent_version_id"], ["trial.protocol_version.id"], name=op.f("fk_participant_consent_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_participant_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_participant_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_participant_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("trial_id", "code", name=op.f("uq_participant_trial_id_code")),
        sa.UniqueConstraint(
            "trial_id", "randomization_number", name=op.f("uq_participant_trial_id_randomization_number")
        ),
        schema="trial",
    )
    op.create_index(op.f("ix_participant_site_id"), "participant", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_participant_trial_id"), "participant", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "participant_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_name", sa.Text(), nullable=False),
        sa.Column("sealed_contact", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_participant_identity_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_participant_identity_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_participant_identity_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_participant_identity_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant_identity")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_participant_identity_participant_id")),
        schema="identity",
    )
    op.create_index(
        op.f("ix_participant_identity_trial_id"), "participant_identity", ["trial_id"], unique=False, schema="identity"
    )
    op.create_table(
        "attendance",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("session", sa.Integer(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(80), nullable=False),
        sa.Column("attended", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_attendance_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_attendance_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_attendance_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_attendance_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendance")),
        sa.UniqueConstraint("participant_id", "session", name=op.f("uq_attendance_participant_id_session")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_attendance_participant_id"), "attendance", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_attendance_trial_id"), "attendance", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "blinding_guess",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("occasion", sa.String(48), nullable=False),
        sa.Column(
            "guesser",
            sa.Enum(
                "participant",
                "infusion_nurse",
                "assessor",
                name="guesser",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("guess", sa.String(48), nullable=False),
        sa.Column("certainty", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(48), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_blinding_guess_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_blinding_guess_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_blinding_guess_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_blinding_guess_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blinding_guess")),
        sa.UniqueConstraint(
            "participant_id", "occasion", "guesser", name=op.f("uq_blinding_guess_participant_id_occasion_guesser")
        ),
        schema="trial",
    )
    op.create_index(
        op.f("ix_blinding_guess_participant_id"), "blinding_guess", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_blinding_guess_trial_id"), "blinding_guess", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "concomitant_treatment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("unit", sa.String(40), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_concomitant_treatment_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_concomitant_treatment_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_concomitant_treatment_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_concomitant_treatment_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_concomitant_treatment")),
        sa.UniqueConstraint(
            "participant_id", "visit", "name", name=op.f("uq_concomitant_treatment_participant_id_visit_name")
        ),
        schema="trial",
    )
    op.create_index(
        op.f("ix_concomitant_treatment_participant_id"),
        "concomitant_treatment",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_concomitant_treatment_trial_id"), "concomitant_treatment", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("document_version", sa.String(40), nullable=False),
        sa.Column("copy_given", sa.Boolean(), nullable=False),
        sa.Column("again", sa.Boolean(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_consent_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_consent_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_consent_site_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["access.account.id"], name=op.f("fk_consent_taken_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_consent_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "participant_id", "protocol_version_id", name=op.f("uq_consent_participant_id_protocol_version_id")
        ),
        schema="trial",
    )
    op.create_index(op.f("ix_consent_participant_id"), "consent", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_consent_trial_id"), "consent", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "consent_withdrawal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("withdrawn_on", sa.Date(), nullable=False),
        sa.Column(
            "scope",
            sa.Enum(
                "treatment",
                "participation",
                name="withdrawal_scope",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_consent_withdrawal_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_consent_withdrawal_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_consent_withdrawal_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_consent_withdrawal_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_withdrawal")),
        sa.UniqueConstraint("participant_id", "scope", name=op.f("uq_consent_withdrawal_participant_id_scope")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_consent_withdrawal_participant_id"),
        "consent_withdrawal",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_consent_withdrawal_trial_id"), "consent_withdrawal", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "deviation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column(
            "importance",
            sa.Enum("important", "other", name="importance", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_deviation_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_deviation_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_deviation_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_deviation_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deviation")),
        sa.UniqueConstraint("participant_id", "number", name=op.f("uq_deviation_participant_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_deviation_participant_id"), "deviation", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_deviation_trial_id"), "deviation", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "eligibility_assessment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("eligible", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_eligibility_assessment_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_eligibility_assessment_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_eligibility_assessment_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_eligibility_assessment_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eligibility_assessment")),
        sa.UniqueConstraint("participant_id", "number", name=op.f("uq_eligibility_assessment_participant_id_number")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_eligibility_assessment_participant_id"),
        "eligibility_assessment",
        ["participant_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_eligibility_assessment_trial_id"), "eligibility_assessment", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "factor_value",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("factor", sa.String(48), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("corrected", sa.String(64), nullable=True),
        sa.Column("correction_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_factor_value_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_factor_value_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_factor_value_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_factor_value_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_value")),
        sa.UniqueConstraint("participant_id", "factor", name=op.f("uq_factor_value_participant_id_factor")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_factor_value_participant_id"), "factor_value", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_factor_value_trial_id"), "factor_value", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "form_record",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=False),
        sa.Column("form", sa.String(48), nullable=False),
        sa.Column(
            "domain",
            sa.Enum(
                "screening",
                "conduct",
                "infusion",
                "efficacy",
                "safety",
                name="data_domain",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("performed_on", sa.Date(), nullable=False),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_form_record_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_form_record_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_form_record_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_form_record_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_record")),
        sa.UniqueConstraint("participant_id", "visit", "form", name=op.f("uq_form_record_participant_id_visit_form")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_form_record_participant_id"), "form_record", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_form_record_trial_id"), "form_record", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "infusion_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("infusion", sa.Integer(), nullable=False),
        sa.Column("for_day", sa.Date(), nullable=False),
        sa.Column("ordered_by", sa.Uuid(), nullable=False),
        sa.Column("weight_kg", sa.Float(), nullable=False),
        sa.Column("height_cm", sa.Float(), nullable=True),
        sa.Column("basis_weight_kg", sa.Float(), nullable=False),
        sa.Column("dose_weight_kg", sa.Float(), nullable=False),
        sa.Column("mg_per_kg", sa.Float(), nullable=False),
        sa.Column("dose_mg", sa.Float(), nullable=False),
        sa.Column("volume_ml", sa.Float(), nullable=False),
        sa.Column("rate_ml_per_h", sa.Float(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("flags", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["ordered_by"], ["access.account.id"], name=op.f("fk_infusion_order_ordered_by")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_infusion_order_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_infusion_order_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_infusion_order_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_infusion_order_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infusion_order")),
        sa.UniqueConstraint(
            "participant_id", "infusion", "for_day", name=op.f("uq_infusion_order_participant_id_infusion_for_day")
        ),
        schema="trial",
    )
    op.create_index(
        op.f("ix_infusion_order_participant_id"), "infusion_order", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_infusion_order_trial_id"), "infusion_order", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "outcome",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=False),
        sa.Column("instrument", sa.String(48), nullable=False),
        sa.Column("instrument_version", sa.String(48), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column(
            "domain",
            sa.Enum(
                "screening",
                "conduct",
                "infusion",
                "efficacy",
                "safety",
                name="data_domain",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column(
            "entered_by",
            sa.Enum(
                "participant",
                "assessor",
                "clinician",
                name="entered_by",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("answered_on", sa.Date(), nullable=False),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        sa.Column("scores", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_outcome_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_outcome_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_outcome_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_outcome_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome")),
        sa.UniqueConstraint(
            "participant_id",
            "visit",
            "instrument",
            "repeat",
            name=op.f("uq_outcome_participant_id_visit_instrument_repeat"),
        ),
        schema="trial",
    )
    op.create_index(op.f("ix_outcome_participant_id"), "outcome", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_outcome_trial_id"), "outcome", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "query",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column(
            "domain",
            sa.Enum(
                "screening",
                "conduct",
                "infusion",
                "efficacy",
                "safety",
                name="data_domain",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("visit", sa.String(48), nullable=True),
        sa.Column("subject", sa.String(48), nullable=True),
        sa.Column("field", sa.String(48), nullable=True),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open", "answered", "closed", name="query_status", native_enum=False, create_constraint=True, length=48
            ),
            nullable=False,
        ),
        sa.Column("raised_by", sa.Uuid(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["answered_by"], ["access.account.id"], name=op.f("fk_query_answered_by")),
        sa.ForeignKeyConstraint(["closed_by"], ["access.account.id"], name=op.f("fk_query_closed_by")),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_query_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_query_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["raised_by"], ["access.account.id"], name=op.f("fk_query_raised_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_query_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_query_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query")),
        schema="trial",
    )
    op.create_index(op.f("ix_query_participant_id"), "query", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_query_status"), "query", ["status"], unique=False, schema="trial")
    op.create_index(op.f("ix_query_trial_id"), "query", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "screening_failure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "not_eligible",
                "declined",
                "other",
                name="not_enrolled_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("criteria", postgresql.JSONB(), nullable=False),
        sa.Column("failed_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_screening_failure_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_screening_failure_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_screening_failure_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_screening_failure_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening_failure")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_screening_failure_participant_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_screening_failure_trial_id"), "screening_failure", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "study_end",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "completed",
                "withdrawn",
                "lost",
                "died",
                name="study_end_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "completed",
                "adverse_event",
                "lack_of_efficacy",
                "participant_decision",
                "consent_withdrawn",
                "physician_decision",
                "protocol_deviation",
                "pregnancy",
                "logistics",
                "lost_to_follow_up",
                "death",
                "other",
                name="end_reason",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("died_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_study_end_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_study_end_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_study_end_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_study_end_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_end")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_study_end_participant_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_study_end_participant_id"), "study_end", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_study_end_trial_id"), "study_end", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "treatment_end",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "completed",
                "discontinued",
                "not_started",
                name="treatment_end_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "completed",
                "adverse_event",
                "lack_of_efficacy",
                "participant_decision",
                "consent_withdrawn",
                "physician_decision",
                "protocol_deviation",
                "pregnancy",
                "logistics",
                "lost_to_follow_up",
                "death",
                "other",
                name="end_reason",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_treatment_end_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_treatment_end_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_treatment_end_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_treatment_end_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_treatment_end")),
        sa.UniqueConstraint("participant_id", name=op.f("uq_treatment_end_participant_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_treatment_end_participant_id"), "treatment_end", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_treatment_end_trial_id"), "treatment_end", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "visit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=False),
        sa.Column(
            "standing",
            sa.Enum(
                "due",
                "done",
                "missed",
                "not_expected",
                name="visit_standing",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("happened_on", sa.Date(), nullable=True),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("window_from", sa.Date(), nullable=True),
        sa.Column("window_to", sa.Date(), nullable=True),
        sa.Column("in_window", sa.Boolean(), nullable=True),
        sa.Column("missed_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_visit_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_visit_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_visit_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_visit_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("participant_id", "visit", name=op.f("uq_visit_participant_id_visit")),
        schema="trial",
    )
    op.create_index(op.f("ix_visit_participant_id"), "visit", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_visit_trial_id"), "visit", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "infusion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("infusion", sa.Integer(), nullable=False),
        sa.Column("visit", sa.String(48), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "given",
                "partial",
                "missed",
                name="infusion_status",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("given_on", sa.Date(), nullable=True),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("infused_volume_ml", sa.Float(), nullable=True),
        sa.Column("planned_volume_ml", sa.Float(), nullable=True),
        sa.Column("interruptions", postgresql.JSONB(), nullable=False),
        sa.Column("interrupted_min", sa.Integer(), nullable=False),
        sa.Column("stopped_reason", sa.Text(), nullable=True),
        sa.Column("missed_reason", sa.Text(), nullable=True),
        sa.Column("kit", sa.String(40), nullable=True),
        sa.Column("readings", postgresql.JSONB(), nullable=False),
        sa.Column("readings_missing", sa.Integer(), nullable=False),
        sa.Column("signs", postgresql.JSONB(), nullable=False),
        sa.Column("rules_fired", postgresql.JSONB(), nullable=False),
        sa.Column("discharged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("discharge_unmet", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["trial.infusion_order.id"], name=op.f("fk_infusion_order_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["trial.participant.id"], name=op.f("fk_infusion_participant_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_infusion_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_infusion_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_infusion_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_infusion")),
        sa.UniqueConstraint("participant_id", "infusion", name=op.f("uq_infusion_participant_id_infusion")),
        schema="trial",
    )
    op.create_index(op.f("ix_infusion_participant_id"), "infusion", ["participant_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_infusion_trial_id"), "infusion", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for table, column, once in CONSTANT:
        op.execute(keep_constant(table, column, once=once))


def downgrade() -> None:
    for table, column, _ in CONSTANT:
        op.execute(drop_constant(table, column))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("infusion", schema="trial")
    op.drop_table("visit", schema="trial")
    op.drop_table("treatment_end", schema="trial")
    op.drop_table("study_end", schema="trial")
    op.drop_table("screening_failure", schema="trial")
    op.drop_table("query", schema="trial")
    op.drop_table("outcome", schema="trial")
    op.drop_table("infusion_order", schema="trial")
    op.drop_table("form_record", schema="trial")
    op.drop_table("factor_value", schema="trial")
    op.drop_table("eligibility_assessment", schema="trial")
    op.drop_table("deviation", schema="trial")
    op.drop_table("consent_withdrawal", schema="trial")
    op.drop_table("consent", schema="trial")
    op.drop_table("concomitant_treatment", schema="trial")
    op.drop_table("blinding_guess", schema="trial")
    op.drop_table("attendance", schema="trial")
    op.drop_table("participant_identity", schema="identity")
    op.drop_table("participant", schema="trial")
    op.drop_table("participant_counter", schema="trial")
