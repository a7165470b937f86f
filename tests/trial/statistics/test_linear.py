import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.api import OLS

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.linear import SingularDesign, TooFewParticipants, ancova


def a_trial(seed=1, n=120, arms=("A", "B"), effect=-2.0):
    rng = np.random.default_rng(seed)
    arm = np.array([arms[i % len(arms)] for i in range(n)])
    base = rng.normal(65, 5, n)
    site = rng.choice(["S1", "S2", "S3"], n)
    opioid = rng.choice(["Y", "N"], n, p=[0.4, 0.6])
    y = 0.6 * base + effect * (arm == arms[1]) + 2.0 * (site == "S2") + rng.normal(0, 1 + 0.1 * np.abs(base - 65), n)
    return y, arm, base, site, opioid


def fit_elsewhere(y, arm, base, site, opioid, cov_type):
    columns = [np.ones(len(y)), base, site == "S2", site == "S3", opioid == "Y", arm == "B"]
    return OLS(y, np.column_stack([np.asarray(c, float) for c in columns])).fit(cov_type=cov_type, use_t=True)


@pytest.mark.parametrize("robust", [None, "HC0", "HC1", "HC2", "HC3"])
def test_the_difference_agrees_with_statsmodels(robust):
    y, arm, base, site, opioid = a_trial()
    other = fit_elsewhere(y, arm, base, site, opioid, robust or "nonrobust")
    ours = ancova(
        y, arm, reference="A", covariates={"base": base}, factors={"site": site, "opioid": opioid}, robust=robust
    ).contrast
    assert ours.difference == pytest.approx(other.params[-1], rel=1e-10)
    assert ours.standard_error == pytest.approx(other.bse[-1], rel=1e-9)
    assert (ours.lower, ours.upper) == pytest.approx(tuple(other.conf_int()[-1]), rel=1e-9)
    assert ours.p_value == pytest.approx(other.pvalues[-1], rel=1e-8)
    assert ours.df == other.df_resid


def test_ls_means_hold_baseline_at_its_mean_and_weigh_levels_equally():
    y, arm, base, site, opioid = a_trial()
    other = fit_elsewhere(y, arm, base, site, opioid, "nonrobust")
    result = ancova(y, arm, reference="A", covariates={"base": base}, factors={"site": site, "opioid": opioid})
    for name, in_b in (("A", 0.0), ("B", 1.0)):
        row = np.array([1.0, base.mean(), 1 / 3, 1 / 3, 1 / 2, in_b])
        mean = next(m for m in result.ls_means if m.arm == name)
        assert mean.mean == pytest.approx(float(row @ other.params), rel=1e-12)
        assert mean.standard_error == pytest.approx(float(np.sqrt(row @ other.cov_params() @ row)), rel=1e-9)


def test_without_covariates_it_is_the_two_sample_t_test():
    from scipy.stats import ttest_ind

    y, arm, *_ = a_trial()
    other = ttest_ind(y[arm == "B"], y[arm == "A"])
    ours = ancova(y, arm, reference="A").contrast
    assert ours.p_value == pytest.approx(other.pvalue, rel=1e-10)
    assert (ours.lower, ours.upper) == pytest.approx(tuple(other.confidence_interval()), rel=1e-10)


def test_three_arms_give_a_contrast_with_the_reference_for_each_other():
    y, arm, base, *_ = a_trial(arms=("P", "L", "H"))
    result = ancova(y, arm, reference="P", covariates={"base": base})
    assert [c.arm for c in result.contrasts] == ["H", "L"]
    assert {m.arm: m.n for m in result.ls_means} == {"H": 40, "L": 40, "P": 40}
    with pytest.raises(OutOfRange, match="more than two arms"):
        _ = result.contrast


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-100, 100), scale=st.floats(0.01, 100))
def test_the_difference_follows_a_change_of_unit_and_forgets_a_shift(seed, shift, scale):
    y, arm, base, *_ = a_trial(seed)
    one = ancova(y, arm, reference="A", covariates={"base": base}).contrast
    other = ancova(scale * y + shift, arm, reference="A", covariates={"base": base - shift}).contrast
    assert other.difference == pytest.approx(scale * one.difference, rel=1e-7, abs=1e-9 * scale)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-6, abs=1e-12)


def test_changing_the_reference_turns_the_sign():
    y, arm, base, *_ = a_trial()
    one = ancova(y, arm, reference="A", covariates={"base": base}).contrast
    other = ancova(y, arm, reference="B", covariates={"base": base}).contrast
    assert (one.difference, one.lower) == pytest.approx((-other.difference, -other.upper))


def test_change_from_baseline_and_outcome_give_the_same_difference_when_baseline_is_a_covariate():
    y, arm, base, *_ = a_trial()
    raw = ancova(y, arm, reference="A", covariates={"base": base}).contrast
    change = ancova(y - base, arm, reference="A", covariates={"base": base}).contrast
    assert raw.difference == pytest.approx(change.difference, rel=1e-10)


def test_a_factor_of_one_level_changes_nothing():
    y, arm, base, *_ = a_trial()
    plain = ancova(y, arm, reference="A", covariates={"base": base})
    assert ancova(y, arm, reference="A", covariates={"base": base}, factors={"site": ["S1"] * len(y)}) == plain


def test_an_empty_arm_or_a_missing_reference_is_refused():
    with pytest.raises(EmptyArm, match="At least two arms"):
        ancova([1.0, 2.0], ["A", "A"], reference="A")
    with pytest.raises(EmptyArm, match="'C'"):
        ancova([1.0, 2.0], ["A", "B"], reference="C")


def test_too_few_participants_are_refused():
    with pytest.raises(TooFewParticipants, match="2 participants cannot support 2 parameters"):
        ancova([1.0, 2.0], ["A", "B"], reference="A")
    with pytest.raises(TooFewParticipants, match="no variation"):
        ancova([1.0, 1.0, 1.0, 1.0], ["A", "A", "B", "B"], reference="A")


def test_one_participant_in_an_arm_is_answered_but_not_by_hc3():
    y, arm = [1.0, 2.0, 4.0, 3.0], ["A", "A", "A", "B"]
    assert ancova(y, arm, reference="A").contrast.df == 2
    with pytest.raises(TooFewParticipants, match="HC3 is undefined"):
        ancova(y, arm, reference="A", robust="HC3")


def test_a_singular_design_names_the_column():
    y, arm, base, *_ = a_trial()
    with pytest.raises(SingularDesign, match="twice is determined"):
        ancova(y, arm, reference="A", covariates={"base": base, "twice": 2 * base})
    with pytest.raises(SingularDesign, match="arm=B"):
        ancova(y, arm, reference="A", factors={"ward": arm})


def test_missing_and_misfitting_inputs_are_refused_by_name():
    with pytest.raises(OutOfRange, match="outcome must hold finite numbers"):
        ancova([1.0, np.nan, 2.0], ["A", "B", "B"], reference="A")
    with pytest.raises(OutOfRange, match="base must hold finite numbers"):
        ancova([1.0, 1.5, 2.0], ["A", "B", "B"], reference="A", covariates={"base": [1.0, np.nan, 2.0]})
    with pytest.raises(OutOfRange, match="lengths differ"):
        ancova([1.0, 1.5, 2.0], ["A", "B"], reference="A")
    with pytest.raises(OutOfRange, match="robust must be one of"):
        ancova([1.0, 1.5, 2.0, 3.0], ["A", "B", "B", "A"], reference="A", robust="HC9")
    with pytest.raises(OutOfRange, match="level"):
        ancova([1.0, 1.5, 2.0], ["A", "B", "B"], reference="A", level=1.0)


def test_the_result_prints_contrasts_and_means():
    y, arm, base, *_ = a_trial()
    lines = str(ancova(y, arm, reference="A", covariates={"base": base}, robust="HC3")).splitlines()
    assert lines[0] == "ANCOVA, HC3 standard errors, n = 120"
    assert lines[1].startswith("B − A: ")
    assert len(lines) == 4
    assert str(ancova(y, arm, reference="A", unit="T points")).splitlines()[0] == "ANCOVA, n = 120, in T points"


def test_origins_and_units_of_outcome_and_covariate_do_not_touch_the_accuracy():
    y, arm, base, site, _ = a_trial()
    y, base = np.round(y * 1024) / 1024, np.round(base * 1024) / 1024  # so that what is added below is added exactly
    plain = ancova(y, arm, reference="A", covariates={"base": base}, factors={"site": site}, robust="HC3")
    far = ancova(
        y + 2.0**30,
        arm,
        reference="A",
        covariates={"base": (base + 2.0**28) * 2.0**-40},
        factors={"site": site},
        robust="HC3",
    )
    for name in ("difference", "standard_error", "lower", "upper", "p_value"):
        assert getattr(far.contrast, name) == pytest.approx(getattr(plain.contrast, name), rel=1e-9)
    for one, other in zip(plain.ls_means, far.ls_means, strict=True):
        assert other.mean - 2.0**30 == pytest.approx(one.mean, abs=1e-6)
        assert other.standard_error == pytest.approx(one.standard_error, rel=1e-9)


@pytest.mark.parametrize("robust", [None, "HC3"])
def test_the_coefficients_are_those_of_the_columns_as_given(robust):
    y, arm, base, site, opioid = a_trial()
    other = fit_elsewhere(y, arm, base, site, opioid, robust or "nonrobust")
    factors = {"site": site, "opioid": opioid}
    ours = ancova(y, arm, reference="A", covariates={"base": base}, factors=factors, robust=robust).coefficients
    assert [c.name for c in ours] == ["intercept", "base", "site=S2", "site=S3", "opioid=Y", "arm=B"]
    for values, theirs in (
        ([c.estimate for c in ours], other.params),
        ([c.standard_error for c in ours], other.bse),
        ([[c.lower, c.upper] for c in ours], other.conf_int()),
        ([c.p_value for c in ours], other.pvalues),
    ):
        assert np.array(values) == pytest.approx(np.asarray(theirs), rel=1e-8)
