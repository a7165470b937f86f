"""The sentences of a look: which are said when, and what they say."""

from dataclasses import replace

import pytest

from reports.analyses.efficacy import efficacy
from reports.analyses.groups import by_arm
from reports.analyses.interim import interim_looks
from reports.documents.common import all_frames
from reports.tables.statements import look_statements
from reports.tables.words import interval
from tests.reports.factory import make_context, make_snapshot, make_treatments
from trial.statistics import GroupSequentialDesign, Spending

OBF, HSD = Spending("lan_demets_obrien_fleming"), Spending("hwang_shih_decani", -4.0)


SNAPSHOT, CONTEXT = make_snapshot(60, seed=4), make_context()
FRAMES = all_frames(SNAPSHOT, CONTEXT, "unblinded", make_treatments(SNAPSHOT))
PLAN = CONTEXT.plan
COMPARED = efficacy(FRAMES, PLAN, by_arm(("A", "B")), PLAN.primary_domain, PLAN.primary_visit, reference="B")


def look_of(*, oriented=True, **more):
    """A look of the factory's trial, with its result as the test wants it."""
    return replace(interim_looks(COMPARED, CONTEXT, oriented=oriented)[0], **more)


def analysed(information, z, **more):
    design = GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=HSD, **more)
    return design.analyse(information, z, effect=2.5, unit="points")


def test_without_a_reference_arm_nothing_is_said():
    assert look_statements(look_of(oriented=False)) == ()


def test_a_look_in_the_middle_says_what_holds_and_what_may_come_but_no_final_estimate():
    result = analysed([0.5], 1.4)
    said = " ".join(look_statements(look_of(result=result)))
    assert interval(*result.repeated_interval, 2) in said
    assert "Jennison & Turnbull 1989" in said
    assert f"{100 * result.conditional_power_design:.1f} % under the design's effect" in said
    assert "Lan & Wittes 1988" in said
    assert f"Predictive power: {100 * result.predictive_power:.1f} %" in said
    assert "stage-wise" not in said.lower()
    assert "median-unbiased" not in said


@pytest.mark.parametrize(("information", "z"), [([0.5], 3.4), ([0.5, 0.75, 1.0], 1.1)])
def test_an_efficacy_stop_and_the_final_analysis_have_their_final_estimates(information, z):
    result = analysed(information, z)
    last = look_statements(look_of(result=result))[-1]
    assert f"{result.stagewise.median_unbiased:.2f} points" in last
    assert interval(result.stagewise.lower, result.stagewise.upper, 2) in last
    assert "Tsiatis, Rosner & Mehta 1984" in last
    assert last.startswith("The trial ends" if result.final else "If the trial ends")


def test_a_look_without_an_efficacy_bound_says_so():
    result = analysed([0.5], 1.4, efficacy_looks=(False, True, True))
    assert any("no efficacy bound" in one for one in look_statements(look_of(result=result)))


def test_the_interim_look_estimates_in_the_scale_s_own_unit():
    look = look_of()
    contrast = COMPARED.model.contrasts[0]
    assert abs(look.result.estimate) == pytest.approx(abs(contrast.difference))
    assert look.result.standard_error == pytest.approx(contrast.standard_error)
    assert look.result.z == pytest.approx(look.z)
    assert look.result.effect == PLAN.looks.difference
