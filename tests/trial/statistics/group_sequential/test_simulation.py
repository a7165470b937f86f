import numpy as np
import pytest
from scipy.special import stdtrit

from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import (
    FixedFutility,
    GroupSequentialDesign,
    MeansSimulation,
    Spending,
    equal_looks,
)

OBF = Spending("lan_demets_obrien_fleming")
DESIGN = GroupSequentialDesign(equal_looks(3), OBF)


def participant_by_participant(simulation, trials, seed=5):
    """Shares of trials that cross the efficacy bound first at each look, from every participant's own value."""
    random = np.random.default_rng(seed)
    n0 = np.array(simulation.per_arm)
    n1 = np.round(n0 * simulation.ratio).astype(int)
    control = random.normal(0.0, simulation.sd, (trials, n0[-1]))
    treated = random.normal(simulation.difference, simulation.sd, (trials, n1[-1]))
    going = np.ones(trials, bool)
    shares = []
    for a, b, p in zip(n0, n1, simulation.design.bounds.nominal_p, strict=True):
        x, y = control[:, :a], treated[:, :b]
        pooled = (x.var(axis=1, ddof=1) * (a - 1) + y.var(axis=1, ddof=1) * (b - 1)) / (a + b - 2)
        t = (y.mean(axis=1) - x.mean(axis=1)) / np.sqrt(pooled * (1 / a + 1 / b))
        crossed = going & (t >= -stdtrit(a + b - 2, p))
        shares.append(crossed.mean())
        going &= ~crossed
    return np.array(shares)


@pytest.mark.parametrize(("difference", "ratio"), [(0.0, 1.0), (6.0, 1.0), (5.0, 2.0)])
def test_small_trials_agree_with_participants_drawn_one_by_one(difference, ratio):
    simulation = MeansSimulation(DESIGN, difference, 7.0, (4, 8, 12), trials=200_000, ratio=ratio)
    brute = participant_by_participant(simulation, 100_000)
    result = simulation.run()
    error = np.sqrt(brute * (1 - brute) / 100_000 + result.efficacy * (1 - result.efficacy) / 200_000)
    assert np.all(np.abs(result.efficacy - brute) < 4.5 * error + 1e-5)


def test_large_trials_agree_with_the_integration():
    result = MeansSimulation(DESIGN, 0.5, 7.0, (2000, 4000, 6000), trials=200_000).run()
    assert result.power == pytest.approx(result.power_by_integration, abs=4.5 * result.power_error)
    assert result.expected_participants == pytest.approx(
        result.expected_by_integration, abs=4.5 * result.expected_participants_error + 2
    )
    assert result.mean_estimate > 0.5  # stopping early for benefit overstates it
    null = MeansSimulation(DESIGN, 0.0, 7.0, (2000, 4000, 6000), trials=200_000).run()
    assert null.power == pytest.approx(0.025, abs=4.5 * null.power_error)


def test_equal_seeds_give_equal_trials_and_others_do_not():
    first, again, other = (
        MeansSimulation(DESIGN, 2.0, 7.0, (60, 120, 180), trials=5_000, seed=s).run() for s in (1, 1, 2)
    )
    assert first.efficacy.tolist() == again.efficacy.tolist()
    assert first.mean_estimate == again.mean_estimate
    assert first.mean_estimate != other.mean_estimate


def test_every_trial_is_counted_once_and_futility_only_where_it_is_obeyed():
    design = GroupSequentialDesign(equal_looks(3), OBF, futility=FixedFutility((0.0, 0.5)))
    obeyed = MeansSimulation(design, 0.0, 7.0, (50, 100, 150), trials=20_000).run()
    overruled = MeansSimulation(design, 0.0, 7.0, (50, 100, 150), trials=20_000, obey_futility=False).run()
    assert obeyed.futility[-1] == 0.0
    assert obeyed.stopped_early == pytest.approx(obeyed.efficacy[:2].sum() + obeyed.futility.sum())
    assert overruled.futility.sum() == 0.0
    assert overruled.expected_participants > obeyed.expected_participants
    two = MeansSimulation(GroupSequentialDesign(equal_looks(3), OBF, sides=2), 0.0, 7.0, (50, 100, 150), trials=20_000)
    assert two.run().harm.sum() > 0.0
    assert two.run().futility.sum() == 0.0


def test_a_result_prints_its_errors():
    printed = str(MeansSimulation(DESIGN, 2.0, 7.0, (60, 120, 180), trials=1_000, name="an effect").run())
    for words in ("an effect: true difference 2", "1000 trials, seed 1", "±", "by integration", "mean estimate"):
        assert words in printed


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"sd": 0.0}, "sd must be"),
        ({"difference": np.nan}, "difference must be"),
        ({"per_arm": (60, 60, 180)}, "at least two more"),
        ({"per_arm": (1, 2, 3)}, "at least two more"),
        ({"per_arm": ()}, "at least two more"),
        ({"per_arm": (60.5, 120, 180)}, "whole numbers"),
        ({"ratio": 0.33}, "must give whole numbers"),
        ({"trials": 0}, "trials must be"),
        ({"trials": 10.5}, "trials must be a whole"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_trials_that_cannot_be_simulated_are_refused(change, match):
    given = {"design": DESIGN, "difference": 2.0, "sd": 7.0, "per_arm": (60, 120, 180)} | change
    with pytest.raises(OutOfRange, match=match):
        MeansSimulation(**given)
