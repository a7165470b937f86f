import numpy as np
import pytest

from tests.oracles.mmrm_calls import (
    GLS_CASE,
    METHODS,
    MMRM_CASES,
    coefficients,
    contrasts,
    data,
    fit,
    largest_relative,
    ls_means,
)
from trial.statistics.mixed_models import mmrm
from trial.statistics.mixed_models.inference import infer
from trial.statistics.mixed_models.reml import Optimum, _curvature, evaluate


@pytest.fixture(scope="module", params=MMRM_CASES, ids=lambda c: f"{c['cov']} {c['vcov']} {c['data']}")
def fitted(request):
    return fit(request.param), request.param


def test_the_likelihood_is_at_least_that_of_mmrm(fitted):
    ours, case = fitted
    # Two computations of a number near 2,700 differ in their twelfth digit.
    assert ours.log_likelihood >= case["logLik"] - 1e-9
    assert ours.log_likelihood == pytest.approx(case["logLik"], abs=1e-8)
    assert (ours.aic, ours.bic) == pytest.approx((case["AIC"], case["BIC"]), abs=1e-8)
    assert (ours.n_observations, ours.n_participants) == (case["n_obs"], case["n_subjects"])


def test_contrasts_means_and_coefficients_agree_with_mmrm(fitted):
    ours, case = fitted
    # nlminb stops within its own tolerance, about 1e-7 of a Toeplitz correlation; our gradient is zero to rounding.
    for pair in (contrasts(ours, case), ls_means(ours, case), coefficients(ours, case)):
        assert largest_relative((pair[0][:, :2], pair[1][:, :2])) < 1e-6
        assert largest_relative((pair[0][:, 2], pair[1][:, 2])) < 1e-6
    assert largest_relative(tuple(side[:, 3:] for side in contrasts(ours, case))) < 1e-5


def test_the_covariance_over_visits_agrees_with_mmrm(fitted):
    ours, case = fitted
    assert ours.sigma[0] == pytest.approx(np.array(case["varcor"]), rel=2e-6)


def test_degrees_of_freedom_agree_to_1e_6_of_themselves(fitted):
    ours, case = fitted
    for pair in (contrasts(ours, case), ls_means(ours, case), coefficients(ours, case)):
        assert largest_relative((pair[0][:, 2], pair[1][:, 2])) < 1e-6


def at_their_covariance(ours, case):
    """Our inference at the covariance that mmrm printed instead of at our own, and the likelihood's gradient there."""
    problem = ours.inference.problem
    theta = problem.model.start(np.array(case["varcor"]) / problem.unit**2)
    point = evaluate(problem, theta)
    optimum = Optimum(point, _curvature(problem, point), 0)
    return infer(problem, optimum, *METHODS[case["method"], case["vcov"]]), optimum.curvature.gradient


def test_what_is_left_of_a_difference_in_df_is_where_the_reference_stopped(fitted):
    """For the Toeplitz fits of 200 participants it is 1.6e-4 of 390: the gradient at mmrm's covariance is 4e-5, not 0."""
    ours, case = fitted
    theirs, gradient = at_their_covariance(ours, case)
    df = [theirs.t_test(row, 0.95).df for row in np.eye(len(ours.design.columns))]
    assert np.abs(np.array(df) - np.array(case["coefficients"]["df"], float)).max() < 1e-6
    here = ours.inference.problem
    own = _curvature(here, evaluate(here, ours.inference.theta)).gradient
    assert np.abs(own).max() < 1e-8
    if np.abs(gradient).max() < 1e-5:
        for pair in (contrasts(ours, case), ls_means(ours, case), coefficients(ours, case)):
            assert np.abs(pair[0][:, 2] - pair[1][:, 2]).max() < 1e-4


def test_the_unstructured_fit_agrees_with_nlme():
    # gls stops 4e-8 below the maximum of the likelihood, so its fifth digits are its own.
    ours = mmrm(**data("mmrm_data.csv"), reference="Placebo", method="satterthwaite")
    theirs = GLS_CASE["coefficients"]
    assert ours.log_likelihood >= GLS_CASE["logLik"] - 1e-6
    assert [c.test.estimate for c in ours.coefficients] == pytest.approx(theirs["estimate"], rel=5e-5)
    assert [c.test.standard_error for c in ours.coefficients] == pytest.approx(theirs["se"], rel=5e-5)
