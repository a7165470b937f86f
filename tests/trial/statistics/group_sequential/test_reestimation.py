import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import (
    GroupSequentialDesign,
    Spending,
    blinded_size,
    combine,
    least_promising,
    promising_zone,
)

DESIGN = GroupSequentialDesign((0.5, 1.0), Spending("lan_demets_obrien_fleming"))


def test_a_blinded_look_scales_the_size_with_the_variance_within_arms():
    size = blinded_size(408, 7.0, 7.8, 204, difference=2.5)
    assert size.sd**2 == pytest.approx(7.8**2 - 2.5**2 / 4 * 204 / 203)
    assert size.total == int(np.ceil(408 * size.sd**2 / 49))
    assert blinded_size(408, 7.0, 6.0, 204).total == 408
    assert blinded_size(408, 7.0, 6.0, 204, least=200).total == 300
    assert blinded_size(408, 7.0, 20.0, 204, most=600).total == 600
    assert "instead of 408" in str(size)


@pytest.mark.parametrize(("z", "zone"), [(0.5, "unfavourable"), (1.8, "promising"), (2.4, "favourable")])
def test_the_zone_goes_by_conditional_power_under_the_observed_effect(z, zone):
    said = promising_zone(DESIGN.analyse([0.5], z))
    assert said.zone == zone
    assert (said.factor > 1.0) == (zone == "promising")
    assert zone.capitalize() in str(said)


def test_in_the_promising_zone_the_target_is_met_or_the_cap():
    met = promising_zone(DESIGN.analyse([0.5], 1.9), most=3.0)
    assert met.conditional_power_after == pytest.approx(0.9, abs=1e-9)
    capped = promising_zone(DESIGN.analyse([0.5], 1.6), most=1.5)
    assert capped.total_fraction == pytest.approx(1.5)
    assert capped.conditional_power_after < 0.9


def test_the_new_size_is_that_of_mehta_and_pocock():
    z, t = 1.9, 0.5
    said = promising_zone(DESIGN.analyse([t], z), most=5.0)
    critical = float(DESIGN.bounds.efficacy[1])
    needed = (critical - z * np.sqrt(t)) / np.sqrt(1 - t)
    expected = t / z**2 * (needed + ndtri(0.9)) ** 2 / (1 - t)
    assert said.factor == pytest.approx(expected, rel=1e-8)


def test_the_combination_keeps_alpha_however_the_second_step_was_sized():
    random = np.random.default_rng(11)
    trials = 200_000
    first = random.standard_normal(trials)
    effect = first / np.sqrt(0.5)
    steps = np.where((effect > 1.5) & (effect < 3.5), 3.0, 1.0)  # enlarged where it looked promising
    second = random.standard_normal(trials)  # standardized by its own size, whatever that is
    total = (np.sqrt(0.5) * first + np.sqrt(0.5) * second) / 1.0
    assert steps.mean() > 1.1
    rejected = (first >= DESIGN.bounds.efficacy[0]) | (total >= DESIGN.bounds.efficacy[1])
    assert rejected.mean() == pytest.approx(0.025, abs=3 * np.sqrt(0.025 * 0.975 / trials))
    assert combine([1.2, 2.0], [0.5, 1.0]) == pytest.approx(np.sqrt(0.5) * 3.2)


@settings(max_examples=30, deadline=None)
@given(t=st.floats(0.2, 0.8), most=st.floats(1.2, 4.0), wanted=st.sampled_from([0.8, 0.9]), beyond=st.floats(0.0, 1.0))
def test_from_the_least_promising_power_on_the_plain_test_needs_no_higher_bound(t, most, wanted, beyond):
    least = least_promising(t, most, wanted=wanted)
    assert 0.2 < least <= 0.5
    power = least + beyond * (wanted - least)
    critical = 1.959963984540054
    # z at which conditional power under the observed effect is ``power``
    z = (ndtri(power) + critical / np.sqrt(1 - t)) / (np.sqrt((1 - t) / t) + np.sqrt(t / (1 - t)))
    needed = (critical - z * np.sqrt(t)) / np.sqrt(1 - t)
    assert ndtr(z * np.sqrt((1 - t) / t) - needed) == pytest.approx(power, abs=1e-9)
    second = max(min(t * ((needed + ndtri(wanted)) / z) ** 2, most - t), 1 - t)
    plain = (np.sqrt(second) * needed + z * np.sqrt(t)) / np.sqrt(t + second)
    assert plain <= critical + 1e-9


def test_what_cannot_be_reestimated_is_refused():
    with pytest.raises(OutOfRange, match="nothing left to enlarge"):
        promising_zone(DESIGN.analyse([0.5, 1.0], 1.0))
    with pytest.raises(OutOfRange, match="difference is too large"):
        blinded_size(408, 7.0, 1.0, 204, difference=5.0)
    with pytest.raises(OutOfRange, match="planned must be"):
        blinded_size(2, 7.0, 1.0, 204)
    with pytest.raises(OutOfRange, match="promising_from must be"):
        promising_zone(DESIGN.analyse([0.5], 1.0), promising_from=0.95)
    with pytest.raises(OutOfRange, match="Each step needs one z"):
        combine([1.0], [0.5, 1.0])
    with pytest.raises(OutOfRange, match="finite numbers only"):
        combine([np.nan], [1.0])
