import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.conditional import conditional_power, predictive_power


@settings(max_examples=40, deadline=None)
@given(z=st.floats(-3, 5), t=st.floats(0.05, 0.95), bound=st.floats(1, 3), drift=st.floats(-2, 5))
def test_with_one_look_left_both_chances_have_their_closed_forms(z, t, bound, drift):
    left = 1.0 - t
    expected = ndtr((z * np.sqrt(t) + drift * left - bound) / np.sqrt(left))
    assert conditional_power(z, t, [1.0], [bound], drift) == pytest.approx(expected, abs=1e-13)
    predictive = ndtr((z / np.sqrt(t) - bound) / np.sqrt(1.0 / t - 1.0))
    assert predictive_power(z, t, [1.0], [bound]) == pytest.approx(predictive, abs=1e-13)


@pytest.mark.parametrize("z", [-0.5, 1.0, 2.4])
def test_predictive_power_is_conditional_power_averaged_over_the_posterior(z):
    t, later, bounds = 0.3, [0.6, 0.8, 1.0], [2.7, 2.4, 2.05]
    effects = np.linspace(z / np.sqrt(t) - 9 / np.sqrt(t), z / np.sqrt(t) + 9 / np.sqrt(t), 801)
    weights = np.exp(-0.5 * ((effects - z / np.sqrt(t)) * np.sqrt(t)) ** 2)
    powers = [conditional_power(z, t, later, bounds, float(np.clip(effect, -25, 25))) for effect in effects]
    averaged = float(np.average(powers, weights=weights))
    assert predictive_power(z, t, later, bounds) == pytest.approx(averaged, abs=1e-9)


def test_without_information_left_to_gain_nothing_can_be_asked():
    with pytest.raises(OutOfRange, match="above the information now"):
        conditional_power(1.0, 0.8, [0.8, 1.0], [2.0, 2.0], 3.0)
    with pytest.raises(OutOfRange, match="lengths differ"):
        predictive_power(1.0, 0.5, [1.0], [2.0, 2.0])
    with pytest.raises(OutOfRange, match="fraction"):
        predictive_power(1.0, 0.0, [1.0], [2.0])
    with pytest.raises(OutOfRange, match="z must be"):
        conditional_power(51.0, 0.5, [1.0], [2.0], 3.0)
