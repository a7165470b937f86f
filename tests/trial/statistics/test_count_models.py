import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.count_models import count_model
from trial.statistics.linear import SingularDesign, TooFewParticipants
from trial.statistics.proportional_hazards import Separated


def a_trial(seed=1, n=120, k=0.6):
    rng = np.random.default_rng(seed)
    arm, age = np.array(["A", "B"])[np.arange(n) % 2], rng.normal(60, 8, n)
    time, site = rng.uniform(0.3, 2.0, n), rng.choice(["x", "y", "z"], n)
    rate = np.exp(0.8 + 0.5 * (arm == "B") + 0.02 * (age - 60) + 0.3 * (site == "y"))
    own = rng.gamma(1 / k, k, n) if k else 1.0
    return rng.poisson(rate * time * own), time, arm, age, site


def design(arm, age, site):
    return np.column_stack([np.ones(len(arm)), arm == "B", age, site == "y", site == "z"]).astype(float)


def fitted(seed=1, family="negative-binomial", k=0.6):
    y, time, arm, age, site = a_trial(seed, k=k)
    ours = count_model(y, time, arm, reference="A", covariates={"age": age}, factors={"site": site}, family=family)
    return ours, y, time, design(arm, age, site)


@pytest.mark.parametrize("family", ["poisson", "quasi-poisson"])
def test_poisson_agrees_with_statsmodels(family):
    ours, y, time, x = fitted(family=family)
    model = sm.GLM(y, x, family=sm.families.Poisson(), offset=np.log(time))
    other = model.fit(tol=1e-14, scale="X2" if family == "quasi-poisson" else None)
    assert ours.coefficients == pytest.approx(tuple(other.params[1:]), rel=1e-7)
    assert [e.standard_error for e in ours.estimates] == pytest.approx(list(other.bse[1:]), rel=1e-7)
    assert ours.dispersion == pytest.approx(other.scale, rel=1e-8)
    if family == "poisson":
        assert ours.log_likelihood == pytest.approx(other.llf, rel=1e-10)
        assert ours.p_values == pytest.approx(tuple(other.pvalues[1:]), rel=1e-6)


def test_the_negative_binomial_agrees_with_statsmodels():
    ours, y, time, x = fitted()
    with np.errstate(all="ignore"):
        other = sm.NegativeBinomial(y, x, offset=np.log(time)).fit(
            disp=0, method="newton", maxiter=200, tol=1e-12, start_params=[0.8, 0.5, 0, 0, 0, 0.5]
        )
    assert ours.coefficients == pytest.approx(tuple(other.params[1:-1]), rel=1e-5)
    assert ours.dispersion == pytest.approx(other.params[-1], rel=1e-5)
    assert ours.log_likelihood >= other.llf - 1e-9
    # Given the dispersion it is a generalized linear model, with the expected information.
    glm = sm.GLM(y, x, family=sm.families.NegativeBinomial(alpha=ours.dispersion), offset=np.log(time)).fit(tol=1e-14)
    assert ours.coefficients == pytest.approx(tuple(glm.params[1:]), rel=1e-7)
    assert [e.standard_error for e in ours.estimates] == pytest.approx(list(glm.bse[1:]), rel=1e-6)
    assert ours.log_likelihood == pytest.approx(glm.llf, rel=1e-9)


def test_nothing_near_the_fit_is_more_likely():
    ours, y, time, x = fitted(seed=4)
    rng = np.random.default_rng(0)

    def likelihood(beta, k):
        mean, size = np.exp(x @ beta + np.log(time)), 1 / k
        terms = gammaln(y + size) - gammaln(size) - gammaln(y + 1.0) + size * np.log(size / (size + mean))
        return float((terms + y * np.log(mean / (size + mean))).sum())

    glm = sm.GLM(y, x, family=sm.families.NegativeBinomial(alpha=ours.dispersion), offset=np.log(time)).fit(tol=1e-14)
    assert likelihood(glm.params, ours.dispersion) == pytest.approx(ours.log_likelihood, abs=1e-8)
    for size in (1e-3, 1e-2, 0.1):
        beta = glm.params + size * glm.bse * rng.normal(size=len(glm.params))
        assert likelihood(beta, ours.dispersion * np.exp(size * rng.normal())) < ours.log_likelihood


def test_without_overdispersion_the_negative_binomial_is_poisson():
    y = np.array([2, 3, 2, 3, 2, 3, 4, 5, 4, 5, 4, 5])
    arm, time = np.repeat(["A", "B"], 6), np.ones(12)
    nb, poisson = (count_model(y, time, arm, reference="A", family=f) for f in ("negative-binomial", "poisson"))
    assert nb.dispersion == 0.0
    assert "no dispersion" in nb.note
    assert nb.rate_ratio.estimate == pytest.approx(poisson.rate_ratio.estimate)
    assert nb.rate_ratio.standard_error == pytest.approx(poisson.rate_ratio.standard_error)


def test_two_arms_without_covariates_have_their_crude_rates():
    y, time, arm, *_ = a_trial()
    result = count_model(y, time, arm, reference="A", family="poisson")
    for rate in result.rates:
        mine = arm == rate.arm
        assert rate.rate.estimate == pytest.approx(y[mine].sum() / time[mine].sum(), rel=1e-9)
        assert rate.rate.standard_error == pytest.approx(1 / np.sqrt(y[mine].sum()), rel=1e-8)
    assert result.rate_ratio.standard_error == pytest.approx(
        np.sqrt(sum(1 / y[arm == a].sum() for a in "AB")), rel=1e-8
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3_000), st.floats(0.01, 100), st.floats(-100, 100))
def test_units_and_order_change_only_the_unit(seed, unit, shift):
    y, time, arm, age, site = a_trial(seed, n=60)
    one = count_model(y, time, arm, reference="A", covariates={"age": age}, factors={"site": site})
    order = np.random.default_rng(seed).permutation(60)
    other = count_model(
        y[order],
        unit * time[order],
        arm[order],
        reference="A",
        covariates={"age": age[order] + shift},
        factors={"site": site[order]},
    )
    assert other.coefficients == pytest.approx(one.coefficients, rel=1e-6, abs=1e-8)
    assert other.dispersion == pytest.approx(one.dispersion, rel=1e-6)
    assert other.rates[0].rate.estimate == pytest.approx(one.rates[0].rate.estimate / unit, rel=1e-6)


def test_what_cannot_be_fitted_has_its_own_error():
    y, time, arm, age, _ = a_trial()
    with pytest.raises(Separated, match="B has no events"):
        count_model(np.where(arm == "B", 0, y), time, arm, reference="A")
    with pytest.raises(Separated, match="A has no events"):
        count_model(0 * y, time, arm, reference="A")
    with pytest.raises(EmptyArm):
        count_model(y, time, ["A"] * 120, reference="A")
    with pytest.raises(OutOfRange, match="whole numbers"):
        count_model(y + 0.5, time, arm, reference="A")
    with pytest.raises(OutOfRange, match="exposure must be"):
        count_model(y, 0 * time, arm, reference="A")
    with pytest.raises(OutOfRange, match="family"):
        count_model(y, time, arm, reference="A", family="normal")
    with pytest.raises(SingularDesign, match="twice"):
        count_model(y, time, arm, reference="A", covariates={"age": age, "twice": 2 * age})
    with pytest.raises(SingularDesign, match="same for everybody"):
        count_model(y, time, arm, reference="A", covariates={"one": np.ones(120)})
    with pytest.raises(TooFewParticipants):
        count_model([1, 2], [1.0, 1.0], ["A", "B"], reference="A")


def test_the_result_prints_ratios_and_rates():
    text = str(fitted()[0])
    assert text.startswith("negative-binomial model, n = 120, dispersion ")
    assert "arm=B: " in text


@pytest.mark.parametrize("seed", range(12))
def test_counts_of_extreme_dispersion_have_a_fit_at_which_the_likelihood_is_flat(seed):
    """Scoring with the expected information creeps when one participant has a hundred events and most have none."""
    rng = np.random.default_rng(seed)
    arm, x, time = np.array(["A", "B"])[np.arange(30) % 2], rng.normal(0, 1, 30), rng.uniform(0.2, 3.0, 30)
    y = rng.poisson(np.exp(3.0 + 0.2 * x) * time * rng.gamma(0.15, 1 / 0.15, 30))
    ours = count_model(y, time, arm, reference="A", covariates={"x": x})
    columns = np.column_stack([np.ones(30), arm == "B", x]).astype(float)
    rate = np.log(ours.rates[0].rate.estimate) - ours.coefficients[1] * x.mean()
    mean = np.exp(columns @ np.array([rate, *ours.coefficients])) * time
    scores = columns.T @ ((y - mean) / (1.0 + ours.dispersion * mean))
    assert scores == pytest.approx(np.zeros(3), abs=1e-6)
    assert ours.dispersion > 2.0
