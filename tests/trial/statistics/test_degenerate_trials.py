"""Trials at their limits: every endpoint function answers without NaN, or refuses in words; nothing else comes out."""

import dataclasses
import warnings

import numpy as np
import pytest

import trial.statistics as room
from tests.trial.statistics.test_poisoned_arguments import nans_in
from trial.errors import InvalidInput

SIZES = (1, 2, 3, 6, 12)
STRUCTURES = ("us", "ar1h", "csh", "toeph", "adh", "toep")
STRATEGIES = ("mar", "jump-to-reference", "copy-reference", "copy-increments")


def answered_or_refused(call, *given, **named):
    """The answer, or None; warnings are errors, and errors that are not the room's own fail the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answer = call(*given, **named)
            str(answer)
        except InvalidInput:
            return None
    if dataclasses.is_dataclass(answer):
        kept = [getattr(answer, f.name) for f in dataclasses.fields(answer) if f.name not in ("design", "inference")]
        assert not nans_in(kept)
    return answer


def a_trial(seed):
    """Arms that may be empty or alone, an outcome that may be constant or the arm itself, in any unit."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice(SIZES))
    arm = rng.choice(list("ab" if rng.random() < 0.6 else "abc"), n)
    y = [rng.normal(0, 1, n), np.ones(n), (arm == "a") * 1.0, np.round(rng.normal(0, 1, n))][int(rng.integers(4))]
    x = [rng.normal(0, 1, n), y, (arm == "b") * 1.0, np.full(n, 3.0)][int(rng.integers(4))]
    units = [1e-300, 1e-40, 1e-6, 1.0, 1.0, 1e6, 1e40, 1e300]
    return rng, n, arm, y * rng.choice(units), x * rng.choice(units), rng.choice(["u", "v"], n)


@pytest.mark.parametrize("seed", range(80))
def test_an_outcome_of_any_kind(seed):
    _, _, arm, y, x, site = a_trial(seed)
    for robust in (None, "HC0", "HC3"):
        given = {"reference": "a", "covariates": {"x": x}, "factors": {"site": site}, "robust": robust}
        answered_or_refused(room.ancova, y, arm, **given)
    answered_or_refused(room.subgroup_forest, y, arm, reference="a", subgroups={"site": site}, covariates={"x": x})


@pytest.mark.parametrize("seed", range(80))
def test_events_that_nobody_or_everybody_or_one_arm_has(seed):
    rng, n, arm, _, x, site = a_trial(seed)
    time = np.abs(rng.normal(0, 1, n)) * rng.choice([0.0, 1.0, 1e300])
    event = (rng.random(n) < rng.choice([0.0, 0.4, 1.0])) * 1
    event[arm == "b"] *= int(rng.integers(2))
    answered_or_refused(room.kaplan_meier, time, event, interval=str(rng.choice(["log", "log-log", "plain"])))
    answered_or_refused(room.log_rank, time, event, arm, strata=site if seed % 2 else None)
    for ties in ("efron", "breslow", "exact"):
        answered_or_refused(room.cox, time, event, arm, reference="a", covariates={"x": x}, ties=ties)
    counts = rng.poisson(rng.choice([0.0, 0.5, 1e4]), n)
    counts[arm == "b"] *= int(rng.integers(2))
    for family in ("poisson", "quasi-poisson", "negative-binomial"):
        given = {"reference": "a", "covariates": {"x": x}, "family": family}
        answered_or_refused(room.count_model, counts, np.exp(rng.normal(0, 1, n)), arm, **given)


@pytest.mark.parametrize("seed", range(60))
def test_visits_that_are_missed_by_all_or_repeat_one_another(seed):
    rng, n, arm, y, x, site = a_trial(seed)
    visits = int(rng.integers(1, 5))
    table = y[:, None] + rng.normal(0, 1, (n, visits)) * np.abs(y).max() * rng.choice([0.0, 1e-9, 1.0])
    table[rng.random(table.shape) < rng.choice([0.0, 0.3, 0.8])] = np.nan
    table[:, 0] = np.nan if rng.random() < 0.2 else table[:, 0]
    rows = {"participant": np.repeat(np.arange(n), visits), "visit": np.tile(np.arange(visits), n)}
    more = {"covariates": {"x": np.repeat(x, visits)}, "factors": {"site": np.repeat(site, visits)}, "by_visit": []}
    for structure in STRUCTURES:
        given = {"arm": np.repeat(arm, visits), "reference": "a", "covariance": structure, **rows, **more}
        answered_or_refused(room.mmrm, table.ravel(), **given)
    for strategy in STRATEGIES:
        given = {"reference": "a", "rng": np.random.default_rng(seed), "strategy": strategy, "covariates": {"x": x}}
        found = answered_or_refused(room.impute, table, arm, **given, imputations=2, burn_in=2, between=1)
        if found is not None:
            shifts = {"shifted_arm": "b", "deltas": [0.0, 1e30, 1e300]}
            answered_or_refused(room.tipping_point, found, arm, visit=visits - 1, reference="a", **shifts)


@pytest.mark.parametrize("seed", range(60))
def test_tables_with_0_or_n_events_and_up_to_a_billion_participants(seed):
    rng = np.random.default_rng(seed)
    n1, n0 = (int(v) for v in rng.choice([1, 2, 5, 10**6, 10**9], 2))
    x1, x0 = (int(rng.choice([0, 1, n // 2, n])) for n in (n1, n0))
    level = float(rng.choice([1e-300, 0.5, 0.95, 1 - 1e-16]))
    for method in ("miettinen-nurminen", "mee", "newcombe-corrected", "agresti-caffo", "brown-li", "hauck-anderson"):
        answered_or_refused(room.risk_difference, x1, n1, x0, n0, level, method=method)
    for method in ("log", "score"):
        answered_or_refused(room.risk_ratio, x1, n1, x0, n0, level, method=method)
        answered_or_refused(room.odds_ratio, x1, n1, x0, n0, level, method=method)
    answered_or_refused(room.odds_ratio, x1, n1, x0, n0, level, method="score-corrected")
    for one in (room.wilson, room.clopper_pearson, room.mid_p, room.jeffreys, room.agresti_coull, room.wald):
        answered_or_refused(one, x1, n1, level)
    times = [float(v) for v in rng.choice([1e-300, 1e-15, 1.0, 1e15], 2)]
    for kind in ("central", "minlike", "blaker"):
        answered_or_refused(room.rate_ratio, x1, times[0], x0, times[1], level, two_sided=kind)
        answered_or_refused(
            room.rate_test, x1, times[0], x0, times[1], two_sided=kind, ratio=float(rng.choice([1e-6, 1e6]))
        )
        answered_or_refused(room.event_rate_test, x1, times[0], 1.0, two_sided=kind)
        answered_or_refused(room.binomial_test, x1, n1, float(rng.choice([1e-300, 0.5, 1 - 1e-16])), two_sided=kind)
    strata = [rng.integers(0, 4, 3) for _ in range(2)]
    events = [[int(rng.integers(0, size + 1)) for size in sizes] for sizes in strata]
    for of in (
        room.stratified_risk_difference,
        room.stratified_score_difference,
        room.common_odds_ratio,
        room.common_risk_ratio,
    ):
        answered_or_refused(of, events[0], strata[0], events[1], strata[1], level)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_label_is_no_arm_of_its_own(missing):
    y, arm = [1.0, 2.0, 3.0, 4.0, 2.0, 5.0], ["a", "b", "a", "b", "a", missing]
    with pytest.raises(InvalidInput, match=r"arm must have a label for each; 1 are missing"):
        room.ancova(y, arm, reference="a")
    with pytest.raises(InvalidInput, match="group must have a label"):
        room.log_rank(y, [1] * 6, arm)
    with pytest.raises(InvalidInput, match="arm must have a label"):
        room.cox(y, [1] * 6, arm, reference="a")
    with pytest.raises(InvalidInput, match="participant must have a label"):
        room.mmrm(y, participant=[1, 2, 3, 4, 5, missing], visit=[1] * 6, arm=list("ababab"), reference="a")


@pytest.mark.parametrize("name", ["outcome", "arm", "visit", "weights", "intercept"])
def test_a_covariate_may_have_any_name(name):
    rng = np.random.default_rng(1)
    y, x, arm = rng.normal(size=20), rng.normal(size=20), list("ab") * 10
    plain, named = (room.ancova(y, arm, reference="a", covariates={key: x}).contrast for key in ("x", name))
    assert plain == named
    rows = {
        "participant": np.repeat(np.arange(10), 2),
        "visit": [1, 2] * 10,
        "arm": np.repeat(arm[:10], 2),
        "reference": "a",
    }
    one, other = (room.mmrm(y, **rows, covariates={key: x}).contrast(2) for key in ("x", name))
    assert one == other


def test_a_size_that_arithmetic_cannot_bear_is_refused_with_its_interval():
    with pytest.raises(InvalidInput, match=r"outcome must be in \[-1e50, 1e50\]"):
        room.ancova([1e60, 2e60, 3e60, 5e60], list("aabb"), reference="a")
    with pytest.raises(InvalidInput, match=r"outcome must be of a size in \[1e-50, 1e50\]"):
        room.ancova([1e-60, 2e-60, 3e-60, 5e-60], list("aabb"), reference="a")
    small, plain = (room.ancova(np.array([1.0, 2, 3, 5]) * unit, list("aabb"), reference="a") for unit in (1e-40, 1.0))
    assert small.contrast.p_value == pytest.approx(plain.contrast.p_value, rel=1e-9)
