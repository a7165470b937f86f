"""The forest of subgroups: the same bytes twice, every row, and what could not be compared in words."""

from __future__ import annotations

import numpy as np
import pytest

from reports.figures.canvas import as_pdf, as_svg
from reports.figures.subgroups import subgroup_picture
from trial.statistics.subgroups import subgroup_forest


def a_forest(**subgroups):
    rng = np.random.default_rng(4)
    arm = np.array(["A", "B"])[np.arange(80) % 2]
    sex, site = rng.choice(["female", "male"], 80), np.where(np.arange(80) < 6, "S9", rng.choice(["S1", "S2"], 80))
    site = np.where((site == "S9") & (arm == "B"), "S1", site)
    y = rng.normal(0, 3, 80) - 2.0 * (arm == "B")
    return subgroup_forest(y, arm, reference="A", subgroups=subgroups or {"sex": sex, "site": site})


def words(picture):
    return [text.get_text() for axes in picture.figure.axes for text in axes.texts]


def test_the_forest_has_every_level_and_its_interaction():
    shown = words(subgroup_picture(a_forest(), "B", unit="T points"))
    assert {"Overall", "female", "male", "S1", "S2", "S9"} <= set(shown)
    assert sum("(p " in text for text in shown) == 2
    assert "an arm has nobody in this subgroup" in shown


def test_it_is_the_same_twice_and_says_its_sentence():
    one, same = (subgroup_picture(a_forest(), "B", unit="T points") for _ in range(2))
    assert as_pdf(one) == as_pdf(same)
    assert as_svg(one).startswith(b"<?xml")
    assert "B minus A" in one.alt
    assert "interaction" in one.notes[0]


@pytest.mark.parametrize(("higher", "left"), [(True, "better in A"), (False, "better in B")])
def test_the_side_of_benefit_turns_with_the_scale(higher, left):
    picture = subgroup_picture(a_forest(), "B", unit="T points", higher_is_better=higher)
    assert picture.figure.axes[0].get_xlabel().startswith(f"← {left}")


def test_without_subgroups_it_says_so():
    rng = np.random.default_rng(1)
    forest = subgroup_forest(rng.normal(size=10), list("AB" * 5), reference="A", subgroups={})
    assert "The protocol names no subgroups." in words(subgroup_picture(forest, "B", unit="points"))
