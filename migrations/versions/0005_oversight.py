"""The board, its meetings, and the sponsor's decisions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.audit_triggers import drop_constant, keep_constant, unwatch, watch

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WATCHED: dict[str, dict[str, str]] = {
    "trial.board_member": {},
    "trial.meeting": {},
    "trial.board_declaration": {},
    "trial.board_vote": {},
    "trial.paper": {},
    "trial.recommendation": {},
    "trial.decision": {},
    "trial.paper_opening": {},
}

# What was filed, recommended and decided stays as it was.
CONSTANT = (
    ("trial.paper", "snapshot_id"),
    ("trial.paper", "snapshot_sha256"),
    ("trial.paper", "document_sha256"),
    ("trial.recommendation", "recommendation"),
    ("trial.recommendation", "text"),
    ("trial.decision", "answer"),
    ("trial.decision", "levers"),
)


def upgrade() -> None:
    op.create_table(
        "board_member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("seat", sa.String(48), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_board_member_account_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_board_member_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_board_member_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_member")),
        schema="trial",
    )
    op.create_index(op.f("ix_board_member_account_id"), "board_member", ["account_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_board_member_trial_id"), "board_member", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "meeting",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "planned_look",
                "safety_review",
                "extraordinary",
                name="meeting_kind",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("look", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "convened",
                "concluded",
                "decided",
                "cancelled",
                name="meeting_state",
                native_enum=False,
                create_constraint=True,
                length=48,
            ),
            nullable=False,
        ),
        sa.Column("convened_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_meeting_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_meeting_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_meeting_trial_id_number")),
        schema="trial",
    )
    op.create_index(op.f("ix_meeting_trial_id"), "meeting", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "board_declaration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("seat", sa.String(48), nullable=False),
        sa.Column("has_conflict", sa.Boolean(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_board_declaration_account_id")),
        sa.ForeignKeyConstraint(["meeting_id"], ["trial.meeting.id"], name=op.f("fk_board_declaration_meeting_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"],
            ["trial.protocol_version.id"],
            name=op.f("fk_board_declaration_protocol_version_id"),
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_board_declaration_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_declaration")),
        sa.UniqueConstraint("meeting_id", "account_id", name=op.f("uq_board_declaration_meeting_id_account_id")),
        schema="trial",
    )
    op.create_index(
        op.f("ix_board_declaration_meeting_id"), "board_declaration", ["meeting_id"], unique=False, schema="trial"
    )
    op.create_index(
        op.f("ix_board_declaration_trial_id"), "board_declaration", ["trial_id"], unique=False, schema="trial"
    )
    op.create_table(
        "board_vote",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("recommendation", sa.String(48), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["access.account.id"], name=op.f("fk_board_vote_account_id")),
        sa.ForeignKeyConstraint(["meeting_id"], ["trial.meeting.id"], name=op.f("fk_board_vote_meeting_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_board_vote_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_board_vote_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_board_vote")),
        sa.UniqueConstraint("meeting_id", "account_id", name=op.f("uq_board_vote_meeting_id_account_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_board_vote_meeting_id"), "board_vote", ["meeting_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_board_vote_trial_id"), "board_vote", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "paper",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("open", "closed", name="paper_kind", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("snapshot_sha256", sa.String(64), nullable=False),
        sa.Column("document_sha256", sa.String(64), nullable=True),
        sa.Column("document_size", sa.Integer(), nullable=True),
        sa.Column("sealed_document_id", sa.Uuid(), nullable=True),
        sa.Column("code_version", sa.String(64), nullable=False),
        sa.Column("built_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["trial.meeting.id"], name=op.f("fk_paper_meeting_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_paper_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_paper_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
        sa.CheckConstraint(
            "(kind = 'open') = (document_sha256 IS NOT NULL) AND (kind = 'open') = (document_size IS NOT NULL)"
            " AND (kind = 'closed') = (sealed_document_id IS NOT NULL)",
            name=op.f("ck_paper_named_by_kind"),
        ),
        sa.UniqueConstraint("meeting_id", "document_sha256", name=op.f("uq_paper_meeting_id_document_sha256")),
        sa.UniqueConstraint("meeting_id", "sealed_document_id", name=op.f("uq_paper_meeting_id_sealed_document_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_paper_meeting_id"), "paper", ["meeting_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_paper_trial_id"), "paper", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "recommendation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("meeting_id", sa.Uuid(), nullable=False),
        sa.Column("recommendation", sa.String(48), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("members_voting", sa.Integer(), nullable=False),
        sa.Column("signed_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["trial.meeting.id"], name=op.f("fk_recommendation_meeting_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_recommendation_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["signed_by"], ["access.account.id"], name=op.f("fk_recommendation_signed_by")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_recommendation_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recommendation")),
        sa.UniqueConstraint("meeting_id", name=op.f("uq_recommendation_meeting_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_recommendation_trial_id"), "recommendation", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("recommendation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "answer",
            sa.Enum("accept", "modify", "reject", name="answer", native_enum=False, create_constraint=True, length=48),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("levers", postgresql.JSONB(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["access.account.id"], name=op.f("fk_decision_decided_by")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_decision_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["recommendation_id"], ["trial.recommendation.id"], name=op.f("fk_decision_recommendation_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_decision_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("recommendation_id", name=op.f("uq_decision_recommendation_id")),
        schema="trial",
    )
    op.create_index(op.f("ix_decision_trial_id"), "decision", ["trial_id"], unique=False, schema="trial")
    op.create_table(
        "paper_opening",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial_id", sa.Uuid(), nullable=False),
        sa.Column("protocol_version_id", sa.Uuid(), nullable=False),
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by", sa.String(80), nullable=False),
        sa.ForeignKeyConstraint(["paper_id"], ["trial.paper.id"], name=op.f("fk_paper_opening_paper_id")),
        sa.ForeignKeyConstraint(
            ["protocol_version_id"], ["trial.protocol_version.id"], name=op.f("fk_paper_opening_protocol_version_id")
        ),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.trial.id"], name=op.f("fk_paper_opening_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_opening")),
        schema="trial",
    )
    op.create_index(op.f("ix_paper_opening_paper_id"), "paper_opening", ["paper_id"], unique=False, schema="trial")
    op.create_index(op.f("ix_paper_opening_trial_id"), "paper_opening", ["trial_id"], unique=False, schema="trial")
    for table, treatments in WATCHED.items():
        op.execute(watch(table, treatments))
    for table, column in CONSTANT:
        op.execute(keep_constant(table, column))


def downgrade() -> None:
    for table, column in CONSTANT:
        op.execute(drop_constant(table, column))
    for table in WATCHED:
        op.execute(unwatch(table))
    op.drop_table("paper_opening", schema="trial")
    op.drop_table("decision", schema="trial")
    op.drop_table("recommendation", schema="trial")
    op.drop_table("paper", schema="trial")
    op.drop_table("board_vote", schema="trial")
    op.drop_table("board_declaration", schema="trial")
    op.drop_table("meeting", schema="trial")
    op.drop_table("board_member", schema="trial")
