"""Every family of bounds, on one side and on two, keeps its alpha by an integration that shares nothing with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trial.statistics.group_sequential.brownian_twin import crossing_upper, never_crossing
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential import (
    OBRIEN_FLEMING,
    POCOCK,
    FixedFutility,
    GroupSequentialDesign,
    HarmSpending,
    HaybittlePeto,
    Spending,
    WangTsiatis,
    equal_looks,
    shaped_bounds,
)
from trial.statistics.group_sequential.efficacy import AlphaOverspent
from trial.statistics.group_sequential.information import NoBoundFound

OBF = Spending("lan_demets_obrien_fleming")
RULES = st.one_of(
    st.floats(-0.4, 0.8).map(WangTsiatis),
    st.floats(3.0, 5.0).map(HaybittlePeto),
    st.floats(-8.0, 3.0).map(lambda gamma: Spending("hwang_shih_decani", gamma)),
    st.floats(0.1, 1.5).map(lambda nu: Spending("exponential", nu)),
)
fractions = (
    st.lists(st.integers(1, 99), min_size=0, max_size=5, unique=True)
    .map(sorted)
    .map(lambda cents: tuple(cent / 100 for cent in [*cents, 100]))
)


@settings(max_examples=30, deadline=None)
@given(t=fractions, rule=RULES, sides=st.sampled_from([1, 2]))
def test_alpha_is_met_by_every_family_on_one_side_and_on_two(t, rule, sides):
    bounds = GroupSequentialDesign(t, rule, sides=sides).bounds.efficacy
    lower = -bounds if sides == 2 else None
    assert 1.0 - never_crossing(t, bounds, lower=lower) == pytest.approx(0.025 * sides, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(t=fractions, rule=RULES, gamma=st.floats(-6, 1), binding=st.booleans())
def test_alpha_and_power_are_met_with_futility_binding_or_not(t, rule, gamma, binding):
    design = GroupSequentialDesign(t, rule, futility=Spending("hwang_shih_decani", gamma), binding=binding)
    planned = design.bounds
    relied_on = planned.futility if binding else np.full(len(t), -np.inf)
    alpha = crossing_upper(t, planned.efficacy, relied_on)
    assert alpha == pytest.approx(0.025, abs=1e-12)
    assert crossing_upper(t, planned.efficacy, planned.futility, planned.drift) == pytest.approx(0.9, abs=1e-9)


def test_binding_futility_lowers_efficacy_bounds_and_spends_beta_as_told():
    spend = Spending("hwang_shih_decani", -2.0)
    loose = GroupSequentialDesign(equal_looks(5), OBF, futility=spend)
    bound = GroupSequentialDesign(equal_looks(5), OBF, futility=spend, binding=True)
    assert bound.bounds.efficacy[-1] < loose.bounds.efficacy[-1]
    assert bound.bounds.inflation < loose.bounds.inflation
    missed = np.cumsum(bound.crossing(1.0).futility)
    assert missed == pytest.approx(spend(np.array(equal_looks(5)), 0.1), abs=1e-10)


def test_harm_bounds_spend_their_total_under_no_effect():
    rule = HarmSpending(Spending("kim_demets", 1.0), 0.1)
    design = GroupSequentialDesign(equal_looks(4), OBF, futility=rule)
    assert np.cumsum(design.crossing(0.0).futility) == pytest.approx(0.1 * np.array(equal_looks(4)), abs=1e-12)
    assert "0.1 spent under no effect" in str(design)


def test_given_futility_bounds_stand_as_they_are_and_power_counts_them():
    design = GroupSequentialDesign(equal_looks(3), OBF, futility=FixedFutility((0.0, 0.5)), binding=True)
    assert design.bounds.futility[:2] == pytest.approx([0.0, 0.5])
    assert design.crossing(1.0).any_efficacy == pytest.approx(0.9, abs=1e-10)
    assert crossing_upper(equal_looks(3), design.bounds.efficacy, design.bounds.futility) == pytest.approx(
        0.025, abs=1e-12
    )


def test_pocock_and_obrien_fleming_are_wang_tsiatis_at_one_half_and_none():
    assert shaped_bounds(equal_looks(5), 0.025, 0.5, sides=2) == pytest.approx([2.4131757] * 5, abs=1e-6)
    flat = GroupSequentialDesign(equal_looks(4), POCOCK).bounds.efficacy
    assert np.ptp(flat) == 0.0
    steep = GroupSequentialDesign(equal_looks(4), OBRIEN_FLEMING).bounds.efficacy
    assert steep * np.sqrt(equal_looks(4)) == pytest.approx([steep[-1]] * 4, abs=1e-12)
    assert (str(POCOCK), str(WangTsiatis(0.25))) == ("Pocock", "Wang–Tsiatis, Δ = 0.25")


def test_a_two_sided_design_mirrors_its_bounds_and_counts_power_on_one_side():
    design = GroupSequentialDesign(equal_looks(3), OBF, sides=2)
    none = design.crossing(0.0)
    assert none.efficacy == pytest.approx(none.futility, abs=1e-15)
    assert none.any_efficacy + none.any_futility == pytest.approx(0.05, abs=1e-12)
    assert design.crossing(1.0).any_efficacy == pytest.approx(0.9, abs=1e-11)
    assert "two-sided, bounds ±" in str(design)


def test_haybittle_peto_keeps_what_is_given_and_solves_the_last():
    planned = GroupSequentialDesign(equal_looks(3), HaybittlePeto((3.5, 3.0))).bounds
    assert planned.efficacy[:2] == pytest.approx([3.5, 3.0])
    assert 1.0 - never_crossing(equal_looks(3), planned.efficacy) == pytest.approx(0.025, abs=1e-12)
    with pytest.raises(AlphaOverspent, match="interim bounds spend all of alpha"):
        _ = GroupSequentialDesign(equal_looks(3), HaybittlePeto(1.9)).bounds
    with pytest.raises(OutOfRange, match="one bound for each interim look"):
        GroupSequentialDesign(equal_looks(3), HaybittlePeto((3.0,)))


def test_beta_that_runs_ahead_of_what_can_be_missed_is_refused():
    early = Spending("stepwise", points=((0.5, 1.0),))
    with pytest.raises(NoBoundFound):
        _ = GroupSequentialDesign(equal_looks(2), OBF, futility=early, beta=0.1).bounds


def test_fifty_looks_with_binding_futility_meet_alpha_and_power():
    design = GroupSequentialDesign(equal_looks(50), OBF, futility=Spending("hwang_shih_decani", -4.0), binding=True)
    planned = design.bounds
    t = design.information_fractions
    assert crossing_upper(t, planned.efficacy, planned.futility) == pytest.approx(0.025, abs=1e-12)
    assert crossing_upper(t, planned.efficacy, planned.futility, planned.drift) == pytest.approx(0.9, abs=1e-10)
