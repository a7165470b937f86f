"""Few participants: the restricted likelihood has several maxima, and the fit is the highest that can be reached."""

import numpy as np
import pytest

from trial.statistics.mixed_models import SingularCovariance, mmrm
from trial.statistics.mixed_models.reml import _climb, evaluate, nearest_positive_definite


def a_small_trial(seed):
    rng = np.random.default_rng(seed)
    n, visits = 12, 5
    mix = rng.normal(size=(visits, visits))
    y = rng.multivariate_normal(np.zeros(visits), mix @ mix.T + 0.1 * np.eye(visits), n)
    y[rng.random(y.shape) < 0.2] = np.nan
    return {
        "outcome": y.ravel(),
        "participant": np.repeat(np.arange(n), visits),
        "visit": np.tile(np.arange(visits), n),
        "arm": np.repeat(np.where(np.arange(n) % 2, "b", "a"), visits),
        "reference": "a",
    }


@pytest.mark.parametrize(("seed", "structure"), [(3, "toep"), (14, "ad"), (28, "toep")])
def test_the_highest_of_several_maxima_is_taken(seed, structure):
    fit = mmrm(**a_small_trial(seed), covariance=structure)
    problem = fit.inference.problem
    first = _climb(problem, nearest_positive_definite(problem.sample)).point.deviance
    assert evaluate(problem, fit.inference.theta).deviance < first - 0.5


@pytest.mark.parametrize(("seed", "structure"), [(36, "toeph"), (37, "toep")])
def test_a_way_towards_a_singular_matrix_is_left_where_another_leads_to_a_maximum(seed, structure):
    fit = mmrm(**a_small_trial(seed), covariance=structure)
    problem = fit.inference.problem
    with pytest.raises(SingularCovariance):
        _climb(problem, nearest_positive_definite(problem.sample))
    rng = np.random.default_rng(seed)
    reached = evaluate(problem, fit.inference.theta).deviance
    for _ in range(50):
        near = evaluate(problem, fit.inference.theta + rng.normal(0, 0.02, len(fit.inference.theta)))
        assert near is None or near.deviance >= reached
