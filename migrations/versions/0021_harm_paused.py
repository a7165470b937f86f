"""Randomizing paused by a bound on harm, beside the sponsor's lever."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "trial", sa.Column("harm_paused", sa.Boolean(), nullable=False, server_default=sa.false()), schema="trial"
    )
    op.alter_column("trial", "harm_paused", server_default=None, schema="trial")


def downgrade() -> None:
    op.drop_column("trial", "harm_paused", schema="trial")
