"""Anchors: signed heads of the audit, kept where the database's owner cannot rewrite them.

A chain alone proves nothing to somebody who owns the database and can compute every hash again. An anchor says, in a file
outside the database (and on every board report), what the head was at an instant. A later history that does not pass
through every anchor was rewritten; a shorter one is a restored old backup.

Invariants
1. The file is only ever appended to; each line holds the SHA-256 of the line before it.
2. Each line is signed with Ed25519 by a key derived from the installation's credentials key; its public half is in the line.
3. A line holds positions, hashes, commitments and times: nothing that tells an arm or a person.
4. Lines are written whole, one writer at a time, and reach the disk before the call returns.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import text

from trial.audit.chain import GENESIS
from trial.database.session import TrialSession
from trial.errors import Conflict

_HEAD = text("SELECT position, hash FROM audit.link ORDER BY position DESC LIMIT 1")


class AnchorBroken(Conflict):
    code = "audit.anchor_broken"


@dataclass(frozen=True, slots=True)
class Head:
    """Where the audit's chain stands: how many entries, and the hash of the last."""

    position: int
    hash: str

    def __str__(self) -> str:
        return f"{self.position}:{self.hash[:16]}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """One signed line. ``facts`` holds what else was true then: list commitments and positions."""

    database: str
    head: Head
    at: datetime
    facts: dict[str, Any]
    previous_line: str
    public_key: str


def read_head(session: TrialSession) -> Head:
    """The committed head as this transaction sees it; position 0 and zeros before the first entry."""
    row = session.execute(_HEAD).first()
    return Head(0, GENESIS.hex()) if row is None else Head(row.position, bytes(row.hash).hex())


def write_anchor(
    path: Path, key: Ed25519PrivateKey, *, database: str, head: Head, at: datetime, facts: dict[str, Any]
) -> Anchor:
    """Append a signed line to ``path`` and wait until it is on disk. ``database`` names the installation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        anchor = Anchor(database, head, at, facts, _last_line_digest(file.read()), _public(key))
        file.write(_signed_line(anchor, key))
        file.flush()
        os.fsync(file.fileno())
    return anchor


def read_anchors(path: Path) -> list[Anchor]:
    """Every anchor, oldest first, each checked. Raises ``AnchorBroken`` naming the first bad line."""
    if not path.exists():
        return []
    anchors: list[Anchor] = []
    previous = ""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        anchors.append(_checked(line, number, previous, anchors))
        previous = hashlib.sha256(line).hexdigest()
    return anchors


def _checked(line: bytes, number: int, previous: str, before: list[Anchor]) -> Anchor:
    try:
        document = json.loads(line)
        body = document["anchor"]
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(body["public_key"]))
        key.verify(bytes.fromhex(document["signature"]), _canonical(body))
        anchor = Anchor(
            body["database"],
            Head(**body["head"]),
            datetime.fromisoformat(body["at"]),
            body["facts"],
            body["previous_line"],
            body["public_key"],
        )
    except (ValueError, KeyError, TypeError, InvalidSignature):
        raise AnchorBroken(
            f"Line {number} of the anchor file is damaged or was not signed here. Compare the second copy."
        ) from None
    if anchor.previous_line != previous or (before and anchor.public_key != before[0].public_key):
        raise AnchorBroken(
            f"Line {number} of the anchor file does not follow the line before it. Compare the second copy."
        )
    return anchor


def _signed_line(anchor: Anchor, key: Ed25519PrivateKey) -> bytes:
    body = {
        "database": anchor.database,
        "head": {"position": anchor.head.position, "hash": anchor.head.hash},
        "at": anchor.at.isoformat(),
        "facts": anchor.facts,
        "previous_line": anchor.previous_line,
        "public_key": anchor.public_key,
    }
    return _canonical({"anchor": body, "signature": key.sign(_canonical(body)).hex()}) + b"\n"


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _last_line_digest(content: bytes) -> str:
    lines = content.splitlines()
    return hashlib.sha256(lines[-1]).hexdigest() if lines else ""
