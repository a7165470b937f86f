import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from tests.trial.statistics.group_sequential.brownian_twin import never_crossing
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.crossing import crossing_probabilities, drift_for_power
from trial.statistics.group_sequential.efficacy import bounds_for_spending, spending_bounds
from trial.statistics.group_sequential.futility import futility_bounds
from trial.statistics.group_sequential.information import (
    FallingInformation,
    ImpossiblePower,
    NoBoundFound,
    find_root,
)
from trial.statistics.group_sequential.spending import Spending, ld_obrien_fleming, ld_pocock


def test_a_first_bound_that_gsdesign_misses_by_cancellation_is_the_exact_one():
    bounds = spending_bounds(np.arange(1, 11) / 10, 0.025, ld_obrien_fleming)
    assert ndtr(-bounds[0]) == pytest.approx(2 * ndtr(ndtri(0.0125) / np.sqrt(0.1)), rel=1e-12)


UNEVEN = [
    np.array([1.0]),
    np.array([0.5, 1.0]),
    np.array([0.01, 0.02, 1.0]),
    np.array([0.98, 0.99, 1.0]),
    np.array([0.1, 0.35, 0.36, 0.9, 1.0]),
    np.linspace(0.02, 1.0, 50),
    np.append(np.linspace(0.5, 0.9, 41), 1.0),
]


@pytest.mark.parametrize("spend", [ld_obrien_fleming, ld_pocock, Spending("kim_demets", 1.0)])
@pytest.mark.parametrize("t", UNEVEN, ids=lambda t: f"{len(t)} looks from {t[0]:.2f}")
def test_alpha_recomputed_by_another_integration_meets_its_target_to_1e_12(t, spend):
    bounds = spending_bounds(t, 0.025, spend)
    assert 1.0 - never_crossing(t, bounds) == pytest.approx(0.025, abs=1e-12)


fractions = (
    st.lists(st.integers(1, 99), min_size=0, max_size=6, unique=True)
    .map(sorted)
    .map(lambda cents: np.array([*cents, 100]) / 100)
)


@settings(max_examples=25, deadline=None)
@given(t=fractions, alpha=st.floats(1e-4, 0.2), gamma=st.floats(-6, 3))
def test_alpha_is_met_for_any_looks(t, alpha, gamma):
    bounds = spending_bounds(t, alpha, Spending("hwang_shih_decani", gamma))
    assert 1.0 - never_crossing(t, bounds) == pytest.approx(alpha, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(t=fractions, drift=st.floats(-2, 6))
def test_crossing_probabilities_under_a_drift_agree_with_the_twin(t, drift):
    bounds = spending_bounds(t, 0.025, ld_pocock)
    crossed = crossing_probabilities(t, bounds, drift=drift).any_efficacy
    assert crossed == pytest.approx(1.0 - never_crossing(t, bounds, drift), abs=1e-12)


def test_efficacy_futility_and_going_on_make_one():
    t, upper, lower = [0.4, 0.7, 1.0], [3.0, 2.5, 2.0], [-0.5, 0.5, 2.0]
    for drift in (0.0, 1.0, 3.3):
        chances = crossing_probabilities(t, upper, lower, drift)
        assert chances.any_efficacy + chances.any_futility == pytest.approx(1.0, abs=1e-13)


def test_a_single_look_is_the_plain_normal_test():
    assert spending_bounds([1.0], 0.025, ld_obrien_fleming)[0] == pytest.approx(1.959963984540054, abs=1e-14)


def test_mirrored_bounds_are_crossed_with_equal_chances():
    chances = crossing_probabilities([0.3, 0.6, 1.0], [3.0, 2.5, 2.0], [-3.0, -2.5, -2.0])
    assert chances.efficacy == pytest.approx(chances.futility, abs=1e-15)


def test_an_impossible_first_look_has_an_infinite_bound_and_leaves_the_later_ones_alone():
    # gsDesign caps such a bound at 20 and rpact's later bounds drift; here the look might as well not be there.
    bounds = spending_bounds([0.001, 0.5, 1.0], 0.025, ld_obrien_fleming)
    assert bounds[0] == np.inf
    assert bounds[1:] == pytest.approx(spending_bounds([0.5, 1.0], 0.025, ld_obrien_fleming), abs=1e-13)


def test_past_bounds_are_kept_and_the_next_look_spends_what_is_left():
    t, cumulative = np.array([0.5, 0.75, 1.0]), np.array([0.001, 0.01, 0.025])
    bounds = bounds_for_spending(t, cumulative, past=[2.9]).upper
    assert bounds[0] == 2.9
    assert 1.0 - never_crossing(t, bounds) == pytest.approx(0.025, abs=1e-12)


def test_a_look_at_which_too_much_is_spent_already_spends_nothing():
    bounds = bounds_for_spending(np.array([0.5, 0.75, 1.0]), np.array([0.001, 0.002, 0.025]), past=[2.5]).upper
    assert bounds[1] == np.inf
    assert np.isfinite(bounds[2])


@pytest.mark.parametrize("looks", [20, 30])
def test_many_looks_with_futility_do_not_fail(looks):
    t = np.arange(1, looks + 1) / looks
    upper = spending_bounds(t, 0.025, ld_obrien_fleming)
    spend = Spending("hwang_shih_decani", -4.0)
    lower, drift = futility_bounds(t, upper, 0.1, spend)
    chances = crossing_probabilities(t, upper, lower, drift)
    assert chances.any_efficacy == pytest.approx(0.9, abs=1e-10)
    assert np.cumsum(chances.futility) == pytest.approx(spend(t, 0.1), abs=1e-10)


def test_power_is_met_at_the_drift_that_is_found():
    t, upper = [0.5, 1.0], [2.9626, 1.9686]
    drift = drift_for_power(t, upper, 0.8)
    assert crossing_probabilities(t, upper, drift=drift).any_efficacy == pytest.approx(0.8, abs=1e-13)


@pytest.mark.parametrize("t", [[0.5, 0.5, 1.0], [0.5, 0.4, 1.0], [0.5, 0.50001, 1.0]])
def test_information_that_does_not_rise_is_refused(t):
    with pytest.raises(FallingInformation):
        spending_bounds(t, 0.025, ld_obrien_fleming)


@pytest.mark.parametrize("t", [[], [0.0, 1.0], [0.5, 1.2], [np.nan, 1.0], [[0.5, 1.0]], np.arange(1, 52) / 51])
def test_looks_outside_their_range_are_refused(t):
    with pytest.raises(OutOfRange):
        spending_bounds(t, 0.025, ld_obrien_fleming)


def test_contradictory_requests_are_refused_with_their_reason():
    with pytest.raises(OutOfRange, match=r"alpha must be in \(0, 0.5\)"):
        spending_bounds([0.5, 1.0], 0.5, ld_obrien_fleming)
    with pytest.raises(OutOfRange, match="futility must not exceed efficacy"):
        crossing_probabilities([0.5, 1.0], [2.0, 2.0], [2.1, 2.0])
    with pytest.raises(OutOfRange, match="one entry per look"):
        crossing_probabilities([0.5, 1.0], [2.0])
    with pytest.raises(OutOfRange, match="drift"):
        crossing_probabilities([0.5, 1.0], [2.0, 2.0], drift=26.0)
    with pytest.raises(ImpossiblePower):
        drift_for_power([1.0], [1.96], 0.01)
    with pytest.raises(OutOfRange, match="must end at 1"):
        futility_bounds([0.4, 0.8], [2.5, 2.0], 0.1, ld_pocock)
    with pytest.raises(NoBoundFound):
        find_root(lambda x: x + 1.0, 0.0, 1.0)


def test_crossing_probabilities_print_as_a_table():
    printed = str(crossing_probabilities([0.5, 1.0], [2.9626, 1.9686]))
    assert "look  information   efficacy   futility" in printed
    assert len(printed.splitlines()) == 5
