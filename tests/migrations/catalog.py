"""A database's schema as text, read from the system's catalogs: what a migration may have changed.

Tables, columns, constraints, indexes, triggers, functions, sequences, grants on all of them, default privileges and
enumerations; line by line, sorted. Names of objects that the server makes up from numbers do not occur in it.
"""

from __future__ import annotations

import psycopg

_OURS = "nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND nspname NOT LIKE 'pg_temp%'"

QUERIES = {
    "schema": f"SELECT nspname, pg_get_userbyid(nspowner), nspacl::text FROM pg_namespace WHERE {_OURS}",
    "table": f"""
        SELECT nspname, relname, relkind, pg_get_userbyid(relowner), relacl::text, relrowsecurity, reloptions::text
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE {_OURS} AND relkind <> 't'""",
    "column": f"""
        SELECT nspname, relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
            attacl::text, pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE {_OURS} AND attnum > 0 AND NOT attisdropped AND relkind <> 't'""",
    "constraint": f"""
        SELECT nspname, conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid)
        FROM pg_constraint JOIN pg_namespace ON pg_namespace.oid = connamespace WHERE {_OURS}""",
    "index": f"SELECT schemaname, indexname, indexdef FROM pg_indexes, pg_namespace WHERE nspname = schemaname AND {_OURS}",
    "trigger": f"""
        SELECT nspname, relname, tgname, tgenabled, pg_get_triggerdef(pg_trigger.oid)
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {_OURS} AND NOT tgisinternal""",
    "function": f"""
        SELECT nspname, proname, pg_get_function_identity_arguments(pg_proc.oid), pg_get_userbyid(proowner), proacl::text,
            prosecdef, proconfig::text, CASE WHEN prokind = 'a' THEN '' ELSE pg_get_functiondef(pg_proc.oid) END
        FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE {_OURS}""",
    "type": f"""
        SELECT nspname, typname, typtype, typacl::text, enumlabel
        FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
        LEFT JOIN pg_enum ON enumtypid = pg_type.oid
        WHERE {_OURS} AND typtype IN ('e', 'd')""",
    "default privilege": """
        SELECT coalesce(nspname, ''), pg_get_userbyid(defaclrole), defaclobjtype, defaclacl::text
        FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace""",
    "membership": """
        SELECT roleid::regrole::text, member::regrole::text, admin_option, inherit_option, set_option FROM pg_auth_members
        WHERE roleid::regrole::text LIKE 'equipoise%'""",
}


def snapshot(owner_url: str) -> list[str]:
    """Every object of the database that is ours, one line each."""
    with psycopg.connect(owner_url.replace("postgresql+psycopg", "postgresql")) as connection:
        connection.execute("SET search_path = pg_catalog")  # so that every name is written with its schema
        return sorted(f"{kind} | {row!r}" for kind, query in QUERIES.items() for row in connection.execute(query))
