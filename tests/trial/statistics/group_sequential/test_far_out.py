"""Requests at the edge: bounds that rise, futility that binds too hard, statistics far out, t statistics."""

import warnings

import numpy as np
import pytest
from scipy.special import ndtr, stdtr, stdtrit

from tests.trial.statistics.group_sequential.brownian_twin import crossing_upper
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import (
    FixedFutility,
    GroupSequentialDesign,
    HaybittlePeto,
    MeansSimulation,
    Spending,
    WangTsiatis,
    bias_adjusted_mean,
    conditional_power,
    equal_looks,
    probability_of_success,
    stagewise_inference,
)
from trial.statistics.group_sequential.information import NoBoundFound
from trial.statistics.sample_size import sample_size_means

OBF, POCOCK_TYPE = Spending("lan_demets_obrien_fleming"), Spending("lan_demets_pocock")
UNEVEN = (0.04, 0.06, 0.11, 0.14, 0.22, 0.33, 0.41, 0.5, 0.51, 0.58, 0.67, 0.69, 0.72, 0.93, 1.0)
BINDING = GroupSequentialDesign(equal_looks(4), OBF, futility=FixedFutility((0.0, 0.4, 0.8)), binding=True)


@pytest.mark.parametrize(("sides", "beta"), [(1, 0.289), (1, 0.1), (2, 0.263)])
def test_bounds_that_rise_are_found_with_binding_futility_too(sides, beta):
    design = GroupSequentialDesign(
        UNEVEN, WangTsiatis(0.69), alpha=0.0252, beta=beta, futility=OBF, binding=True, sides=sides
    )
    planned = design.bounds
    lower, inner = (planned.futility, None) if sides == 1 else (-planned.efficacy, planned.futility)
    alpha = crossing_upper(UNEVEN, planned.efficacy, lower, 0.0, inner)
    assert alpha == pytest.approx(0.0252, abs=1e-12)
    assert design.power_at(1.0) == pytest.approx(1.0 - beta, abs=1e-10)


def test_beta_that_is_spent_before_the_last_look_is_refused_with_the_remedy():
    early = Spending("stepwise", points=((0.4, 1.0),))
    with pytest.raises(NoBoundFound, match="leaves no beta for the last look"):
        _ = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=early).bounds


def test_binding_futility_that_leaves_alpha_unspent_is_refused():
    with pytest.raises(NoBoundFound, match="alpha cannot be spent"):
        _ = GroupSequentialDesign(
            equal_looks(4), POCOCK_TYPE, alpha=0.37, futility=FixedFutility((-0.5, 0.0, 0.9)), binding=True
        ).bounds


@pytest.mark.parametrize("sides", [1, 2])
def test_a_look_shortly_before_the_end_of_a_binding_design_can_be_described(sides):
    design = GroupSequentialDesign((0.5, 1.0), POCOCK_TYPE, alpha=0.0106, futility=OBF, binding=True, sides=sides)
    said = design.analyse([0.94], 2.1)
    assert 0.0 <= said.conditional_power_design <= 1.0
    assert 0.0 <= said.predictive_power <= 1.0
    assert "conditional power" in str(said)


def test_futility_that_binds_counts_in_what_may_yet_come():
    said = BINDING.analyse([0.25], 0.5)
    b, a = BINDING.bounds.efficacy, BINDING.bounds.futility
    obeyed = conditional_power(0.5, 0.25, [0.5, 0.75, 1.0], b[1:], 0.0, [*a[1:-1], -np.inf])
    ignored = conditional_power(0.5, 0.25, [0.5, 0.75, 1.0], b[1:], 0.0)
    assert said.conditional_power(0.0) == pytest.approx(obeyed, abs=1e-12)
    assert obeyed < ignored


@pytest.mark.parametrize("z", [1.0, 1.9, 2.2, 3.0])
@pytest.mark.parametrize(
    "design",
    [
        BINDING,
        GroupSequentialDesign(equal_looks(3), OBF, futility=Spending("kim_demets", 1.5), binding=True),
        GroupSequentialDesign(equal_looks(3), OBF, futility=Spending("kim_demets", 1.5), binding=True, sides=2),
        GroupSequentialDesign(equal_looks(3), HaybittlePeto(3.0)),
        GroupSequentialDesign(equal_looks(3), HaybittlePeto(3.0), sides=2),
    ],
    ids=lambda d: f"{d.sides} {d.efficacy}"[:20] if isinstance(d, GroupSequentialDesign) else str(d),
)
def test_repeated_p_reaches_alpha_exactly_where_z_reaches_the_last_bound(design, z):
    last = design.analyse(design.information_fractions, z)
    assert (last.repeated_p <= design.alpha * design.sides) == (z >= last.efficacy_bound)
    at = design.analyse(design.information_fractions, last.efficacy_bound).repeated_p
    assert at == pytest.approx(design.alpha * design.sides, abs=1e-8)


def test_before_the_end_haybittle_peto_bounds_have_no_repeated_p():
    assert GroupSequentialDesign(equal_looks(3), HaybittlePeto(3.0)).analyse([1 / 3], 2.0).repeated_p is None


@pytest.mark.parametrize("df", [3.0, 20.0, 200.0])
def test_a_t_statistic_has_intervals_of_its_own_distribution(df):
    design = GroupSequentialDesign(equal_looks(3), OBF)
    said = design.analyse_estimate([1 / 3, 2 / 3], 3.0, 1.2, df=df)
    critical = -stdtrit(df, ndtr(-said.efficacy_bound))
    assert said.repeated_interval == pytest.approx((3.0 - critical * 1.2, 3.0 + critical * 1.2))
    first = design.analyse_estimate([1 / 3], 3.0, 1.2, df=df).stagewise
    reach = -stdtrit(df, 0.025) * 1.2
    assert (first.lower, first.median_unbiased, first.upper) == pytest.approx((3.0 - reach, 3.0, 3.0 + reach))
    assert first.p_value == pytest.approx(stdtr(df, -2.5), rel=1e-9)
    assert "t distribution" in str(first)
    assert said.repeated_estimate < 3.0


def test_the_repeated_interval_of_t_leaves_nothing_out_exactly_when_the_bound_is_passed():
    design = GroupSequentialDesign(equal_looks(3), OBF)
    for estimate in np.linspace(1.0, 8.0, 15):
        said = design.analyse_estimate([1 / 3, 2 / 3], float(estimate), 1.2, df=8.0)
        assert (said.repeated_interval[0] >= 0.0) == (said.crossed == "efficacy")


def test_many_degrees_of_freedom_are_as_good_as_none():
    design = GroupSequentialDesign(equal_looks(3), OBF)
    t, z = (design.analyse_estimate([1 / 3], 3.0, 1.2, df=df) for df in (1e9, None))
    assert t.repeated_interval == pytest.approx(z.repeated_interval, rel=1e-6)
    assert t.stagewise.upper == pytest.approx(z.stagewise.upper, rel=1e-6)


@pytest.mark.parametrize("z", [-50.0, -25.0, 25.0, 50.0])
def test_a_statistic_far_out_is_taken_as_it_is(z):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = stagewise_inference([0.4], [], z)
        after = stagewise_inference([0.2, 0.4], [np.inf], z)
        assert bias_adjusted_mean([0.2, 1.0], [2.5, 2.0], z / np.sqrt(0.2)) == pytest.approx(z / np.sqrt(0.2), abs=1e-6)
    ends = np.array([z - 1.959963984540054, z, z + 1.959963984540054]) / np.sqrt(0.4)
    for said in (plain, after):
        assert [said.lower, said.median_unbiased, said.upper] == pytest.approx(ends, abs=1e-9)
        assert 0.0 <= said.p_value <= 1.0


def test_after_a_bound_a_far_statistic_says_no_more_than_that_the_bound_was_not_passed():
    near, far = (stagewise_inference([0.2, 0.3, 0.4], [4.0, 3.0], z) for z in (19.0, 50.0))
    assert far.upper == pytest.approx(near.upper, abs=1e-9)
    assert far.p_value == pytest.approx(near.p_value, abs=1e-12)


def test_inner_bounds_keep_their_limit_and_every_analysis_prints():
    design = GroupSequentialDesign((0.02, 0.5, 1.0), OBF, futility=OBF, binding=True, sides=2)
    for z in (-50.0, -8.0, 0.0, 8.0, 50.0):
        said = design.analyse([0.02], z)
        assert str(said)
        assert said.bias_adjusted == pytest.approx(said.estimate, abs=0.5)
    with pytest.raises(OutOfRange, match="two-sided design with binding futility"):
        stagewise_inference([0.2, 0.4], [9.0], 50.0, sides=2, earlier_futility=[1.0])


def test_a_two_sided_binding_design_with_an_early_look_can_be_told_of_after_many():
    efficacy = Spending("stepwise", points=((0.36, 0.143), (0.61, 0.837)))
    design = GroupSequentialDesign(
        (0.11, 0.12, 0.25, 0.48, 0.86, 1.0),
        efficacy,
        alpha=0.0869,
        beta=0.28,
        futility=Spending("exponential", 0.86),
        binding=True,
        sides=2,
    )
    said = design.analyse([0.03, 0.39, 0.4, 0.85, 0.88, 1.15], -7.7).stagewise
    assert said.lower < said.median_unbiased < said.upper < 0.0


def test_lists_arrays_and_single_numbers_are_as_good_as_tuples():
    looks = (0.5, 0.75, 1.0)
    for interim in ([3.0, 2.8], np.array([3.0, 2.8])):
        assert HaybittlePeto(interim) == HaybittlePeto((3.0, 2.8))
    assert FixedFutility([0, 0.5]) == FixedFutility((0.0, 0.5))
    assert FixedFutility(0.0) == FixedFutility((0.0,))
    points = Spending("stepwise", points=[[0.5, 0.2]])
    assert points == Spending("stepwise", points=((0.5, 0.2),))
    listed = GroupSequentialDesign(list(looks), points, efficacy_looks=[False, True, True])
    assert listed == GroupSequentialDesign(looks, points, efficacy_looks=(False, True, True))
    assert hash(listed) == hash(GroupSequentialDesign.from_protocol(listed.to_protocol()))
    assert listed.at(0.5) == listed.at([0.5])
    assert listed.at([0.5, 0.8], past_efficacy=2.9) == listed.at([0.5, 0.8], past_efficacy=[2.9])


def test_what_is_no_design_no_prior_and_no_section_is_refused_by_name():
    design = GroupSequentialDesign((0.5, 1.0), OBF)
    for ask, named in (
        (lambda: sample_size_means(1.0, 2.0, design="x"), "design must be"),
        (lambda: MeansSimulation("x", 1.0, 1.0, (10, 20)), "design must be"),
        (lambda: probability_of_success(design, "x"), "prior must be"),
        (lambda: design.analyse(0.5, 1.0).posterior(None), "prior must be"),
        (lambda: GroupSequentialDesign.from_protocol(None), "must be a mapping"),
        (lambda: GroupSequentialDesign((0.5, 1.0), OBF, futility_looks="no"), "yes or no"),
    ):
        with pytest.raises(OutOfRange, match=named):
            ask()


def test_a_spending_function_that_leaves_something_unspent_is_refused():
    with pytest.raises(OutOfRange, match="spend all by fraction 1"):
        _ = GroupSequentialDesign((0.5, 1.0), lambda t, alpha: 0.5 * alpha * np.asarray(t)).bounds
