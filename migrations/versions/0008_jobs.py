"""The queue of work: procrastinate's own tables, in a schema of their own."""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The queue's functions name their tables without a schema: they get a search path of their own, so that a session that
# never looks into this schema can defer a job in its own transaction.
BIND_FUNCTIONS = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT oid::regprocedure AS signature FROM pg_proc WHERE pronamespace = 'queue'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = queue, pg_catalog', found.signature);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA queue")
    op.execute("SET LOCAL search_path = queue, pg_catalog")
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    op.execute("SET LOCAL search_path = public")
    op.execute(BIND_FUNCTIONS)
    op.execute("GRANT USAGE ON SCHEMA queue TO equipoise_blinded")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO equipoise_blinded")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO equipoise_blinded")


def downgrade() -> None:
    op.execute("DROP SCHEMA queue CASCADE")
