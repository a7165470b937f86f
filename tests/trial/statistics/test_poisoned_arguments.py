"""Every public function, with each of its arguments poisoned in turn: an answer without NaN, or a refusal of the room's own."""

import dataclasses
import inspect
import warnings

import numpy as np
import pytest

import trial.statistics as room
from trial.errors import InvalidInput

OBF = room.Spending("lan_demets_obrien_fleming")
DESIGN = room.GroupSequentialDesign((0.5, 1.0), OBF)
RNG = np.random.default_rng(5)
N = 24
ARM = ["a", "b"] * (N // 2)
Y, BASE = RNG.normal(size=N), RNG.normal(size=N)
TWO_VISITS = RNG.normal(size=(N, 2))
TWO_VISITS[3, 1] = np.nan
IMPUTED = room.impute(TWO_VISITS, ARM, reference="a", rng=np.random.default_rng(1), imputations=3, burn_in=5, between=2)
TABLE = {"events1": 5, "n1": 20, "events0": 3, "n0": 20}
STRATA = {"events1": [5, 6], "n1": [20, 22], "events0": [3, 2], "n0": [20, 21]}
SIZE = {"difference": 2.5, "sd": 7.0, "alpha": 0.025, "power": 0.9, "ratio": 1.0, "inflation": 1.0, "missing": 0.1}
LOOKS = {"information": [0.5, 1.0], "efficacy": [2.96, 1.97]}
LONG = {
    "outcome": TWO_VISITS.ravel(),
    "participant": np.repeat(np.arange(N), 2),
    "visit": ["m1", "m3"] * N,
    "arm": np.repeat(ARM, 2),
    "reference": "a",
}
VALID = {
    **{
        key: {"events": 5, "n": 20, "level": 0.9}
        for key in ("agresti_coull", "blaker", "clopper_pearson", "jeffreys", "mid_p", "wald")
    },
    "wilson": {"events": 5, "n": 20, "level": 0.9, "continuity": True},
    "zero_events_upper_limit": {"n": 20, "level": 0.9},
    "ancova": {
        "outcome": Y, "arm": ARM, "reference": "a", "covariates": {"base": BASE}, "level": 0.9, "robust": "HC1",
        "factors": {"sex": ["f", "m", "m"] * 8},
    },
    "bang_index_graded": {
        "sure_right": 5, "rather_right": 4, "rather_wrong": 3, "sure_wrong": 2, "dont_know": 6, "level": 0.9, "rather": 0.5,
        "alternative": "two-sided",
    },
    "james_index": {"answers": [[5, 3], [4, 6], [2, 1]], "level": 0.9, "alternative": "two-sided"},
    **{key: {**TABLE, "alternative": "two-sided"} for key in ("barnard", "boschloo", "fisher")},
    "pearson": TABLE,
    **{key: {**TABLE, "level": 0.9, "method": "score"} for key in ("odds_ratio", "risk_ratio")},
    "risk_difference": {**TABLE, "level": 0.9, "method": "newcombe"},
    **{key: {**STRATA, "level": 0.9} for key in ("common_odds_ratio", "common_risk_ratio")},
    **{key: {**STRATA, "level": 0.9} for key in ("stratified_risk_difference", "stratified_score_difference")},
    "cochran_mantel_haenszel": STRATA,
    "bias_adjusted_mean": {**LOOKS, "estimate": 2.0, "futility": [0.0, -np.inf], "inner": [-np.inf, -np.inf]},
    "blinded_size": {
        "planned": 200, "planned_sd": 7.0, "pooled_sd": 8.0, "observed": 80, "difference": 2.5, "ratio": 1.0, "least": 100,
        "most": 400,
    },
    "combine": {"z_of_steps": [1.0, 2.0], "planned_fractions": [0.5, 1.0]},
    "compare_imputed": {"arm": ARM, "visit": 1, "reference": "a", "covariates": {"base": BASE}, "level": 0.9},
    "tipping_point": {
        "arm": ARM, "visit": 1, "reference": "a", "shifted_arm": "b", "deltas": [0.0, 1.0], "alpha": 0.05,
        "covariates": {"base": BASE},
    },
    "conditional_power": {
        "z": 1.0, "fraction": 0.5, "later_fractions": [1.0], "efficacy": [1.97], "drift": 3.2, "futility": [0.0],
    },
    "predictive_power": {
        "z": 1.0, "fraction": 0.5, "later_fractions": [1.0], "efficacy": [1.97], "futility": [0.0], "prior_mean": 0.0,
        "prior_sd": 2.0,
    },
    "count_model": {
        "events": [0, 1, 2, 3] * 6, "exposure": [1.0, 2.0] * 12, "arm": ARM, "reference": "a", "family": "poisson",
        "covariates": {"base": BASE}, "level": 0.9,
    },
    "cox": {"time": np.arange(1.0, N + 1), "event": [1, 1, 0] * 8, "arm": ARM, "reference": "a"},
    "critical_difference": {"p": 0.025, "n0": 50, "n1": 50, "control": 0.4, "sign": 1.0},
    "crossing_probabilities": {**LOOKS, "futility": [0.0, 1.97], "drift": 1.0, "inner": [-np.inf, -np.inf]},
    "drift_for_power": {**LOOKS, "power": 0.9, "futility": [0.0, 1.97]},
    **{key: {"effect": 2.5, "chance": 0.05} for key in ("enthusiastic_prior", "sceptical_prior")},
    "equal_looks": {"looks": 4},
    "event_probability": {"hazard": 0.1, "accrual": 12.0, "follow_up": 12.0, "dropout_hazard": 0.01},
    "event_rate": {"events": 5, "exposure": 20.0, "level": 0.9},
    "event_rate_test": {"events": 5, "exposure": 20.0, "rate": 0.5, "two_sided": "blaker"},
    "binomial_test": {"events": 5, "n": 20, "proportion": 0.3, "alternative": "two-sided", "two_sided": "minlike"},
    "rate_ratio": {
        "events1": 5, "exposure1": 20.0, "events0": 4, "exposure0": 22.0, "level": 0.9, "two_sided": "minlike",
    },
    "rate_test": {"events1": 5, "exposure1": 20.0, "events0": 4, "exposure0": 22.0, "ratio": 1.0, "two_sided": "central"},
    "exponential": {"fraction": [0.5, 1.0], "alpha": 0.025, "nu": 0.75},
    "hwang_shih_decani": {"fraction": [0.5, 1.0], "alpha": 0.025, "gamma": -4.0},
    "kim_demets": {"fraction": [0.5, 1.0], "alpha": 0.025, "rho": 3.0},
    **{key: {"fraction": [0.5, 1.0], "alpha": 0.025} for key in ("ld_obrien_fleming", "ld_pocock")},
    "stepwise": {"fraction": [0.5, 1.0], "alpha": 0.025, "points": ((0.5, 0.2), (1.0, 1.0))},
    "fewest_events_to_exceed": {"n": 20, "threshold": 0.1, "probability": 0.9, "prior": (0.5, 0.5)},
    "rate_posterior": {"events": 2, "n": 20, "threshold": 0.1, "prior": (0.5, 0.5)},
    "futility_bounds": {"info_frac": [0.5, 1.0], "efficacy": [2.96, 1.97], "beta": 0.1, "spend": OBF},
    "inflation_factor": {"info_frac": [0.5, 1.0], "efficacy": [2.96, 1.97], "alpha": 0.025, "power": 0.9},
    "heterogeneity": {"estimates": [0.1, 0.2], "standard_errors": [0.1, 0.1]},
    "impute": {
        "outcome": TWO_VISITS, "arm": ARM, "reference": "a", "strategy": "mar", "covariates": {"base": BASE}, "imputations": 2,
        "burn_in": 2, "between": 1,
    },
    "kaplan_meier": {"time": np.arange(1.0, N + 1), "event": [1, 1, 0] * 8, "level": 0.9, "interval": "log-log"},
    "log_rank": {"time": np.arange(1.0, N + 1), "event": [1, 1, 0] * 8, "group": ARM},
    "least_promising": {"fraction": 0.5, "most": 2.0, "alpha": 0.025, "wanted": 0.9},
    "mmrm": {**LONG, "covariates": {"base": np.repeat(BASE, 2)}, "covariance": "us", "level": 0.9, "visits": ["m1", "m3"]},
    "pool": {"estimates": [1.0, 1.2, 0.9], "standard_errors": [0.5, 0.5, 0.6], "complete_df": 40.0, "level": 0.9},
    "posterior": {"estimate": 1.0, "standard_error": 0.5, "level": 0.9},
    "power_means": {"difference": 2.5, "sd": 7.0, "n0": 100, "n1": 100, "alpha": 0.025},
    "probability_of_success": {"effect": 2.5, "after": 0},
    "promising_zone": {"wanted": 0.9, "promising_from": 0.36, "most": 2.0},
    "repeated_interval": {"information": 0.5, "bound": 2.9, "z": 1.2, "per_drift": 1.0},
    "repeated_p_value": {"z": 1.2},
    "sample_size_means": {**SIZE, "margin": 0.0},
    "sample_size_ancova": {**SIZE, "correlation": 0.5, "covariates": 1},
    "sample_size_proportions": {
        "treated": 0.6, "control": 0.4, "margin": 0.0, "alpha": 0.025, "power": 0.9, "ratio": 1.0, "inflation": 1.0,
        "missing": 0.1,
    },
    "sample_size_repeated": {
        "difference": 2.5, "covariance": [[36.0, 20.0], [20.0, 49.0]], "retained": [1.0, 0.85], "alpha": 0.025, "power": 0.9,
        "ratio": 1.0, "inflation": 1.0,
    },
    "variance_at_last_visit": {"covariance": [[36.0, 20.0], [20.0, 49.0]], "retained": [1.0, 0.85]},
    "sample_size_events": {
        "hazard_ratio": 0.7, "control_hazard": 0.1, "accrual": 12.0, "follow_up": 12.0, "dropout_hazard": 0.01,
        "alpha": 0.025, "power": 0.9, "ratio": 1.0, "inflation": 1.0,
    },
    "shaped_bounds": {"info_frac": [0.5, 1.0], "alpha": 0.025, "delta": 0.25, "sides": 1},
    "spending_bounds": {"info_frac": [0.5, 1.0], "alpha": 0.025, "spend": OBF, "futility": [0.0, 0.0], "sides": 1},
    "stagewise_inference": {
        "information": [0.5, 1.0], "earlier_efficacy": [2.96], "z": 2.2, "level": 0.9, "earlier_futility": [0.0],
        "per_drift": 1.0, "sides": 1,
    },
    "stagewise_p_value": {
        "information": [0.5, 1.0], "earlier_efficacy": [2.96], "z": 2.2, "drift": 0.0, "earlier_futility": [0.0],
    },
    "subgroup_forest": {
        "outcome": Y, "arm": ARM, "reference": "a", "subgroups": {"sex": ["f", "m", "m"] * 8}, "covariates": {"base": BASE},
        "level": 0.9,
    },
    "bang_index": {"level": 0.9, "alternative": "two-sided"},
    "FixedFutility": {"bounds": (0.0,)},
    "GroupSequentialDesign": {
        "information_fractions": (0.5, 1.0), "efficacy": OBF, "alpha": 0.025, "beta": 0.1, "futility": OBF, "sides": 1,
        "efficacy_looks": (True, True), "futility_looks": (True, True),
    },
    "HarmSpending": {"total": 0.1, "spending": OBF},
    "HaybittlePeto": {"interim": 3.0},
    "WangTsiatis": {"delta": 0.0},
    "Spending": {"name": "kim_demets", "parameter": 2.0},
    "NormalPrior": {"mean": 0.0, "sd": 1.0},
    "ArmGuesses": {"right": 5, "wrong": 4, "dont_know": 3},
    "ProportionsSimulation": {
        "treated": 0.5, "control": 0.4, "per_arm": (10, 20), "trials": 100, "seed": 1, "ratio": 1.0,
    },
    "MeansSimulation": {"difference": 1.0, "sd": 1.0, "per_arm": (10, 20), "trials": 100, "seed": 1, "ratio": 1.0},
}  # fmt: skip
# Given as they are: objects of the room, which only its own functions make.
WHOLE = {
    "bang_index": {"guesses": room.ArmGuesses(5, 4, 3)},
    "compare_imputed": {"imputations": IMPUTED},
    "tipping_point": {"imputations": IMPUTED},
    "impute": {"rng": np.random.default_rng(2)},
    "posterior": {"prior": room.NormalPrior(0.0, 1.0)},
    "probability_of_success": {"design": DESIGN, "prior": room.NormalPrior(2.0, 1.0)},
    "promising_zone": {"analysis": DESIGN.analyse([0.5], 1.8)},
    "repeated_p_value": {"rules": DESIGN, "look": DESIGN.at([0.5])},
    "MeansSimulation": {"design": DESIGN},
    "ProportionsSimulation": {"design": DESIGN},
}
POISONS = [
    np.nan, np.inf, -np.inf, "poison", "", None, -1, 0, 1e300, 0.5, [], [np.nan, np.nan], [[1.0, 2.0], [3.0, 4.0]],
    [1.0], ["a", "b"], {}, {"base": "poison"}, {"base": [np.nan] * N}, {"base": [1.0] * N}, {"base": 1.0}, 1 + 2j, b"x",
]  # fmt: skip


def called(name):
    return getattr(room, name)


def nans_in(answer, depth=0):
    """Whether NaN stands anywhere in an answer."""
    if isinstance(answer, float):
        return bool(np.isnan(answer))
    if isinstance(answer, np.ndarray) and answer.dtype.kind == "f":
        return bool(np.isnan(answer).any())
    if isinstance(answer, dict):
        return any(nans_in(value, depth) for value in answer.values())
    if isinstance(answer, list | tuple):
        return any(nans_in(value, depth) for value in answer)
    if dataclasses.is_dataclass(answer) and depth < 3:
        return any(nans_in(getattr(answer, field.name), depth + 1) for field in dataclasses.fields(answer))
    return False


def test_every_public_function_is_poisoned():
    functions = {name for name in room.__all__ if inspect.isfunction(called(name))}
    assert functions <= set(VALID)


@pytest.mark.parametrize("name", sorted(VALID))
def test_the_unpoisoned_call_has_an_answer_without_nan(name):
    assert not nans_in(called(name)(**VALID[name], **WHOLE.get(name, {})))


@pytest.mark.parametrize(("name", "argument"), [(name, a) for name in sorted(VALID) for a in VALID[name]])
def test_a_poisoned_argument_is_answered_or_refused(name, argument):
    for poison in POISONS:
        given = {**VALID[name], **WHOLE.get(name, {}), argument: poison}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                answer = called(name)(**given)
                if name == "GroupSequentialDesign":
                    answer = answer.bounds.efficacy
                if name in ("MeansSimulation", "ProportionsSimulation"):
                    answer = answer.run()
            except InvalidInput:
                continue
            except Exception as failed:  # noqa: BLE001 - any other error at all is what this test looks for
                pytest.fail(f"{argument} = {poison!r}: {type(failed).__name__}: {failed}")
            assert not nans_in(answer), f"{argument} = {poison!r} gives NaN"
