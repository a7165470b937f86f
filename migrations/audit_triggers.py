"""The SQL that makes the audit unforgettable: functions, triggers and the grants that go with them.

Invariants
1. A row trigger records each insert and update of an audited table from transaction-local settings, and refuses a
   write that names no actor or no action. It runs as the owner: the application's roles cannot write ``audit`` themselves.
2. A deferred trigger chains the exact stored bytes of each entry at commit, under one advisory lock:
   ``hash = SHA-256(previous || position as 8 bytes || content as UTF-8)``, the first ``previous`` being 32 zero bytes.
3. Audited rows are never deleted, and no audited table is truncated; entries and links are never changed.

What it does not do: protect against the database's owner, who can drop a trigger. Anchors outside the database do that
(``trial/audit/anchors``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

FUNCTIONS: Final = """
CREATE FUNCTION audit.redacted(image jsonb, treatments jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(jsonb_object_agg(field.key, CASE
        WHEN field.value = 'null'::jsonb THEN field.value
        WHEN treatments ->> field.key = 'secret' THEN '"[redacted]"'::jsonb
        WHEN treatments ->> field.key = 'digest'
            THEN to_jsonb('sha256:' || encode(sha256(convert_to(field.value #>> '{}', 'UTF8')), 'hex'))
        ELSE field.value END), '{}'::jsonb)
    FROM jsonb_each(image) AS field
$$;

CREATE FUNCTION audit.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    treatments jsonb := TG_ARGV[0]::jsonb;
    -- Most tables hide nothing: what is recorded of them is the row as it is, and needs no look at each of its fields.
    plain boolean := treatments = '{}'::jsonb;
    actor text := nullif(current_setting('equipoise.actor', true), '');
    action text := nullif(current_setting('equipoise.action', true), '');
    occurred text := nullif(current_setting('equipoise.at', true), '');
    whole jsonb := to_jsonb(NEW);
    image jsonb := whole;
    previous jsonb;
    before jsonb;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        previous := to_jsonb(OLD);
        SELECT jsonb_object_agg(field.key, field.value) INTO before FROM jsonb_each(previous) AS field
            WHERE image -> field.key IS DISTINCT FROM field.value AND treatments ->> field.key IS DISTINCT FROM 'unrecorded';
        IF before IS NULL THEN
            RETURN NULL;
        END IF;
        IF before ? 'id' THEN
            RAISE EXCEPTION 'a record keeps its id' USING ERRCODE = 'EQ003';
        END IF;
    END IF;
    IF actor IS NULL OR action IS NULL OR occurred IS NULL THEN
        RAISE EXCEPTION 'a write to %.% names no actor', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'EQ001';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(field.key, image -> field.key) INTO image FROM jsonb_each(before) AS field;
    ELSIF NOT plain THEN
        SELECT jsonb_object_agg(field.key, field.value) INTO image FROM jsonb_each(image) AS field
            WHERE treatments ->> field.key IS DISTINCT FROM 'unrecorded';
    END IF;
    IF NOT plain THEN
        before := audit.redacted(before, treatments);
        image := audit.redacted(image, treatments);
    END IF;
    INSERT INTO audit.entry (transaction, actor, action, occurred_at, table_name, record_id, trial_id, site_id, content)
    SELECT pg_current_xact_id(), actor, action, occurred::timestamptz, named.table_name, NEW.id, named.trial_id,
        named.site_id, jsonb_build_object(
            'actor', actor, 'action', action, 'at', occurred,
            'reason', nullif(current_setting('equipoise.reason', true), ''),
            'request', nullif(current_setting('equipoise.request', true), ''),
            'table', named.table_name, 'operation', TG_OP, 'record', NEW.id,
            'trial', named.trial_id, 'site', named.site_id,
            'before', coalesce(before, '{}'::jsonb), 'after', image)::text
    FROM (SELECT TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME AS table_name,
                 (whole ->> 'trial_id')::uuid AS trial_id,
                 (whole ->> 'site_id')::uuid AS site_id) AS named;
    RETURN NULL;
END
$$;

CREATE FUNCTION audit.chain_entries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry record;
    head record;
    here bigint;
    hash bytea;
BEGIN
    IF EXISTS (SELECT 1 FROM audit.link WHERE entry_id = NEW.id) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(7305127, 1);
    SELECT link.position, link.hash INTO head FROM audit.link ORDER BY link.position DESC LIMIT 1;
    here := coalesce(head.position, 0);
    hash := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
    FOR entry IN
        SELECT id, content FROM audit.entry WHERE transaction = pg_current_xact_id() AND id >= NEW.id
            AND NOT EXISTS (SELECT 1 FROM audit.link WHERE entry_id = audit.entry.id) ORDER BY id
    LOOP
        here := here + 1;
        hash := sha256(hash || int8send(here) || convert_to(entry.content, 'UTF8'));
        INSERT INTO audit.link (position, entry_id, hash, chained_at) VALUES (here, entry.id, hash, clock_timestamp());
    END LOOP;
    RETURN NULL;
END
$$;

CREATE FUNCTION audit.refuse_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: its rows are kept', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'EQ002';
END
$$;
"""

FIRST_COMPARISON: Final = """
CREATE OR REPLACE FUNCTION audit.rows_that_differ(watched regclass) RETURNS TABLE (record_id uuid, finding text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    treatments jsonb;
    table_name text;
BEGIN
    -- The trigger's one argument, as stored, ends with a zero byte.
    SELECT convert_from(substring(tgargs FOR length(tgargs) - 1), 'UTF8')::jsonb INTO STRICT treatments FROM pg_trigger
        WHERE tgrelid = watched AND tgname = 'audit_change';
    SELECT nspname || '.' || relname INTO STRICT table_name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = watched;
    RETURN QUERY EXECUTE format($query$
        WITH told AS (
            SELECT entry.record_id AS id, jsonb_object_agg(field.key, field.value ORDER BY entry.id) AS image
            FROM audit.entry, jsonb_each(entry.content::jsonb -> 'after') AS field
            WHERE entry.table_name = %1$L GROUP BY entry.record_id),
        live AS (SELECT id, audit.redacted(to_jsonb(watched), %2$L) AS image FROM %3$s AS watched)
        SELECT coalesce(told.id, live.id),
            CASE WHEN live.id IS NULL THEN 'removed' WHEN told.id IS NULL THEN 'unrecorded' ELSE 'changed' END
        FROM told FULL JOIN live USING (id)
        WHERE live.id IS NULL OR told.id IS NULL OR NOT live.image @> told.image
        ORDER BY 1$query$, table_name, treatments, watched);
END
$$;
"""

TABLES: Final = """
CREATE TABLE audit.entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction xid8 NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    occurred_at timestamptz NOT NULL,
    table_name text NOT NULL,
    record_id uuid NOT NULL,
    trial_id uuid,
    site_id uuid,
    content text NOT NULL
);
CREATE INDEX ix_entry_transaction ON audit.entry (transaction);
CREATE INDEX ix_entry_record ON audit.entry (record_id, id);
CREATE INDEX ix_entry_trial ON audit.entry (trial_id, id);
CREATE TABLE audit.link (
    position bigint PRIMARY KEY,
    entry_id bigint NOT NULL UNIQUE REFERENCES audit.entry (id),
    hash bytea NOT NULL,
    chained_at timestamptz NOT NULL
);
CREATE CONSTRAINT TRIGGER chain AFTER INSERT ON audit.entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.chain_entries();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON audit.entry FOR EACH ROW EXECUTE FUNCTION audit.refuse_removal();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON audit.entry EXECUTE FUNCTION audit.refuse_removal();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON audit.link FOR EACH ROW EXECUTE FUNCTION audit.refuse_removal();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON audit.link EXECUTE FUNCTION audit.refuse_removal();
"""


def watch(table: str, treatments: Mapping[str, str]) -> str:
    """SQL that puts ``table`` (``schema.name``) under audit.

    ``treatments`` says for a column how it is recorded: ``secret`` (only that it changed), ``digest`` (its SHA-256) or
    ``unrecorded`` (a change of it alone is no entry).
    """
    return f"""
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION audit.record_change('{json.dumps(treatments, sort_keys=True)}');
CREATE TRIGGER audit_keep BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit.refuse_removal();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON {table} EXECUTE FUNCTION audit.refuse_removal();
"""


def unwatch(table: str) -> str:
    """SQL that takes ``table`` from under audit, for a downgrade that drops it."""
    return "".join(f"DROP TRIGGER {name} ON {table};\n" for name in ("audit_change", "audit_keep", "audit_keep_all"))


def keep_constant(table: str, column: str, *, once: str = "true") -> str:
    """SQL that refuses a change of ``column``, from the moment at which the old row satisfies ``once``."""
    name = f"keep_{column}"
    return f"""
CREATE FUNCTION {table}_{name}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '{column} of {table} is fixed' USING ERRCODE = 'EQ003';
END
$$;
CREATE TRIGGER {name} BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN (({once}) AND OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION {table}_{name}();
"""


def drop_constant(table: str, column: str) -> str:
    """SQL that takes back ``keep_constant``."""
    name = f"keep_{column}"
    return f"DROP TRIGGER {name} ON {table};\nDROP FUNCTION {table}_{name}();\n"
