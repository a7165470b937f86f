"""Permuted blocks: exact distributions by enumeration, balance, ratio, reproducibility."""

from collections import Counter
from fractions import Fraction
from itertools import permutations, product
from math import comb, factorial, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.schemes import ListScheme, PermutedBlocks, Stream, scheme_from_parameters

SEED = bytes(range(32))
KNOWN_LIST = "0101100101001101011000110011010101001110"


class RankedStream(Stream):
    """One of the equally likely cases: the sizes drawn, and the order of the words in each block."""

    def __init__(self, size_draws, orders):
        super().__init__(SEED, "list", "stratum")
        self._size_draws, self._orders, self._label = list(size_draws), orders, ""

    def use(self, label):
        stream = RankedStream(self._size_draws, self._orders)
        stream._label = label
        return stream

    def words(self, count):
        if self._label == "block sizes":
            words = self._size_draws[:count]
        else:
            orders = self._orders[int(self._label.removeprefix("blocks of "))]
            words = [rank << 8 for order in orders for rank in order][:count]
        assert len(words) == count
        return np.array(words, dtype=np.uint64)


def multinomial(counts):
    return factorial(sum(counts)) // prod(factorial(count) for count in counts)


@pytest.mark.parametrize(
    ("ratio", "size"), [((1, 1), 2), ((1, 1), 4), ((1, 1), 6), ((2, 1), 6), ((2, 1, 1), 4), ((1, 1, 1), 6)]
)
def test_all_arrangements_of_a_block_are_equally_likely(ratio, size):
    scheme = PermutedBlocks(ratio, (size,))
    found = Counter(
        tuple(scheme.generate(RankedStream([0], {size: [order]}), size).tolist()) for order in permutations(range(size))
    )
    counts = [share * size // sum(ratio) for share in ratio]
    assert len(found) == multinomial(counts)
    assert set(found.values()) == {factorial(size) // multinomial(counts)}


def test_random_sizes_have_the_exact_distribution_over_six_slots():
    scheme, length = PermutedBlocks((1, 1), (2, 4)), 6
    found: Counter[tuple[int, ...]] = Counter()
    weight_of_orders = Fraction(1, factorial(2) ** 3 * factorial(4) ** 2)
    pairs, fours = list(permutations(range(2))), list(permutations(range(4)))
    for sizes in product((0, 1), repeat=3):
        # The second block of four matters only in its first two slots: 24 orders, as many as the first.
        for small in product(pairs, repeat=3):
            for large in product(fours, repeat=2):
                arms = scheme.generate(RankedStream(sizes, {2: small, 4: large}), length)
                found[tuple(arms.tolist())] += Fraction(1, 8) * weight_of_orders
    assert sum(found.values()) == 1
    assert found == {arms: chance for arms in product((0, 1), repeat=6) if (chance := chance_by_theory(arms))}


def chance_by_theory(arms):
    """The chance of the first slots of a 1:1 list with blocks of two or four, by the tree of block sizes."""
    if not arms:
        return Fraction(1)
    total = Fraction(0)
    for size in (2, 4):
        head = arms[:size]
        ones, zeros = sum(head), len(head) - sum(head)
        half, rest = size // 2, size - len(head)
        if ones <= half and zeros <= half:
            ways = comb(rest, half - ones)
            total += Fraction(1, 2) * Fraction(ways, comb(size, half)) * chance_by_theory(arms[size:])
    return total


ratios = st.lists(st.integers(1, 4), min_size=2, max_size=5).map(tuple)


@st.composite
def schemes(draw):
    ratio = draw(ratios)
    multiples = draw(st.sets(st.integers(1, 4), min_size=1, max_size=3))
    return PermutedBlocks(ratio, tuple(multiple * sum(ratio) for multiple in multiples))


seeds = st.binary(min_size=32, max_size=32)


@given(schemes(), seeds, st.integers(0, 300))
def test_every_block_keeps_the_ratio(scheme, seed, length):
    stream = Stream(seed, "l", "s")
    arms = scheme.generate(stream, length)
    end = 0
    for size in scheme.block_sizes(stream, length).tolist():
        block, end = arms[end : end + size], end + size
        due = np.array(scheme.ratio) * (size // sum(scheme.ratio))
        counts = np.bincount(block, minlength=len(scheme.ratio))
        assert (counts == due).all() if end <= length else (counts <= due).all()
    assert end >= length


@given(schemes(), seeds, st.integers(1, 300))
def test_an_arm_is_never_further_from_its_share_than_a_block_allows(scheme, seed, length):
    arms = scheme.generate(Stream(seed, "l", "s"), length)
    whole = sum(scheme.ratio)
    for arm, share in enumerate(scheme.ratio):
        departures = np.cumsum(arms == arm) - np.arange(1, length + 1) * share / whole
        largest = max(scheme.sizes) * share / whole * (1 - share / whole)
        assert np.abs(departures).max() <= largest + 1e-9


@given(schemes(), seeds, st.integers(0, 200), st.integers(0, 200))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(scheme, seed, length, more):
    short = scheme.generate(Stream(seed, "l", "s"), length)
    long = scheme.generate(Stream(seed, "l", "s"), length + more)
    assert short.tolist() == long[:length].tolist()


@given(schemes(), seeds)
def test_the_same_seed_gives_the_same_list_after_a_round_trip_of_the_parameters(scheme, seed):
    again = scheme_from_parameters(scheme.parameters())
    assert again == scheme
    used = Stream(seed, "l", "s")
    used.words(17)
    assert again.generate(used, 100).tolist() == scheme.generate(Stream(seed, "l", "s"), 100).tolist()


@given(st.permutations([4, 6, 8]))
def test_the_order_in_which_sizes_are_named_does_not_matter(sizes):
    assert PermutedBlocks((1, 1), tuple(sizes)) == PermutedBlocks((1, 1), (4, 6, 8))


@given(ratios, seeds)
def test_the_list_follows_the_written_derivation(ratio, seed):
    """Twin: one block after the other, in plain Python."""
    sizes = [sum(ratio), 3 * sum(ratio)]
    draws = {size: Stream(seed, "l", "s").use(f"blocks of {size}") for size in sizes}
    choices, expected = Stream(seed, "l", "s").use("block sizes"), []
    while len(expected) < 100:
        size = sizes[choices.integer_below(2)]
        template = [arm for arm, share in enumerate(ratio) for _ in range(share * size // sum(ratio))]
        expected += [template[place] for place in draws[size].permutation(size)]
    scheme = PermutedBlocks(ratio, tuple(sizes))
    assert scheme.generate(Stream(seed, "l", "s"), 100).tolist() == expected[:100]


def test_a_known_list_never_changes():
    arms = PermutedBlocks((1, 1), (4, 6)).generate(Stream(SEED, "list-1", "opioid=yes&site=S01"), 40)
    assert "".join(str(arm) for arm in arms) == KNOWN_LIST


def test_permuted_blocks_are_a_list_scheme():
    assert isinstance(PermutedBlocks((1, 1), (4,)), ListScheme)


@pytest.mark.parametrize(
    ("ratio", "sizes", "sentence"),
    [
        ((1,), (2,), "between 2 and 250 arms"),
        ((1, 0), (1,), "at least 1"),
        ((1, True), (2,), "whole numbers"),
        ((1, 1.5), (2,), "whole numbers"),
        ((1, 1), (), "at least one block size"),
        ((1, 1), (3,), "multiples of 2"),
        ((2, 1), (4,), "multiples of 3"),
        ((1, 1), (0,), "multiples of 2"),
        ((1, 1), (4.0,), "multiples of 2"),
        ((1, 1), (1002,), r"\[2, 1000\]"),
        ((1, 1), (4, 4), "all be different"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(ratio, sizes, sentence):
    with pytest.raises(ValueError, match=sentence):
        PermutedBlocks(ratio, sizes)


@pytest.mark.parametrize("length", [-1, 2.5, True])
def test_a_length_out_of_range_is_refused(length):
    with pytest.raises(ValueError, match="length must be"):
        PermutedBlocks((1, 1), (4,)).generate(Stream(SEED, "l", "s"), length)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match=r"scheme must be one of biased_coin, .*, urn, not .coin."):
        scheme_from_parameters({"scheme": "coin"})
