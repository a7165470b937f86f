"""A database that was restored from a backup: seen from the anchors, and said in one.

The anchors outside the database know how far its audit had come. A database that does not pass through the last of them was
restored, or its history was rewritten; which of the two, only the person who restored it can say. They say it once, in an
anchor of its own, which names the last anchored head that both histories share. From then on the anchors in between tell
what was lost, and count against nobody.

Invariants
1. Nothing here declares a restore by itself: that takes the installation's key and somebody's act.
2. What a declaration covers ends where it is written: anchors after it hold as all do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from trial.audit.anchors import Anchor, Head
from trial.audit.chain import GENESIS
from trial.database.session import TrialSession

RESTORED: Final = "restored"
_HASHES: Final = text("SELECT position, hash FROM audit.link WHERE position = ANY(:positions)")


@dataclass(frozen=True, slots=True)
class Restore:
    """``shared`` is the last anchored head that the database still passes through; ``lost_to`` the furthest it had reached."""

    shared: Head
    lost_to: Head
    anchored_at: datetime

    def facts(self) -> dict[str, Any]:
        """As the anchor that declares it says it."""
        lost = {"position": self.lost_to.position, "hash": self.lost_to.hash}
        return {RESTORED: {"position": self.shared.position, "hash": self.shared.hash, "lost_to": lost}}


def find_restore(session: TrialSession, anchors: Sequence[Anchor]) -> Restore | None:
    """The restore that nobody has declared yet; ``None`` where the database passes through the furthest anchor."""
    current = since_last_restore(anchors)
    if not current:
        return None
    furthest = max(current, key=lambda anchor: anchor.head.position)
    stored = _stored(session, [anchor.head.position for anchor in anchors])
    if stored.get(furthest.head.position) == furthest.head.hash:
        return None
    held = [anchor.head for anchor in anchors if stored.get(anchor.head.position) == anchor.head.hash]
    shared = max(held, key=lambda head: head.position, default=Head(0, GENESIS.hex()))
    return Restore(shared, furthest.head, furthest.at)


def _stored(session: TrialSession, positions: list[int]) -> dict[int, str]:
    rows = session.execute(_HASHES, {"positions": sorted(set(positions))})
    return {0: GENESIS.hex()} | {row.position: bytes(row.hash).hex() for row in rows}


def since_last_restore(anchors: Sequence[Anchor]) -> list[Anchor]:
    """The anchors from the last declaration on; all of them where there is none."""
    declared = [number for number, anchor in enumerate(anchors) if declared_in(anchor) is not None]
    return list(anchors[declared[-1] :] if declared else anchors)


def declared_in(anchor: Anchor) -> Head | None:
    """The head that an anchor's declaration names; ``None`` for an anchor that declares nothing."""
    said = anchor.facts.get(RESTORED)
    return None if said is None else Head(said["position"], said["hash"])


def covered(anchors: Sequence[Anchor]) -> frozenset[int]:
    """The indices of the anchors that a later declaration tells as lost."""
    found: set[int] = set()
    for number, anchor in enumerate(anchors):
        shared = declared_in(anchor)
        if shared is not None:
            found.update(early for early in range(number) if anchors[early].head.position > shared.position)
    return frozenset(found)
