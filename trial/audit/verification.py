"""Whether the audit is whole: every entry chained, every anchor passed through, every live row as the entries tell it.

Invariants
1. Nothing is trusted that can be computed: hashes are computed again from the stored bytes.
2. A finding names the first bad entry; where history was chained again as a whole, it names the stretch between the last
   anchor that holds and the first that does not.
3. What came after the last anchor is said to be unanchored, not said to be good.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text

from trial.audit.anchors import Anchor, Head
from trial.audit.chain import GENESIS, next_hash
from trial.database.session import TrialSession
from trial.errors import Conflict

_CHAIN = text(
    "SELECT link.position, link.hash, entry.id, entry.content, entry.actor, entry.action, entry.table_name,"
    " entry.record_id, entry.trial_id, entry.site_id"
    " FROM audit.link LEFT JOIN audit.entry ON entry.id = link.entry_id ORDER BY link.position"
).execution_options(stream_results=True, yield_per=2000)
_UNCHAINED = text(
    "SELECT min(id) AS first, count(*) AS number FROM audit.entry"
    " WHERE NOT EXISTS (SELECT 1 FROM audit.link WHERE entry_id = audit.entry.id)"
)
# Tables are passed by number: a name in a schema that the verifier may not use would not be looked up.
_WATCHED = text(
    "SELECT tgrelid::bigint AS number, tgrelid::regclass::text AS name FROM pg_trigger"
    " WHERE tgname = 'audit_change' ORDER BY 2"
)
_DIFFERING = text(
    "SELECT record_id, finding FROM audit.rows_that_differ(CAST(CAST(:watched AS bigint) AS oid)::regclass) LIMIT 5"
)


class AuditBroken(Conflict):
    code = "audit.broken"


class Trouble(StrEnum):
    GAP = "a position is missing"
    ENTRY_MISSING = "an entry was removed"
    HASH_WRONG = "an entry or its place in the chain was changed"
    COLUMNS_WRONG = "an entry's columns do not agree with its content"
    UNCHAINED = "an entry was never chained"
    TAIL_MISSING = "entries that were anchored are gone"
    REWRITTEN = "the history was chained again"
    ROW_DIFFERS = "a record is not as the audit tells it"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where: a position of the chain, a stretch of it, or a record."""

    trouble: Trouble
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.trouble.value}"


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """What a verification saw. ``unanchored`` counts the entries after the last anchor that holds."""

    head: Head
    anchors: int
    unanchored: int
    findings: tuple[Finding, ...]

    @property
    def is_whole(self) -> bool:
        return not self.findings


def verify_audit(session: TrialSession, anchors: Sequence[Anchor] = ()) -> AuditVerification:
    """Walk the whole chain once, then compare anchors and live rows. Reads only; nothing is shown but ids and hashes."""
    wanted = {anchor.head.position for anchor in anchors}
    hashes: dict[int, str] = {0: GENESIS.hex()}
    head, broken = _walk(session, wanted, hashes)
    findings = [*broken, *_unchained(session), *_rows(session)]
    if not broken:
        findings[:0] = _against_anchors(anchors, head, hashes)
    held = max((a.head.position for a in anchors if hashes.get(a.head.position) == a.head.hash), default=0)
    return AuditVerification(head, len(anchors), max(head.position - held, 0), tuple(findings))


def check_audit(session: TrialSession, anchors: Sequence[Anchor] = ()) -> AuditVerification:
    """``verify_audit``, raising ``AuditBroken`` with the first finding."""
    seen = verify_audit(session, anchors)
    if seen.findings:
        raise AuditBroken(
            f"The audit is not whole. {seen.findings[0]}. Keep this database as it is and call the sponsor."
        )
    return seen


def _walk(session: TrialSession, wanted: set[int], hashes: dict[int, str]) -> tuple[Head, list[Finding]]:
    """Recompute every hash; remember those at anchored positions. Stops at the first bad entry: all after it hangs on it."""
    previous, position = GENESIS, 0
    with closing(session.execute(_CHAIN)) as rows:
        for row in rows:
            finding = _link_finding(row, previous, position + 1)
            if finding is not None:
                return Head(position, previous.hex()), [finding]
            position, previous = row.position, bytes(row.hash)
            if position in wanted:
                hashes[position] = previous.hex()
    return Head(position, previous.hex()), []


def _link_finding(row: Any, previous: bytes, expected: int) -> Finding | None:
    where = f"entry {expected}"
    if row.position != expected:
        return Finding(Trouble.GAP, where)
    if row.id is None:
        return Finding(Trouble.ENTRY_MISSING, where)
    if next_hash(previous, row.position, row.content) != bytes(row.hash):
        return Finding(Trouble.HASH_WRONG, where)
    if not _columns_agree(row):
        return Finding(Trouble.COLUMNS_WRONG, where)
    return None


def _columns_agree(row: Any) -> bool:
    content = json.loads(row.content)
    stored = (row.actor, row.action, row.table_name, row.record_id, row.trial_id, row.site_id)
    told = (
        content["actor"],
        content["action"],
        content["table"],
        *(_uuid(content[key]) for key in ("record", "trial", "site")),
    )
    return stored == told


def _uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


def _unchained(session: TrialSession) -> Iterator[Finding]:
    row = session.execute(_UNCHAINED).one()
    if row.number:
        yield Finding(Trouble.UNCHAINED, f"{row.number} entries from id {row.first}")


def _against_anchors(anchors: Sequence[Anchor], head: Head, hashes: dict[int, str]) -> Iterator[Finding]:
    last_good = 0
    for anchor in anchors:
        position = anchor.head.position
        if position > head.position:
            yield Finding(Trouble.TAIL_MISSING, f"entries {head.position + 1} to {position}")
            return
        if hashes.get(position) != anchor.head.hash:
            yield Finding(Trouble.REWRITTEN, f"entries {last_good + 1} to {position}")
            return
        last_good = position


def _rows(session: TrialSession) -> Iterator[Finding]:
    for watched in session.execute(_WATCHED).all():
        for row in session.execute(_DIFFERING, {"watched": watched.number}):
            yield Finding(Trouble.ROW_DIFFERS, f"{watched.name} {row.record_id} ({row.finding})")
