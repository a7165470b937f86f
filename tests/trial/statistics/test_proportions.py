import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.estimates import normal_quantile
from trial.statistics.proportions import (
    agresti_coull,
    clopper_pearson,
    jeffreys,
    mid_p,
    wald,
    wilson,
    zero_events_upper_limit,
)
from trial.statistics.risk_comparisons import UndefinedRatio, odds_ratio, risk_difference, risk_ratio
from trial.statistics.strata import stratified_risk_difference


def constrained_likelihood_variance(x1, n1, x0, n0, delta):
    """Brute force twin of the cubic: the best p0 on a grid, refined."""
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    for _ in range(8):
        p0 = np.linspace(low, high, 2001)
        p1 = np.clip(p0 + delta, 0.0, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [(x1, p1), (n1 - x1, 1 - p1), (x0, p0), (n0 - x0, 1 - p0)]
            fit = sum(np.where(count > 0, count * np.log(p), 0.0) for count, p in terms)
        best, step = p0[int(np.argmax(fit))], (high - low) / 2000
        low, high = max(low, best - 2 * step), min(high, best + 2 * step)
    p1 = min(max(best + delta, 0.0), 1.0)
    return p1 * (1 - p1) / n1 + best * (1 - best) / n0


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_at_each_limit_the_score_equals_the_normal_quantile(data):
    n1, n0 = data.draw(st.integers(2, 60)), data.draw(st.integers(2, 60))
    x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
    interval = risk_difference(x1, n1, x0, n0)
    assert -1.0 <= interval.lower <= interval.estimate <= interval.upper <= 1.0
    for limit in (interval.lower, interval.upper):
        if abs(limit) < 1.0 - 1e-9 and limit != interval.estimate:
            variance = constrained_likelihood_variance(x1, n1, x0, n0, limit) * (n1 + n0) / (n1 + n0 - 1)
            assert abs(interval.estimate - limit) / np.sqrt(variance) == pytest.approx(1.959964, abs=1e-3)


@given(st.data())
def test_swapping_the_arms_mirrors_the_difference(data):
    n1, n0 = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
    one, other = risk_difference(x1, n1, x0, n0), risk_difference(x0, n0, x1, n1)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-8)


@given(st.integers(1, 200), st.data())
def test_intervals_of_one_proportion_hold_it_and_stay_within_0_and_1(n, data):
    x = data.draw(st.integers(0, n))
    corrected = wilson(x, n, continuity=True)
    every = (
        wilson(x, n),
        corrected,
        clopper_pearson(x, n),
        mid_p(x, n),
        jeffreys(x, n),
        agresti_coull(x, n),
        wald(x, n),
    )
    for interval in every:
        assert 0.0 <= interval.lower <= interval.estimate <= interval.upper <= 1.0


def test_clopper_pearson_with_no_and_with_all_events_has_its_closed_form():
    assert clopper_pearson(0, 20).upper == pytest.approx(1 - 0.025 ** (1 / 20), abs=1e-14)
    assert clopper_pearson(20, 20).lower == pytest.approx(0.025 ** (1 / 20), abs=1e-14)


@pytest.mark.parametrize("n", [1, 10, 100, 5000])
def test_the_upper_limit_for_no_events_is_exact_and_near_three_over_n(n):
    upper = zero_events_upper_limit(n).upper
    assert (1 - upper) ** n == pytest.approx(0.05, rel=1e-10)
    if n >= 100:
        assert upper == pytest.approx(3 / n, rel=0.02)


def test_one_stratum_gives_the_plain_difference_with_the_tie_corrected_wald_error():
    ours = stratified_risk_difference([20], [50], [12], [50])
    assert ours.estimate == pytest.approx(0.16)
    p1, p0 = 0.4, 0.24
    wald = np.sqrt(p1 * (1 - p1) / 50 + p0 * (1 - p0) / 50)
    assert ours.standard_error == pytest.approx(wald, rel=0.02)


def test_sato_s_error_is_that_of_repeated_sampling_in_many_small_strata():
    rng = np.random.default_rng(20250101)
    strata, repeats = 60, 4000
    n1, n0 = rng.integers(1, 5, strata), rng.integers(1, 5, strata)
    base = rng.uniform(0.1, 0.6, strata)
    x1, x0 = rng.binomial(n1, base + 0.2, (repeats, strata)), rng.binomial(n0, base, (repeats, strata))
    results = [stratified_risk_difference(a, n1, b, n0) for a, b in zip(x1[:1500], x0[:1500], strict=True)]
    weights = n1 * n0 / (n1 + n0)
    spread = ((x1 / n1 - x0 / n0) @ weights / weights.sum()).std()
    assert np.sqrt(np.mean([r.standard_error**2 for r in results])) == pytest.approx(spread, rel=0.05)
    assert np.mean([r.estimate for r in results]) == pytest.approx(0.2, abs=0.01)


def test_a_stratum_without_one_arm_carries_no_weight_and_is_told():
    with_it = stratified_risk_difference([20, 3], [50, 5], [12, 0], [50, 0])
    without = stratified_risk_difference([20], [50], [12], [50])
    assert (with_it.estimate, with_it.lower, with_it.upper) == (without.estimate, without.lower, without.upper)
    assert "1 strata with an empty arm left out" in with_it.note


def test_no_events_anywhere_is_answered_with_a_warning_about_the_width():
    nothing = stratified_risk_difference([0, 0], [10, 8], [0, 0], [9, 9])
    assert (nothing.estimate, nothing.standard_error) == (0.0, 0.0)
    assert "no width" in nothing.note


def test_the_log_interval_of_the_risk_ratio_is_katz_s():
    ratio = risk_ratio(56, 70, 48, 80)
    error = np.sqrt(1 / 56 - 1 / 70 + 1 / 48 - 1 / 80)
    assert ratio.lower == pytest.approx(4 / 3 * np.exp(-1.959963984540054 * error), rel=1e-12)
    assert ratio.note == ""


@pytest.mark.parametrize("table", [(5, 56, 0, 29), (0, 20, 10, 10), (10, 10, 10, 10)])
def test_zero_cells_and_all_events_give_a_finite_ratio_that_says_how(table):
    ratio = risk_ratio(*table)
    assert 0.0 < ratio.lower < ratio.estimate < ratio.upper < np.inf
    assert "half an event" in ratio.note


def test_one_participant_an_arm_is_enough_for_an_interval():
    interval = risk_difference(1, 1, 0, 1)
    assert (interval.estimate, interval.upper) == (1.0, 1.0)
    assert -1.0 < interval.lower < 0.0


def test_what_cannot_be_computed_has_an_error_of_its_own():
    with pytest.raises(EmptyArm, match="group 0 has no participants"):
        risk_difference(1, 10, 0, 0)
    with pytest.raises(EmptyArm):
        wilson(0, 0)
    with pytest.raises(EmptyArm, match="No stratum"):
        stratified_risk_difference([1], [4], [0], [0])
    with pytest.raises(UndefinedRatio):
        risk_ratio(0, 10, 0, 12)
    with pytest.raises(OutOfRange, match="events must be a whole number from 0 to 10"):
        clopper_pearson(11, 10)
    with pytest.raises(OutOfRange, match="whole number"):
        wilson(1.5, 10)
    with pytest.raises(OutOfRange, match=r"level must be in \(0, 1\)"):
        wilson(1, 10, level=95)
    with pytest.raises(OutOfRange, match="lengths differ"):
        stratified_risk_difference([1], [4], [0, 0], [3, 3])
    with pytest.raises(OutOfRange, match="events1"):
        stratified_risk_difference([5], [4], [0], [3])


def test_an_estimate_prints_as_one_line():
    assert str(wilson(10, 40)) == "0.25, 95 % (0.1419, 0.4019): Wilson score interval"


@given(st.integers(1, 100), st.data())
def test_intervals_are_nested_as_their_theory_says(n, data):
    x = data.draw(st.integers(0, n))
    exact, mid, score, corrected = clopper_pearson(x, n), mid_p(x, n), wilson(x, n), wilson(x, n, continuity=True)
    assert exact.lower <= mid.lower + 1e-12
    assert mid.upper <= exact.upper + 1e-12
    assert corrected.lower <= score.lower + 1e-12
    assert score.upper <= corrected.upper + 1e-12


@settings(deadline=None)
@given(st.data())
def test_every_interval_of_a_difference_mirrors_and_stays_within_its_range(data):
    n1, n0 = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
    for method in ("miettinen-nurminen", "mee", "newcombe", "newcombe-corrected", "agresti-caffo", "wald"):
        one, other = risk_difference(x1, n1, x0, n0, method=method), risk_difference(x0, n0, x1, n1, method=method)
        assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-8)
        assert -1.0 <= one.lower <= one.upper <= 1.0


@settings(deadline=None)
@given(st.data())
def test_score_intervals_of_ratios_turn_over_with_the_arms(data):
    n1, n0 = data.draw(st.integers(2, 40)), data.draw(st.integers(2, 40))
    x1, x0 = data.draw(st.integers(1, n1 - 1)), data.draw(st.integers(1, n0 - 1))
    for ratio in (risk_ratio, odds_ratio):
        one, other = ratio(x1, n1, x0, n0, method="score"), ratio(x0, n0, x1, n1, method="score")
        assert (one.lower, one.upper) == pytest.approx((1 / other.upper, 1 / other.lower), rel=1e-8)
        assert one.lower <= one.estimate <= one.upper


def test_an_arm_without_events_gives_score_limits_at_zero_and_infinity():
    assert risk_ratio(0, 10, 3, 12, method="score").lower == 0.0
    assert risk_ratio(3, 10, 0, 12, method="score").upper == np.inf
    assert odds_ratio(10, 10, 3, 12, method="score").upper == np.inf
    assert 0.0 < odds_ratio(0, 10, 3, 12).estimate < 1.0


def test_words_are_checked_and_an_empty_margin_has_no_odds_ratio():
    with pytest.raises(OutOfRange, match="method must be one of miettinen"):
        risk_difference(1, 10, 2, 10, method="exact")
    with pytest.raises(OutOfRange, match="one of log, score, koopman"):
        risk_ratio(1, 10, 2, 10, method="exact")
    with pytest.raises(OutOfRange, match="log, score"):
        odds_ratio(1, 10, 2, 10, method="exact")
    with pytest.raises(UndefinedRatio):
        odds_ratio(0, 10, 0, 10)
    with pytest.raises(UndefinedRatio):
        odds_ratio(10, 10, 10, 10)


@pytest.mark.parametrize("method", ["brown-li", "hauck-anderson", "wald-corrected"])
def test_swapping_the_arms_turns_the_simple_intervals_round(method):
    one, other = risk_difference(5, 56, 0, 29, method=method), risk_difference(0, 29, 5, 56, method=method)
    assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower), abs=1e-15)


def test_koopman_s_interval_is_the_score_interval_without_its_factor():
    for cells in ((56, 70, 48, 80), (5, 56, 1, 29)):
        koopman, score = (risk_ratio(*cells, method=method) for method in ("koopman", "score"))
        assert score.lower < koopman.lower < koopman.estimate < koopman.upper < score.upper
        n = cells[1] + cells[3]
        z = normal_quantile(0.95) * np.sqrt(n / (n - 1))
        wider = risk_ratio(*cells, level=float(2 * ndtr(z) - 1), method="koopman")
        assert (wider.lower, wider.upper) == pytest.approx((score.lower, score.upper), rel=1e-9)


def test_hauck_and_anderson_need_two_participants_an_arm():
    with pytest.raises(OutOfRange, match=r"\[2, ∞\)"):
        risk_difference(1, 1, 0, 5, method="hauck-anderson")


def test_the_bias_corrected_odds_ratio_is_where_its_intervals_shrink_to():
    for cells in ((34, 120, 22, 118), (6, 7, 2, 7), (3, 40, 1, 41)):
        wide = odds_ratio(*cells, method="score-corrected")
        narrow = odds_ratio(*cells, level=1e-9, method="score-corrected")
        assert narrow.lower == pytest.approx(wide.estimate, rel=1e-6)
        assert narrow.upper == pytest.approx(wide.estimate, rel=1e-6)


@pytest.mark.parametrize("size", [10**6, 10**9, 10**12])
def test_the_score_limit_of_an_infinite_odds_ratio_grows_with_the_square_of_the_arms(size):
    """All of one arm against none of the other: at the limit each arm misses z²/2 events, so that it nears (2n / z²)²."""
    lower = odds_ratio(size, size, 0, size, method="score").lower
    missed = normal_quantile(0.95) ** 2 / 2
    assert lower == pytest.approx((size / missed) ** 2, rel=10 / size + 1e-7)
