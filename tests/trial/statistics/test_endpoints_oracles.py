"""Endpoints beside R: sandwich and emmeans, survival, nlme, lmerTest and pbkrtest, MASS, and R's exact tests."""

import pytest

from tests.oracles.endpoint_calls import R_CASES, compared, largest_relative

# R's optimizers stop early (gls most of all; its likelihood is the lower one); closed forms do not.
ACCEPTED = {
    ("cox", "coefficients"): 1e-8,
    ("cox", "tests"): 1e-8,
    ("gls", "estimates"): 1e-4,
    ("gls", "standard errors"): 1e-5,
    ("gls", "log-likelihood"): 1e-10,
    ("lmer", "estimates"): 1e-6,
    ("lmer", "standard errors"): 1e-6,
    ("lmer", "Satterthwaite df"): 5e-6,
    ("lmer_complete", "standard errors"): 1e-6,
    ("lmer_complete", "Satterthwaite df"): 5e-6,
    ("lmer_complete", "Kenward–Roger errors"): 1e-6,
    ("lmer_complete", "Kenward–Roger df"): 1e-6,
    ("lmer_complete", "Kenward–Roger F"): 1e-6,
    ("count_model", "coefficients"): 1e-6,
    ("count_model", "standard errors"): 1e-6,
    ("count_model", "dispersion"): 1e-7,
}


@pytest.mark.parametrize("case", R_CASES, ids=lambda c: c["call"][:90])
def test_every_number_agrees_with_r(case):
    for quantity, pair in compared(case).items():
        assert largest_relative(pair) < ACCEPTED.get((case["kind"], quantity), 1e-9), quantity


@pytest.mark.parametrize("case", [c for c in R_CASES if c["kind"] in ("gls", "lmer", "lmer_complete")])
def test_the_likelihood_of_a_mixed_model_is_at_least_that_of_r(case):
    ours, theirs = compared(case)["log-likelihood"]
    assert ours[0] >= theirs[0] - 1e-9
