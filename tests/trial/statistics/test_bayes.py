import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from trial.statistics.bayes import fewest_events_to_exceed, rate_posterior
from trial.statistics.checks import OutOfRange


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.data(), st.floats(0.02, 0.6))
def test_the_probability_is_the_posterior_s_mass_above_the_threshold(n, data, threshold):
    x = data.draw(st.integers(0, n))

    def kernel(u):  # rate = u², which takes the prior's pole at 0 away
        rate = u * u
        return 2 * u * rate ** (x - 0.5) * (1 - rate) ** (n - x - 0.5)

    def kernel_from_above(v):  # rate = 1 − v², for the pole at 1
        rate = 1 - v * v
        return 2 * v * rate ** (x - 0.5) * (v * v) ** (n - x - 0.5)

    above = quad(kernel_from_above, 0, (1 - threshold) ** 0.5, epsabs=0, epsrel=1e-11)[0]
    below = quad(kernel, 0, threshold**0.5, epsabs=0, epsrel=1e-11)[0]
    assert rate_posterior(x, n, threshold).exceeds == pytest.approx(above / (above + below), abs=1e-8)


@given(st.integers(0, 200), st.floats(0.01, 0.99))
def test_a_uniform_prior_without_events_has_its_closed_form(n, threshold):
    posterior = rate_posterior(0, n, threshold, prior=(1.0, 1.0))
    assert posterior.exceeds == pytest.approx((1 - threshold) ** (n + 1), rel=1e-10)


def test_without_participants_the_prior_speaks():
    assert rate_posterior(0, 0, 0.5).exceeds == pytest.approx(0.5, abs=1e-14)


def test_the_ketamine_rule_alarms_at_the_fewest_events_and_not_before():
    for n in (10, 40, 200):
        fewest = fewest_events_to_exceed(n, 0.05, 0.95)
        assert rate_posterior(fewest, n, 0.05).exceeds > 0.95
        assert rate_posterior(fewest - 1, n, 0.05).exceeds <= 0.95


def test_a_bound_that_no_count_reaches_is_none():
    assert fewest_events_to_exceed(0, 0.05, 0.95) is None


def test_more_events_never_lower_the_probability():
    chances = [rate_posterior(x, 30, 0.1).exceeds for x in range(31)]
    assert chances == sorted(chances)


def test_impossible_requests_are_refused_by_name():
    with pytest.raises(OutOfRange, match="events must be a whole number from 0 to 5"):
        rate_posterior(6, 5, 0.05)
    with pytest.raises(OutOfRange, match="threshold"):
        rate_posterior(1, 5, 1.0)
    with pytest.raises(OutOfRange, match="prior"):
        rate_posterior(1, 5, 0.05, prior=(0.0, 0.5))
    with pytest.raises(OutOfRange, match="probability"):
        fewest_events_to_exceed(5, 0.05, 1.0)


def test_the_posterior_prints_as_one_line():
    assert str(rate_posterior(4, 40, 0.05)).startswith("4/40: P(rate > 5 %) = 0.9165")
