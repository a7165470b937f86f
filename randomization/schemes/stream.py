"""The stream that every allocation is drawn from: SHAKE-256, the same on every platform, for good.

The derivation, complete (a verifier of a few lines repeats it with the standard library):

    framed(p1, p2, …)  each part as its length (8 bytes, big-endian) followed by its bytes
    block b            SHAKE-256( framed(DOMAIN, seed, list id, stratum key, use) ‖ b as 8 bytes ), squeezed
                       to 8,192 bytes, for b = 0, 1, 2, …; texts are UTF-8, b is big-endian
    words              the blocks in order, read as 64-bit big-endian unsigned integers
    integer below n    the next word w with w < floor(2⁶⁴ / n) · n gives w mod n; other words are dropped
                       (for n > 2⁶⁴ the word is the fewest words that can hold n, the first one highest)
    sort keys          the highest 56 bits of the words
    permutation of n   the next n words whose sort keys are all different (a group of n with a tie is dropped
                       whole); the result lists the positions 0 … n-1 by rising sort key
    arrangement        the items of a template, taken in the order of such a permutation

Invariants
1. The same (seed, list, stratum, use) gives the same words on every platform and numpy version.
2. Two streams that differ in any one of the four parts are independent: a new stratum never changes another.
3. Integers and permutations are exactly uniform, given uniform words: rejection, no remainders, no ties.

The stream knows no arm and no scheme. Simulations use numpy's generators instead: they need no secrecy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

DOMAIN: Final = b"equipoise/randomization/stream/v1"
SEED_SIZE: Final = 32
BLOCK_WORDS: Final = 1024
WORD_RANGE: Final = 1 << 64
TEMPLATE_BITS: Final = 8

Words = NDArray[np.uint64]
ArmIndices = NDArray[np.uint8]


def framed(*parts: bytes) -> bytes:
    """The parts with their lengths before them, so that no two sequences of parts give the same bytes."""
    return b"".join([len(part).to_bytes(8, "big") + part for part in parts])


class Stream:
    """A reproducible sequence of random words for one use in one stratum of one list."""

    def __init__(self, seed: bytes, list_id: str, stratum: str, use: str = "") -> None:
        if len(seed) != SEED_SIZE:
            raise ValueError(f"seed must be {SEED_SIZE} bytes, not {len(seed)}")
        self._address = (seed, list_id, stratum)
        parts = (DOMAIN, seed, list_id.encode(), stratum.encode(), use.encode())
        self._hash = hashlib.shake_256(framed(*parts))
        self._next_block = 0
        self._skip = 0  # words of the next block that were given already
        self._left: Words = np.empty(0, dtype=np.uint64)

    @property
    def stratum(self) -> str:
        return self._address[2]

    def use(self, label: str) -> Stream:
        """The stream of the same stratum for another use, from its beginning."""
        return Stream(*self._address, use=label)

    def words(self, count: int) -> Words:
        """The next ``count`` words."""
        missing = count - len(self._left)
        if missing > 0:
            more = self._more(missing)
            self._left = np.concatenate([self._left, more]) if len(self._left) else more
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def _more(self, missing: int) -> Words:
        """At least ``missing`` more words: of a small first request exactly these, from then on whole blocks."""
        if self._next_block == 0 and not self._skip and missing < BLOCK_WORDS:
            self._skip = missing
            return _as_words(self._block(0, missing))
        blocks = -(-(missing + self._skip) // BLOCK_WORDS)
        fresh = b"".join(self._block(self._next_block + i) for i in range(blocks))
        more = _as_words(fresh)[self._skip :]
        self._next_block += blocks
        self._skip = 0
        return more

    def _block(self, number: int, words: int = BLOCK_WORDS) -> bytes:
        block = self._hash.copy()
        block.update(number.to_bytes(8, "big"))
        return block.digest(8 * words)

    def integers(self, bound: int, count: int) -> Words:
        """``count`` independent uniform integers in [0, bound), for a bound of at most 2⁶⁴."""
        if not 1 <= bound <= WORD_RANGE:
            raise ValueError(f"bound must lie in [1, 2**64], not {bound}")
        highest = WORD_RANGE // bound * bound - 1
        kept = self.words(count)
        if highest < WORD_RANGE - 1:
            kept = kept[kept <= np.uint64(highest)]
        while len(kept) < count:
            words = self.words(count - len(kept))
            kept = np.concatenate([kept, words[words <= np.uint64(highest)]])
        return kept if bound == WORD_RANGE else kept % np.uint64(bound)

    def one_by_one(self, expected: int) -> Callable[[int], int]:
        """A function that gives the next uniform integer below its argument (at most 2⁶⁴): for bounds that change.

        It reads the stream ahead, about as far as ``expected``: take nothing else from this use.
        """
        words = self._each_word(max(1, expected))

        def below(bound: int) -> int:
            limit = WORD_RANGE // bound * bound
            while (word := next(words)) >= limit:
                pass
            return word % bound

        return below

    def _each_word(self, chunk: int) -> Iterator[int]:
        while True:
            yield from self.words(min(chunk, BLOCK_WORDS * 64)).tolist()

    def integer_below(self, bound: int) -> int:
        """One uniform integer in [0, bound), for a bound of any size."""
        if bound < 1:
            raise ValueError(f"bound must be at least 1, not {bound}")
        width = max(1, -(-(bound - 1).bit_length() // 64))
        limit = (1 << (64 * width)) // bound * bound
        while True:
            value = 0
            for word in self.words(width):
                value = value << 64 | int(word)
            if value < limit:
                return value % bound

    def permutation(self, size: int) -> NDArray[np.intp]:
        """A uniform permutation of 0 … size-1."""
        while True:
            keys = self.words(size) >> np.uint64(TEMPLATE_BITS)
            order = np.argsort(keys)
            if not _has_tie(keys[order]):
                return order

    def arrangements(self, template: ArmIndices, count: int) -> ArmIndices:
        """``count`` independent uniform arrangements of ``template``, one a row.

        The items ride in the low bits that the sort keys leave free, so one sort arranges them.
        """
        size = len(template)
        kept: list[ArmIndices] = []
        missing = count
        while missing > 0:
            rows = self.words(missing * size).reshape(missing, size) & ~np.uint64(0xFF)
            rows |= template
            rows.sort(axis=1)
            keys = rows >> np.uint64(TEMPLATE_BITS)
            ties = keys[:, 1:] == keys[:, :-1]
            clean = rows[~ties.any(axis=1)] if ties.any() else rows
            kept.append(clean.astype(np.uint8))  # the low bits: the items
            missing -= len(clean)
        if len(kept) == 1:
            return kept[0]
        return np.concatenate(kept) if kept else np.empty((0, size), dtype=np.uint8)


def _as_words(squeezed: bytes) -> Words:
    return np.frombuffer(squeezed, dtype=">u8").astype(np.uint64)


def _has_tie(ordered: Words) -> bool:
    return bool((ordered[1:] == ordered[:-1]).any())
