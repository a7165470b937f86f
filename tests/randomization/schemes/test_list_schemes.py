"""Every scheme that makes lists: exact distributions by enumeration, bounds, ratio, reproducibility."""

import subprocess
import sys
from fractions import Fraction
from itertools import product
from math import comb, factorial, prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from randomization.schemes import (
    LIST_SCHEMES,
    BiasedCoin,
    BigStick,
    BlockUrn,
    Complete,
    ListScheme,
    MaximalProcedure,
    PermutedBlocks,
    RandomAllocationRule,
    Stream,
    UploadedList,
    Urn,
    scheme_from_parameters,
)
from tests.support.enumeration import SEED, distribution

ROOT = Path(__file__).parents[3]


def by_steps(arms: int, length: int, chances) -> dict[tuple[int, ...], Fraction]:
    """The distribution of a list of ``length`` whose next arm has the ``chances`` of the counts before."""
    found = {}
    for one in product(range(arms), repeat=length):
        chance, counts = Fraction(1), [0] * arms
        for arm in one:
            if not chance:
                break  # what cannot happen has no next chances
            chance *= chances(counts)[arm]
            counts[arm] += 1
        if chance:
            found[one] = chance
    return found


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1), (2, 4), (1, 2, 1)])
def test_complete_randomization_has_the_ratio_s_chances_at_every_position(ratio):
    shares = [Fraction(share, sum(ratio)) for share in ratio]
    assert distribution(Complete(ratio), 4) == by_steps(len(ratio), 4, lambda _: shares)


@pytest.mark.parametrize("probability", [Fraction(1, 2), Fraction(2, 3), Fraction(3, 5), Fraction(1)])
def test_efrons_coin_favours_the_arm_that_is_behind(probability):
    def chances(counts):
        first = {0: Fraction(1, 2), 1: 1 - probability, -1: probability}[int(np.sign(counts[0] - counts[1]))]
        return first, 1 - first

    assert distribution(BiasedCoin(probability=probability), 5) == by_steps(2, 5, chances)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_big_stick_is_a_fair_coin_within_its_limit(limit):
    def chances(counts):
        lead = counts[0] - counts[1]
        first = Fraction(0) if lead == limit else Fraction(1) if lead == -limit else Fraction(1, 2)
        return first, 1 - first

    assert distribution(BigStick(limit), 6) == by_steps(2, 6, chances)


@pytest.mark.parametrize(("arms", "start", "added"), [(2, 0, 1), (2, 1, 3), (3, 0, 1), (3, 2, 1)])
def test_weis_urn_draws_by_its_balls(arms, start, added):
    def chances(counts):
        before = sum(counts)
        balls = [start + added * (before - own) for own in counts]
        if not any(balls):
            balls = [1] * arms
        return [Fraction(ball, sum(balls)) for ball in balls]

    assert distribution(Urn((1,) * arms, start, added), 4) == by_steps(arms, 4, chances)


@pytest.mark.parametrize(
    ("ratio", "limit"), [((1, 1), 1), ((1, 1), 2), ((1, 1), 3), ((2, 1), 2), ((1, 1, 1), 2), ((4, 2), 2)]
)
def test_the_block_urn_has_the_published_chances(ratio, limit):
    """Zhao & Weng (2011), equation 3: (wᵢλ + wᵢk - nᵢ) / (Wλ + Wk - m)."""
    unit = [share // np.gcd.reduce(ratio) for share in ratio]

    def chances(counts):
        sets = min(own // share for own, share in zip(counts, unit, strict=True))
        whole = sum(unit) * (limit + sets) - sum(counts)
        return [Fraction(int(s * (limit + sets) - own), int(whole)) for own, s in zip(counts, unit, strict=True)]

    assert distribution(BlockUrn(ratio, limit), 5) == by_steps(len(ratio), 5, chances)


@pytest.mark.parametrize(("ratio", "length"), [((1, 1), 6), ((2, 1), 6), ((1, 1, 1), 6), ((2, 1, 1), 4)])
def test_the_random_allocation_rule_makes_all_lists_of_its_totals_equally_likely(ratio, length):
    counts = [share * length // sum(ratio) for share in ratio]
    lists = factorial(length) // prod(factorial(count) for count in counts)
    found = distribution(RandomAllocationRule(ratio), length)
    assert len(found) == lists
    assert set(found.values()) == {Fraction(1, lists)}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("length", [0, 2, 4, 8, 10])
def test_the_maximal_procedure_makes_all_admitted_lists_equally_likely(limit, length):
    admitted = {
        arms
        for arms in product((0, 1), repeat=length)
        if sum(arms) * 2 == length and max(abs(lead) for lead in [0, *np.cumsum(1 - 2 * np.array(arms, int))]) <= limit
    }
    found = distribution(MaximalProcedure(limit), length)
    assert set(found) == admitted
    assert set(found.values()) == {Fraction(1, len(admitted))}


def test_the_maximal_procedure_counts_as_its_authors_do():
    """With the limit at half the length it is the random allocation rule: C(2m, m) lists."""
    assert MaximalProcedure(5).endings(10)[10][0] == comb(10, 5)
    assert MaximalProcedure(1).endings(10)[10][0] == 2**5


seeds = st.binary(min_size=32, max_size=32)
ratios = st.lists(st.integers(1, 4), min_size=2, max_size=4).map(tuple)
equal = st.integers(1, 3).map(lambda share: (share, share))
chances = st.fractions(Fraction(1, 2), 1, max_denominator=20)

SCHEMES = st.one_of(
    st.builds(Complete, ratios),
    st.builds(RandomAllocationRule, ratios),
    st.builds(BiasedCoin, equal, chances),
    st.builds(BigStick, st.integers(1, 6), equal),
    st.builds(Urn, st.integers(2, 5).map(lambda arms: (1,) * arms), st.integers(0, 9), st.integers(1, 9)),
    st.builds(BlockUrn, ratios, st.integers(1, 6)),
    st.builds(MaximalProcedure, st.integers(1, 6), equal),
    ratios.flatmap(
        lambda ratio: st.builds(
            PermutedBlocks,
            st.just(ratio),
            st.sets(st.integers(1, 4), min_size=1).map(lambda m: tuple(k * sum(ratio) for k in m)),
        )
    ),
)
ENDLESS = SCHEMES.filter(lambda scheme: not isinstance(scheme, RandomAllocationRule | MaximalProcedure))


def slots(scheme, times):
    return times * sum(scheme.ratio)


def of_seed(scheme, seed, length, stratum="s"):
    return scheme.generate(Stream(seed, "l", stratum), length).tolist()


@given(SCHEMES, seeds, st.integers(0, 40))
def test_a_seed_gives_the_same_list_again_after_a_round_trip_of_the_parameters(scheme, seed, times):
    again = scheme_from_parameters(scheme.parameters())
    assert again == scheme
    used = Stream(seed, "l", "s")
    used.words(5)
    length = slots(scheme, times)
    assert again.generate(used, length).tolist() == of_seed(scheme, seed, length)


@given(ENDLESS, seeds, st.integers(0, 150), st.integers(0, 150))
def test_a_shorter_list_is_the_beginning_of_a_longer_one(scheme, seed, length, more):
    assert of_seed(scheme, seed, length) == of_seed(scheme, seed, length + more)[:length]


@given(SCHEMES, seeds)
def test_lists_name_only_arms_that_there_are_and_have_their_length(scheme, seed):
    arms = of_seed(scheme, seed, slots(scheme, 12))
    assert len(arms) == slots(scheme, 12)
    assert set(arms) <= set(range(len(scheme.ratio)))


@given(SCHEMES, st.data())
def test_another_stratum_another_list_or_another_seed_is_another_stream(scheme, data):
    seed, other = data.draw(seeds), data.draw(seeds)
    length = slots(scheme, 128)
    lists = {
        tuple(scheme.generate(Stream(key, name, stratum), length).tolist())
        for key, name, stratum in {(seed, "l", "s"), (seed, "l", "t"), (seed, "m", "s"), (other, "l", "s")}
    }
    assert len(lists) == (3 if seed == other else 4)


@given(equal, st.integers(1, 8), seeds)
def test_the_big_stick_and_the_maximal_procedure_keep_their_limit(ratio, limit, seed):
    for scheme in (BigStick(limit, ratio), MaximalProcedure(limit, ratio)):
        leads = np.cumsum(1 - 2 * np.array(of_seed(scheme, seed, slots(scheme, 60))))
        assert np.abs(leads).max() <= limit


@given(ratios, st.integers(1, 5), seeds)
def test_the_block_urn_never_gives_more_than_its_limit_of_shares_beyond_the_arm_most_behind(ratio, limit, seed):
    unit = np.array(ratio) // np.gcd.reduce(ratio)
    arms = np.array(of_seed(BlockUrn(ratio, limit), seed, 300))
    given_so_far = np.cumsum(arms[:, np.newaxis] == np.arange(len(ratio)), axis=0)
    whole = (given_so_far // unit).min(axis=1)
    assert (given_so_far <= unit * (whole[:, np.newaxis] + limit)).all()


@given(ratios, seeds, st.integers(0, 30))
def test_fixed_totals_end_exactly_in_the_ratio(ratio, seed, times):
    arms = of_seed(RandomAllocationRule(ratio), seed, times * sum(ratio))
    assert np.bincount(np.array(arms, int), minlength=len(ratio)).tolist() == [times * share for share in ratio]


@given(seeds)
@settings(max_examples=25)
def test_schemes_that_coincide_make_blocks_of_two(seed):
    """At their limits the coin, the stick and the block urn give each arm once in every pair."""
    for scheme in (BiasedCoin(probability=Fraction(1)), BigStick(1), BlockUrn((1, 1), 1), MaximalProcedure(1)):
        pairs = np.array(of_seed(scheme, seed, 40)).reshape(-1, 2)
        assert (pairs.sum(axis=1) == 1).all()


@given(st.permutations(["a=1", "a=2", "a=3"]))
def test_the_order_in_which_uploaded_strata_are_named_does_not_matter(keys):
    held = {"a=1": (0, 1), "a=2": (1,), "a=3": (1, 0, 0)}
    scheme = UploadedList((1, 1), tuple((key, held[key]) for key in keys))
    assert scheme == UploadedList((1, 1), tuple(held.items()))
    assert of_seed(scheme, SEED, 3, "a=3") == [1, 0, 0]


def test_lists_depend_on_no_hash():
    script = (
        "from randomization.schemes import *\n"
        "from tests.randomization.schemes.test_list_schemes import examples, of_seed\n"
        "print([of_seed(one, bytes(range(32)), 24) for one in examples()])\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def examples():
    return (
        Complete((2, 1)),
        RandomAllocationRule((1, 1, 1)),
        BiasedCoin(),
        BigStick(3),
        Urn((1, 1)),
        BlockUrn((2, 1), 2),
        MaximalProcedure(3),
        PermutedBlocks((1, 1), (4, 6)),
    )


KNOWN = (
    "101010111100001000110000",  # complete
    "121010102121222002102001",  # random_allocation_rule
    "010011011101001001110010",  # biased_coin
    "000101011110111010100101",  # big_stick
    "010011011100010001011010",  # urn
    "010010011000011000100011",  # block_urn
    "100011011100010001110101",  # maximal_procedure
    "001110001110101001101010",  # permuted_blocks
)  # fmt: skip


def test_known_lists_never_change():
    found = tuple("".join(map(str, of_seed(one, SEED, 24, "opioid=yes&site=S01"))) for one in examples())
    assert found == KNOWN


def test_every_list_scheme_is_one_and_is_tried_here():
    assert all(isinstance(one, ListScheme) for one in examples())
    assert {type(one) for one in examples()} | {UploadedList} == set(LIST_SCHEMES)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: BiasedCoin((2, 1)), "1:1 in two arms for the biased coin, not 2:1"),
        (lambda: BiasedCoin((1, 1, 1)), "not 1:1:1"),
        (lambda: BiasedCoin(probability=Fraction(1, 3)), r"\[1/2, 1\]"),
        (lambda: BiasedCoin(probability=0.6), "exact fraction"),
        (lambda: BigStick(3, (1, 2)), "big stick"),
        (lambda: BigStick(0), r"limit must be a whole number in \[1, 1000\]"),
        (lambda: BigStick(True), "limit must be"),
        (lambda: MaximalProcedure(3, (1, 1, 1)), "maximal procedure"),
        (lambda: MaximalProcedure(2).generate(Stream(SEED, "l", "s"), 5), "multiple of 2"),
        (lambda: MaximalProcedure(2).generate(Stream(SEED, "l", "s"), 4098), "at most 4096"),
        (lambda: Urn((2, 1)), "equal for the urn"),
        (lambda: Urn((1, 1), -1), r"start must be a whole number in \[0"),
        (lambda: Urn((1, 1), 0, 0), "added must be"),
        (lambda: BlockUrn((2, 1), 2.0), "limit must be"),
        (lambda: BlockUrn((1,), 2), "between 2 and 250 arms"),
        (lambda: RandomAllocationRule((2, 1)).generate(Stream(SEED, "l", "s"), 7), "multiple of 3"),
        (lambda: Complete((0, 1)), "at least 1"),
        (lambda: Complete((1, 1)).generate(Stream(SEED, "l", "s"), -1), "length must be"),
        (lambda: UploadedList((1, 1), (("s", (0, 2)),)), "indices of arms"),
        (lambda: UploadedList((1, 1), (("s", ()),)), "at least one slot"),
        (lambda: UploadedList((1, 1), (("s", (0,)), ("s", (1,)))), "named once"),
        (lambda: UploadedList((1, 1), (("s", (0,)),)).generate(Stream(SEED, "l", "t"), 1), "strata must name t"),
        (lambda: UploadedList((1, 1), (("s", (0,)),)).generate(Stream(SEED, "l", "s"), 2), "at most 1"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_by_name(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()
