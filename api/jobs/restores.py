"""A restored backup or an altered list, noticed: lists that do not hold any more are held before anybody is randomized from them.

Invariants
1. To hold is all that happens by itself. That the database was restored, and not rewritten, is declared by a person with
   “equipoise recover hold”, in an anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from api.installation import Installation
from api.jobs.contexts import write_milestone
from api.logs import log
from randomization.ledger.allocation_lists import StopsList
from randomization.ledger.holds import Behind, ListHold, find_behind, hold_lists
from trial.access.actors import system_actor
from trial.audit.anchors import read_anchors
from trial.audit.restores import Restore, find_restore
from trial.database.session import Database, TrialSession
from trial.errors import Conflict, DomainError

ALTERED = "what is stored of it does not hold: it was altered, or put back to an older state"
REVIVED = "the list that retired it was sealed after the backup and is lost"
NOTICED = "the anchors tell of allocations that this database does not hold"


class RestoreNotDeclared(Conflict):
    code = "restore.not_declared"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the anchors show of the database. ``restore`` is ``None`` where it passes through all of them."""

    restore: Restore | None
    behind: Behind


def look(installation: Installation) -> Seen:
    """Compare the database with its anchors; nothing is changed. Raises ``AnchorBroken``."""
    anchors = read_anchors(installation.settings.anchor_path)
    with installation.database.session() as session:
        restore = find_restore(session, anchors)
        return Seen(restore, find_behind(session, anchors) if restore else Behind((), ()))


def hold_what_is_behind(
    installation: Installation, seen: Seen, *, also: Sequence[UUID] = (), reason: str = NOTICED
) -> list[ListHold]:
    """Hold the lists of which something is missing, those that would come back into use, and those named besides."""
    behind, held = seen.behind, list[ListHold]()
    if not (behind.missing or behind.revived or also):
        return held
    with installation.database.transaction() as session:
        if behind.missing or also:
            held += hold_lists(session, system_actor("restorer"), behind.missing, also=also, reason=reason)
        if behind.revived:
            held += hold_lists(session, system_actor("restorer"), (), also=behind.revived, reason=REVIVED)
    return held


def hold_what_was_altered(database: Database, error: Exception) -> None:
    """After a refusal that stops a list, in a transaction of its own: what was refused has left nothing behind."""
    if not isinstance(error, StopsList) or error.list_id is None:
        return
    try:
        with database.transaction() as session:
            hold_lists(session, system_actor("restorer"), (), also=[error.list_id], reason=ALTERED)
    except DomainError as refusal:
        log.error("list.not_held", code=refusal.code)


def declare(installation: Installation, seen: Seen) -> None:
    """Say in an anchor that the database was restored, and what the anchors tell of what is lost."""
    if seen.restore is not None:
        lost = {"lists": list(seen.behind.lost_lists), "allocations": sum(one.count for one in seen.behind.missing)}
        write_milestone(installation, "restored from a backup", **seen.restore.facts(), lost=lost)


def is_declared(session: TrialSession, anchors: Path) -> bool:
    """Whether the database passes through its anchors, or somebody has said that it was restored. Raises ``AnchorBroken``."""
    return find_restore(session, read_anchors(anchors)) is None


def check_declared(session: TrialSession, anchors: Path) -> None:
    """Raise ``RestoreNotDeclared`` while nobody has said that the database was restored, and not rewritten."""
    if not is_declared(session, anchors):
        raise RestoreNotDeclared(
            "Nobody has declared this restore yet. Whoever runs the server does, with “equipoise recover hold”; then go on here."
        )


def notice_restore(installation: Installation) -> bool:
    """Whether the database does not pass through its anchors; then its lists that lag are held from now on."""
    seen = look(installation)
    if seen.restore is None:
        return False
    held = hold_what_is_behind(installation, seen)
    log.warning("restore.noticed", lost_to=seen.restore.lost_to.position, held=len(held))
    return True
