import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, boschloo_exact, fisher_exact, nchypergeom_fisher

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.exact_tests import barnard, boschloo, fisher, pearson

SIDES = {"two-sided": "two-sided", "greater": "greater", "less": "less"}


@st.composite
def tables(draw, largest=25):
    n1, n0 = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    return draw(st.integers(0, n1)), n1, draw(st.integers(0, n0)), n0


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(sorted(SIDES)))
def test_fisher_s_p_is_that_of_scipy(table, side):
    x1, n1, x0, n0 = table
    other = fisher_exact([[x1, n1 - x1], [x0, n0 - x0]], alternative=side).pvalue
    assert fisher(*table, alternative=side).p_value == pytest.approx(other, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_at_fisher_s_limits_the_tails_have_half_of_what_is_left(table):
    x1, n1, x0, n0 = table
    test = fisher(*table)
    law = lambda ratio: nchypergeom_fisher(n1 + n0, n1, x1 + x0, ratio)  # noqa: E731 - a name for one line
    if test.lower > 1e-6:
        assert law(test.lower).sf(x1 - 1) == pytest.approx(0.025, rel=1e-6)
    if test.upper < 1e6:
        assert law(test.upper).cdf(x1) == pytest.approx(0.025, rel=1e-6)
    assert test.lower <= test.odds_ratio <= test.upper or x1 + x0 in (0, n1 + n0)


def brute_boschloo(x1, n1, x0, n0, side):
    p = np.array(
        [
            [fisher_exact([[a, n1 - a], [b, n0 - b]], alternative=side).pvalue for b in range(n0 + 1)]
            for a in range(n1 + 1)
        ]
    )
    extreme = p <= p[x1, x0] * (1 + 1e-7)
    common = np.linspace(0.0, 1.0, 4001)
    one = binom.pmf(np.arange(n1 + 1)[:, None], n1, common)
    base = binom.pmf(np.arange(n0 + 1)[:, None], n0, common)
    return float(np.einsum("ab,at,bt->t", extreme.astype(float), one, base).max())


@settings(max_examples=15, deadline=None)
@given(tables(largest=9), st.sampled_from(sorted(SIDES)))
def test_boschloo_s_p_is_the_largest_tail_of_fisher_s(table, side):
    ours, other = boschloo(*table, alternative=side).p_value, brute_boschloo(*table, side)
    assert ours >= other - 1e-12
    assert ours == pytest.approx(other, rel=1e-4)
    assert ours <= fisher(*table, alternative=side).p_value + 1e-12


@pytest.mark.parametrize("table", [(7, 12, 8, 18), (56, 70, 48, 80), (3, 15, 9, 16)])
def test_the_central_convention_is_scipy_s(table):
    x1, n1, x0, n0 = table
    other = boschloo_exact([[x1, x0], [n1 - x1, n0 - x0]], n=64).pvalue
    assert boschloo(*table, two_sided="central").p_value == pytest.approx(other, rel=1e-3)


def test_the_two_conventions_differ_as_the_module_says():
    assert boschloo(56, 70, 48, 80).p_value == pytest.approx(0.00992, abs=5e-6)
    assert boschloo(56, 70, 48, 80, two_sided="central").p_value == pytest.approx(0.00884, abs=5e-6)


@settings(max_examples=12, deadline=None)
@given(tables(largest=12))
def test_changing_places_or_events_for_non_events_changes_no_p(table):
    x1, n1, x0, n0 = table
    for test in (fisher, boschloo, barnard):
        one = test(*table).p_value
        assert test(x0, n0, x1, n1).p_value == pytest.approx(one, rel=1e-7)
        assert test(n1 - x1, n1, n0 - x0, n0).p_value == pytest.approx(one, rel=1e-7)
        assert 0.0 < one <= 1.0
    assert fisher(*table, alternative="less").p_value == pytest.approx(
        fisher(x0, n0, x1, n1, alternative="greater").p_value, rel=1e-9
    )


def test_no_events_at_all_prove_nothing():
    for test in (fisher(0, 10, 0, 20), boschloo(0, 10, 0, 20), barnard(0, 10, 0, 20), pearson(0, 10, 0, 20)):
        assert test.p_value == pytest.approx(1.0)
    assert (fisher(0, 10, 0, 20).lower, fisher(0, 10, 0, 20).upper) == (0.0, np.inf)


def test_a_large_trial_is_answered():
    assert 0.0 < boschloo(480, 1000, 530, 1000).p_value < 0.05


def test_words_and_empty_arms_are_refused():
    with pytest.raises(OutOfRange, match="alternative"):
        fisher(1, 5, 2, 5, alternative="both")
    with pytest.raises(OutOfRange, match="two_sided"):
        boschloo(1, 5, 2, 5, two_sided="minlike")
    with pytest.raises(EmptyArm):
        boschloo(0, 0, 1, 5)


def test_tests_print_as_one_line():
    assert str(pearson(9, 10, 3, 10)) == "χ²(1) = 7.5, p = 0.00617: Pearson's χ² test"
    assert str(fisher(56, 70, 48, 80)).startswith("p = 0.01252, odds ratio 2.649, 95 % (1.209, 6.04)")


@pytest.mark.parametrize("test", [fisher, boschloo, barnard])
def test_more_tables_than_can_be_ordered_are_refused_by_number(test):
    with pytest.raises(OutOfRange, match=r"\[1, 1e\+07\] tables"):
        test(5 * 10**11, 10**12, 5 * 10**11, 10**12)
