"""Entries of the audit by table: to compare every table with its entries walked all entries once for each table."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

INDEX = "ix_entry_table"


def upgrade() -> None:
    op.create_index(INDEX, "entry", ["table_name"], schema="audit")


def downgrade() -> None:
    op.drop_index(INDEX, "entry", schema="audit")
