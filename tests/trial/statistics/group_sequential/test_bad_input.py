"""Whatever is given, the answer is a number or a domain error that names what is wrong; never a stack trace, never NaN."""

import itertools

import numpy as np
import pytest

from trial.errors import InvalidInput
from trial.statistics import group_sequential as gs
from trial.statistics import sample_size as sizes
from trial.statistics.group_sequential.efficacy import AlphaOverspent

OBF = gs.Spending("lan_demets_obrien_fleming")
DESIGN = gs.GroupSequentialDesign((0.5, 1.0), OBF)
NOT_NUMBERS = [np.nan, np.inf, -np.inf]
BAD_LOOKS = [
    (),
    (0.5,),
    (0.5, 0.5, 1.0),
    (0.7, 0.5, 1.0),
    (0.0, 1.0),
    (-0.5, 1.0),
    (0.5, np.nan),
    (0.5, 2.0),
    ((0.5, 1.0),),
]
BAD_LOOKS += [tuple(np.arange(1, 52) / 51), ("a", "b"), None, (None, 1.0), (0.99999, 1.0)]


@pytest.mark.parametrize("looks", BAD_LOOKS, ids=repr)
def test_looks_that_cannot_be_are_refused(looks):
    with pytest.raises(InvalidInput):
        gs.GroupSequentialDesign(looks, OBF)


@pytest.mark.parametrize(
    "change",
    [
        *({name: value} for name, value in itertools.product(("alpha", "beta"), [*NOT_NUMBERS, 0.0, 0.5, -0.1, 1.0])),
        {"sides": 3},
        {"sides": 2, "futility": gs.HarmSpending(OBF, 0.1)},
        {"sides": 2, "futility": 3.0},
        {"efficacy": "obrien"},
        {"futility": 3.0},
        {"efficacy_looks": (True,)},
        {"futility": OBF, "futility_looks": (True, True, True)},
        {"futility": gs.FixedFutility((0.0, 0.0))},
    ],
    ids=repr,
)
def test_designs_that_cannot_be_are_refused(change):
    given = {"information_fractions": (0.5, 1.0), "efficacy": OBF} | change
    with pytest.raises(InvalidInput):
        _ = gs.GroupSequentialDesign(**given).bounds


@pytest.mark.parametrize(
    "make",
    [
        lambda: gs.WangTsiatis(np.nan),
        lambda: gs.WangTsiatis(5.0),
        lambda: gs.HaybittlePeto(-1.0),
        lambda: gs.HaybittlePeto(()),
        lambda: gs.HaybittlePeto(np.nan),
        lambda: gs.FixedFutility((np.nan,)),
        lambda: gs.FixedFutility((np.inf,)),
        lambda: gs.HarmSpending(OBF, 0.0),
        lambda: gs.equal_looks(51),
        lambda: gs.equal_looks(0),
        lambda: gs.Spending("none"),
        lambda: gs.shaped_bounds([0.5, 1.0], 0.025, 0.5, sides=0),
    ],
)
def test_rules_that_cannot_be_are_refused(make):
    with pytest.raises(InvalidInput):
        make()


@pytest.mark.parametrize(
    ("spend", "error"),
    [
        (lambda t, alpha: alpha * (2.0 - t), InvalidInput),
        (lambda t, alpha: 2.0 * alpha * t, AlphaOverspent),
        (lambda t, _: np.full(t.shape, np.nan), InvalidInput),
        (lambda *_: 0.01, InvalidInput),
        (lambda t, _: ["a"] * len(t), InvalidInput),
        (lambda t, alpha: -alpha * t, InvalidInput),
    ],
)
def test_a_spending_function_of_the_user_s_that_misbehaves_is_refused(spend, error):
    with pytest.raises(error):
        _ = gs.GroupSequentialDesign((0.5, 1.0), spend).bounds


@pytest.mark.parametrize("value", [*NOT_NUMBERS, 51.0])
def test_statistics_that_are_no_numbers_are_refused(value):
    for ask in (
        lambda: DESIGN.analyse([0.5], value),
        lambda: DESIGN.crossing(value),
        lambda: DESIGN.scales(value * 1e12),
        lambda: DESIGN.maximum_information(value * 1e12),
        lambda: DESIGN.analyse([0.5], 1.0, effect=-abs(value)),
        lambda: DESIGN.at([value]),
        lambda: gs.conditional_power(value, 0.5, [1.0], [2.0], 1.0),
        lambda: gs.conditional_power(1.0, 0.5, [1.0], [2.0], value),
        lambda: gs.predictive_power(1.0, 0.5, [1.0], [2.0], prior_mean=value),
        lambda: gs.stagewise_p_value([0.5], [], value),
        lambda: gs.repeated_interval(value * 0.0 if np.isfinite(value) else value, 2.0, 1.0),
        lambda: gs.bias_adjusted_mean([1.0], [2.0], 10.0 * value),
    ):
        with pytest.raises(InvalidInput):
            ask()


@pytest.mark.parametrize("past", [[np.nan], [2.0, 2.0], ["a"]])
def test_past_bounds_that_cannot_be_are_refused(past):
    with pytest.raises(InvalidInput):
        DESIGN.at([0.4, 0.8], past_efficacy=past)


@pytest.mark.parametrize("bounds", [[np.nan, 2.0], [2.0], [[2.0, 2.0]], "no", []])
def test_bounds_that_cannot_be_are_refused(bounds):
    for ask in (
        lambda: gs.crossing_probabilities([0.5, 1.0], bounds),
        lambda: gs.crossing_probabilities([0.5, 1.0], [2.0, 2.0], bounds),
        lambda: gs.conditional_power(1.0, 0.2, [0.5, 1.0], bounds, 1.0),
        lambda: gs.futility_bounds([0.5, 1.0], bounds, 0.1, OBF),
        lambda: gs.bias_adjusted_mean([0.5, 1.0], bounds, 1.0),
        lambda: gs.drift_for_power([0.5, 1.0], bounds, 0.9),
    ):
        with pytest.raises(InvalidInput):
            ask()


SIZES = [
    lambda x: sizes.sample_size_means(x, 7.0),
    lambda x: sizes.sample_size_means(2.5, x),
    lambda x: sizes.sample_size_means(2.5, 7.0, margin=x),
    lambda x: sizes.sample_size_means(2.5, 7.0, ratio=x),
    lambda x: sizes.sample_size_means(2.5, 7.0, power=x),
    lambda x: sizes.sample_size_means(2.5, 7.0, missing=x),
    lambda x: sizes.sample_size_ancova(2.5, 7.0, x),
    lambda x: sizes.sample_size_ancova(2.5, 7.0, 0.5, covariates=x),
    lambda x: sizes.sample_size_proportions(x, 0.4),
    lambda x: sizes.sample_size_proportions(0.6, x),
    lambda x: sizes.sample_size_events(x, 0.1, accrual=1, follow_up=1),
    lambda x: sizes.sample_size_events(0.7, x, accrual=1, follow_up=1),
    lambda x: sizes.sample_size_events(0.7, 0.1, accrual=x, follow_up=1),
    lambda x: sizes.sample_size_events(0.7, 0.1, accrual=1, follow_up=1, dropout_hazard=x),
    lambda x: sizes.sample_size_repeated(x, np.eye(2), [1.0, 0.9]),
    lambda x: sizes.sample_size_repeated(1.0, [[x, 0.0], [0.0, 1.0]], [1.0, 0.9]),
    lambda x: sizes.sample_size_repeated(1.0, np.eye(2), [1.0, x]),
]


@pytest.mark.parametrize("value", [*NOT_NUMBERS, -1e9])
@pytest.mark.parametrize("ask", SIZES, ids=range(len(SIZES)))
def test_sizes_of_what_is_no_number_are_refused(ask, value):
    with pytest.raises(InvalidInput):
        ask(value)
