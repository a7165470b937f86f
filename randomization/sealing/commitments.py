"""What is published when a list is sealed, so that it can be proved afterwards that nothing was changed.

    slot commitment    SHA-256( 00 ‖ framed(SLOT, list id, stratum key, position as 8 bytes, arm code, salt) )
    node               SHA-256( 01 ‖ left ‖ right )
    root               the Merkle tree hash of RFC 6962, section 2.1, over the slot commitments: strata in the
                       design's order, positions rising; of an empty list SHA-256 of nothing
    design commitment  SHA-256( framed(DESIGN, list id, seed, parameters as canonical JSON) )

Invariants
1. A slot commitment tells nothing of the arm: its salt is 32 random bytes that stand only in the ciphertext.
2. A leaf can never pass for a node, nor a slot for the same slot in another list or stratum.

Only the standard library and ``framed`` are used, so that an outsider can repeat all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from randomization.schemes.stream import framed

SALT_SIZE: Final = 32
_SLOT: Final = b"equipoise/slot/v1"
_DESIGN: Final = b"equipoise/list-design/v1"


@dataclass(frozen=True)
class ListCommitment:
    """The published part of a sealed list. ``slots`` is empty for a scheme that has no list; ``retires`` are the ids of the
    lists whose place it takes."""

    list_id: str
    design: bytes
    root: bytes
    slots: tuple[bytes, ...]
    retires: tuple[str, ...] = ()


def slot_commitment(list_id: str, stratum: str, position: int, arm: str, salt: bytes) -> bytes:
    """The leaf of one slot."""
    parts = (_SLOT, list_id.encode(), stratum.encode(), position.to_bytes(8, "big"), arm.encode(), salt)
    return hashlib.sha256(b"\x00" + framed(*parts)).digest()


def slot_committer(list_id: str, stratum: str) -> Callable[[int, str, bytes], bytes]:
    """``slot_commitment`` for many slots of one stratum: what they share is hashed once."""
    # A frame of a position begins with its length, eight bytes; an arm's frame and the length of a salt recur as well.
    shared = hashlib.sha256(b"\x00" + framed(_SLOT, list_id.encode(), stratum.encode()) + (8).to_bytes(8, "big"))
    salted = SALT_SIZE.to_bytes(8, "big")
    arms: dict[str, bytes] = {}

    def commit(position: int, arm: str, salt: bytes) -> bytes:
        if len(salt) != SALT_SIZE:
            raise ValueError(f"a salt has {SALT_SIZE} bytes")
        if arm not in arms:
            arms[arm] = framed(arm.encode()) + salted
        own = shared.copy()
        own.update(position.to_bytes(8, "big") + arms[arm] + salt)
        return own.digest()

    return commit


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes; a last one without a partner moves up as it is."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        parents = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level = parents + level[len(parents) * 2 :]
    return level[0]


def design_commitment(list_id: str, seed: bytes, parameters: dict[str, Any]) -> bytes:
    """Binds the seed, which hides it all, and the parameters from which the seed makes the list."""
    canonical = canonical_json(parameters).encode()
    return hashlib.sha256(framed(_DESIGN, list_id.encode(), seed, canonical)).digest()


def canonical_json(matter: dict[str, Any]) -> str:
    """JSON with sorted keys and no spaces; parameters hold only texts, whole numbers and lists of them."""
    return json.dumps(matter, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
