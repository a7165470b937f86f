import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trial.statistics.group_sequential.brownian_twin import never_crossing
from trial.statistics.checks import OutOfRange
from trial.statistics.group_sequential.crossing import crossing_probabilities
from trial.statistics.group_sequential.design import GroupSequentialDesign
from trial.statistics.group_sequential.efficacy import AlphaOverspent, spending_bounds
from trial.statistics.group_sequential.futility import FixedFutility
from trial.statistics.group_sequential.information import FallingInformation, NoBoundFound
from trial.statistics.group_sequential.spending import Spending

OBF = Spending("lan_demets_obrien_fleming")
HSD = Spending("hwang_shih_decani", -4.0)
KETAMINE = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, alpha=0.025, beta=0.1, futility=HSD)


def test_the_ketamine_design_has_the_inflation_that_its_protocol_states():
    assert KETAMINE.bounds.inflation == pytest.approx(1.041, abs=5e-4)


def test_the_ketamine_design_has_its_power_when_futility_is_obeyed_and_more_when_it_is_overruled():
    assert KETAMINE.crossing().any_efficacy == pytest.approx(0.9, abs=1e-10)
    assert 0.9 < KETAMINE.crossing(obey_futility=False).any_efficacy < 0.92
    assert KETAMINE.crossing(0.0, obey_futility=False).any_efficacy == pytest.approx(0.025, abs=1e-12)
    assert KETAMINE.crossing(0.0).any_efficacy < 0.025


def test_stopping_early_saves_information_under_both_hypotheses():
    assert KETAMINE.expected_information(0.0) < KETAMINE.expected_information(1.0) < KETAMINE.bounds.inflation


def test_a_fixed_design_is_a_design_with_one_look():
    fixed = GroupSequentialDesign((1.0,), OBF)
    assert fixed.bounds.efficacy == pytest.approx([1.959963984540054], abs=1e-13)
    assert fixed.bounds.inflation == pytest.approx(1.0, abs=1e-12)
    assert fixed.analyse([1.0], 2.0).crossed == "efficacy"


def test_looks_as_planned_give_the_planned_bounds():
    for k in (1, 2, 3):
        look = KETAMINE.analyse(KETAMINE.information_fractions[:k], 0.0)
        assert look.bounds.efficacy_bounds == pytest.approx(KETAMINE.bounds.efficacy[:k], abs=1e-13)
        assert look.bounds.futility_bounds == pytest.approx(KETAMINE.bounds.futility[:k], abs=1e-9)
        assert look.final == (k == 3)


observed = (
    st.lists(st.integers(5, 99), min_size=1, max_size=5, unique=True).map(sorted).map(lambda x: np.array(x) / 100)
)


@settings(max_examples=15, deadline=None)
@given(t=observed, last=st.floats(1.0, 1.5))
def test_over_running_keeps_alpha_at_any_observed_information(t, last):
    path = [*t, last]
    look = KETAMINE.analyse(path, 1.0)
    assert look.final
    assert 1.0 - never_crossing(path, look.bounds.efficacy_bounds) == pytest.approx(0.025, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(t=observed)
def test_under_running_spends_all_alpha_when_told_that_the_look_is_final(t):
    look = KETAMINE.analyse(t, 1.0, final=True)
    assert 1.0 - never_crossing(t, look.bounds.efficacy_bounds) == pytest.approx(0.025, abs=1e-12)
    assert look.conditional_power_design is None


def test_an_earlier_bound_depends_on_nothing_that_happens_later():
    first = KETAMINE.analyse([0.47], 1.0)
    for later in ([0.47, 0.6], [0.47, 0.9], [0.47, 0.8, 1.2]):
        assert KETAMINE.at(later).efficacy_bounds[0] == first.efficacy_bound


def test_bounds_applied_before_stay_when_their_information_is_revised():
    look = KETAMINE.analyse([0.45, 0.75, 1.0], 1.0, past_efficacy=[2.9626, 2.3590])
    assert look.bounds.efficacy_bounds[:2] == (2.9626, 2.3590)
    assert 1.0 - never_crossing([0.45, 0.75, 1.0], look.bounds.efficacy_bounds) == pytest.approx(0.025, abs=1e-12)


def test_a_futility_bound_applied_before_is_kept():
    look = KETAMINE.analyse([0.45, 0.75], 1.2, past_efficacy=[2.9626], past_futility=[0.0])
    assert look.bounds.futility_bounds[0] == 0.0


def test_a_skipped_look_leaves_its_alpha_to_the_next():
    look = KETAMINE.analyse([0.75], 1.0)
    assert look.efficacy_bound == pytest.approx(spending_bounds([0.75, 1.0], 0.025, OBF)[0], abs=1e-13)


@pytest.mark.parametrize(("z", "crossed"), [(3.1, "efficacy"), (1.0, "none"), (-0.5, "futility")])
def test_the_bound_that_is_crossed_is_named(z, crossed):
    assert KETAMINE.analyse([0.5], z).crossed == crossed


def test_a_final_look_below_its_bound_crosses_nothing():
    assert KETAMINE.analyse([0.5, 0.75, 1.0], 1.5).crossed == "none"


def test_a_design_without_futility_never_reports_it():
    look = GroupSequentialDesign((0.5, 1.0), OBF).analyse([0.5], -4.0)
    assert (look.futility_bound, look.bounds.beta_spent, look.crossed) == (None, None, "none")


def test_an_impossible_first_look_is_answered():
    look = KETAMINE.analyse([0.002], 1.0)
    assert look.efficacy_bound == np.inf
    assert look.nominal_p == 0.0
    assert look.crossed == "none"


def test_extreme_statistics_are_answered():
    assert KETAMINE.analyse([0.5], 45.0).conditional_power_observed == pytest.approx(1.0)
    assert KETAMINE.analyse([0.5], -45.0).predictive_power == pytest.approx(0.0, abs=1e-12)


def test_contradictory_designs_and_looks_are_refused():
    with pytest.raises(OutOfRange, match="end at 1"):
        GroupSequentialDesign((0.5, 0.9), OBF)
    with pytest.raises(OutOfRange, match="beta"):
        GroupSequentialDesign((0.5, 1.0), OBF, beta=0.6)
    with pytest.raises(FallingInformation):
        KETAMINE.analyse([0.6, 0.5], 1.0)
    with pytest.raises(FallingInformation, match="last one"):
        KETAMINE.analyse([0.5, 1.0, 1.1], 1.0)
    with pytest.raises(OutOfRange, match="one bound for each earlier look"):
        KETAMINE.analyse([0.5, 0.75], 1.0, past_efficacy=[2.9, 2.4])
    with pytest.raises(OutOfRange, match="z must be"):
        KETAMINE.analyse([0.5], float("nan"))
    with pytest.raises(AlphaOverspent, match="have spent"):
        KETAMINE.analyse([0.5, 1.0], 1.0, past_efficacy=[1.5])


def test_the_chance_of_crossing_does_not_depend_on_how_information_is_counted():
    planned = KETAMINE.bounds
    in_participants = crossing_probabilities(planned.fractions * 346, planned.efficacy, None, 3.0 / np.sqrt(346))
    in_fractions = crossing_probabilities(planned.fractions, planned.efficacy, None, 3.0)
    assert in_participants.efficacy == pytest.approx(in_fractions.efficacy, abs=1e-13)


def test_a_look_prints_what_a_board_asks_for():
    printed = str(KETAMINE.analyse([0.5], 1.2))
    for words in ("Look 1 at 50.0 %", "efficacy bound 2.9626", "non-binding", "conditional power", "predictive power"):
        assert words in printed


@pytest.mark.parametrize(
    "scale", ["p_value", "effect", "conditional_power_design", "conditional_power_observed", "predictive_power"]
)
def test_a_bound_comes_back_from_every_scale(scale):
    for side in KETAMINE.scales(2.5):
        for k in range(2):
            value = float(getattr(side, scale)[k])
            assert KETAMINE.z_for(scale, value, k + 1, 2.5) == pytest.approx(float(side.z[k]), abs=1e-7)


def test_a_futility_bound_can_be_given_as_conditional_power():
    plain = GroupSequentialDesign((0.5, 0.75, 1.0), OBF)
    bounds = tuple(plain.z_for("conditional_power_design", 0.2, k) for k in (1, 2))
    design = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=FixedFutility(bounds))
    assert design.bounds.futility[:2] == pytest.approx(bounds)
    with pytest.raises(OutOfRange, match="nothing follows"):
        plain.z_for("predictive_power", 0.2, 3)
    with pytest.raises(OutOfRange, match="scale must be one of"):
        plain.z_for("odds", 0.2, 1)
    with pytest.raises(OutOfRange, match="look must be in"):
        plain.z_for("effect", 0.2, 4)
    with pytest.raises(OutOfRange, match="predictive_power must be"):
        plain.z_for("predictive_power", 1.2, 1)


def test_sizes_come_with_the_design():
    assert KETAMINE.sample_size("means", 2.5, 7.0, missing=0.15).total == 406
    assert KETAMINE.sample_size("events", 0.7, 0.1, accrual=12, follow_up=12).events > 330
    with pytest.raises(OutOfRange, match="endpoint must be one of"):
        KETAMINE.sample_size("modes", 2.5, 7.0)


def test_a_look_after_binding_futility_has_left_nobody_is_refused():
    design = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=HSD, binding=True)
    with pytest.raises(NoBoundFound, match="the trial was over before"):
        design.at([0.5, 0.75], past_efficacy=[2.9], past_futility=[2.9])
