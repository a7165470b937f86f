import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.reading import cases
from trial.statistics.checks import OutOfRange
from trial.statistics.rates import event_rate, rate_ratio
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
