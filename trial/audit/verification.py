"""Whether the audit is whole: every entry chained, every anchor passed through, every live row as the entries tell it.

Invariants
1. Nothing is trusted that can be computed: hashes are computed again from the stored bytes.
2. A finding names the first bad entry; where history was chained again as a whole, it names the stretch between the last
   anchor that holds and the first that does not.
3. What came after the last anchor is said to be unanchored, not said to be good.
4. A restored backup that was declared (``restores``) is told as what it is, and what it lost with it.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec.structs import astuple
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
    """What an entry's content says of its columns, in their order; the rest of it is passed over."""

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


@dataclass(frozen=True, slots=True)
class Walked:
    """How far the chain is good, the hashes at the positions that were wanted, and the first bad entry."""

    head: Head
    hashes: Mapping[int, str]
    broken: Finding | None = None


def verify_audit(session: TrialSession, anchors: Sequence[Anchor] = ()) -> AuditVerification:
    """Walk the whole chain once, then compare anchors and live rows. Reads only; nothing is shown but ids and hashes."""
    shared = {head.position for anchor in anchors if (head := declared_in(anchor)) is not None}
    wanted = {anchor.head.position for anchor in anchors} | shared
    walked = walk_chain(session, wanted)
    findings = [*_unchained(session), *_rows(session)]
    findings[:0] = [walked.broken] if walked.broken else _against_anchors(anchors, walked.head, walked.hashes)
    held = max((a.head.position for a in anchors if walked.hashes.get(a.head.position) == a.head.hash), default=0)
    restored = tuple(_restores(anchors))
    return AuditVerification(walked.head, len(anchors), max(walked.head.position - held, 0), tuple(findings), restored)


def check_audit(session: TrialSession, anchors: Sequence[Anchor] = ()) -> AuditVerification:
    """``verify_audit``, raising ``AuditBroken`` with the first finding."""
    seen = verify_audit(session, anchors)
    if seen.findings:
        raise AuditBroken(
            f"The audit is not whole. {seen.findings[0]}. Keep this database as it is and call the sponsor."
        )
    return seen


def walk_chain(session: TrialSession, wanted: Collection[int] = ()) -> Walked:
    """Recompute every hash, from the first entry on. Stops at the first bad entry: all after it hangs on it."""
    previous, position = GENESIS, 0
    hashes = {0: GENESIS.hex()}
    with closing(_links(session)) as links:
        for link in links:
            if not _is_good(link, previous, position + 1):
                head = Head(position, previous.hex())
                return Walked(head, hashes, Finding(_trouble_of(link, previous, position + 1), f"entry {position + 1}"))
            position, previous = link[0], link[1]
            if position in wanted:
                hashes[position] = previous.hex()
    return Walked(Head(position, previous.hex()), hashes)


def _is_good(link: tuple[Any, ...], previous: bytes, expected: int) -> bool:
    position, stored, entry_id, content = link[:4]
    return (
        position == expected
        and entry_id is not None
        and next_hash(previous, position, content) == stored
        and _columns_agree(content, link[4:])
    )


def _trouble_of(link: tuple[Any, ...], previous: bytes, expected: int) -> Trouble:
    """What is wrong with a link that is not good."""
    position, stored, entry_id, content = link[:4]
    if position != expected:
        return Trouble.GAP
    if entry_id is None:
        return Trouble.ENTRY_MISSING
    return Trouble.COLUMNS_WRONG if next_hash(previous, position, content) == stored else Trouble.HASH_WRONG


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


def _columns_agree(content: bytes, columns: tuple[str | None, ...]) -> bool:
    try:
        return astuple(_told(content)) == columns
    except msgspec.MsgspecError:
        return False


def _unchained(session: TrialSession) -> Iterator[Finding]:
    row = session.execute(_UNCHAINED).one()
    if row.number:
        yield Finding(Trouble.UNCHAINED, f"{row.number} entries from id {row.first}")


def _against_anchors(anchors: Sequence[Anchor], head: Head, hashes: Mapping[int, str]) -> Iterator[Finding]:
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
