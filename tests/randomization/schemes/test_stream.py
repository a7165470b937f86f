"""The stream against a second derivation of a few lines, against fixed answers, and against biased words."""

import hashlib
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.schemes.stream import BLOCK_WORDS, Stream, framed

SEED = bytes(range(32))
KNOWN_WORDS = ["7bb27e85320b2e4d", "542b8df33c0beade", "3cea67cbba573c4d", "b7bf1cd6f9f66acc"]
KNOWN_WORDS_OF_A_USE = ["f44f0dc97a587875", "94ce26e93e981814"]


def words_by_the_book(seed: bytes, list_id: str, stratum: str, use: str = ""):
    """The derivation of the module's docstring, written again with the standard library only."""
    parts = [b"equipoise/randomization/stream/v1", seed, list_id.encode(), stratum.encode(), use.encode()]
    prefix = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    block = 0
    while True:
        squeezed = hashlib.shake_256(prefix + block.to_bytes(8, "big")).digest(8192)
        for at in range(0, 8192, 8):
            yield int.from_bytes(squeezed[at : at + 8], "big")
        block += 1


class ScriptedStream(Stream):
    """Gives the words it was told to give."""

    def __init__(self, words):
        super().__init__(SEED, "list", "stratum")
        self._script = list(words)

    def words(self, count):
        taken, self._script = self._script[:count], self._script[count:]
        assert len(taken) == count, "the script is over"
        return np.array(taken, dtype=np.uint64)


def test_known_words_never_change():
    words = Stream(SEED, "list-1", "opioid=yes&site=S01").words(4)
    assert [f"{int(word):016x}" for word in words] == KNOWN_WORDS


def test_known_words_of_a_use_never_change():
    words = Stream(SEED, "list-1", "opioid=yes&site=S01").use("block sizes").words(2)
    assert [f"{int(word):016x}" for word in words] == KNOWN_WORDS_OF_A_USE


def test_words_follow_the_written_derivation_over_several_blocks():
    count = 2 * BLOCK_WORDS + 5
    expected = list(islice(words_by_the_book(SEED, "l", "strå=tum", "ü"), count))
    assert Stream(SEED, "l", "strå=tum").use("ü").words(count).tolist() == expected


@given(st.lists(st.integers(0, 3000), max_size=6))
def test_words_do_not_depend_on_how_many_are_taken_at_once(counts):
    stream = Stream(SEED, "l", "s")
    taken = [word for count in counts for word in stream.words(count).tolist()]
    assert taken == Stream(SEED, "l", "s").words(sum(counts)).tolist()


@given(st.lists(st.binary(max_size=9), max_size=4), st.lists(st.binary(max_size=9), max_size=4))
def test_framing_never_confuses_two_sequences_of_parts(first, second):
    assert (framed(*first) == framed(*second)) == (first == second)


def test_each_part_of_the_address_makes_another_stream():
    addresses = [
        (SEED, "l", "s", ""),
        (bytes(32), "l", "s", ""),
        (SEED, "ls", "", ""),
        (SEED, "", "ls", ""),
        (SEED, "l", "", "s"),
        (SEED, "l", "s", "s"),
    ]
    firsts = {int(Stream(*address).words(1)[0]) for address in addresses}
    assert len(firsts) == len(addresses)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_size_is_refused(size):
    with pytest.raises(ValueError, match="seed must be 32 bytes"):
        Stream(bytes(size), "l", "s")


def test_integers_drop_words_that_would_favour_small_numbers():
    highest = 2**64 - 1  # 2**64 = 3 · 6148914691236517205 + 1: only the highest word is one too many
    stream = ScriptedStream([highest, 4, highest, highest, 5, 6])
    assert stream.integers(3, 3).tolist() == [1, 2, 0]


def test_a_bound_that_divides_the_range_drops_nothing():
    assert ScriptedStream([2**64 - 1, 0]).integers(4, 2).tolist() == [3, 0]
    assert ScriptedStream([2**64 - 1]).integers(2**64, 1).tolist() == [2**64 - 1]


@pytest.mark.parametrize("bound", [0, -1, 2**64 + 1])
def test_integers_refuse_a_bound_out_of_range(bound):
    with pytest.raises(ValueError, match="bound must lie in"):
        Stream(SEED, "l", "s").integers(bound, 1)


@given(st.integers(1, 2**64))
def test_one_integer_is_the_first_of_many(bound):
    assert Stream(SEED, "l", "s").integer_below(bound) == Stream(SEED, "l", "s").integers(bound, 3)[0]


def test_a_bound_above_one_word_takes_two_the_first_one_highest():
    assert ScriptedStream([1, 5]).integer_below(2**65) == 2**64 + 5


def test_a_bound_below_one_is_refused():
    with pytest.raises(ValueError, match="bound must be at least 1"):
        Stream(SEED, "l", "s").integer_below(0)


def test_a_permutation_lists_positions_by_rising_key():
    assert ScriptedStream([3 << 8, 1 << 8, 2 << 8]).permutation(3).tolist() == [1, 2, 0]


def test_a_group_with_a_tie_is_dropped_whole():
    tied = [7 << 8 | 1, 7 << 8 | 2, 9 << 8]
    assert ScriptedStream([*tied, 3 << 8, 1 << 8, 2 << 8]).permutation(3).tolist() == [1, 2, 0]
    template = np.array([0, 0, 1], dtype=np.uint8)
    script = [*tied, 3 << 8, 1 << 8, 2 << 8, 1 << 8, 2 << 8, 3 << 8]
    assert ScriptedStream(script).arrangements(template, 2).tolist() == [[0, 1, 0], [0, 0, 1]]


@given(st.integers(1, 60), st.integers(1, 5))
def test_arrangements_follow_the_written_derivation(size, rows):
    template = np.arange(size, dtype=np.uint8)
    words = words_by_the_book(SEED, "l", "s")
    expected = []
    for _ in range(rows):
        keys = [next(words) >> 8 for _ in range(size)]
        expected.append(sorted(range(size), key=keys.__getitem__))
    assert Stream(SEED, "l", "s").arrangements(template, rows).tolist() == expected


def test_integers_are_uniform_as_far_as_a_hundred_thousand_can_tell():
    counts = Counter(Stream(SEED, "l", "s").integers(7, 100_000).tolist())
    expected = 100_000 / 7
    chi_square = sum((counts[value] - expected) ** 2 / expected for value in range(7))
    assert chi_square < 22.46  # the 99.9 % point with six degrees of freedom
