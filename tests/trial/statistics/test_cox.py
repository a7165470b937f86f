import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.hazard_regression import PHReg

from tests.oracles.reading import cases, rows
from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.linear import SingularDesign
from trial.statistics.proportional_hazards import Separated, cox
from trial.statistics.rank_tests import NoEvents, log_rank

ORACLES = {case["kind"]: case["result"] for case in cases("survival.json")}


def km_data():
    found = rows("km_data.csv")
    time, status = (np.array([float(row[key]) for row in found]) for key in ("time", "status"))
    return time, status, np.array([row["arm"] for row in found]), np.array([row["stratum"] for row in found])


def a_trial(seed=1, n=80, ties=True):
    rng = np.random.default_rng(seed)
    arm, age = np.array(["A", "B"])[np.arange(n) % 2], rng.normal(60, 8, n)
    time = rng.exponential(10 * np.exp(-0.5 * (arm == "B") - 0.02 * (age - 60)))
    time = np.ceil(time) if ties else time
    return np.minimum(time, 12.0), (time <= 12.0).astype(float), arm, age, rng.choice(["x", "y"], n)


@pytest.mark.parametrize("ties", ["efron", "exact"])
def test_coefficients_likelihoods_and_the_score_agree_with_r(ties):
    time, status, arm, _ = km_data()
    ours, theirs = cox(time, status, arm, reference="K", ties=ties), ORACLES[f"cox_{ties}"]
    assert ours.coefficients[0] == pytest.approx(theirs["coef"], rel=1e-10)
    assert ours.estimates[0].standard_error == pytest.approx(theirs["se"], rel=1e-10)
    assert (ours.log_likelihood_null, ours.log_likelihood) == pytest.approx(theirs["loglik"], rel=1e-12)
    assert ours.score.statistic == pytest.approx(theirs["score"], rel=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("stratified", [False, True])
def test_adjusted_and_stratified_fits_agree_with_statsmodels(ties, stratified):
    time, status, arm, age, site = a_trial()
    ours = cox(
        time, status, arm, reference="A", covariates={"age": age}, strata=site if stratified else None, ties=ties
    )
    x = np.column_stack([arm == "B", age]).astype(float)
    other = PHReg(time, x, status=status, ties=ties, strata=site if stratified else None).fit(disp=0)
    assert ours.coefficients == pytest.approx(tuple(other.params), rel=1e-6)
    assert [e.standard_error for e in ours.estimates] == pytest.approx(list(other.bse), rel=1e-6)
    assert ours.log_likelihood == pytest.approx(other.llf, abs=1e-8)


def test_without_ties_the_three_methods_are_one():
    time, status, arm, age, _ = a_trial(ties=False)
    fits = [
        cox(time, status, arm, reference="A", covariates={"age": age}, ties=t) for t in ("efron", "breslow", "exact")
    ]
    for other in fits[1:]:
        assert other.coefficients == pytest.approx(fits[0].coefficients, rel=1e-7)
        assert other.log_likelihood == pytest.approx(fits[0].log_likelihood, rel=1e-10)


def test_without_ties_the_score_test_is_the_log_rank_test():
    time, status, arm, _, site = a_trial(ties=False)
    for strata in (None, site):
        assert cox(time, status, arm, reference="A", strata=strata).score.statistic == pytest.approx(
            log_rank(time, status, arm, strata=strata).statistic, rel=1e-9
        )


def test_with_exact_ties_the_score_test_is_the_log_rank_test_too():
    time, status, arm, _, _ = a_trial()
    exact = cox(time, status, arm, reference="A", ties="exact").score.statistic
    assert exact == pytest.approx(log_rank(time, status, arm).statistic, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3_000), st.floats(0.1, 10), st.floats(-50, 50), st.sampled_from(["efron", "breslow", "exact"]))
def test_units_order_and_labels_change_nothing(seed, unit, shift, ties):
    time, status, arm, age, _ = a_trial(seed, n=40)
    one = cox(time, status, arm, reference="A", covariates={"age": age}, ties=ties)
    order = np.random.default_rng(seed).permutation(40)
    other = cox(
        (unit * time)[order],
        status[order],
        arm[order],
        reference="A",
        covariates={"age": (age / 10 + shift)[order]},
        ties=ties,
    )
    assert other.coefficients[0] == pytest.approx(one.coefficients[0], rel=1e-6, abs=1e-9)
    assert other.coefficients[1] == pytest.approx(10 * one.coefficients[1], rel=1e-6, abs=1e-9)
    turned = cox(time, status, arm, reference="B", covariates={"age": age}, ties=ties)
    assert turned.coefficients[0] == pytest.approx(-one.coefficients[0], rel=1e-6, abs=1e-9)


def test_factors_have_a_ratio_for_each_level_after_the_first():
    time, status, arm, _, site = a_trial()
    assert cox(time, status, arm, reference="A", factors={"site": site}).names == ("arm=B", "site=y")


def test_an_arm_without_events_has_no_hazard_ratio():
    time, status, arm, *_ = a_trial()
    with pytest.raises(Separated, match="arm=B"):
        cox(time, np.where(arm == "B", 0.0, status), arm, reference="A")


def test_what_cannot_be_fitted_has_its_own_error():
    time, status, arm, age, _ = a_trial()
    with pytest.raises(NoEvents):
        cox(time, 0 * status, arm, reference="A")
    with pytest.raises(EmptyArm):
        cox(time, status, ["A"] * 80, reference="A")
    with pytest.raises(SingularDesign, match="same for everybody"):
        cox(time, status, arm, reference="A", covariates={"one": np.ones(80)})
    with pytest.raises(SingularDesign, match="determined by the other terms"):
        cox(time, status, arm, reference="A", covariates={"age": age, "twice": 2 * age})
    with pytest.raises(OutOfRange, match="ties"):
        cox(time, status, arm, reference="A", ties="average")


def test_a_fit_prints_its_ratios_and_test():
    time, status, arm, age, _ = a_trial()
    lines = str(cox(time, status, arm, reference="A", covariates={"age": age})).splitlines()
    assert lines[0].startswith("Cox, efron ties, n = 80")
    assert lines[1].startswith("arm=B: ")
    assert "likelihood-ratio test" in lines[3]
