"""The comparison against theory: guesses after Blackwell and Hodges, imbalance, bias, type-I error, power."""

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from randomization.schemes import (
    BiasedCoin,
    BigStick,
    BlockUrn,
    Complete,
    MaximalProcedure,
    PermutedBlocks,
    RandomAllocationRule,
    Urn,
)
from randomization.simulation import Candidate, Scenario, candidates_for, compare_schemes, scenario_of
from randomization.simulation.comparison import MEASURES
from randomization.simulation.measures import counts_before, power_of
from tests.support.enumeration import distribution
from trial.protocol import shipped_protocol


def scenario(participants=24, ratio=(1, 1), factors=(), **given):
    return Scenario(participants, ratio, factors, 0, 1, **{"effect": 0.8, "preference": 0.0, "trend": 0.0} | given)


def performance(scheme, simulations=4000, **given):
    where = scenario(ratio=scheme.ratio, **given)
    return compare_schemes([Candidate("x", scheme)], where, simulations=simulations, seed=5)[0]


def near(estimate, expected, errors=4.5):
    return abs(estimate.value - float(expected)) <= errors * estimate.error + 1e-12


def exact_guesses(lists: dict[tuple[int, ...], Fraction], ratio=(1, 1)) -> Fraction:
    """The expected share of correct guesses by the convergence strategy, over all lists; equal ratios."""
    total = Fraction(0)
    for arms, chance in lists.items():
        counts, correct = [0] * len(ratio), Fraction(0)
        for arm in arms:
            tied = [one for one, count in enumerate(counts) if count == min(counts)]
            correct += Fraction(arm in tied, len(tied))
            counts[arm] += 1
        total += chance * correct / len(arms)
    return total


def test_blocks_of_two_are_guessed_three_times_in_four_always():
    seen = performance(PermutedBlocks((1, 1), (2,)))
    assert (seen.correct_guesses.value, seen.correct_guesses.error) == (0.75, 0.0)


@pytest.mark.parametrize("half", [2, 3, 4, 6, 12])
def test_blocks_are_guessed_as_often_as_blackwell_and_hodges_say(half):
    """In a block of 2m: m + (4^m / C(2m, m) - 1) / 2 correct guesses; m = 2 gives 17/24."""
    theory = Fraction(half) + (Fraction(4**half, comb(2 * half, half)) - 1) / 2
    seen = performance(PermutedBlocks((1, 1), (2 * half,)))
    assert near(seen.correct_guesses, theory / (2 * half))
    assert exact_guesses(distribution(RandomAllocationRule((1, 1)), 4)) == Fraction(17, 24)


def test_the_random_allocation_rule_is_one_block():
    theory = Fraction(12) + (Fraction(4**12, comb(24, 12)) - 1) / 2
    assert near(performance(RandomAllocationRule((1, 1))).correct_guesses, theory / 24)


def test_complete_randomization_is_guessed_half_the_time():
    seen = performance(Complete((1, 1)))
    assert near(seen.correct_guesses, Fraction(1, 2))
    assert near(seen.final_imbalance, Fraction(24 * comb(24, 12), 2**24))  # E|D| of a fair walk of 24 steps


@pytest.mark.parametrize(
    "scheme",
    [BiasedCoin(probability=Fraction(3, 4)), BigStick(2), MaximalProcedure(2), BlockUrn((1, 1), 3), Urn((1, 1))],
    ids=lambda scheme: scheme.name,
)
def test_other_schemes_are_guessed_as_often_as_the_enumeration_of_all_lists_says(scheme):
    lists = distribution(scheme, 6)
    seen = performance(scheme, participants=6)
    assert near(seen.correct_guesses, exact_guesses(lists))
    final = sum(chance * abs(6 - 2 * sum(arms)) for arms, chance in lists.items())
    largest = sum(chance * int(np.abs(np.cumsum(1 - 2 * np.array(arms))).max()) for arms, chance in lists.items())
    assert near(seen.final_imbalance, final)
    assert near(seen.largest_imbalance, largest)


def test_efrons_coin_comes_to_its_limit():
    """Efron (1971), with r = p / q: the long-run chance of a correct guess is 1/2 + (r - 1) / (4 r)."""
    seen = performance(BiasedCoin(probability=Fraction(2, 3)), simulations=1000, participants=400)
    assert abs(seen.correct_guesses.value - 0.625) < 0.005


@pytest.mark.parametrize("preference", [0.25, 1.0])
def test_selection_bias_shifts_blocks_of_two_by_exactly_the_preference(preference):
    """The second of each pair is known: half of each arm's participants carry plus or minus the preference."""
    seen = performance(PermutedBlocks((1, 1), (2,)), participants=100, preference=preference)
    assert near(seen.selection_bias, preference)
    assert seen.selection_error.value > 0.2
    assert near(seen.trend_error, 0.05)


def test_without_bias_the_test_keeps_its_level_under_every_scheme():
    for scheme in (Complete((1, 1)), PermutedBlocks((1, 1), (4,)), BigStick(3)):
        seen = performance(scheme, participants=60)
        assert near(seen.selection_error, 0.05)
        assert near(seen.selection_bias, 0)


def test_selection_bias_inflates_the_level_as_simulated_by_hand():
    """Twin: one trial after the other with scipy's own test."""
    rng, eta, rejected, trials = np.random.default_rng(3), 0.5, 0, 1500
    for _ in range(trials):
        arms = np.concatenate([rng.permutation([0, 0, 1, 1]) for _ in range(10)])
        lead = np.concatenate([[0], np.cumsum(1 - 2 * arms)[:-1]])
        outcome = rng.standard_normal(40) - eta * np.sign(lead)
        rejected += stats.ttest_ind(outcome[arms == 0], outcome[arms == 1]).pvalue < 0.05
    seen = performance(PermutedBlocks((1, 1), (4,)), participants=40, preference=eta)
    assert abs(seen.selection_error.value - rejected / trials) < 4.5 * np.hypot(
        seen.selection_error.error, np.sqrt(0.25 / trials)
    )


def test_a_trend_makes_the_test_of_complete_randomization_keep_its_level_and_that_of_small_blocks_too_careful():
    assert near(performance(Complete((1, 1)), participants=60, trend=3.0).trend_error, 0.05)
    assert performance(PermutedBlocks((1, 1), (2,)), participants=60, trend=3.0).trend_error.value < 0.03


def test_power_is_that_of_the_t_test_and_is_lost_with_balance():
    balanced = performance(PermutedBlocks((1, 1), (4,)), participants=40)
    assert balanced.power_loss.value == pytest.approx(0, abs=1e-12)
    assert balanced.power.value == pytest.approx(power_of(20, 20, 0.8, 0.05))
    assert power_of(20, 20, 0.0, 0.05) == pytest.approx(0.05)
    assert power_of(64, 64, 0.5, 0.05) == pytest.approx(0.8014596, abs=1e-6)  # two-sample t, n = 64, d = 0.5
    assert performance(Complete((1, 1)), participants=40).power_loss.value > 0.005


def test_counts_before_agree_with_counting():
    rng = np.random.default_rng(8)
    arms, groups = rng.integers(3, size=(5, 30)).astype(np.uint8), rng.integers(4, size=(5, 30))
    found = counts_before(arms, groups, 3)
    for trial, at, arm in product(range(5), range(30), range(3)):
        same = groups[trial, :at] == groups[trial, at]
        assert found[trial, at, arm] == np.sum(same & (arms[trial, :at] == arm))


def test_stratified_blocks_balance_strata_and_not_only_the_trial():
    given = {"participants": 120, "factors": (("site", 4), ("sex", 2)), "simulations": 500}
    blocks, whole = performance(PermutedBlocks((1, 1), (4,)), **given), performance(Complete((1, 1)), **given)
    assert blocks.imbalance_in_strata.value < whole.imbalance_in_strata.value
    assert blocks.final_imbalance.value < whole.final_imbalance.value


def test_the_same_seed_gives_the_same_table_and_another_does_not():
    first, again = (performance(BigStick(3), simulations=700) for _ in range(2))
    assert all(getattr(first, name) == getattr(again, name) for name in MEASURES)
    other = compare_schemes([Candidate("x", BigStick(3))], scenario(), simulations=700, seed=6)[0]
    assert other.final_imbalance != first.final_imbalance


@pytest.mark.parametrize(
    ("name", "own", "count"),
    [("keta-pain", "Permuted blocks of 4, 6", 10), ("second", "Minimization by range, 0.8", 6)],
)
def test_a_protocol_s_candidates_are_those_that_its_arms_allow(name, own, count):
    protocol = shipped_protocol(name)
    found = candidates_for(protocol)
    assert [one.label for one in found if one.is_the_protocols] == [own]
    assert len(found) == count
    assert all(one.scheme.ratio == protocol.shares for one in found)


def test_the_scenario_is_the_protocol_s():
    found = scenario_of(shipped_protocol("keta-pain"), sites=7)
    assert found.factors == (("site", 7), ("opioid_use", 2), ("pain_type", 3))
    assert (found.participants, found.ratio, found.alpha) == (408, (1, 1), 0.05)
    assert found.effect == pytest.approx(2.5 / 7)
    assert found.preference == pytest.approx(2.5 / 28)
