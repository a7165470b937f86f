import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.spending import Spending
from trial.statistics.risk_comparisons import restricted_variance
from trial.statistics.sample_size import (
    event_probability,
    power_means,
    sample_size_ancova,
    sample_size_events,
    sample_size_means,
    sample_size_proportions,
    sample_size_repeated,
)


def test_the_ketamine_protocol_gets_its_166_and_408_by_rounding_up_three_times():
    design = GroupSequentialDesign(
        (0.5, 0.75, 1.0), Spending("lan_demets_obrien_fleming"), futility=Spending("hwang_shih_decani", -4.0)
    )
    fixed = sample_size_means(2.5, 7.0)
    assert fixed.per_arm == (166, 166)
    looks = sample_size_means(2.5, 7.0, inflation=design.bounds.inflation)
    assert looks.per_arm == (173, 173)
    assert -(-173 // 0.85) * 2 == 408
    unrounded = sample_size_means(2.5, 7.0, inflation=design.bounds.inflation, missing=0.15)
    assert (unrounded.per_arm, unrounded.total) == ((203, 203), 406)


def test_the_ketamine_protocol_has_less_power_for_the_study_s_two_points():
    design = GroupSequentialDesign(
        (0.5, 0.75, 1.0), Spending("lan_demets_obrien_fleming"), futility=Spending("hwang_shih_decani", -4.0)
    )
    assert design.crossing(2.0 / 2.5).any_efficacy == pytest.approx(0.736, abs=5e-4)
    assert design.crossing(2.0 / 2.5, obey_futility=False).any_efficacy == pytest.approx(0.745, abs=5e-4)


@settings(max_examples=40, deadline=None)
@given(
    difference=st.floats(0.2, 5), sd=st.floats(0.5, 20), power=st.floats(0.5, 0.99), ratio=st.sampled_from([0.5, 1, 2])
)
def test_the_size_that_is_found_has_the_power_that_was_asked_for(difference, sd, power, ratio):
    size = sample_size_means(difference, sd, power=power, ratio=ratio)
    reached = power_means(difference, sd, size.fixed, size.fixed * ratio)
    assert reached >= power - 1e-8
    n0, n1 = size.per_arm
    assert power_means(difference, sd, n0, n1) >= power - 1e-8


def test_missing_participants_and_looks_only_add():
    plain = sample_size_means(3.0, 7.5).total
    assert plain < sample_size_means(3.0, 7.5, inflation=1.05).total
    assert plain < sample_size_means(3.0, 7.5, missing=0.1).total


def test_the_direction_of_the_difference_does_not_matter():
    assert sample_size_means(-2.5, 7.0) == sample_size_means(2.5, 7.0)


def test_impossible_requests_are_refused_by_name():
    with pytest.raises(OutOfRange, match="difference must not be 0"):
        sample_size_means(0.0, 7.0)
    with pytest.raises(OutOfRange, match="sd must be"):
        sample_size_means(2.5, 0.0)
    with pytest.raises(OutOfRange, match="power must be"):
        sample_size_means(2.5, 7.0, power=0.02)
    with pytest.raises(OutOfRange, match="missing must be"):
        sample_size_means(2.5, 7.0, missing=1.0)
    with pytest.raises(OutOfRange, match="n0 must be"):
        power_means(2.5, 7.0, 0, 10)


def test_covariates_take_the_variance_that_they_explain():
    plain, adjusted = sample_size_means(2.5, 7.0), sample_size_ancova(2.5, 7.0, 0.6)
    assert adjusted.fixed / plain.fixed == pytest.approx(1 - 0.36, rel=0.02)
    assert sample_size_ancova(2.5, 7.0, 0.0, covariates=0).fixed == pytest.approx(plain.fixed)


def test_a_margin_adds_to_the_difference():
    assert sample_size_means(1.0, 7.0, margin=1.5).fixed == sample_size_means(2.5, 7.0).fixed
    n = sample_size_means(2.5, 7.0).fixed
    at_the_edge = stdtrit(2 * n - 2, 0.975) * 7.0 * np.sqrt(2 / n)
    assert sample_size_means(2.5, 7.0).critical_effects[0] == pytest.approx(at_the_edge)


def test_repeated_measures_without_dropout_need_what_the_last_visit_needs():
    covariance = 49.0 * 0.7 ** abs(np.subtract.outer(np.arange(3), np.arange(3)))
    whole = sample_size_repeated(2.5, covariance, [1.0, 1.0, 1.0]).fixed
    assert whole == pytest.approx(sample_size_means(2.5, 7.0, normal=True).fixed)
    lossy = sample_size_repeated(2.5, covariance, [1.0, 0.9, 0.8]).fixed
    assert whole < lossy < whole / 0.8


def test_events_are_schoenfeld_s_and_participants_follow_from_their_chance():
    size = sample_size_events(0.7, 0.1, accrual=12, follow_up=12, ratio=2.0)
    assert size.fixed_events == pytest.approx((1.959963985 + 1.281551566) ** 2 / (np.log(0.7) ** 2 * 2 / 9))
    assert size.participants * size.event_probability == pytest.approx(size.events)
    sure = sample_size_events(0.7, 50.0, accrual=0, follow_up=100)
    assert sure.event_probability == pytest.approx(1.0)
    assert sum(sure.per_arm) == pytest.approx(sure.events, abs=2)
    lossy = sample_size_events(0.7, 0.1, accrual=12, follow_up=12, dropout_hazard=0.05)
    assert lossy.participants > sample_size_events(0.7, 0.1, accrual=12, follow_up=12).participants


@pytest.mark.parametrize("rate", [0.05, 0.4])
def test_the_chance_of_an_event_agrees_with_simulation(rate):
    random = np.random.default_rng(2)
    entry = random.uniform(0, 3, 400_000)
    event, loss = random.exponential(1 / rate, 400_000), random.exponential(1 / 0.1, 400_000)
    seen = (event < loss) & (event < 5 - entry)
    assert event_probability(rate, 3.0, 2.0, 0.1) == pytest.approx(seen.mean(), abs=3e-3)


def test_a_design_brings_its_looks_to_every_size():
    design = GroupSequentialDesign((0.5, 1.0), Spending("lan_demets_obrien_fleming"))
    size = sample_size_proportions(0.6, 0.4, design=design)
    assert size.maximum == pytest.approx(size.fixed_total * design.bounds.inflation)
    assert size.expected(1.0) < size.expected(0.5) < size.expected(0.0) < size.maximum
    assert sample_size_proportions(0.4, 0.6, design=design).critical_effects[1] < 0.0
    events = sample_size_events(0.7, 0.1, accrual=12, follow_up=12, design=design)
    assert events.at_looks[1] == pytest.approx(events.events)
    assert events.expected(1.0) < events.events
    assert "participants" in str(events)
    assert "expected without" in str(size)
    with pytest.raises(OutOfRange, match="No critical effect"):
        _ = sample_size_repeated(2.5, np.eye(2), [1.0, 0.9]).critical_effects


def test_non_inferiority_of_proportions_is_sized_for_the_score_test_that_will_show_it():
    score = sample_size_proportions(0.78, 0.78, margin=0.13, ratio=0.5)
    assert score.fixed_total == pytest.approx(518.671850007062, rel=1e-12)  # rpact 3.3.4 getSampleSizeRates
    plain = sample_size_proportions(0.78, 0.78, margin=0.13, ratio=0.5, unpooled=True)
    assert plain.fixed == pytest.approx(3.0 * 0.78 * 0.22 * ((1.959963985 + 1.281551566) / 0.13) ** 2)
    n0 = score.fixed
    edge = score.critical_effects[0]
    at_edge = risk_difference_z(0.78 + edge, n0 * 0.5, 0.78, n0, -0.13)
    assert at_edge == pytest.approx(1.959963984540054, abs=1e-9)
    assert sample_size_proportions(0.98, 0.98, margin=0.5, power=0.03).critical_effects[0] == np.inf


def risk_difference_z(treated, n1, control, n0, delta):
    variance = restricted_variance(treated * n1, n1, control * n0, n0, delta)
    return (treated - control - delta) / np.sqrt(variance)
