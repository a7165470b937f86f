"""Simulated trials of two proportions: against integration, an exact enumeration, and themselves."""

import numpy as np
import pytest
from scipy.special import bdtr

from trial.statistics.group_sequential import GroupSequentialDesign, ProportionsSimulation, Spending
from trial.statistics.group_sequential.binary_simulation import pooled_z

OBF, HSD = Spending("lan_demets_obrien_fleming"), Spending("hwang_shih_decani", -4.0)
DESIGN = GroupSequentialDesign((0.5, 1.0), OBF, futility=HSD)


def run(design=DESIGN, treated=0.55, control=0.4, per_arm=(150, 300), **more):
    return ProportionsSimulation(design, treated, control, per_arm, trials=40_000, seed=3, **more).run()


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize(("treated", "control"), [(0.4, 0.4), (0.5, 0.4), (0.55, 0.4)])
def test_large_trials_do_what_integration_says(treated, control, ratio):
    found = run(treated=treated, control=control, per_arm=(400, 800), ratio=ratio)
    assert found.power == pytest.approx(found.power_by_integration, abs=0.012)
    assert found.expected_participants == pytest.approx(found.expected_by_integration, rel=0.02)


@pytest.mark.parametrize(("treated", "control", "ratio"), [(0.55, 0.4, 2.0), (0.55, 0.4, 0.5), (0.2, 0.1, 3.0)])
def test_the_integration_knows_that_the_pooled_error_is_not_the_true_one(treated, control, ratio):
    fixed = GroupSequentialDesign((1.0,), OBF)
    found = run(fixed, treated, control, (600,), ratio=ratio)
    assert found.power == pytest.approx(found.power_by_integration, abs=4.5 * found.power_error + 0.003)


def test_one_look_has_the_power_of_an_exact_enumeration():
    fixed = GroupSequentialDesign((1.0,), OBF)
    n, p1, p0 = 40, 0.6, 0.35
    k = np.arange(n + 1)
    chances = [np.diff(np.concatenate([[0.0], bdtr(k, n, p)])) for p in (p1, p0)]
    grid = pooled_z(*(a.astype(float) for a in (np.repeat(k, n + 1),)), n, np.tile(k, n + 1).astype(float), n)
    exact = float((np.outer(*chances).ravel() * (grid >= float(fixed.bounds.efficacy[0]))).sum())
    found = run(fixed, p1, p0, (n,))
    assert found.power == pytest.approx(exact, abs=4.0 * found.power_error)


def test_equal_seeds_give_equal_numbers_and_every_trial_is_counted():
    one, same = run(), run()
    assert str(one) == str(same)
    assert "binomial" in one.method
    assert one.power + one.futility.sum() <= 1.0
    two = run(GroupSequentialDesign((0.5, 1.0), OBF, futility=HSD, sides=2), 0.4, 0.4)
    assert two.harm.sum() == pytest.approx(two.power, abs=0.005)
    assert two.futility.sum() > 0.1


def test_nobody_with_an_event_is_no_evidence():
    assert list(pooled_z(np.array([0.0, 5.0]), 5, np.array([0.0, 5.0]), 5)) == [0.0, 0.0]
