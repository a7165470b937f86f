"""MMRM against exact theory, an independent dense computation, and its own symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import fdtrc

from trial.errors import DomainError
from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.linear import SingularDesign, TooFewParticipants, ancova
from trial.statistics.mixed_models import NotConverged, SingularCovariance, mmrm
from trial.statistics.mixed_models import patterns as patterns_module

ARMS = np.array(["A", "B", "C"])


def a_trial(seed=3, n=60, visits=4, missing=0.0, arms=2):
    rng = np.random.default_rng(seed)
    base, arm = rng.normal(50, 5, n), ARMS[np.arange(n) % arms]
    sigma = 4 * 0.6 ** np.abs(np.subtract.outer(range(visits), range(visits)))
    y = 0.5 * base[:, None] - 0.7 * (arm == "B")[:, None] * np.arange(visits)
    y = y + rng.multivariate_normal(np.zeros(visits), sigma, n)
    y[rng.random((n, visits)) < missing] = np.nan
    return y, base, arm, rng.choice(["S1", "S2", "S3"], n)


def as_rows(y, base, arm, site):
    n, visits = y.shape
    return {
        "outcome": y.ravel(),
        "participant": np.repeat([f"P{i:04d}" for i in range(n)], visits),
        "visit": np.tile(np.arange(1, visits + 1), n),
        "arm": np.repeat(arm, visits),
        "covariates": {"base": np.repeat(base, visits)},
        "factors": {"site": np.repeat(site, visits)},
    }


def numbers(result):
    return np.array([[c.difference, c.standard_error, c.df, c.p_value] for c in result.contrasts])


def without_site(rows):
    return {**rows, "factors": {}}


def bare(y, base, arm, site):
    return {**as_rows(y, base, arm, site), "covariates": {}, "factors": {}}


# --- exact theory -----------------------------------------------------------------------------------------------------


def test_complete_data_with_everything_by_visit_is_an_ancova_at_each_visit():
    y, base, arm, site = a_trial()
    rows = as_rows(y, base, arm, site)
    result = mmrm(**rows, reference="A", by_visit=["base", "site"])
    for place in range(4):
        one = ancova(y[:, place], arm, reference="A", covariates={"base": base}, factors={"site": site})
        ours = result.contrast(place + 1)
        assert ours.difference == pytest.approx(one.contrast.difference, rel=1e-9)
        assert ours.standard_error == pytest.approx(one.contrast.standard_error, rel=1e-9)
        assert ours.df == pytest.approx(one.contrast.df, rel=1e-8)
        means = {m.arm: m.mean for m in result.ls_means if m.visit == str(place + 1)}
        assert means == pytest.approx({m.arm: m.mean for m in one.ls_means}, rel=1e-9)


def test_with_one_visit_it_is_an_ancova_in_every_structure():
    y, base, arm, site = a_trial(visits=1)
    one = ancova(y[:, 0], arm, reference="A", covariates={"base": base}, factors={"site": site}).contrast
    for structure in ("us", "ar1", "csh", "toep", "adh"):
        ours = mmrm(**as_rows(y, base, arm, site), reference="A", covariance=structure).contrasts[0]
        assert (ours.difference, ours.standard_error) == pytest.approx((one.difference, one.standard_error), rel=1e-9)
        assert (ours.df, ours.p_value) == pytest.approx((one.df, one.p_value), rel=1e-8)


def test_kenward_roger_on_complete_data_is_hotelling_s_exact_test():
    y, base, arm, site = a_trial()
    result = mmrm(**without_site(as_rows(y, base, arm, site)), reference="A")
    x = np.column_stack([np.ones(60), base, arm == "B"]).astype(float)
    coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
    residual = y - x @ coefficients
    d, df = coefficients[2], 60 - 3
    t2 = d @ np.linalg.solve(residual.T @ residual / df * np.linalg.inv(x.T @ x)[2, 2], d)
    exact = t2 * (df - 4 + 1) / (4 * df)
    test = result.test_arms()
    assert (test.statistic, test.df, test.denominator_df) == pytest.approx((exact, 4, df - 3), rel=1e-8)
    assert test.p_value == pytest.approx(fdtrc(4, df - 3, exact), rel=1e-7)


def test_compound_symmetry_on_complete_data_is_the_split_plot_analysis():
    """Between: means of participants. Within: the interaction has the pooled within-participant error."""
    y, base, arm, site = a_trial(n=40, visits=3)
    result = mmrm(**bare(y, base, arm, site), reference="A", covariance="cs")
    cells = [("B", str(v)) for v in (1, 2, 3)], [("A", str(v)) for v in (1, 2, 3)]
    average = result.combination({**dict.fromkeys(cells[0], 1 / 3), **dict.fromkeys(cells[1], -1 / 3)})
    one = ancova(y.mean(axis=1), arm, reference="A").contrast
    assert (average.estimate, average.standard_error) == pytest.approx((one.difference, one.standard_error), rel=1e-9)
    assert average.df == pytest.approx(38, rel=1e-8)
    assert result.test_arm_by_visit().denominator_df == pytest.approx(2 * 38, rel=1e-8)


# --- an independent computation ---------------------------------------------------------------------------------------


def dense(rows, result, sigma):
    """(X, y, V) in full, from the result's own design and a covariance over visits."""
    seen = ~np.isnan(rows["outcome"])
    who, when = np.asarray(rows["participant"])[seen], np.asarray(rows["visit"])[seen] - 1
    same = who[:, None] == who[None, :]
    v = np.where(same, sigma[when[:, None], when[None, :]], 0.0)
    return result.design.matrix, rows["outcome"][seen], v


def restricted_likelihood(x, y, v):
    inverse = np.linalg.inv(v)
    information = x.T @ inverse @ x
    beta = np.linalg.solve(information, x.T @ inverse @ y)
    r = y - x @ beta
    n, p = x.shape
    total = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + r @ inverse @ r + (n - p) * np.log(2 * np.pi)
    return -0.5 * total, beta, np.linalg.inv(information)


def moved(sigma, a, b, by):
    other = sigma.copy()
    other[a, b] += by
    other[b, a] = other[a, b]
    return other


def test_the_fit_is_the_maximum_of_the_dense_likelihood_and_its_satterthwaite_df_follow_by_differences():
    rows = as_rows(*a_trial(n=24, visits=3, missing=0.15))
    result = mmrm(**rows, reference="A", method="satterthwaite")
    sigma = result.sigma[0]
    x, y, v = dense(rows, result, sigma)
    value, beta, covariance = restricted_likelihood(x, y, v)
    assert result.log_likelihood == pytest.approx(value, abs=1e-9)
    assert [c.test.estimate for c in result.coefficients] == pytest.approx(beta, rel=1e-7)
    assert result.coefficient_covariance == pytest.approx(covariance, rel=1e-7, abs=1e-12)
    places, step = list(zip(*np.triu_indices(3), strict=True)), 1e-3

    def at(*moves):
        here = sigma
        for (a, b), by in moves:
            here = moved(here, a, b, by)
        return restricted_likelihood(*dense(rows, result, here))

    gradient = [(at((p, step))[0] - at((p, -step))[0]) / (2 * step) for p in places]
    assert gradient == pytest.approx(np.zeros(6), abs=1e-5)
    hessian = np.array(
        [
            [
                (at((p, step), (q, step))[0] - at((p, step), (q, -step))[0])
                - (at((p, -step), (q, step))[0] - at((p, -step), (q, -step))[0])
                for q in places
            ]
            for p in places
        ]
    ) / (4 * step**2)
    row = result.design.mean_rows["B", "3"] - result.design.mean_rows["A", "3"]
    slope = np.array([row @ (at((p, step))[2] - at((p, -step))[2]) @ row for p in places]) / (2 * step)
    df = 2 * (row @ covariance @ row) ** 2 / (slope @ np.linalg.inv(-hessian) @ slope)
    assert result.contrast(3).df == pytest.approx(df, rel=1e-4)


@pytest.mark.parametrize("structure", ["us", "ar1h", "cs", "toeph", "ad"])
def test_no_covariance_near_the_fitted_one_has_a_higher_likelihood(structure):
    rows = as_rows(*a_trial(n=30, visits=3, missing=0.2))
    result = mmrm(**rows, reference="A", covariance=structure)
    problem, theta = result.inference.problem, result.inference.theta
    rng = np.random.default_rng(1)
    for size in (0.0, 1e-3, 0.03, 0.1):
        near = problem.model.sigma(theta + size * rng.normal(size=len(theta))) * problem.unit**2
        here = restricted_likelihood(*dense(rows, result, near))[0]
        assert here <= result.log_likelihood + 1e-9
        assert (here == pytest.approx(result.log_likelihood, abs=1e-8)) == (size == 0.0)


@pytest.mark.parametrize("kind", ["empirical", "jackknife", "bias-reduced"])
def test_the_sandwich_and_its_df_agree_with_their_dense_definition(kind):
    rows = as_rows(*a_trial(n=20, visits=3, missing=0.2))
    result = mmrm(**rows, reference="A", method="satterthwaite", robust=kind)
    x, y, v = dense(rows, result, result.sigma[0])
    half = np.linalg.inv(np.linalg.cholesky(v))
    x, y = half @ x, half @ y
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    residual = y - hat @ y
    who = np.asarray(rows["participant"])[~np.isnan(rows["outcome"])]
    row = result.design.mean_rows["B", "3"] - result.design.mean_rows["A", "3"]
    meat, columns = np.zeros_like(bread), []
    for participant in np.unique(who):
        mine = np.flatnonzero(who == participant)
        kept = np.eye(len(mine)) - hat[np.ix_(mine, mine)]
        values, vectors = np.linalg.eigh(kept)
        power = {"empirical": 0.0, "jackknife": -1.0, "bias-reduced": -0.5}[kind]
        adjusted = (vectors * values**power) @ vectors.T @ x[mine]
        score = adjusted.T @ residual[mine]
        meat += np.outer(score, score)
        columns.append((np.eye(len(y)) - hat)[:, mine] @ adjusted @ bread @ row)
    g = np.array(columns) @ np.array(columns).T
    assert result.coefficient_covariance == pytest.approx(bread @ meat @ bread, rel=1e-7, abs=1e-12)
    assert result.contrast(3).df == pytest.approx(np.trace(g) ** 2 / (g**2).sum(), rel=1e-8)


# --- symmetries -------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 5_000), structure=st.sampled_from(["us", "ar1h", "csh", "toep"]))
def test_the_order_of_rows_and_the_labels_of_participants_change_nothing(seed, structure):
    rows = as_rows(*a_trial(seed, n=30, visits=3, missing=0.15))
    one = mmrm(**rows, reference="A", covariance=structure)
    order = np.random.default_rng(seed).permutation(len(rows["outcome"]))
    mixed = {k: v[order] for k, v in rows.items() if k not in ("covariates", "factors")}
    mixed["covariates"] = {"base": rows["covariates"]["base"][order]}
    mixed["factors"] = {"site": rows["factors"]["site"][order]}
    mixed["participant"] = np.array([hash(("salt", p)) for p in mixed["participant"]])
    other = mmrm(**mixed, reference="A", covariance=structure)
    assert numbers(other) == pytest.approx(numbers(one), rel=1e-7, abs=1e-12)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 5_000), shift=st.floats(-1e4, 1e4), scale=st.floats(1e-3, 1e3))
def test_a_change_of_unit_or_origin_changes_only_the_unit(seed, shift, scale):
    rows = as_rows(*a_trial(seed, n=30, visits=3, missing=0.15))
    one = mmrm(**rows, reference="A")
    moved_rows = {
        **rows,
        "outcome": scale * rows["outcome"] + shift,
        "covariates": {"base": scale * rows["covariates"]["base"] - shift},
    }
    other = mmrm(**moved_rows, reference="A")
    assert numbers(other)[:, :2] == pytest.approx(scale * numbers(one)[:, :2], rel=1e-6)
    assert numbers(other)[:, 2:] == pytest.approx(numbers(one)[:, 2:], rel=1e-6)


def test_taking_the_other_arm_as_reference_turns_the_sign():
    rows = as_rows(*a_trial(missing=0.1))
    one, other = mmrm(**rows, reference="A"), mmrm(**rows, reference="B")
    assert numbers(one)[:, 1:] == pytest.approx(numbers(other)[:, 1:], rel=1e-7)
    assert numbers(one)[:, 0] == pytest.approx(-numbers(other)[:, 0], rel=1e-7)


def test_rows_of_missed_visits_may_be_given_or_left_out():
    rows = as_rows(*a_trial(missing=0.2))
    seen = ~np.isnan(rows["outcome"])
    kept = {k: v[seen] for k, v in rows.items() if k not in ("covariates", "factors")}
    kept |= {
        "covariates": {"base": rows["covariates"]["base"][seen]},
        "factors": {"site": rows["factors"]["site"][seen]},
    }
    assert np.array_equal(numbers(mmrm(**kept, reference="A")), numbers(mmrm(**rows, reference="A")))


def test_equal_weights_change_nothing_and_a_weight_is_a_smaller_variance():
    rows = as_rows(*a_trial(missing=0.1))
    one = mmrm(**rows, reference="A")
    equal = mmrm(**rows, reference="A", weights=np.full(240, 4.0))
    assert numbers(equal) == pytest.approx(numbers(one), rel=1e-7)
    assert equal.sigma == pytest.approx(4.0 * one.sigma, rel=1e-7)
    assert equal.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)


def test_a_weighted_fit_is_that_of_the_dense_likelihood():
    rows = as_rows(*a_trial(n=24, visits=3, missing=0.15))
    weights = np.random.default_rng(2).uniform(0.5, 3.0, len(rows["outcome"]))
    result = mmrm(**rows, reference="A", weights=weights, covariance="ar1")
    x, y, v = dense(rows, result, result.sigma[0])
    w = weights[~np.isnan(rows["outcome"])]
    value, beta, _ = restricted_likelihood(x, y, v / np.sqrt(np.outer(w, w)))
    assert result.log_likelihood == pytest.approx(value, abs=1e-8)
    assert [c.test.estimate for c in result.coefficients] == pytest.approx(beta, rel=1e-6)


def test_structures_that_coincide_over_two_visits_give_the_same_fit():
    rows = as_rows(*a_trial(visits=2, missing=0.1))
    for same in (("us", "csh", "ar1h", "toeph", "adh"), ("cs", "ar1", "toep", "ad")):
        fits = [mmrm(**rows, reference="A", covariance=name) for name in same]
        for other in fits[1:]:
            assert numbers(other) == pytest.approx(numbers(fits[0]), rel=1e-6)


def test_nested_structures_have_their_likelihoods_in_order():
    rows = as_rows(*a_trial(missing=0.1))
    value = {
        s: mmrm(**rows, reference="A", covariance=s).log_likelihood for s in ("us", "toeph", "toep", "ar1", "cs", "adh")
    }
    assert value["us"] > value["toeph"] > value["toep"] > max(value["ar1"], value["cs"])
    assert value["us"] > value["adh"]


def test_a_covariance_by_arm_is_what_each_arm_has_by_itself():
    y, base, arm, site = a_trial(missing=0.1)
    result = mmrm(**bare(y, base, arm, site), reference="A", covariance_by_arm=True)
    assert result.covariance_groups == ("A", "B")
    assert result.covariance_parameters == 20
    for place, name in enumerate("AB"):
        # An arm beside its own copy, with one covariance: the likelihood is twice that of the arm.
        twice = np.concatenate([y[arm == name]] * 2)
        half = len(twice) // 2
        alone = mmrm(
            **bare(twice, np.zeros(len(twice)), np.repeat(["A", "B"], half), np.repeat("S", len(twice))), reference="A"
        )
        assert result.sigma[place] == pytest.approx(alone.sigma[0], rel=1e-6)


def test_more_patterns_than_the_memory_holds_give_the_same_numbers(monkeypatch):
    rows = as_rows(*a_trial(missing=0.25))
    one = mmrm(**rows, reference="A")
    monkeypatch.setattr(patterns_module, "_BUDGET", 2_000)
    assert numbers(mmrm(**rows, reference="A")) == pytest.approx(numbers(one), rel=1e-9)


def test_visits_are_ordered_by_number_by_words_and_numbers_or_as_told():
    y, base, arm, site = a_trial(visits=3)
    rows = as_rows(y, base, arm, site)
    assert mmrm(**rows, reference="A").visits == ("1", "2", "3")
    rows["visit"] = np.tile(["V10", "V2", "V1"], 60)
    assert mmrm(**rows, reference="A").visits == ("V1", "V2", "V10")
    told = mmrm(**rows, reference="A", visits=["V10", "V2", "V1"], covariance="ar1")
    rows["visit"] = np.tile([1.0, 2.0, 3.0], 60)
    assert mmrm(**rows, reference="A").contrast(3).visit == "3"
    assert [c.visit for c in told.contrasts] == ["V10", "V2", "V1"]


def test_three_arms_and_an_odd_number_of_participants_give_a_contrast_for_each():
    result = mmrm(**as_rows(*a_trial(n=61, arms=3, missing=0.1)), reference="A")
    assert [(c.visit, c.arm) for c in result.contrasts][:3] == [("1", "B"), ("1", "C"), ("2", "B")]
    assert result.contrast(4, "C").arm == "C"
    assert result.test_arms(["4"]).df == 2
    with pytest.raises(OutOfRange, match="2 contrasts at visit 4"):
        result.contrast(4)


def test_the_test_of_one_difference_is_the_square_of_its_t_test():
    for method in ("kenward-roger", "satterthwaite"):
        result = mmrm(**as_rows(*a_trial(missing=0.15)), reference="A", method=method)
        one, test = result.contrast(4), result.test_arms([4])
        assert test.statistic == pytest.approx((one.difference / one.standard_error) ** 2)
        assert (test.denominator_df, test.p_value) == pytest.approx((one.df, one.p_value))


# --- bad data ---------------------------------------------------------------------------------------------------------


def refused(error, match, change=lambda y: y, structure="us", **more):
    y, base, arm, site = a_trial()
    rows = as_rows(change(y.copy()), base, arm, site)
    with pytest.raises(error, match=match):
        mmrm(**{**without_site(rows), **more}, reference="A", covariance=structure)


def setting(where, value):
    def change(y):
        y[where] = value
        return y

    return change


def test_an_outcome_without_variation_is_refused():
    refused(TooFewParticipants, "no variation left", setting(np.s_[:], 3.0))


def test_a_visit_without_variation_is_refused():
    refused(SingularCovariance, "singular", setting(np.s_[:, 2], 7.0))


def test_visits_that_repeat_one_another_are_refused():
    y = a_trial()[0]
    refused(SingularCovariance, "determine one another", setting(np.s_[:, 2], y[:, 1]))


def test_a_visit_with_one_outcome_or_none_is_refused_by_name():
    refused(TooFewParticipants, "At visit 3 only one participant", setting(np.s_[1:, 2], np.nan))
    refused(TooFewParticipants, "At visit 5 nobody", visits=[1, 2, 3, 4, 5])


def test_an_arm_without_outcomes_at_a_visit_is_refused_by_name():
    refused(EmptyArm, "Arm B has no outcome at visit 4", setting(np.s_[1::2, 3], np.nan))


def test_visits_that_nobody_shares_cannot_have_an_unstructured_covariance():
    def change(y):
        y[:30, 0], y[30:, 3] = np.nan, np.nan
        return y

    refused(TooFewParticipants, "both 1 and 4", change)
    refused(NotConverged, "do not determine every parameter", change, structure="toep")


def test_collinear_terms_are_refused_by_name():
    base = np.repeat(a_trial()[1], 4)
    refused(SingularDesign, "twice is determined", covariates={"base": base, "twice": 2 * base})
    refused(SingularDesign, "arm=B is determined", factors={"ward": np.repeat(a_trial()[2], 4)})


def test_missing_and_infinite_numbers_are_refused():
    refused(OutOfRange, "outcome must be", setting((3, 1), np.inf))
    refused(OutOfRange, "base must hold finite", covariates={"base": np.full(240, np.nan)})
    refused(EmptyArm, "No outcome was given", setting(np.s_[:], np.nan))


def test_more_parameters_than_outcomes_are_refused():
    rows = {**as_rows(*a_trial(n=4, visits=3)), "factors": {"who": np.repeat(list("wxyz"), 3)}}
    with pytest.raises(TooFewParticipants, match="12 outcomes cannot support 12 parameters"):
        mmrm(**rows, reference="A")


def test_words_and_ranges_are_checked():
    refused(OutOfRange, "covariance must be one of", structure="sp_exp")
    refused(OutOfRange, "method must be one of", method="residual")
    refused(OutOfRange, "robust must be one of", method="satterthwaite", robust="HC3")
    refused(OutOfRange, "satterthwaite", robust="empirical")
    refused(OutOfRange, "level must be", level=1.0)
    refused(OutOfRange, "weights must be in", weights=np.zeros(240))
    refused(OutOfRange, "by_visit may name", by_visit=["weight"])
    refused(OutOfRange, "two outcomes at one visit", visit=np.ones(240))
    refused(OutOfRange, "in two arms", arm=np.tile(["A", "B"], 120))
    refused(OutOfRange, "visits must name every visit", visits=[1, 2, 3])
    refused(OutOfRange, "name each visit once", visits=[1, 2, 3, 4, 4])
    refused(EmptyArm, "At least two arms", arm=["A"] * 240)


def test_combinations_name_cells_of_the_model():
    result = mmrm(**as_rows(*a_trial()), reference="A")
    with pytest.raises(OutOfRange, match="unknown"):
        result.combination({("Z", "1"): 1.0})
    with pytest.raises(OutOfRange, match="one visit"):
        mmrm(**as_rows(*a_trial(visits=1)), reference="A").test_arm_by_visit()
    with pytest.raises(OutOfRange, match="always the same number"):
        result.combination({("A", "1"): 0.0})


def test_the_result_prints_its_method_contrasts_and_means():
    lines = str(mmrm(**as_rows(*a_trial()), reference="A")).splitlines()
    assert lines[0].startswith(
        "MMRM by REML, unstructured covariance, Kenward–Roger degrees of freedom; 60 participants"
    )
    assert lines[1].startswith("1, B − A: ")
    assert len(lines) == 1 + 4 + 8
    assert "outcomes in T points;" in str(mmrm(**as_rows(*a_trial()), reference="A", unit="T points"))


def test_many_visits_of_few_participants_are_refused_within_few_steps():
    y, base, arm, site = a_trial(seed=10, n=12, visits=6, missing=0.3)
    with pytest.raises((SingularCovariance, TooFewParticipants), match=r"singular|Fewer than two"):
        mmrm(**without_site(as_rows(y, base, arm, site)), reference="A")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["us", "ar1", "csh", "toeph", "adh"]))
def test_any_small_trial_gives_finite_numbers_or_an_error_in_words(seed, structure):
    rng = np.random.default_rng(seed)
    n, visits, arms = int(rng.integers(6, 40)), int(rng.integers(1, 6)), int(rng.integers(2, 4))
    y, base, arm, site = a_trial(seed, n, visits, rng.uniform(0, 0.4), arms)
    try:
        result = mmrm(**without_site(as_rows(y, base, arm, site)), reference="A", covariance=structure)
    except DomainError:
        return
    assert np.isfinite(numbers(result)).all()
    assert (numbers(result)[:, 1:3] > 0).all()
