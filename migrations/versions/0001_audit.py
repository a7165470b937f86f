"""Schemas, roles and the audit: what every later table stands on."""

from alembic import op

from migrations.audit_triggers import FIRST_COMPARISON, FUNCTIONS, TABLES

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GROUP_ROLES = ("equipoise_blinded", "equipoise_strongroom")
BLINDED_SCHEMAS = ("access", "identity", "trial")


def upgrade() -> None:
    for role in GROUP_ROLES:
        # Roles belong to the whole server: another database of the same server may have made them.
        op.execute(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    op.execute("GRANT equipoise_blinded TO equipoise_strongroom WITH INHERIT TRUE")
    for schema in (*BLINDED_SCHEMAS, "sealed", "audit"):
        op.execute(f"CREATE SCHEMA {schema}")
    op.execute(FUNCTIONS)
    op.execute(FIRST_COMPARISON)
    op.execute(TABLES)
    for schema in BLINDED_SCHEMAS:
        _let_write(schema, "equipoise_blinded")
    _let_write("sealed", "equipoise_strongroom")
    op.execute("GRANT USAGE ON SCHEMA audit, public TO equipoise_blinded")
    op.execute("GRANT SELECT ON public.alembic_version TO PUBLIC")
    op.execute("GRANT SELECT ON audit.entry, audit.link TO equipoise_blinded")
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION audit.redacted(jsonb, jsonb) TO equipoise_blinded")
    op.execute("GRANT EXECUTE ON FUNCTION audit.rows_that_differ(regclass) TO equipoise_blinded")


def _let_write(schema: str, role: str) -> None:
    """Tables to come in ``schema`` may be read, added to and changed by ``role``; removal is given to nobody."""
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE ON TABLES TO {role}")


def downgrade() -> None:
    op.execute("DROP SCHEMA audit CASCADE")
    for schema, role in (
        *((name, "equipoise_blinded") for name in BLINDED_SCHEMAS),
        ("sealed", "equipoise_strongroom"),
    ):
        op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {role}")
        op.execute(f"DROP SCHEMA {schema}")
    op.execute("REVOKE USAGE ON SCHEMA public FROM equipoise_blinded")
