"""The SQL that refuses writes to locked and to frozen data, whoever writes and by whatever way.

Invariants
1. A guarded table takes no insert and no update for a trial whose ``locked_at`` is set, nor under a freeze that covers
   the row's site and visit.
2. A writer and a lock exclude each other: each write holds a shared advisory lock of its trial until its transaction ends,
   a lock takes the exclusive one. So no write that began before a lock can commit after it.
3. A record never moves to another trial.
"""

from __future__ import annotations

from typing import Final

LOCK_CLASS: Final = 7305128
"""The advisory locks of trials, by the hash of the trial's id; ``trial.locks.lock`` takes the exclusive one.
The function below writes the number out."""

FUNCTION: Final = """
CREATE FUNCTION trial.refuse_when_locked() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    image jsonb;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.trial_id IS DISTINCT FROM NEW.trial_id THEN
        RAISE EXCEPTION 'a record keeps its trial' USING ERRCODE = 'EQ003';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7305128, hashtext(NEW.trial_id::text));
    IF EXISTS (SELECT 1 FROM trial.trial WHERE id = NEW.trial_id AND locked_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the data of this trial are locked' USING ERRCODE = 'EQ004';
    END IF;
    IF EXISTS (SELECT 1 FROM trial.freeze WHERE trial_id = NEW.trial_id AND lifted_at IS NULL) THEN
        image := to_jsonb(NEW);
        IF EXISTS (
            SELECT 1 FROM trial.freeze WHERE trial_id = NEW.trial_id AND lifted_at IS NULL
                AND (site_id IS NULL OR site_id = (image ->> 'site_id')::uuid)
                AND (visit IS NULL OR visit = image ->> 'visit')
        ) THEN
            RAISE EXCEPTION 'these data are frozen' USING ERRCODE = 'EQ005';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
"""

_VISIT: Final = "AND (visit IS NULL OR visit = image ->> 'visit')"
FUNCTION_WITH_FORMS: Final = FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(
    _VISIT, f"{_VISIT}\n                AND (form IS NULL OR form = image ->> 'form')"
)
"""The same, for freezes that may name a form."""
FUNCTION_WITHOUT_FORMS: Final = FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def guard(table: str) -> str:
    """SQL that lets a lock and a freeze refuse writes to ``table``, which has a ``trial_id``."""
    return (
        f"CREATE TRIGGER refuse_when_locked BEFORE INSERT OR UPDATE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION trial.refuse_when_locked();"
    )


def unguard(table: str) -> str:
    """SQL that takes back ``guard``."""
    return f"DROP TRIGGER refuse_when_locked ON {table};"


def keep_rows(table: str) -> str:
    """SQL that refuses any change or removal of a row of ``table``."""
    return f"""
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit.refuse_removal();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON {table} EXECUTE FUNCTION audit.refuse_removal();
"""
