import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.imputation import STRATEGIES, compare_imputed, impute, pool, tipping_point
from trial.statistics.imputation.posterior import posterior_draws
from trial.statistics.linear import TooFewParticipants, ancova
from trial.statistics.mixed_models import mmrm

SIGMA = np.array([[9.0, 6.0, 5.0], [6.0, 10.0, 7.0], [5.0, 7.0, 11.0]])
COURSE = {"A": np.array([50.0, 49.0, 48.0]), "B": np.array([47.0, 43.0, 40.0])}


def a_trial(seed=7, n=300, dropout=0.3):
    rng = np.random.default_rng(seed)
    arm, base = np.array(["A", "B"])[np.arange(n) % 2], rng.normal(0, 3, n)
    y = np.array([COURSE[a] for a in arm]) + 0.6 * base[:, None] + rng.multivariate_normal(np.zeros(3), SIGMA, n)
    gone = rng.random(n) < dropout
    y[gone, 2] = np.nan
    y[gone & (rng.random(n) < 0.4), 1] = np.nan
    return y, arm, base


def filled(strategy="mar", seed=1, count=40, trial=None, **more):
    y, arm, base = trial or a_trial()
    rng = np.random.default_rng(seed)
    return impute(
        y,
        arm,
        reference="A",
        rng=rng,
        strategy=strategy,
        covariates={"base": base},
        imputations=count,
        burn_in=50,
        between=5,
        **more,
    )


def test_what_was_seen_is_never_changed_and_nothing_stays_missing():
    y, _arm, _base = a_trial()
    for strategy in STRATEGIES:
        found = filled(strategy, count=3)
        assert np.array_equal(
            found.values[:, ~np.isnan(y)], np.broadcast_to(y[~np.isnan(y)], (3, (~np.isnan(y)).sum()))
        )
        assert np.isfinite(found.values).all()
        assert STRATEGIES[strategy] in str(found)


def test_the_same_seed_gives_the_same_imputations_and_another_does_not():
    one, same, other = filled(count=3), filled(count=3), filled(count=3, seed=2)
    assert np.array_equal(one.values, same.values)
    assert not np.array_equal(one.values, other.values)


def test_with_nothing_missing_the_result_is_the_ancova():
    y, arm, base = a_trial(dropout=0.0)
    found = filled(trial=(y, arm, base), count=4)
    pooled = compare_imputed(found, arm, visit=2, reference="A", covariates={"base": base})["B"]
    plain = ancova(y[:, 2], arm, reference="A", covariates={"base": base}).contrast
    assert (pooled.estimate, pooled.standard_error) == pytest.approx((plain.difference, plain.standard_error))
    assert pooled.missing_information == 0.0
    # Barnard and Rubin take a little off also where nothing is missing.
    assert pooled.df == pytest.approx(plain.df * (plain.df + 1) / (plain.df + 3))


@pytest.mark.parametrize("by_arm", [True, False])
def test_under_mar_imputation_agrees_with_the_mixed_model(by_arm):
    y, arm, base = a_trial()
    pooled = compare_imputed(filled(count=150, by_arm=by_arm), arm, visit=2, reference="A", covariates={"base": base})[
        "B"
    ]
    rows = {
        "participant": np.repeat(np.arange(300), 3),
        "visit": np.tile([1, 2, 3], 300),
        "arm": np.repeat(arm, 3),
        "covariates": {"base": np.repeat(base, 3)},
    }
    mixed = mmrm(y.ravel(), reference="A", **rows).contrast(3)
    monte_carlo = np.sqrt(pooled.between / 150)
    assert pooled.estimate == pytest.approx(mixed.difference, abs=4 * monte_carlo + 0.05)
    assert pooled.standard_error == pytest.approx(mixed.standard_error, rel=0.08)


def expected_after(strategy, y, base, own):
    """The mean of what is imputed at the last visit in arm B, from the true parameters."""
    mean = {a: COURSE[a] + 0.6 * base[:, None] for a in "AB"}
    out = []
    for row, at_a, at_b in zip(y, mean["A"], mean["B"], strict=True):
        seen = ~np.isnan(row)
        slope = np.linalg.solve(SIGMA[np.ix_(seen, seen)], SIGMA[np.ix_(seen, [2])])[:, 0]
        last = int(seen.sum())
        if strategy == "mar":
            past, ahead = at_b[seen], at_b[2]
        elif strategy == "copy-reference":
            past, ahead = at_a[seen], at_a[2]
        elif strategy == "jump-to-reference":
            past, ahead = at_b[seen], at_a[2]
        else:
            past, ahead = at_b[seen], at_a[2] + at_b[last - 1] - at_a[last - 1]
        out.append(ahead + slope @ (row[seen] - past))
    return float(np.mean(out))


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_each_strategy_imputes_the_mean_that_its_definition_says(strategy):
    trial = a_trial(n=1400)
    y, arm, base = trial
    found = filled(strategy, count=12, trial=trial)
    rows = (arm == "B") & np.isnan(y[:, 2])
    mean = float(found.values[:, rows, 2].mean())
    assert mean == pytest.approx(expected_after(strategy, y[rows], base[rows], "B"), abs=0.5)
    # The reference arm itself is MAR in every strategy.
    own = (arm == "A") & np.isnan(y[:, 2])
    plain = filled("mar", 25, 12, trial).values[:, own, 2].mean()
    assert float(found.values[:, own, 2].mean()) == pytest.approx(float(plain), abs=0.5)


def test_strategies_order_the_effect_from_missing_at_random_to_the_reference():
    y, arm, base = a_trial(n=800, dropout=0.4)
    effect = {}
    for strategy in STRATEGIES:
        found = filled(strategy, trial=(y, arm, base), count=10)
        effect[strategy] = compare_imputed(found, arm, visit=2, reference="A", covariates={"base": base})["B"].estimate
    assert effect["mar"] < effect["copy-increments"] < effect["jump-to-reference"] < 0


def test_each_participant_may_have_a_strategy_of_their_own():
    _y, _arm, _base = a_trial()
    mixed = np.where(np.arange(300) < 150, "mar", "jump-to-reference")
    assert filled(mixed, count=2).method == "missing at random, jump to reference"


def test_a_visit_missed_in_between_is_missing_at_random():
    y, arm, base = a_trial(n=2000, dropout=0.0)
    y[::3, 1] = np.nan
    jump, mar = filled("jump-to-reference", count=5, trial=(y, arm, base)), filled("mar", count=5, trial=(y, arm, base))
    assert not jump.after.any()
    assert jump.values.mean() == pytest.approx(mar.values.mean(), abs=0.05)


def test_an_intercurrent_event_says_from_when_the_strategy_holds():
    y, arm, base = a_trial(n=600, dropout=0.3)
    early = filled("jump-to-reference", count=5, trial=(y, arm, base), event_before=np.zeros(600))
    assert early.after.sum() == np.isnan(y).sum()
    never = filled("jump-to-reference", count=5, trial=(y, arm, base), event_before=np.full(600, 3))
    assert never.after.sum() == 0


def test_posterior_draws_of_complete_data_have_their_exact_mean_and_spread():
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(60), rng.normal(size=60)])
    y = x @ np.array([[1.0, 2.0], [0.5, -0.5]]) + rng.multivariate_normal([0, 0], SIGMA[:2, :2], 60)
    draws = list(posterior_draws(y, x, rng, count=4000, burn_in=0, between=1))
    fitted = np.linalg.lstsq(x, y, rcond=None)[0]
    scale = (y - x @ fitted).T @ (y - x @ fitted)
    df = 60 - 2
    assert np.mean([d.slopes for d in draws], axis=0) == pytest.approx(fitted, abs=0.04)
    assert np.mean([d.sigma for d in draws], axis=0) == pytest.approx(scale / (df - 3), rel=0.03)
    variance = np.var([d.slopes[0, 0] for d in draws])
    assert variance == pytest.approx(scale[0, 0] / (df - 3) * np.linalg.inv(x.T @ x)[0, 0], rel=0.08)


# --- pooling ----------------------------------------------------------------------------------------------------------


def test_rubin_s_rules_by_hand():
    pooled = pool([1.0, 1.2, 0.9], [0.5, 0.5, 0.5], complete_df=50)
    between = np.var([1.0, 1.2, 0.9], ddof=1)
    total = 0.25 + 4 / 3 * between
    share = 4 / 3 * between / total
    old, observed = 2 / share**2, 51 / 53 * 50 * (1 - share)
    assert (pooled.estimate, pooled.standard_error) == pytest.approx((3.1 / 3, np.sqrt(total)))
    assert pooled.df == pytest.approx(1 / (1 / old + 1 / observed))
    assert pool([1.0, 1.2, 0.9], [0.5, 0.5, 0.5]).df == pytest.approx(old)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20), st.floats(0.1, 3), st.floats(2, 500))
def test_pooling_never_has_less_variance_or_more_freedom_than_complete_data(estimates, error, df):
    pooled = pool(estimates, [error] * len(estimates), complete_df=df)
    assert pooled.standard_error >= error * (1 - 1e-12)
    assert 0.0 < pooled.df <= df
    assert 0.0 <= pooled.missing_information <= 1.0
    assert pooled.lower <= pooled.estimate <= pooled.upper


def test_pooling_checks_its_arguments():
    with pytest.raises(OutOfRange, match="At least 2"):
        pool([1.0], [1.0])
    with pytest.raises(OutOfRange, match="standard_errors"):
        pool([1.0, 2.0], [1.0, 0.0])
    with pytest.raises(OutOfRange, match="complete_df"):
        pool([1.0, 2.0], [1.0, 1.0], complete_df=0)


# --- tipping point ----------------------------------------------------------------------------------------------------


def test_a_shift_moves_what_was_imputed_and_the_difference_by_its_share():
    y, arm, _base = a_trial()
    found = filled(count=5)
    moved = found.shifted(np.where(arm == "B", 2.0, 0.0)[:, None] * np.ones(3))
    change = moved.values - found.values
    assert np.array_equal(np.unique(change.round(12)), [0.0, 2.0])
    one, other = (compare_imputed(v, arm, visit=2, reference="A")["B"].estimate for v in (found, moved))
    share = np.isnan(y[arm == "B", 2]).mean()
    assert other - one == pytest.approx(2.0 * share)


def test_the_tipping_point_is_where_significance_is_lost():
    y, arm, base = a_trial(n=120, dropout=0.4)
    found = filled(trial=(y, arm, base), count=10)
    answer = tipping_point(
        found,
        arm,
        visit=2,
        reference="A",
        shifted_arm="B",
        deltas=[0, 5, 10, 15, 20, 25, 30],
        covariates={"base": base},
    )
    p = {step.delta: step.result.p_value for step in answer.steps}
    assert p[0] < 0.05 <= p[answer.delta]
    assert all(value < 0.05 for delta, value in p.items() if delta < answer.delta)
    never = tipping_point(found, arm, visit=2, reference="A", shifted_arm="B", deltas=[0.0], covariates={"base": base})
    assert never.delta is None
    assert "is never lost in the range" in str(never)


def test_a_difference_without_significance_has_none_to_lose():
    y, _, _ = a_trial(n=120, dropout=0.4)
    arm = np.array(["A", "B"])[np.random.default_rng(3).permutation(120) % 2]  # drawn without regard to the outcome
    found = impute(
        y, arm, reference="A", rng=np.random.default_rng(1), imputations=5, burn_in=20, between=5, unit="points"
    )
    answer = tipping_point(found, arm, visit=2, reference="A", shifted_arm="B", deltas=[-1.0, 0.0, 1.0])
    assert answer.delta == 0.0
    assert "is absent without a shift" in str(answer)
    assert (answer.unit, answer.steps[0].result.unit) == ("points", "points")


# --- bad data ---------------------------------------------------------------------------------------------------------


def test_words_ranges_and_empty_arms_are_refused():
    y, arm, _base = a_trial()
    rng = np.random.default_rng(0)
    with pytest.raises(OutOfRange, match="strategy must be one of"):
        impute(y, arm, reference="A", rng=rng, strategy="locf")
    with pytest.raises(OutOfRange, match="participants × visits"):
        impute(y[:, 0], arm, reference="A", rng=rng)
    with pytest.raises(OutOfRange, match="imputations"):
        impute(y, arm, reference="A", rng=rng, imputations=1)
    with pytest.raises(OutOfRange, match="event_before"):
        impute(y, arm, reference="A", rng=rng, event_before=np.full(300, 4))
    with pytest.raises(EmptyArm):
        impute(y, arm, reference="C", rng=rng)
    with pytest.raises(OutOfRange, match="visit must be"):
        compare_imputed(filled(count=2), arm, visit=3, reference="A")
    with pytest.raises(OutOfRange, match="shifted_arm"):
        tipping_point(filled(count=2), arm, visit=2, reference="A", shifted_arm="C", deltas=[0])


def test_too_little_data_is_refused_in_words():
    y, arm, base = a_trial()
    rng = np.random.default_rng(0)
    with pytest.raises(TooFewParticipants, match="cannot support imputation"):
        impute(y[:8], arm[:8], reference="A", rng=rng)
    gone = y.copy()
    gone[:, 2] = np.nan
    with pytest.raises(TooFewParticipants, match="At some visit fewer than"):
        impute(gone, arm, reference="A", rng=rng)
    same = y.copy()
    same[:, 1] = same[:, 0]
    with pytest.raises(TooFewParticipants, match="determine one another"):
        impute(same, arm, reference="A", rng=rng)
    flat = y.copy()
    flat[:, 0] = 1.0
    with pytest.raises(TooFewParticipants, match="no variation"):
        impute(flat, arm, reference="A", rng=rng, covariates={"base": base})


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_any_pattern_of_missing_visits_is_filled(seed):
    rng = np.random.default_rng(seed)
    y, arm, base = a_trial(seed, n=80, dropout=0.0)
    y[rng.random(y.shape) < 0.3] = np.nan
    found = filled("copy-increments", trial=(y, arm, base), count=2)
    assert np.isfinite(found.values).all()
