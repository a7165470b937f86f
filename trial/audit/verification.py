"""Whether the audit is whole: every entry chained, every anchor passed through, every live row as the entries tell it.

Invariants
1. Nothing is trusted that can be computed: hashes are computed again from the stored bytes.
2. A finding names the first bad entry; where history was chained again as a whole, it names the stretch between the last
   anchor that holds and the first that does not.
3. What came after the last anchor is said to be unanchored, not said to be good.
4. A restored backup that was declared (``restores``) is told as what it is, and what it lost with it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import text

from trial.audit.anchors import Anchor, Head
from trial.audit.chain import GENESIS, next_hash
from trial.audit.restores import RESTORED, covered, declared_in
from trial.database.session import TrialSession
from trial.errors import Conflict

# Content as the bytes that are hashed, ids as the text that it tells: a million of them are not made into objects and back.
_CHAIN = (
    "SELECT link.position, link.hash, entry.id, convert_to(entry.content, 'UTF8'), entry.actor, entry.action, entry.table_name,"
    " entry.record_id::text, entry.trial_id::text, entry.site_id::text"
    " FROM audit.link LEFT JOIN audit.entry ON entry.id = link.entry_id ORDER BY link.position"
)
_AT_ONCE = 200
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


class _Told(msgspec.Struct, gc=False):
    """What an entry's content says of its columns; the rest of it is passed over."""

    actor: str
    action: str
    table: str
    record: str
    trial: str | None
    site: str | None


_told: Final = msgspec.json.Decoder(_Told).decode


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
    """What a verification saw. ``unanchored`` counts the entries after the last anchor that holds; ``restored`` says in
    sentences which restored backups were declared."""

    head: Head
    anchors: int
    unanchored: int
    findings: tuple[Finding, ...]
    restored: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.findings


def verify_audit(session: TrialSession, anchors: Sequence[Anchor] = ()) -> AuditVerification:
    """Walk the whole chain once, then compare anchors and live rows. Reads only; nothing is shown but ids and hashes."""
    shared = {head.position for anchor in anchors if (head := declared_in(anchor)) is not None}
    wanted = {anchor.head.position for anchor in anchors} | shared
    hashes: dict[int, str] = {0: GENESIS.hex()}
    head, broken = _walk(session, wanted, hashes)
    findings = [*broken, *_unchained(session), *_rows(session)]
    if not broken:
        findings[:0] = _against_anchors(anchors, head, hashes)
    held = max((a.head.position for a in anchors if hashes.get(a.head.position) == a.head.hash), default=0)
    restored = tuple(_restores(anchors))
    return AuditVerification(head, len(anchors), max(head.position - held, 0), tuple(findings), restored)


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
    with closing(_links(session)) as links:
        for link in links:
            finding = _link_finding(link, previous, position + 1)
            if finding is not None:
                return Head(position, previous.hex()), [finding]
            position, previous = link[0], link[1]
            if position in wanted:
                hashes[position] = previous.hex()
    return Head(position, previous.hex()), []


def _links(session: TrialSession) -> Generator[tuple[Any, ...]]:
    """The chain as a stream of plain tuples: memory does not grow with it, and the server goes on while these are looked at.

    A stream that is left before its end is an error to the server, so it has a savepoint to go back to.
    """
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    with (
        connection.begin_nested(),
        driver.cursor() as cursor,
        closing(cursor.stream(_CHAIN, binary=True, size=_AT_ONCE)) as links,
    ):
        yield from links


def _link_finding(link: tuple[Any, ...], previous: bytes, expected: int) -> Finding | None:
    position, stored, entry_id, content, *columns = link
    trouble = None
    if position != expected:
        trouble = Trouble.GAP
    elif entry_id is None:
        trouble = Trouble.ENTRY_MISSING
    elif next_hash(previous, position, content) != stored:
        trouble = Trouble.HASH_WRONG
    elif not _columns_agree(content, columns):
        trouble = Trouble.COLUMNS_WRONG
    return Finding(trouble, f"entry {expected}") if trouble else None


def _columns_agree(content: bytes, columns: list[str | None]) -> bool:
    try:
        told = _told(content)
    except msgspec.MsgspecError:
        return False
    return [told.actor, told.action, told.table, told.record, told.trial, told.site] == columns


def _unchained(session: TrialSession) -> Iterator[Finding]:
    row = session.execute(_UNCHAINED).one()
    if row.number:
        yield Finding(Trouble.UNCHAINED, f"{row.number} entries from id {row.first}")


def _against_anchors(anchors: Sequence[Anchor], head: Head, hashes: dict[int, str]) -> Iterator[Finding]:
    last_good, lost = 0, covered(anchors)
    for number, anchor in enumerate(anchors):
        for here in () if number in lost else (declared_in(anchor), anchor.head):
            if here is None:
                continue
            if here.position > head.position:
                yield Finding(Trouble.TAIL_MISSING, f"entries {head.position + 1} to {here.position}")
                return
            if hashes.get(here.position) != here.hash:
                yield Finding(Trouble.REWRITTEN, f"entries {min(last_good, here.position - 1) + 1} to {here.position}")
                return
            last_good = here.position


def _restores(anchors: Sequence[Anchor]) -> Iterator[str]:
    for anchor in anchors:
        shared = declared_in(anchor)
        if shared is not None:
            lost_to = anchor.facts[RESTORED]["lost_to"]["position"]
            yield (
                f"On {anchor.at:%d %b %Y, %H:%M} UTC a restored backup was declared: of the entries after {shared.position},"
                f" those up to {lost_to} that came after the backup are lost."
            )


def _rows(session: TrialSession) -> Iterator[Finding]:
    for watched in session.execute(_WATCHED).all():
        for row in session.execute(_DIFFERING, {"watched": watched.number}):
            yield Finding(Trouble.ROW_DIFFERS, f"{watched.name} {row.record_id} ({row.finding})")
