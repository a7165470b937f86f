"""Whatever is done to the audit or to the records behind its back is found, and the first bad entry named."""

import threading
from pathlib import Path

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.house import House
from tests.support.participants import ready_to_randomize
from trial.access.actions import Action
from trial.access.policies import authorize
from trial.audit.anchors import AnchorBroken, read_anchors, read_head, write_anchor
from trial.audit.chain import GENESIS, next_hash
from trial.audit.verification import AuditBroken, Trouble, check_audit, verify_audit
from trial.conduct.sites import Site

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def rename_sites(house: House, name: str) -> None:
    with house.database.transaction() as session:
        authorize(session, house.actor(session, "sponsor"), Action.SITE_ADDED, trial_id=house.trial.id)
        for site in house.sites.values():
            session.get_one(Site, site.id).name = name


def anchor(house: House, path: Path) -> None:
    with house.database.session() as session:
        write_anchor(path, KEY, database="test", head=read_head(session), at=house.clock.now(), facts={"lists": []})


def attack(owner_url: str, *statements: str) -> None:
    """The database's owner, with every trigger switched off."""
    with psycopg.connect(owner_url.replace("+psycopg", "")) as connection:
        for table in ("audit.entry", "audit.link", "trial.site"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute("ALTER TABLE audit.link DROP CONSTRAINT link_entry_id_fkey")
        for statement in statements:
            connection.execute(statement)
        for table in ("audit.entry", "audit.link", "trial.site"):
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def findings(house: House, anchors: Path | None = None) -> list[tuple[Trouble, str]]:
    with house.database.session() as session:
        seen = verify_audit(session, read_anchors(anchors) if anchors else ())
    return [(finding.trouble, finding.where) for finding in seen.findings]


def test_an_untouched_audit_is_whole(house: House, tmp_path: Path):
    anchor(house, tmp_path / "anchors")
    with house.database.session() as session:
        seen = check_audit(session, read_anchors(tmp_path / "anchors"))
    assert (seen.anchors, seen.unanchored) == (1, 0)
    assert seen.head.position > 50


def test_what_came_after_the_last_anchor_is_said_to_be_unanchored(house: House, tmp_path: Path):
    anchor(house, tmp_path / "anchors")
    rename_sites(house, "Later")
    with house.database.session() as session:
        assert check_audit(session, read_anchors(tmp_path / "anchors")).unanchored == 2


def test_an_edited_entry_is_named(house: House, owner_url: str):
    attack(owner_url, "UPDATE audit.entry SET content = replace(content, 'TEST-1', 'TEST-2') WHERE id = 1")
    assert findings(house)[0] == (Trouble.HASH_WRONG, "entry 1")
    with house.database.session() as session, pytest.raises(AuditBroken, match="entry 1"):
        check_audit(session)


def test_an_edited_column_of_an_entry_is_named(house: House, owner_url: str):
    attack(owner_url, "UPDATE audit.entry SET actor = 'person:someone-else' WHERE id = 7")
    assert findings(house)[0] == (Trouble.COLUMNS_WRONG, "entry 7")


def test_a_deleted_entry_is_named(house: House, owner_url: str):
    attack(owner_url, "DELETE FROM audit.entry WHERE id = 5")
    assert findings(house)[0] == (Trouble.ENTRY_MISSING, "entry 5")


def test_a_deleted_link_is_named(house: House, owner_url: str):
    attack(owner_url, "DELETE FROM audit.entry WHERE id = 5", "DELETE FROM audit.link WHERE position = 5")
    assert findings(house)[0] == (Trouble.GAP, "entry 5")


def test_two_swapped_entries_are_named(house: House, owner_url: str):
    attack(
        owner_url,
        "UPDATE audit.link SET entry_id = -entry_id WHERE position IN (3, 4)",
        "UPDATE audit.link SET entry_id = CASE position WHEN 3 THEN 4 ELSE 3 END WHERE position IN (3, 4)",
    )
    assert findings(house)[0] == (Trouble.HASH_WRONG, "entry 3")


def test_an_entry_slipped_in_unchained_is_found(house: House, owner_url: str):
    attack(
        owner_url,
        "INSERT INTO audit.entry (transaction, actor, action, occurred_at, table_name, record_id, content)"
        " SELECT transaction, actor, action, occurred_at, table_name, record_id, content FROM audit.entry WHERE id = 2",
    )
    assert Trouble.UNCHAINED in {trouble for trouble, _ in findings(house)}


def test_audit_tail_truncation_is_detected(house: House, owner_url: str, tmp_path: Path):
    with house.database.session() as session:
        kept = read_head(session).position
    rename_sites(house, "Tail")
    anchor(house, tmp_path / "anchors")
    attack(
        owner_url,
        f"DELETE FROM audit.entry WHERE id > {kept}",
        f"DELETE FROM audit.link WHERE position > {kept}",
        "UPDATE trial.site SET name = 'Site ' || code",
    )
    assert findings(house) == []
    assert findings(house, tmp_path / "anchors") == [(Trouble.TAIL_MISSING, f"entries {kept + 1} to {kept + 2}")]


def rechain(owner_url: str) -> None:
    """The owner computes every hash again, so that the chain by itself is without fault."""
    with psycopg.connect(owner_url.replace("+psycopg", "")) as connection:
        connection.execute("ALTER TABLE audit.link DISABLE TRIGGER USER")
        previous = GENESIS
        rows = connection.execute(
            "SELECT position, content FROM audit.link JOIN audit.entry ON entry.id = entry_id ORDER BY position"
        ).fetchall()
        for position, content in rows:
            previous = next_hash(previous, position, content.encode())
            connection.execute("UPDATE audit.link SET hash = %s WHERE position = %s", (previous, position))
        connection.execute("ALTER TABLE audit.link ENABLE TRIGGER USER")


def test_a_history_chained_again_by_the_owner_is_found_between_two_anchors(
    house: House, owner_url: str, tmp_path: Path
):
    anchor(house, tmp_path / "anchors")
    with house.database.session() as session:
        first = read_head(session).position
    rename_sites(house, "Honest")
    anchor(house, tmp_path / "anchors")
    attack(
        owner_url,
        f"UPDATE audit.entry SET content = replace(content, 'Honest', 'Forged') WHERE id > {first}",
        "UPDATE trial.site SET name = 'Forged'",
    )
    rechain(owner_url)
    assert findings(house) == []
    assert findings(house, tmp_path / "anchors") == [(Trouble.REWRITTEN, f"entries {first + 1} to {first + 2}")]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE trial.site SET name = 'Behind its back' WHERE code = 'S1'", "changed"),
        ("UPDATE trial.site SET id = gen_random_uuid() WHERE code = 'S9'", "removed"),
        (
            "INSERT INTO trial.site (id, recorded_at, trial_id, code, name, country, zone)"
            " SELECT gen_random_uuid(), now(), id, 'SX', 'Ghost', 'CHE', 'UTC' FROM trial.trial",
            "unrecorded",
        ),
    ],
)
def test_a_record_changed_behind_the_triggers_is_found(house: House, owner_url: str, statement: str, what: str):
    if what == "removed":
        with house.database.transaction() as session:
            authorize(session, house.actor(session, "sponsor"), Action.SITE_ADDED, trial_id=house.trial.id)
            session.add(
                Site(
                    **session.stamp(),
                    trial_id=house.trial.id,
                    code="S9",
                    name="Gone",
                    country="CHE",
                    zone="UTC",
                )
            )
    attack(owner_url, statement)
    assert any(trouble is Trouble.ROW_DIFFERS and f"({what})" in where for trouble, where in findings(house))


def test_an_answer_slipped_into_a_document_behind_the_triggers_is_found(house: House, owner_url: str):
    ready_to_randomize(house)
    with psycopg.connect(owner_url.replace("+psycopg", "")) as owner:
        owner.execute("ALTER TABLE trial.form_record DISABLE TRIGGER USER")
        one = "SELECT min(id::text)::uuid FROM trial.form_record"
        slipped = f"UPDATE trial.form_record SET answers = answers || '{{\"more\": true}}' WHERE id = ({one})"
        changed = owner.execute(slipped)
        assert changed.rowcount == 1
        owner.execute("ALTER TABLE trial.form_record ENABLE TRIGGER USER")
    ((trouble, where),) = findings(house)
    assert trouble is Trouble.ROW_DIFFERS
    assert where.startswith("trial.form_record")
    assert where.endswith("(changed)")


def test_a_column_that_a_later_schema_adds_needs_no_entry_of_its_own(house: House, owner_url: str):
    with psycopg.connect(owner_url.replace("+psycopg", "")) as owner:
        owner.execute("ALTER TABLE trial.site ADD COLUMN beds integer NOT NULL DEFAULT 3")
    assert findings(house) == []
    attack(owner_url, "UPDATE trial.site SET name = 'Behind its back', beds = 4 WHERE code = 'S1'")
    assert [trouble for trouble, _ in findings(house)] == [Trouble.ROW_DIFFERS]


@pytest.mark.parametrize("damage", [b'{"anchor":{}}\n', b"not json\n"])
def test_a_damaged_anchor_line_is_named(house: House, tmp_path: Path, damage: bytes):
    path = tmp_path / "anchors"
    anchor(house, path)
    path.write_bytes(path.read_bytes() + damage)
    with pytest.raises(AnchorBroken, match="Line 2"):
        read_anchors(path)


def test_a_removed_anchor_line_is_named(house: House, tmp_path: Path):
    path = tmp_path / "anchors"
    for _ in range(3):
        anchor(house, path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(AnchorBroken, match="Line 2"):
        read_anchors(path)


def test_an_anchor_signed_with_another_key_is_refused(house: House, tmp_path: Path):
    path = tmp_path / "anchors"
    anchor(house, path)
    with house.database.session() as session:
        other = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
        write_anchor(path, other, database="test", head=read_head(session), at=house.clock.now(), facts={})
    with pytest.raises(AnchorBroken, match="Line 2"):
        read_anchors(path)


def test_many_writers_at_once_leave_one_unbroken_chain(house: House):
    threads = [threading.Thread(target=rename_sites, args=(house, f"Name {n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert findings(house) == []
