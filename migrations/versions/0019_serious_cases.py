"""Serious cases: reports to authorities, narratives, escalation, letters to sites, reconciliation."""

import sqlalchemy as sa
from alembic import op

from migrations.audit_triggers import unwatch, watch
from migrations.lock_triggers import guard, keep_rows

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.safety_listing": {"content": "digest"},
    "trial.listing_difference": {},
    "trial.difference_answer": {},
    "trial.case_narrative": {},
    "trial.clock_step": {},
    "trial.expedited_report": {},
    "trial.regulator_copy": {},
    "trial.safety_letter": {},
    "sealed.expedition": {"content": "digest"},
    "trial.letter_acknowledgement": {},
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
    "list_held",
    "stratum_low",
)
DOCUMENT_KIND = ("closed_report", "unblinded_pack")


def allow(table: str, constraint: str, values: tuple[str, ...]) -> None:
    """The column ``kind`` may hold these values and no others."""
    listed = ", ".join(f"'{value}'" for value in values)
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK (kind IN ({listed}))")


def upgrade() -> None:
    allow("access.alert", "ck_alert_alert_kind", (*ALERT_KIND, "report_due", "safety_letter"))
    allow("sealed.document", "ck_document_document_kind", (*DOCUMENT_KIND, "regulator_copy"))
    op.create_table(
        "alert_mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["access.alert.id"], name=op.f("fk_alert_mail_alert_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_mail")),
        sa.UniqueConstraint("alert_id", name=op.f("uq_alert_mail_alert_id")),
        schema="access",
    )
    op.create_table(
        "safety_listing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("cases_there", sa.Integer(), nullable=False),
        sa.Column("cases_here", sa.Integer(), nullable=False),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_safety_listing_trial_id")),
        sa.ForeignKeyConstraint(["uploaded_by"], ["access.account.id"], name=op.f("fk_safety_listing_uploaded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_listing")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_safety_listing_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_safety_listing_trial_id"), "safety_listing", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "listing_difference",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("participant", sa.String(40), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(40), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["trial.safety_listing.id"], name=op.f("fk_listing_difference_listing_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_listing_difference_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_difference")),
        sa.UniqueConstraint(
            "listing_id",
            "participant",
            "event",
            "field",
            name=op.f("uq_listing_difference_listing_id_participant_event_field"),
        ),
        schema="trial",
    )
    op.create_index(
        op.f("ix_listing_difference_listing_id"), "listing_difference", ["listing_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_listing_difference_trial_id"), "listing_difference", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "difference_answer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("difference_id", sa.Uuid(), nullable=False),
        sa.Column(
            "resolution",
            sa.Enum(
                "here_corrected",
                "there_corrected",
                "explained",
                name="resolution",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["answered_by"], ["access.account.id"], name=op.f("fk_difference_answer_answered_by")),
        sa.ForeignKeyConstraint(
            ["difference_id"], ["trial.listing_difference.id"], name=op.f("fk_difference_answer_difference_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_difference_answer_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference_answer")),
        sa.UniqueConstraint("difference_id", name=op.f("uq_difference_answer_difference_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_difference_answer_trial_id"), "difference_answer", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "case_narrative",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("written_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_case_narrative_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_case_narrative_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_case_narrative_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_case_narrative_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_case_narrative_trial_id")),
        sa.ForeignKeyConstraint(["written_by"], ["access.account.id"], name=op.f("fk_case_narrative_written_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_narrative")),
        sa.UniqueConstraint("event_id", "version", name=op.f("uq_case_narrative_event_id_version")),
        schema="trial",
    )
    op.create_index(op.f("ix_case_narrative_event_id"), "case_narrative", ["event_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_case_narrative_participant_id"), "case_narrative", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_case_narrative_trial_id"), "case_narrative", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "clock_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.String(48), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_clock_step_event_id")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_clock_step_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_clock_step_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_step")),
        sa.UniqueConstraint(
            "event_id", "clock_id", "started_at", "step", name=op.f("uq_clock_step_event_id_clock_id_started_at_step")
        ),
        schema="trial",
    )
    op.create_index(op.f("ix_clock_step_event_id"), "clock_step", ["event_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_clock_step_trial_id"), "clock_step", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "expedited_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("clock_id", sa.String(48), nullable=False),
        sa.Column("jurisdiction", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "stage",
            sa.Enum(
                "initial", "complete", "follow_up", name="stage", native_enum=False, create_constraint=True, length=48
            ),
            nullable=False,
        ),
        sa.Column("follow_up", sa.Integer(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dealt_with_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dealt_with_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(
            ["dealt_with_by"], ["access.account.id"], name=op.f("fk_expedited_report_dealt_with_by")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_expedited_report_event_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_expedited_report_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_expedited_report_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_expedited_report_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_expedited_report_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expedited_report")),
        sa.UniqueConstraint(
            "event_id", "jurisdiction", "number", name=op.f("uq_expedited_report_event_id_jurisdiction_number")
        ),
        schema="trial",
    )
    op.create_index(
        op.f("ix_expedited_report_event_id"), "expedited_report", ["event_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_expedited_report_participant_id"), "expedited_report", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_expedited_report_trial_id"), "expedited_report", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "regulator_copy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unblinding_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_regulator_copy_event_id")),
        sa.ForeignKeyConstraint(["made_by"], ["access.account.id"], name=op.f("fk_regulator_copy_made_by")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["trial.participant.id"], name=op.f("fk_regulator_copy_participant_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_regulator_copy_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_regulator_copy_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_regulator_copy_trial_id")),
        sa.ForeignKeyConstraint(
            ["unblinding_id"], ["trial.unblinding.id"], name=op.f("fk_regulator_copy_unblinding_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regulator_copy")),
        sa.UniqueConstraint("event_id", "version", name=op.f("uq_regulator_copy_event_id_version")),
        schema="trial",
    )
    op.create_index(op.f("ix_regulator_copy_event_id"), "regulator_copy", ["event_id"], unique=False, schema="trial")
    op.create_index(
        op.f("ix_regulator_copy_participant_id"), "regulator_copy", ["participant_id"], unique=False, schema="trial"
    )
    op.create_index(op.f("ix_regulator_copy_trial_id"), "regulator_copy", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "safety_letter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(160), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("asked_of_sites", sa.Text(), nullable=False),
        sa.Column("sites", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=True),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["trial.adverse_event.id"], name=op.f("fk_safety_letter_event_id")),
        sa.ForeignKeyConstraint(["issued_by"], ["access.account.id"], name=op.f("fk_safety_letter_issued_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_safety_letter_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_safety_letter_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_safety_letter")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_safety_letter_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_safety_letter_trial_id"), "safety_letter", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "expedition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["trial.expedited_report.id"], name=op.f("fk_expedition_report_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_expedition_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expedition")),
        sa.UniqueConstraint("report_id", name=op.f("uq_expedition_report_id")),
        schema="sealed",
    )
    op.create_index(op.f("ix_expedition_trial_id"), "expedition", ["trial_id"], unique=False, schema="sealed")
    op.create_table(
        "letter_acknowledgement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("letter_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"], ["access.account.id"], name=op.f("fk_letter_acknowledgement_acknowledged_by")
        ),
        sa.ForeignKeyConstraint(
            ["letter_id"], ["trial.safety_letter.id"], name=op.f("fk_letter_acknowledgement_letter_id")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_letter_acknowledgement_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_letter_acknowledgement_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_letter_acknowledgement_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_acknowledgement")),
        sa.UniqueConstraint("letter_id", "site_id", name=op.f("uq_letter_acknowledgement_letter_id_site_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_letter_acknowledgement_letter_id"),
        "letter_acknowledgement",
        ["letter_id"],
        unique=False,
        schema="trial",
    )
    op.create_index(
        op.f("ix_letter_acknowledgement_trial_id"), "letter_acknowledgement", ["trial_id"], unique=False, schema="trial"
    )
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
        op.execute(keep_rows(table))
    op.execute(guard("trial.case_narrative"))


def downgrade() -> None:
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("letter_acknowledgement", schema="trial")
    op.drop_table("expedition", schema="sealed")
    op.drop_table("safety_letter", schema="trial")
    op.drop_table("regulator_copy", schema="trial")
    op.drop_table("expedited_report", schema="trial")
    op.drop_table("clock_step", schema="trial")
    op.drop_table("case_narrative", schema="trial")
    op.drop_table("difference_answer", schema="trial")
    op.drop_table("listing_difference", schema="trial")
    op.drop_table("safety_listing", schema="trial")
    op.drop_table("alert_mail", schema="access")
    allow("sealed.document", "ck_document_document_kind", DOCUMENT_KIND)
    allow("access.alert", "ck_alert_alert_kind", ALERT_KIND)
