"""The analysis plan of the shipped protocols: no rule of one trial is written in code."""

from __future__ import annotations

import pytest

from reports.context import Scale, Threshold, ThresholdOutOfRange
from reports.plan import plan_from_protocol
from tests.reports.factory import make_context
from trial.protocol import shipped_protocol
from trial.statistics.group_sequential import GroupSequentialDesign


def test_the_plan_of_the_ketamine_trial_says_what_its_protocol_says():
    plan = plan_from_protocol(shipped_protocol("keta-pain"))
    assert (plan.primary_domain, plan.primary_visit) == ("pain_interference", "M3")
    assert plan.baseline_visits == ("BL",)
    assert plan.scale("pain_interference").thresholds == (Threshold(2.0), Threshold(3.0), Threshold(5.0))
    assert plan.scale("pain_intensity").thresholds == (Threshold(0.3, relative=True), Threshold(0.5, relative=True))
    assert plan.scale("pain_interference").score_at_death == 75.6
    assert plan.scale("fatigue").score_at_death is None
    assert plan.scale("physical_function").higher_is_better
    assert "CADSS" in plan.infusion_instruments
    assert len(plan.aesi) == 46
    assert plan.doses_planned == 5
    assert [rule.count for rule in plan.harm_rules] == [1, 2, 0]


def test_the_plan_of_a_trial_of_another_shape_has_no_infusions():
    plan = plan_from_protocol(shipped_protocol("second"))
    assert (plan.primary_domain, plan.primary_visit) == ("mean_pain", "W12")
    assert plan.doses_planned == 0
    assert plan.infusion_instruments == ()
    assert plan.looks.design.futility is None
    assert plan.looks.design.information_fractions == (0.6, 1.0)


@pytest.mark.parametrize("name", ["keta-pain", "second"])
def test_the_looks_of_a_shipped_plan_make_a_design(name):
    design = plan_from_protocol(shipped_protocol(name)).looks.design
    assert GroupSequentialDesign.from_protocol(design.to_protocol()) == design
    assert design.bounds.efficacy[0] > design.bounds.efficacy[-1] or "Pocock" in str(design.efficacy)


@pytest.mark.parametrize(("amount", "relative"), [(0, False), (-1, False), (1.5, True)])
def test_a_threshold_that_cannot_be_is_refused(amount, relative):
    with pytest.raises(ThresholdOutOfRange):
        Threshold(amount, relative=relative)


def test_a_scale_that_the_plan_does_not_describe_is_named_all_the_same():
    assert make_context().plan.scale("daily_steps") == Scale("daily_steps", "Daily steps")
