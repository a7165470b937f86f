import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trial.statistics.checks import OutOfRange
from trial.statistics.matrices import is_positive_definite
from trial.statistics.mixed_models.covariance import NAMES, covariance_model, nearest_positive_definite

structures = st.sampled_from(sorted(NAMES))


def differences(function, theta, step=1e-5):
    moved = [theta + step * axis for axis in np.eye(len(theta))], [theta - step * axis for axis in np.eye(len(theta))]
    return np.array([(function(up) - function(down)) / (2 * step) for up, down in zip(*moved, strict=True)])


@settings(max_examples=60, deadline=None)
@given(structures, st.integers(1, 5), st.integers(0, 10_000))
def test_first_and_second_derivatives_are_those_of_the_covariance(structure, visits, seed):
    model = covariance_model(structure, visits)
    theta = np.random.default_rng(seed).normal(0, 0.7, model.size)
    found = model.derivatives(theta)
    assert found.sigma == pytest.approx(model.sigma(theta), abs=1e-12)
    assert found.first == pytest.approx(differences(model.sigma, theta), abs=1e-6)
    second = differences(lambda at: model.derivatives(at).first, theta)
    assert found.second == pytest.approx(np.swapaxes(second, 0, 1), abs=1e-6)
    assert np.array_equal(found.second, np.swapaxes(found.second, 2, 3))


@settings(max_examples=60, deadline=None)
@given(structures, st.integers(1, 7), st.integers(0, 10_000))
def test_every_structure_starts_positive_definite_from_any_sample(structure, visits, seed):
    rng = np.random.default_rng(seed)
    residual = rng.normal(0, rng.uniform(0.1, 10, visits), (4, visits))
    sample = nearest_positive_definite(residual.T @ residual / 4 + 1e-9 * np.eye(visits))
    model = covariance_model(structure, visits)
    theta = model.start(sample)
    assert len(theta) == model.size
    assert is_positive_definite(model.sigma(theta))


@pytest.mark.parametrize(
    ("structure", "expected"),
    [("us", 21), ("ar1", 2), ("ar1h", 7), ("cs", 2), ("csh", 7), ("toep", 6), ("toeph", 11), ("ad", 6), ("adh", 11)],
)
def test_structures_over_six_visits_have_their_known_number_of_parameters(structure, expected):
    assert covariance_model(structure, 6).size == expected


def test_a_sample_covariance_comes_back_from_its_unstructured_start():
    sample = np.array([[4.0, 1.0, 0.5], [1.0, 9.0, 2.0], [0.5, 2.0, 1.0]])
    model = covariance_model("us", 3)
    assert model.sigma(model.start(sample)) == pytest.approx(sample, rel=1e-12)


def test_compound_symmetry_reaches_every_correlation_that_it_may_have():
    model = covariance_model("cs", 4)
    low, high = model.sigma(np.array([0.0, -30.0])), model.sigma(np.array([0.0, 30.0]))
    assert (low[0, 1], high[0, 1]) == pytest.approx((-1 / 3, 1.0), abs=1e-12)


def test_an_unknown_structure_is_refused():
    with pytest.raises(OutOfRange, match="covariance must be one of us, ar1"):
        covariance_model("sp_exp", 3)
