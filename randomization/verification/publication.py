"""The two files of a list: its commitment, published when it is sealed, and the opened list, when the trial is over.

Invariants
1. The same list gives the same bytes: keys sorted, no time of writing, no name of a person.
2. A commitment file holds nothing that an anchor does not: ids, counts and hashes. It can be published at once.
3. A file is judged by ``standalone`` alone: what the program says of a file, an outsider finds too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from randomization.sealing.commitments import ListCommitment
from randomization.verification import standalone
from randomization.verification.checks import OpenedDraw, OpenedList, OpenedListUnreadable
from trial.errors import Conflict


class NotAsCommitted(Conflict):
    """An opened list disagrees with its commitment. ``how`` is the stand-alone verifier's own code."""

    code = "verification.not_as_committed"

    def __init__(self, how: str, where: str) -> None:
        super().__init__(f"{where} Do not use this list; compare it with the file that was first published.")
        self.how, self._where = how, where

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.how, self._where))


def commitment_document(published: ListCommitment) -> dict[str, Any]:
    """The commitment file's content."""
    return {
        "format": standalone.PUBLISHED,
        "list": published.list_id,
        "design": published.design.hex(),
        "root": published.root.hex(),
        "slots": [leaf.hex() for leaf in published.slots],
        # Nothing otherwise: the file of a list that retires none has the bytes that it always had.
        **({"retires": list(published.retires)} if published.retires else {}),
    }


def opened_document(
    published: ListCommitment, opened: OpenedList, draws: Sequence[OpenedDraw] | None = None
) -> dict[str, Any]:
    """The opened list's content: slots by stratum, or draws (not ``None``) where the scheme has no list."""
    document: dict[str, Any] = {
        "format": standalone.OPENED,
        "list": opened.list_id,
        "commitment": commitment_document(published),
        "seed": opened.seed.hex(),
        "parameters": dict(opened.parameters),
    }
    if draws is not None:
        return document | {"draws": [[dict(draw.levels), draw.arm] for draw in draws]}
    strata = groupby(opened.slots, key=lambda slot: slot.stratum)
    return document | {"strata": [[key, [[slot.arm, slot.salt.hex()] for slot in slots]] for key, slots in strata]}


def as_file(document: dict[str, Any]) -> bytes:
    """The bytes that are published."""
    return (json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n").encode()


def verify_file(
    path: Path, commitment: Path | None = None, root: str | None = None, design: str | None = None
) -> tuple[dict[str, Any], int]:
    """The commitment that was compared with, and how many allocations agree.

    Raises ``NotAsCommitted``, ``OpenedListUnreadable``.
    """
    try:
        opened = standalone.read_json(str(path))
        own = standalone.read_json(str(commitment)) if commitment else None
        published = standalone.trusted(opened, own, root, design)
        return published, standalone.verify(opened, published)
    except standalone.NotAsCommitted as broken:
        raise NotAsCommitted(broken.code, broken.message) from None
    except standalone.Unreadable as unreadable:
        raise OpenedListUnreadable(f"The file cannot be checked: {unreadable}. Export it again.") from None


def verifier_text() -> str:
    """The stand-alone verifier, to give to an outsider."""
    return Path(standalone.__file__).read_text(encoding="utf-8")
