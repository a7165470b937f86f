"""Problems that users of other packages met: each is right here, or refused by name."""

import numpy as np
import pytest

from tests.trial.statistics.group_sequential.brownian_twin import crossing_upper, never_crossing
from trial.statistics.group_sequential import GroupSequentialDesign, HaybittlePeto, Spending, WangTsiatis, equal_looks
from trial.statistics.sample_size import sample_size_means, sample_size_proportions

OBF = Spending("lan_demets_obrien_fleming")
HSD = Spending("hwang_shih_decani", -4.0)


@pytest.mark.parametrize("binding", [False, True])
def test_futility_at_some_looks_only_leaves_its_beta_to_the_next(binding):
    looks = (True, False, True, True)
    design = GroupSequentialDesign(equal_looks(4), OBF, futility=HSD, binding=binding, futility_looks=looks)
    planned = design.bounds
    assert planned.futility[1] == -np.inf
    missed = np.cumsum(design.crossing(1.0).futility)
    spent = HSD(np.array(equal_looks(4)), 0.1)
    assert missed[[0, 2, 3]] == pytest.approx(spent[[0, 2, 3]], abs=1e-10)
    assert missed[1] == pytest.approx(missed[0], abs=1e-15)
    assert design.crossing(1.0).any_efficacy == pytest.approx(0.9, abs=1e-9)


def test_an_efficacy_bound_that_is_left_out_leaves_its_alpha_to_the_next():
    design = GroupSequentialDesign(equal_looks(3), OBF, efficacy_looks=(False, True, True))
    assert design.bounds.efficacy[0] == np.inf
    without = GroupSequentialDesign((2 / 3, 1.0), OBF).bounds.efficacy
    assert design.bounds.efficacy[1:] == pytest.approx(without, abs=1e-12)
    look = design.at([1 / 3, 0.7])
    assert look.efficacy_bounds[0] == np.inf
    assert design.at([1 / 3], final=True).efficacy_bound == pytest.approx(1.959963984540054, abs=1e-12)


def test_non_inferiority_is_declared_at_the_first_look():
    # A margin moves the null: the statistic is (estimate + margin) / SE, and crossing it at stage 1 ends the trial.
    design = GroupSequentialDesign(equal_looks(3), Spending("lan_demets_pocock"))
    size = sample_size_means(0.0, 8.0, margin=3.0, design=design)
    assert size.critical_effects[0] < size.critical_effects[1] + 3.0
    analysis = design.analyse_estimate(design.information_fractions[:1], 0.4 + 3.0, 1.2, effect=3.0)
    assert analysis.crossed == "efficacy"
    assert analysis.stagewise.lower > 0.0
    assert sample_size_proportions(0.8, 0.8, margin=0.1, design=design).total > 0


def test_effect_scale_bounds_exist_at_each_look_and_agree_with_z():
    design = GroupSequentialDesign((0.3, 0.6, 1.0), OBF, futility=HSD)
    efficacy, futility = design.scales(2.5)
    information = design.maximum_information(2.5) * np.array(design.information_fractions)
    assert efficacy.effect * np.sqrt(information) == pytest.approx(design.bounds.efficacy, abs=1e-12)
    assert futility.effect * np.sqrt(information) == pytest.approx(design.bounds.futility, abs=1e-12)
    assert efficacy.effect[-1] == pytest.approx(futility.effect[-1], abs=1e-12)
    assert "on every scale" in str(efficacy)


@pytest.mark.parametrize("rule", [OBF, HaybittlePeto(3.0), Spending("kim_demets", 3.0)])
@pytest.mark.parametrize("path", [(0.45, 0.71, 1.0), (0.5, 0.75, 1.34), (0.75, 1.0), (0.2, 0.5, 0.6, 0.75, 0.9, 1.02)])
def test_over_running_under_running_and_skipped_looks_keep_alpha(rule, path):
    design = GroupSequentialDesign((0.5, 0.75, 1.0), rule)
    look = design.at(path)
    assert look.final
    assert 1.0 - never_crossing(path, look.efficacy_bounds) == pytest.approx(0.025, abs=1e-12)


def test_binding_futility_at_other_information_keeps_alpha_and_past_decisions():
    design = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=HSD, binding=True)
    first = design.at([0.42])
    last = design.at(
        [0.44, 0.8, 1.1], past_efficacy=[first.efficacy_bound, 2.35], past_futility=[first.futility_bound, 0.9]
    )
    assert last.efficacy_bounds[0] == first.efficacy_bound
    assert last.futility_bounds[:2] == (first.futility_bound, 0.9)
    alpha = crossing_upper([0.44, 0.8, 1.1], last.efficacy_bounds, last.futility_bounds)
    assert alpha == pytest.approx(0.025, abs=1e-12)


@pytest.mark.parametrize("sides", [1, 2])
def test_an_impossible_first_look_does_not_drift_the_later_bounds(sides):
    with_it = GroupSequentialDesign((0.04, 0.5, 1.0), OBF, sides=sides).bounds.efficacy
    without = GroupSequentialDesign((0.5, 1.0), OBF, sides=sides).bounds.efficacy
    assert with_it[0] > 10.0
    assert with_it[1:] == pytest.approx(without, abs=1e-13)


@pytest.mark.parametrize("looks", [3, 10, 20])
@pytest.mark.parametrize("alpha", [1e-5, 0.025, 0.2])
def test_lower_bounds_and_any_alpha_go_together(looks, alpha):
    spend = Spending("kim_demets", 2.0)
    design = GroupSequentialDesign(equal_looks(looks), OBF, alpha=alpha, beta=0.05, futility=spend, binding=True)
    planned = design.bounds
    t = design.information_fractions
    assert crossing_upper(t, planned.efficacy, planned.futility) == pytest.approx(alpha, rel=1e-10, abs=1e-13)
    assert crossing_upper(t, planned.efficacy, planned.futility, planned.drift) == pytest.approx(0.95, abs=1e-10)


@pytest.mark.parametrize(
    "rule", [OBF, HaybittlePeto(3.0), WangTsiatis(0.0), WangTsiatis(0.3), WangTsiatis(0.5)], ids=str
)
def test_looks_as_planned_get_the_bounds_as_planned_in_every_family(rule):
    design = GroupSequentialDesign((0.3, 0.6, 1.0), rule)
    assert design.at(design.information_fractions).efficacy_bounds == pytest.approx(design.bounds.efficacy, abs=1e-10)
