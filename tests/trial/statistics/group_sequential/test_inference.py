import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, stdtr

from tests.trial.statistics.group_sequential.brownian_twin import crossing_upper
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import (
    POCOCK,
    GroupSequentialDesign,
    HaybittlePeto,
    NormalPrior,
    Spending,
    bias_adjusted_mean,
    enthusiastic_prior,
    equal_looks,
    posterior,
    probability_of_success,
    repeated_interval,
    sceptical_prior,
    stagewise_inference,
    stagewise_p_value,
)
from trial.statistics.group_sequential.design import normal_deviate

OBF = Spending("lan_demets_obrien_fleming")
DESIGN = GroupSequentialDesign(equal_looks(4), OBF)
FUTILE = GroupSequentialDesign(equal_looks(4), OBF, futility=Spending("hwang_shih_decani", -2.0), binding=True)


@pytest.mark.parametrize("z", [-3.0, 0.0, 2.2, 6.0])
def test_a_trial_with_one_look_has_the_plain_p_and_interval(z):
    after = stagewise_inference([0.25], [], z)
    assert after.p_value == pytest.approx(ndtr(-z), rel=1e-12)
    ends = [(z - 1.959963984540054) / 0.5, z / 0.5, (z + 1.959963984540054) / 0.5]
    assert [after.lower, after.median_unbiased, after.upper] == pytest.approx(ends, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(z=st.floats(-2.0, 6.0), k=st.integers(1, 4), design=st.sampled_from([DESIGN, FUTILE]))
def test_p_is_at_most_alpha_spent_exactly_when_the_bound_was_reached(z, k, design):
    analysis = design.analyse(equal_looks(4)[:k], z)
    spent = design.bounds.alpha_spent[k - 1]
    if abs(z - analysis.efficacy_bound) > 1e-6:
        assert (analysis.stagewise.p_value < spent) == (z > analysis.efficacy_bound)
        assert (analysis.repeated_p < 0.025) == (z > analysis.efficacy_bound)
        assert (analysis.repeated_interval[0] > 0.0) == (z > analysis.efficacy_bound)


@settings(max_examples=20, deadline=None)
@given(z=st.floats(-2.0, 5.0), k=st.integers(2, 4))
def test_limits_are_the_drifts_under_which_the_outcome_has_its_tail(z, k):
    t = equal_looks(4)[:k]
    bounds = DESIGN.bounds.efficacy[: k - 1]
    after = stagewise_inference(t, bounds, z)
    upper, lower = np.append(bounds, z), np.full(k, -np.inf)
    for drift, chance in ((after.lower, 0.025), (after.median_unbiased, 0.5), (after.upper, 0.975)):
        assert crossing_upper(t, upper, lower, drift) == pytest.approx(chance, abs=1e-10)
    assert after.lower < after.median_unbiased < after.upper


def test_an_earlier_efficacy_stop_is_more_extreme_than_any_later_outcome():
    bounds = DESIGN.bounds.efficacy
    at_first = stagewise_p_value([0.25], [], float(bounds[0]))
    late = stagewise_p_value([0.25, 0.5], bounds[:1], 19.0)
    assert late >= at_first - 1e-15


def test_two_sided_p_and_interval_mirror():
    design = GroupSequentialDesign(equal_looks(3), OBF, sides=2)
    up, down = (design.analyse(equal_looks(3), z) for z in (2.3, -2.3))
    assert up.stagewise.p_value == pytest.approx(down.stagewise.p_value, rel=1e-9)
    assert up.stagewise.lower == pytest.approx(-down.stagewise.upper, abs=1e-9)
    assert up.repeated_p == pytest.approx(down.repeated_p, rel=1e-9)
    assert (up.crossed, down.crossed) == ("efficacy", "harm")
    assert "two-sided p" in str(up)


def test_the_bias_adjusted_mean_corrects_what_simulation_shows():
    drift, t, upper = 2.0, np.array(equal_looks(3)), np.array([3.0, 2.6, 2.1])
    random = np.random.default_rng(3)
    scores = np.cumsum(random.normal(drift / 3, np.sqrt(1 / 3), (400_000, 3)), axis=1)
    crossed = scores / np.sqrt(t) >= upper
    stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 2)
    mean = (scores[np.arange(len(stop)), stop] / t[stop]).mean()
    assert mean > drift + 0.05
    assert bias_adjusted_mean(t, upper, float(mean)) == pytest.approx(drift, abs=0.01)


def test_repeated_p_of_haybittle_peto_is_not_defined_and_pocock_s_is():
    assert GroupSequentialDesign(equal_looks(3), HaybittlePeto()).analyse([1 / 3], 3.2).repeated_p is None
    design = GroupSequentialDesign(equal_looks(3), POCOCK)
    bound = float(design.bounds.efficacy[0])
    assert design.analyse([1 / 3], bound).repeated_p == pytest.approx(0.025, abs=1e-9)
    assert design.analyse([0.4], design.at([0.4]).efficacy_bound).repeated_p == pytest.approx(0.025, abs=1e-7)


def test_the_repeated_estimate_is_where_repeated_p_is_one_half():
    analysis = DESIGN.analyse([0.25, 0.5], 2.7, effect=2.5)
    shifted = 2.7 - analysis.repeated_estimate / analysis.per_drift * np.sqrt(0.5)
    assert DESIGN.analyse([0.25, 0.5], shifted).repeated_p == pytest.approx(0.5, abs=1e-7)
    final = DESIGN.analyse([0.25, 0.5], 2.7, final=True)
    assert final.repeated_estimate < final.estimate
    assert GroupSequentialDesign(equal_looks(2), OBF, sides=2).analyse([0.5], 2.0).repeated_estimate is None
    assert GroupSequentialDesign(equal_looks(2), HaybittlePeto()).analyse([0.5], 2.0).repeated_estimate is None


def test_extreme_outcomes_are_answered():
    for z in (-50.0, 50.0):
        analysis = DESIGN.analyse([0.25, 0.5], z)
        for value in (
            analysis.stagewise.p_value,
            analysis.stagewise.lower,
            analysis.bias_adjusted,
            analysis.repeated_p,
        ):
            assert np.isfinite(value)
    assert DESIGN.analyse([0.25], -8.0).repeated_p == 0.9999


def test_a_t_statistic_counts_by_its_tail():
    analysis = DESIGN.analyse_estimate([0.25, 0.5], 4.2, 2.0, df=20, effect=5.0, unit="points")
    assert ndtr(-analysis.z) == pytest.approx(stdtr(20, -2.1), rel=1e-10)
    assert analysis.standard_error == 2.0
    assert normal_deviate(1e200, 3) == 50.0
    assert normal_deviate(-2.0) == -2.0


def test_priors_say_what_their_names_say():
    doubt, hope = sceptical_prior(2.5), enthusiastic_prior(2.5)
    assert ndtr(-2.5 / doubt.sd) == pytest.approx(0.05)
    assert ndtr(-hope.mean / hope.sd) == pytest.approx(0.05)
    analysis = DESIGN.analyse([0.5], 2.0, effect=2.5, unit="T points")
    chances = [analysis.posterior(prior).probability_above(0.0) for prior in (doubt, hope)]
    assert chances[0] < ndtr(2.0) < chances[1]
    flat = posterior(1.0, 0.5, NormalPrior(0.0, np.inf))
    assert (flat.mean, flat.sd) == (1.0, 0.5)
    assert "sceptical prior" in str(analysis.posterior(doubt))


def test_predictive_power_goes_from_flat_to_certain_with_the_prior():
    analysis = DESIGN.analyse([0.5], 1.5, effect=2.5)
    assert analysis.predictive_power_with(NormalPrior(0.0, 1e6)) == pytest.approx(analysis.predictive_power, abs=1e-6)
    sure = analysis.predictive_power_with(NormalPrior(2.5, 1e-6))
    assert sure == pytest.approx(analysis.conditional_power_design, abs=1e-6)


def test_assurance_is_power_where_the_prior_is_certain():
    sure = probability_of_success(DESIGN, NormalPrior(1.0, 1e-9))
    assert sure == pytest.approx(0.9, abs=1e-7)
    assert probability_of_success(DESIGN, NormalPrior(1.0, 0.5)) < sure
    with pytest.raises(OutOfRange, match=r"prior\.sd must be finite"):
        probability_of_success(DESIGN, NormalPrior(1.0, np.inf))
    with pytest.raises(OutOfRange, match="after must be"):
        probability_of_success(DESIGN, NormalPrior(1.0, 0.5), after=4)


def test_at_the_final_look_nothing_lies_ahead():
    analysis = DESIGN.analyse(equal_looks(4), 1.0)
    assert analysis.ahead is None
    assert analysis.conditional_power(1.0) is None
    assert analysis.predictive_power_with(NormalPrior(0.0, 1.0)) is None


def test_statements_that_cannot_be_made_are_refused():
    with pytest.raises(OutOfRange, match="One efficacy bound"):
        stagewise_inference([0.5, 1.0], [], 2.0)
    with pytest.raises(OutOfRange, match="z must be"):
        stagewise_p_value([0.5], [], float("nan"))
    with pytest.raises(OutOfRange, match="level must be"):
        stagewise_inference([0.5], [], 2.0, level=1.0)
    with pytest.raises(OutOfRange, match="bound must be"):
        repeated_interval(0.5, -1.0, 2.0)
    with pytest.raises(OutOfRange, match="estimate at the last look"):
        bias_adjusted_mean([1.0], [2.0], 501.0)
    with pytest.raises(OutOfRange, match="standard_error must be"):
        DESIGN.analyse_estimate([0.5], 1.0, 0.0)
    with pytest.raises(OutOfRange, match="sd must be"):
        NormalPrior(0.0, 0.0)
