"""Rows compared with their entries exactly: what was added inside a document went unseen, and comparing took most of the time."""

from alembic import op

from migrations.audit_triggers import FIRST_COMPARISON

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COMPARISON = """
CREATE OR REPLACE AGGREGATE audit.merged(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
REVOKE ALL ON FUNCTION audit.merged(jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION audit.rows_that_differ(watched regclass) RETURNS TABLE (record_id uuid, finding text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET work_mem = '64MB' AS $$
DECLARE
    treatments jsonb;
    table_name text;
    recorded text := 'to_jsonb(watched)';
BEGIN
    -- The trigger's one argument, as stored, ends with a zero byte.
    SELECT convert_from(substring(tgargs FOR length(tgargs) - 1), 'UTF8')::jsonb INTO STRICT treatments FROM pg_trigger
        WHERE tgrelid = watched AND tgname = 'audit_change';
    SELECT nspname || '.' || relname INTO STRICT table_name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = watched;
    IF treatments <> '{}'::jsonb THEN
        recorded := format('audit.redacted(to_jsonb(watched), %L) - %L::text[]', treatments,
            ARRAY(SELECT key FROM jsonb_each_text(treatments) WHERE value = 'unrecorded'));
    END IF;
    -- A column that came with a later version of the schema is told of only from its first change on.
    RETURN QUERY EXECUTE format($query$
        WITH told AS (
            SELECT entry.record_id AS id, audit.merged(entry.content::jsonb -> 'after' ORDER BY entry.id) AS image
            FROM audit.entry WHERE entry.table_name = %1$L GROUP BY entry.record_id),
        live AS (SELECT id, %2$s AS image FROM %3$s AS watched)
        SELECT coalesce(told.id, live.id),
            CASE WHEN live.id IS NULL THEN 'removed' WHEN told.id IS NULL THEN 'unrecorded' ELSE 'changed' END
        FROM told FULL JOIN live USING (id)
        WHERE live.image IS DISTINCT FROM told.image AND (live.id IS NULL OR told.id IS NULL OR EXISTS (
            SELECT FROM jsonb_each(told.image) AS field WHERE live.image -> field.key IS DISTINCT FROM field.value))
        ORDER BY 1$query$, table_name, recorded, watched);
END
$$;
"""


def upgrade() -> None:
    op.execute(COMPARISON)


def downgrade() -> None:
    op.execute(FIRST_COMPARISON)
    op.execute("DROP AGGREGATE audit.merged(jsonb)")
