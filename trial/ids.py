"""Identifiers and other randomness that records need, from a source that is passed in.

Invariants
1. In service, ids are UUID version 4 and tokens come from the operating system's generator.
2. An id tells nothing: no time, no order, no site, no arm. (UUID version 7 would tell the order of creation.)
3. The seeded source is for tests and simulated trials only; it is named for what it is.
"""

from __future__ import annotations

import hashlib
import os
from typing import Protocol
from uuid import UUID


class Entropy(Protocol):
    """Where bytes come from. ``purpose`` separates streams in a seeded source and is ignored by a real one."""

    def take(self, size: int, purpose: str) -> bytes: ...


class SystemEntropy:
    """The operating system's generator."""

    def take(self, size: int, purpose: str) -> bytes:  # noqa: ARG002 - the system's bytes need no separation
        return os.urandom(size)


class UnsafeSeededEntropy:
    """Reproducible bytes, each purpose its own stream. For tests and simulated trials only."""

    def __init__(self, seed: bytes | int) -> None:
        self._seed = seed if isinstance(seed, bytes) else seed.to_bytes(16, "big")
        self._taken: dict[str, int] = {}

    def take(self, size: int, purpose: str) -> bytes:
        count = self._taken.get(purpose, 0)
        self._taken[purpose] = count + 1
        label = b"|".join([self._seed, purpose.encode(), str(count).encode()])
        return hashlib.shake_256(label).digest(size)


def new_id(entropy: Entropy, purpose: str = "id") -> UUID:
    """A version 4 UUID drawn from ``entropy``."""
    return UUID(bytes=entropy.take(16, purpose), version=4)


def draw_below(entropy: Entropy, bound: int, purpose: str) -> int:
    """A uniform integer in [0, bound), by rejection so that no remainder favours small numbers."""
    if bound < 1:
        raise ValueError("bound must be at least 1")
    size = (bound.bit_length() + 7) // 8 + 1
    limit = (1 << (8 * size)) // bound * bound
    while True:
        value = int.from_bytes(entropy.take(size, purpose), "big")
        if value < limit:
            return value % bound
