import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.api import OLS
from statsmodels.stats.meta_analysis import combine_effects

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.linear import ancova
from trial.statistics.subgroups import heterogeneity, subgroup_forest


def a_trial(seed=1, n=120):
    rng = np.random.default_rng(seed)
    arm, base = np.array(["A", "B"])[np.arange(n) % 2], rng.normal(50, 5, n)
    sex, site = rng.choice(["f", "m"], n), rng.choice(["S1", "S2", "S3"], n)
    y = 0.5 * base - 2.0 * (arm == "B") - 1.5 * ((arm == "B") & (sex == "m")) + rng.normal(0, 3, n)
    return y, arm, base, sex, site


def forest(seed=1, **changed):
    y, arm, base, sex, site = a_trial(seed)
    given_ = {"subgroups": {"sex": sex, "site": site}, "covariates": {"base": base}, "factors": {"site": site}}
    return subgroup_forest(y, arm, reference="A", **{**given_, **changed})


def test_differences_and_the_interaction_agree_with_a_model_written_out_in_statsmodels():
    y, arm, base, sex, site = a_trial()
    b, m = arm == "B", sex == "m"
    x = np.column_stack([np.ones(120), base, site == "S2", site == "S3", m, b, b & m]).astype(float)
    fit = OLS(y, x).fit()
    found = forest()
    rows = {row.level: row.contrast for row in found.rows if row.subgroup == "sex"}
    assert rows["f"].difference == pytest.approx(fit.params[5], rel=1e-9)
    assert rows["f"].standard_error == pytest.approx(fit.bse[5], rel=1e-9)
    both = fit.t_test([0, 0, 0, 0, 0, 1, 1])
    assert (rows["m"].difference, rows["m"].p_value) == pytest.approx((both.effect[0], float(both.pvalue)), rel=1e-7)
    test = found.interaction("sex")
    assert test.p_value == pytest.approx(fit.pvalues[6], rel=1e-8)
    assert test.statistic == pytest.approx(fit.tvalues[6] ** 2, rel=1e-8)


def test_a_subgroup_of_three_levels_has_two_degrees_of_freedom():
    assert forest().interaction("site").df == 2
    assert len([row for row in forest().rows if row.subgroup == "site"]) == 3


def test_the_overall_difference_is_the_ancova():
    y, arm, base, _, site = a_trial()
    one = ancova(y, arm, reference="A", covariates={"base": base}, factors={"site": site})
    assert forest().overall == one.contrasts


def test_a_variable_of_one_level_is_the_whole_and_has_no_interaction():
    found = forest(subgroups={"all": ["everybody"] * 120})
    assert found.rows[0].contrast.difference == pytest.approx(found.overall[0].difference)
    assert found.interaction("all") is None
    assert "no interaction" in str(found)


def test_a_level_without_an_arm_is_told_and_takes_no_part():
    _y, arm, _base, sex, _site = a_trial()
    rare = np.where((np.arange(120) < 6) & (arm == "A"), "rare", sex)
    found = forest(subgroups={"sex": rare})
    row = next(row for row in found.rows if row.level == "rare")
    assert row.contrast is None
    assert "nobody" in row.problem
    assert found.interaction("sex").df == 1


def test_subgroups_that_the_model_determines_are_told():
    y, arm, *_ = a_trial()
    found = subgroup_forest(y[:4], arm[:4], reference="A", subgroups={"each": ["p", "p", "q", "q"]})
    assert all("cannot support" in row.problem for row in found.rows)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2_000), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_units_origins_and_order_change_no_test(seed, unit, shift):
    y, arm, base, sex, site = a_trial(seed)
    order = np.random.default_rng(seed).permutation(120)
    one = forest(seed)
    other = subgroup_forest(
        (unit * y + shift)[order],
        arm[order],
        reference="A",
        subgroups={"sex": sex[order], "site": site[order]},
        covariates={"base": base[order]},
        factors={"site": site[order]},
    )
    for name in ("sex", "site"):
        assert other.interaction(name).p_value == pytest.approx(one.interaction(name).p_value, rel=1e-6)
    assert other.rows[0].contrast.difference == pytest.approx(unit * one.rows[0].contrast.difference, rel=1e-6)


def test_cochran_s_q_agrees_with_statsmodels():
    effects, errors = np.array([0.2, 0.8, -0.1]), np.array([0.2, 0.3, 0.25])
    assert heterogeneity(effects, errors).statistic == pytest.approx(combine_effects(effects, errors**2).q, rel=1e-10)
    with pytest.raises(OutOfRange, match="at least two"):
        heterogeneity([1.0], [1.0])


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(EmptyArm):
        subgroup_forest([1.0, 2.0], ["A", "A"], reference="A", subgroups={})
    with pytest.raises(OutOfRange, match="no subgroup"):
        forest().interaction("age")


def test_a_covariate_in_small_units_and_an_outcome_far_from_0_change_nothing():
    y, arm, base, sex, _ = a_trial()
    plain = subgroup_forest(y, arm, reference="A", subgroups={"sex": sex}, covariates={"base": base})
    far = subgroup_forest(y + 2.0**20, arm, reference="A", subgroups={"sex": sex}, covariates={"base": base * 2.0**-60})
    for one, other in zip(plain.rows, far.rows, strict=True):
        assert other.contrast.difference == pytest.approx(one.contrast.difference, rel=1e-7)
        assert other.contrast.standard_error == pytest.approx(one.contrast.standard_error, rel=1e-7)
    assert far.interaction("sex").p_value == pytest.approx(plain.interaction("sex").p_value, rel=1e-6)
