"""People, roles, signatures; trials, sites, protocol versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WATCHED = {
    "access.account": {
        "code_secret": "secret",
        "email": "secret",
        "last_code_step": "unrecorded",
        "password_hash": "secret",
    },
    "trial.trial": {},
    "access.api_token": {"last_used_at": "unrecorded", "token_hash": "secret"},
    "access.credential_reset": {"new_password_hash": "secret"},
    "access.login_session": {"last_seen_at": "unrecorded", "token_hash": "secret"},
    "access.signature": {},
    "trial.protocol_version": {},
    "trial.site": {},
    "access.alert": {},
    "access.role_grant": {},
    "trial.site_adoption": {},
}


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("display_name", sa.String(120), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("code_secret", sa.String(), nullable=False),
        sa.Column("last_code_step", sa.Integer(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("username", name=op.f("uq_account_username")),
        schema="access",
    )
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("command_hash", sa.String(64), nullable=False),
        sa.Column("result_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("actor", "key", name=op.f("uq_idempotency_key_actor_key")),
        schema="trial",
    )
    op.create_table(
        "trial",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "real",
                "practice",
                "simulated",
                name="trial_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("planned_participants", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("randomizing_open", sa.Boolean(), nullable=False),
        sa.Column("dosing_open", sa.Boolean(), nullable=False),
        sa.Column("follow_up_open", sa.Boolean(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
        sa.UniqueConstraint("code", name=op.f("uq_trial_code")),
        schema="trial",
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("permissions", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_api_token_account_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_api_token_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
        schema="access",
    )
    op.create_index(op.f("ix_api_token_account_id"), "api_token", ["account_id"], unique=False, schema="access")
    op.create_table(
        "credential_reset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("new_password_hash", sa.String(), nullable=False),
        sa.Column("second_person_needed", sa.Boolean(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_credential_reset_account_id")),
        sa.ForeignKeyConstraint(["approved_by"], ["access.account.id"], name=op.f("fk_credential_reset_approved_by")),
        sa.ForeignKeyConstraint(["requested_by"], ["access.account.id"], name=op.f("fk_credential_reset_requested_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_credential_reset_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential_reset")),
        schema="access",
    )
    op.create_index(
        op.f("ix_credential_reset_account_id"),
        "credential_reset",
        ["account_id"],
        unique=False,
        schema="access",
    )
    op.create_table(
        "login_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("code_accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_login_session_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
        schema="access",
    )
    op.create_index(op.f("ix_login_session_account_id"), "login_session", ["account_id"], unique=False, schema="access")
    op.create_table(
        "signature",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("printed_name", sa.String(120), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("record_table", sa.String(80), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("record_hash", sa.String(64), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_signature_account_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_signature_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
        schema="access",
    )
    op.create_index(op.f("ix_signature_record_id"), "signature", ["record_id"], unique=False, schema="access")
    op.create_index(op.f("ix_signature_trial_id"), "signature", ["trial_id"], unique=False, schema="access")
    op.create_table(
        "protocol_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_protocol_version_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol_version")),
        sa.UniqueConstraint("trial_id", "label", name=op.f("uq_protocol_version_trial_id_label")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_protocol_version_trial_id"), "protocol_version", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("country", sa.String(3), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("activated_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_site_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("trial_id", "code", name=op.f("uq_site_trial_id_code")),
        schema="trial",
    )
    op.create_index(op.f("ix_site_trial_id"), "site", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "account_locked",
                "credentials_reset",
                "code_broken",
                "serious_event",
                "stock_low",
                "harm_bound",
                "recommendation",
                name="alert_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("role", sa.String(48), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["seen_by"], ["access.account.id"], name=op.f("fk_alert_seen_by")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_alert_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_alert_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        schema="access",
    )
    op.create_index(op.f("ix_alert_role"), "alert", ["role"], unique=False, schema="access")
    op.create_index(op.f("ix_alert_trial_id"), "alert", ["trial_id"], unique=False, schema="access")
    op.create_table(
        "role_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(48), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_role_grant_account_id")),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_role_grant_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_role_grant_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        schema="access",
    )
    op.create_index(op.f("ix_role_grant_account_id"), "role_grant", ["account_id"], unique=False, schema="access")
    op.create_index(op.f("ix_role_grant_trial_id"), "role_grant", ["trial_id"], unique=False, schema="access")
    op.create_table(
        "site_adoption",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("approved_on", sa.Date(), nullable=False),
        sa.Column("approval_reference", sa.String(120), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["trial.site.id"], name=op.f("fk_site_adoption_site_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_site_adoption_trial_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["trial.protocol_version.id"], name=op.f("fk_site_adoption_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site_adoption")),
        sa.UniqueConstraint("site_id", "version_id", name=op.f("uq_site_adoption_site_id_version_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_site_adoption_site_id"), "site_adoption", ["site_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_site_adoption_trial_id"), "site_adoption", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    op.execute(keep_constant("trial.trial", "kind"))
    op.execute(keep_constant("trial.trial", "code"))
    op.execute(keep_constant("trial.protocol_version", "text", once="OLD.activated_at IS NOT NULL"))
    op.execute(keep_constant("trial.protocol_version", "sha256", once="OLD.activated_at IS NOT NULL"))


def downgrade() -> None:
    for table, column in (
        ("trial.trial", "kind"),
        ("trial.trial", "code"),
        ("trial.protocol_version", "text"),
        ("trial.protocol_version", "sha256"),
    ):
        op.execute(drop_constant(table, column))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("site_adoption", schema="trial")
    op.drop_table("role_grant", schema="access")
    op.drop_table("alert", schema="access")
    op.drop_table("site", schema="trial")
    op.drop_table("protocol_version", schema="trial")
    op.drop_table("signature", schema="access")
    op.drop_table("login_session", schema="access")
    op.drop_table("credential_reset", schema="access")
    op.drop_table("api_token", schema="access")
    op.drop_table("trial", schema="trial")
    op.drop_table("idempotency_key", schema="trial")
    op.drop_table("account", schema="access")
