import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.spending import Spending
from trial.statistics.sample_size import power_means, sample_size_means


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
