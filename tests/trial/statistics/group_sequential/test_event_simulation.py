"""Simulated trials of time to event: against integration, the log-rank test of the room, and closed forms."""

import numpy as np
import pytest

from trial.statistics import event_probability, log_rank, sample_size_events
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import EventsSimulation, GroupSequentialDesign, Spending
from trial.statistics.group_sequential.event_simulation import _Trials

OBF, HSD = Spending("lan_demets_obrien_fleming"), Spending("hwang_shih_decani", -4.0)
DESIGN = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=HSD)


def simulation(hazard_ratio=0.75, design=DESIGN, participants=(120, 120), events=(60, 90, 120), **more):
    given = {"accrual": 12.0, "dropout_hazard": 0.01, "trials": 4_000, "seed": 4, **more}
    return EventsSimulation(design, hazard_ratio, 0.1, participants, events, **given)


def in_errors(ours, exact, error):
    return abs(ours - exact) / error


@pytest.mark.parametrize("hazard_ratio", [1.0, 0.75])
def test_trials_do_what_integration_says(hazard_ratio):
    found = simulation(hazard_ratio).run()
    assert in_errors(found.power, found.power_by_integration, found.power_error) < 4.5
    expected = found.expected_participants - found.expected_by_integration
    assert abs(expected) < 4.5 * found.expected_participants_error + 0.01 * found.expected_by_integration
    assert found.ran_out == 0.0


def test_unequal_arms_and_two_sides_do_too():
    design = GroupSequentialDesign((0.5, 1.0), OBF, sides=2)
    found = simulation(1.0, design, (80, 160), (60, 120)).run()
    assert in_errors(found.power, 0.025, found.power_error) < 4.5
    assert in_errors(found.harm.sum(), 0.025, found.power_error) < 4.5
    assert "other side" in str(found)


def test_each_statistic_is_that_of_the_log_rank_test_and_each_look_at_its_event():
    plan = simulation()
    trials = _Trials.drawn(plan, 6, np.random.default_rng(1))
    for wanted in (30, 60, 120):
        times, enough = trials.times_of(wanted)
        z, estimate = trials.log_rank(times)
        assert enough.all()
        for row in range(6):
            seen = times[row] - trials.entry[row]
            inside = seen > 0.0
            events = (trials.happens[row] <= times[row])[inside]
            assert events.sum() == wanted
            followed = np.minimum(trials.followed[row], seen)[inside]
            said = log_rank(followed, events, np.where(trials.treated[inside] > 0, "treated", "control"))
            assert z[row] ** 2 == pytest.approx(said.statistic, rel=1e-9)
        assert np.array_equal(np.sign(z), np.sign(estimate))
        assert trials.entered(times) == pytest.approx((trials.entry <= times[:, None]).sum(axis=1))


def test_nobody_s_event_is_missed_when_everybody_enters_at_once():
    found = simulation(1.0, events=(200, 220, 240), accrual=0.0, dropout_hazard=0.0, trials=200).run()
    assert found.ran_out == 0.0
    assert found.entered == 240.0


def test_the_last_look_comes_when_the_plan_says():
    size = sample_size_events(0.7, 0.1, accrual=12, follow_up=12, dropout_hazard=0.02)
    fixed = GroupSequentialDesign((1.0,), OBF)
    found = simulation(0.7, fixed, size.per_arm, (round(size.events),), dropout_hazard=0.02, trials=600).run()
    assert found.duration == pytest.approx(24.0, abs=0.4)
    chance = (event_probability(0.1, 12.0, 12.0, 0.02) + event_probability(0.07, 12.0, 12.0, 0.02)) / 2
    assert size.event_probability == pytest.approx(chance)


def test_too_few_events_are_told_and_every_trial_is_counted():
    found = simulation(1.0, dropout_hazard=0.2, trials=1_000).run()
    assert found.ran_out > 0.3
    assert found.expected_participants < found.expected_by_integration
    assert "too few events" in str(found)
    assert found.power + found.futility.sum() <= 1.0


def test_equal_seeds_give_equal_numbers():
    one, same, other = (simulation(seed=seed, trials=1_500).run() for seed in (4, 4, 5))
    assert str(one) == str(same) != str(other)
    assert "true hazard ratio 0.75" in str(one)
    assert "log-rank" in one.method


def test_a_trial_without_events_on_one_side_of_the_table_is_no_evidence():
    nothing = _Trials(
        np.zeros((1, 4)), np.ones((1, 4)), np.full((1, 4), np.inf), np.array([0, 0, 2, 2]), np.zeros(1, bool)
    )
    assert [float(values[0]) for values in nothing.log_rank(np.ones(1))] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"hazard_ratio": 0.0}, "hazard_ratio"),
        ({"events": (60, 60, 120)}, "events"),
        ({"events": (60, 90, 241)}, "events"),
        ({"events": (60.5, 90, 120)}, "events"),
        ({"participants": (1, 120)}, "participants"),
        ({"participants": (120,)}, "participants"),
        ({"accrual": -1.0}, "accrual"),
        ({"dropout_hazard": float("nan")}, "dropout_hazard"),
        ({"trials": 0}, "trials"),
        ({"seed": 1.5}, "seed"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(more, named):
    with pytest.raises(OutOfRange, match=named):
        simulation(**more)
