"""Futility of two-sided designs: an inner wedge that spends beta, checked by an integration that shares nothing with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trial.statistics.group_sequential.brownian_twin import crossing_upper, mean_of_estimate, stopping_inside
from trial.statistics.group_sequential import (
    OBRIEN_FLEMING,
    FixedFutility,
    GroupSequentialDesign,
    MeansSimulation,
    Spending,
    crossing_probabilities,
    equal_looks,
)
from trial.statistics.group_sequential.information import NoBoundFound

OBF, POWER = Spending("lan_demets_obrien_fleming"), Spending("kim_demets", 1.5)
LOOKS = (0.4, 0.6, 0.8, 1.0)


def design(looks=LOOKS, *, binding=False, **more):
    return GroupSequentialDesign(looks, OBF, futility=POWER, sides=2, binding=binding, **more)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6),
    st.sampled_from([0.005, 0.025, 0.05]),
    st.sampled_from([0.05, 0.1, 0.2]),
    st.sampled_from([1.0, 2.0, 3.0]),
    st.booleans(),
)
def test_beta_is_what_ends_inside_and_alpha_what_ends_outside_by_another_integration(steps, alpha, beta, rho, binding):
    t = np.cumsum(steps) / np.sum(steps)
    t[-1] = 1.0
    made = GroupSequentialDesign(
        tuple(t), OBF, alpha=alpha, beta=beta, futility=Spending("kim_demets", rho), sides=2, binding=binding
    )
    planned = made.bounds
    counted_on = planned.futility if binding else np.full(len(t), -np.inf)
    assert crossing_upper(t, planned.efficacy, -planned.efficacy, 0.0, counted_on) == pytest.approx(alpha, abs=1e-12)
    inside = stopping_inside(t, planned.efficacy, planned.futility, planned.wedge.drift)
    assert inside.sum() == pytest.approx(beta, abs=1e-8)
    assert crossing_upper(t, planned.efficacy, -planned.efficacy, planned.drift, planned.futility) == pytest.approx(
        1.0 - beta, abs=1e-10
    )


def test_beta_is_spent_as_told_from_where_the_wedge_begins():
    planned = design((0.3, 0.4, 0.8, 1.0)).bounds
    assert planned.futility[0] == -np.inf  # one-sided, its bound would be below 0
    told = 0.1 * (np.array([0.4, 0.8, 1.0]) ** 1.5 - 0.3**1.5) / (1.0 - 0.3**1.5)
    inside = stopping_inside(planned.fractions, planned.efficacy, planned.futility, planned.wedge.drift)
    assert np.cumsum(inside)[1:] == pytest.approx(told, abs=1e-9)


@pytest.mark.parametrize("binding", [False, True])
def test_the_looks_as_planned_have_the_bounds_as_planned(binding):
    made = design(binding=binding)
    for k in range(1, len(LOOKS) + 1):
        look = made.at(LOOKS[:k])
        assert look.efficacy_bounds == pytest.approx(made.bounds.efficacy[:k], abs=1e-9)
        assert look.futility_bounds == pytest.approx(made.bounds.futility[:k], abs=1e-7)
    early = made.at([0.45, 0.7])
    assert 0.0 < early.futility_bounds[0] < early.futility_bounds[1] < early.efficacy_bound
    applied = made.at([0.45, 0.7], past_efficacy=[early.efficacy_bounds[0]], past_futility=[0.2])
    assert applied.futility_bounds[0] == 0.2
    assert "inside" in str(early)


def test_non_binding_wedges_leave_efficacy_as_it_was_and_binding_ones_lower_it():
    without = GroupSequentialDesign(LOOKS, OBF, sides=2).bounds.efficacy
    assert design().bounds.efficacy == pytest.approx(without, abs=1e-12)
    assert design(binding=True).bounds.efficacy[-1] < without[-1] - 0.01


def test_each_place_of_z_has_its_answer():
    made = design()
    said = [made.analyse([0.4, 0.6], z).crossed for z in (3.5, 1.7, 0.3, -0.3, -1.7, -3.5)]
    assert said == ["efficacy", "none", "futility", "futility", "none", "harm"]
    assert made.analyse(LOOKS, 0.3).crossed == "none"


@pytest.mark.parametrize("binding", [False, True])
def test_what_is_said_after_a_look_mirrors_with_z(binding):
    made = design(binding=binding)
    up, down = made.analyse([0.4, 0.6], 3.0), made.analyse([0.4, 0.6], -3.0)
    assert up.stagewise.p_value == pytest.approx(down.stagewise.p_value, rel=1e-9)
    assert up.stagewise.median_unbiased == pytest.approx(-down.stagewise.median_unbiased, rel=1e-7)
    assert up.stagewise.lower == pytest.approx(-down.stagewise.upper, rel=1e-7)
    assert up.bias_adjusted == pytest.approx(-down.bias_adjusted, rel=1e-7)
    assert up.conditional_power_observed == pytest.approx(down.conditional_power_observed, rel=1e-9)


def test_p_at_the_last_bound_of_a_binding_design_is_alpha():
    made = design(binding=True)
    last = float(made.bounds.efficacy[-1])
    assert made.analyse(LOOKS, last).stagewise.p_value == pytest.approx(0.05, abs=1e-9)


def test_the_mean_of_the_estimate_counts_the_stops_inside():
    made = design(binding=True)
    said = made.analyse(LOOKS, 2.4)
    drift = said.bias_adjusted / said.per_drift
    b, a = made.bounds.efficacy, made.bounds.futility.copy()
    a[-1] = -np.inf
    by_twin = mean_of_estimate(LOOKS, b, -b, drift, a)
    assert by_twin == pytest.approx(2.4, abs=1e-8)


def test_binding_futility_of_one_side_counts_in_the_bias_adjusted_mean():
    made = GroupSequentialDesign(LOOKS, OBF, futility=POWER, binding=True)
    said = made.analyse(LOOKS, 2.4)
    lower = np.append(made.bounds.futility[:-1], -np.inf)
    mean = mean_of_estimate(LOOKS, made.bounds.efficacy, lower, said.bias_adjusted / said.per_drift)
    assert mean == pytest.approx(2.4, abs=1e-8)


def test_simulated_trials_stop_inside_as_often_as_integration_says():
    made = design()
    run = MeansSimulation(made, 0.0, 1.0, (80, 120, 160, 200), trials=40_000, seed=5).run()
    exact = crossing_probabilities(
        LOOKS, made.bounds.efficacy, -made.bounds.efficacy, 0.0, np.append(made.bounds.futility[:-1], -np.inf)
    )
    assert run.futility.sum() == pytest.approx(exact.any_inside, abs=0.01)
    assert run.harm.sum() == pytest.approx(exact.any_futility, abs=0.004)
    assert run.expected_participants == pytest.approx(run.expected_by_integration, rel=0.01)
    assert "other side" in str(run)
    assert 0.0 < run.stopped_early < 1.0


def test_given_inner_bounds_and_shaped_efficacy_stand_as_well():
    given_ = GroupSequentialDesign(
        equal_looks(3), OBRIEN_FLEMING, futility=FixedFutility((-np.inf, 0.6)), sides=2, binding=True
    )
    planned = given_.bounds
    assert list(planned.futility[:2]) == [-np.inf, 0.6]
    cost = crossing_upper(planned.fractions, planned.efficacy, -planned.efficacy, 0.0, planned.futility)
    assert cost == pytest.approx(0.025, abs=1e-12)
    shaped = GroupSequentialDesign(LOOKS, OBRIEN_FLEMING, futility=POWER, sides=2, binding=True).bounds
    cost = crossing_upper(LOOKS, shaped.efficacy, -shaped.efficacy, 0.0, shaped.futility)
    assert cost == pytest.approx(0.025, abs=1e-12)


def test_looks_without_a_wedge_have_none_and_fifty_looks_have_theirs():
    made = design(futility_looks=(True, False, True, True))
    assert made.bounds.futility[1] == -np.inf
    try:
        many = design(equal_looks(50), binding=True).bounds
    except NoBoundFound:
        pytest.fail("fifty looks have a wedge")
    assert crossing_upper(many.fractions, many.efficacy, -many.efficacy, 0.0, many.futility) == pytest.approx(
        0.025, abs=1e-12
    )
