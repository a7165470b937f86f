import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.reading import cases
from trial.statistics.checks import OutOfRange
from trial.statistics.rates import event_rate, event_rate_test, rate_ratio, rate_test
from trial.statistics.risk_comparisons import UndefinedRatio

ORACLES = cases("proportions_rates.json")


@pytest.mark.parametrize("case", [c for c in ORACLES if c["kind"] == "poisson_one_exact"], ids=lambda c: c["call"])
def test_a_rate_agrees_with_r(case):
    rate = event_rate(case["inputs"]["x"], case["inputs"]["t"])
    assert (rate.lower, rate.upper) == pytest.approx(case["result"]["conf.int"], abs=1e-12)


@pytest.mark.parametrize(
    "case", [c for c in ORACLES if c["kind"] == "poisson_rate_ratio_exact_central"], ids=lambda c: c["call"]
)
def test_a_rate_ratio_agrees_with_r(case):
    given_ = case["inputs"]
    ratio = rate_ratio(given_["x1"], given_["t1"], given_["x2"], given_["t2"])
    assert (ratio.lower, ratio.upper) == pytest.approx(case["result"]["conf.int"], rel=1e-10)


@given(st.integers(1, 50), st.integers(1, 50), st.floats(0.1, 100), st.floats(0.1, 100))
def test_swapping_the_groups_inverts_the_ratio(x1, x0, t1, t0):
    one, other = rate_ratio(x1, t1, x0, t0), rate_ratio(x0, t0, x1, t1)
    assert (one.lower, one.upper) == pytest.approx((1 / other.upper, 1 / other.lower), rel=1e-9)


def test_no_events_in_one_group_is_an_infinite_or_a_zero_ratio():
    assert rate_ratio(3, 10, 0, 10).upper == np.inf
    assert rate_ratio(0, 10, 3, 10).lower == 0.0


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(UndefinedRatio):
        rate_ratio(0, 10, 0, 10)
    with pytest.raises(OutOfRange, match="exposure"):
        event_rate(1, 0.0)
    with pytest.raises(OutOfRange, match="events"):
        event_rate(-1, 1.0)


TESTED = [c for c in ORACLES if c["kind"].startswith("poisson") and "p.value" in c["result"] and "x1" in c["inputs"]]


@pytest.mark.parametrize("case", TESTED, ids=lambda c: c["call"])
def test_the_exact_test_agrees_with_r_in_each_convention(case):
    given_ = case["inputs"]
    two_sided = "central" if case["kind"] == "poisson_exactci_central" or "rateratio" in case["kind"] else "minlike"
    two_sided = "blaker" if "blaker" in case["kind"] else two_sided
    ours = rate_test(given_["x1"], given_["t1"], given_["x2"], given_["t2"], two_sided=two_sided)
    assert ours.p_value == pytest.approx(case["result"]["p.value"], rel=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_central_test_and_the_interval_agree(x1, x0, t1, t0):
    if x1 + x0 == 0:
        return
    interval = rate_ratio(x1, t1, x0, t0)
    for limit in (interval.lower, interval.upper):
        if 1e-5 < limit < 1e5:
            assert rate_test(x1, t1, x0, t0, ratio=limit, two_sided="central").p_value == pytest.approx(0.05, rel=1e-6)
    p = rate_test(x1, t1, x0, t0, two_sided="central").p_value
    assert (p < 0.05) == (not interval.lower <= 1.0 <= interval.upper) or p == pytest.approx(0.05)


def test_the_test_refuses_what_it_cannot_answer():
    with pytest.raises(UndefinedRatio):
        rate_test(0, 1.0, 0, 1.0)
    with pytest.raises(OutOfRange, match="two_sided"):
        rate_test(1, 1.0, 2, 1.0, two_sided="shortest")
    with pytest.raises(OutOfRange, match="ratio"):
        rate_test(1, 1.0, 2, 1.0, ratio=0)


def test_more_than_a_hundred_thousand_events_have_no_minlike_interval_but_the_others():
    with pytest.raises(OutOfRange, match="minlike"):
        rate_ratio(60_000, 1.0, 60_000, 1.0, two_sided="minlike")
    central, blaker = (rate_ratio(60_000, 1.0, 60_000, 1.0, two_sided=kind) for kind in ("central", "blaker"))
    assert central.lower <= blaker.lower < 1.0 < blaker.upper <= central.upper


def test_a_test_of_two_rates_with_a_billion_events_needs_no_table_of_them():
    assert rate_test(10**9, 1.0, 10**9, 1.0).p_value == 1.0
    assert 0.0 < rate_test(10**9, 1.0, 10**9 + 10**5, 1.0).p_value < 0.05


@pytest.mark.parametrize("two_sided", ["minlike", "central", "blaker"])
def test_a_single_rate_is_tested_by_summing_the_counts(two_sided):
    expected = 4.5
    chances = np.array([math.exp(-expected) * expected**j / math.factorial(j) for j in range(120)])
    for x in range(14):
        low, high = chances[: x + 1].sum(), chances[x:].sum()
        if two_sided == "minlike":
            wanted = chances[chances <= chances[x] * (1 + 1e-7)].sum()
        elif two_sided == "central":
            wanted = 2 * min(low, high)
        else:
            tails = np.cumsum(chances[::-1])[::-1][x + 1 :] if low <= high else np.cumsum(chances[:x])
            fitting = tails[tails <= min(low, high) * (1 + 1e-7)]
            wanted = min(low, high) + (fitting.max() if fitting.size else 0.0)
        ours = event_rate_test(x, 1.0, expected, two_sided=two_sided).p_value
        assert ours == pytest.approx(min(wanted, 1.0), rel=1e-10)
