"""Simulated lists have the exact distributions of the schemes that make real ones."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from randomization.schemes import (
    Balance,
    BiasedCoin,
    BigStick,
    BlockUrn,
    Complete,
    Imbalance,
    MarginalCounts,
    MaximalProcedure,
    Minimization,
    PermutedBlocks,
    RandomAllocationRule,
    UploadedList,
    Urn,
)
from randomization.simulation import Scenario, simulate_lists
from randomization.simulation.courses import allocate
from tests.support.enumeration import distribution

MANY = 40_000


def check_frequencies(found: Counter, expected: dict[tuple[int, ...], Fraction]):
    """Pearson's statistic lies within five of its standard deviations, and nothing impossible came up."""
    total = sum(found.values())
    assert set(found) <= set(expected)
    statistic = sum((found[one] - total * p) ** 2 / (total * p) for one, p in expected.items())
    freedom = len(expected) - 1
    assert statistic < freedom + 5 * np.sqrt(2 * freedom) + 5


@pytest.mark.parametrize(
    "scheme",
    [
        Complete((2, 1)),
        RandomAllocationRule((1, 1, 1)),
        PermutedBlocks((1, 1), (2,)),
        PermutedBlocks((1, 1), (2, 4)),
        PermutedBlocks((2, 1), (3, 6)),
        BiasedCoin(probability=Fraction(3, 4)),
        BigStick(2),
        MaximalProcedure(2),
        Urn((1, 1), 0, 1),
        Urn((1, 1, 1), 0, 1),
        BlockUrn((1, 1), 2),
        BlockUrn((2, 1), 2),
    ],
    ids=str,
)
def test_simulated_lists_have_the_scheme_s_exact_distribution(scheme):
    length = 6
    lists = simulate_lists(scheme, np.random.default_rng(11), MANY, length)
    assert lists.shape == (MANY, length)
    expected = blocks(scheme, length) if isinstance(scheme, PermutedBlocks) else distribution(scheme, length)
    check_frequencies(Counter(map(tuple, lists.tolist())), expected)


def blocks(scheme: PermutedBlocks, length: int) -> dict[tuple[int, ...], Fraction]:
    """The distribution of permuted blocks, one block after the other: the exact walk would have 720 answers a block."""
    found: dict[tuple[int, ...], Fraction] = {(): Fraction(1)}
    done: Counter = Counter()
    while found:
        longer: Counter = Counter()
        for arms, chance in found.items():
            for size in scheme.sizes:
                for block, p in distribution(RandomAllocationRule(scheme.ratio), size).items():
                    one = (*arms, *block)
                    kept = done if len(one) >= length else longer
                    kept[one[:length]] += chance * p / len(scheme.sizes)
        found = dict(longer)
    return dict(done)


@pytest.mark.parametrize("imbalance", list(Imbalance))
@pytest.mark.parametrize("ratio", [(1, 1), (2, 1)])
def test_simulated_minimization_has_the_scheme_s_exact_chances(imbalance, ratio):
    """Four participants with fixed levels: every sequence of arms against the product of its seats' chances."""
    scheme = Minimization(ratio, (Balance("a"), Balance("b", Fraction(2))), Fraction(4, 5), imbalance, Fraction(1, 3))
    scenario = Scenario(4, ratio, (("a", 2), ("b", 2)), 0, 1, 0.5, 0.0, 0.0)
    arrivals = scenario.arrivals(np.random.default_rng(1), MANY)
    arrivals.strata[:] = np.array([0, 3, 1, 0])
    arms = allocate(scheme, arrivals, np.random.default_rng(2))
    levels = [{"a": str(cell // 2), "b": str(cell % 2)} for cell in (0, 3, 1, 0)]
    expected: Counter = Counter()

    def walk(state, before, chance):
        if len(before) == 4:
            expected[tuple(scheme.arm_of(seat) for seat in before)] += chance
            return
        here = levels[len(before)]
        for seat, p in enumerate(scheme.probabilities(state, here)):
            if p:
                walk(state.after(here, seat), (*before, seat), chance * p)

    walk(MarginalCounts(scheme.seats), (), Fraction(1))
    check_frequencies(Counter(map(tuple, arms.tolist())), dict(expected))


def test_an_uploaded_list_cannot_be_simulated():
    with pytest.raises(ValueError, match="no chance in it"):
        simulate_lists(UploadedList((1, 1), (("all", (0, 1)),)), np.random.default_rng(1), 1, 2)
