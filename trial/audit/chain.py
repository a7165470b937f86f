"""The arithmetic of the chain: what the database computes at commit, computed again elsewhere."""

from __future__ import annotations

import hashlib
from typing import Final

GENESIS: Final = bytes(32)


def next_hash(previous: bytes, position: int, content: bytes) -> bytes:
    """SHA-256 of the previous hash, the position as eight big-endian bytes, and the entry's stored text in UTF-8."""
    return hashlib.sha256(previous + position.to_bytes(8, "big") + content).digest()
