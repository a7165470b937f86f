"""Pictures of a design: the same bytes twice, a sentence for each, in every format."""

import pytest

from reports.figures.canvas import as_pdf, as_png, as_svg
from reports.figures.design import design_picture, families_picture, operating_picture
from trial.statistics.group_sequential import (
    POCOCK,
    GroupSequentialDesign,
    MeansSimulation,
    Spending,
    equal_looks,
)

OBF = Spending("lan_demets_obrien_fleming")
DESIGNS = {
    "with futility": GroupSequentialDesign((0.5, 0.75, 1.0), OBF, futility=Spending("hwang_shih_decani", -4.0)),
    "two-sided": GroupSequentialDesign(equal_looks(4), OBF, sides=2),
    "an impossible first look": GroupSequentialDesign((0.02, 0.5, 1.0), OBF),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_the_bounds_are_drawn_on_four_scales(name):
    picture = design_picture(DESIGNS[name], 2.5, "T points")
    assert len(picture.figure.axes) == 4
    assert "efficacy bounds on z" in picture.alt
    assert as_pdf(picture) == as_pdf(design_picture(DESIGNS[name], 2.5, "T points"))
    assert as_svg(picture).startswith(b"<?xml")


def test_families_are_drawn_beside_each_other():
    picture = families_picture({"Pocock": GroupSequentialDesign(equal_looks(4), POCOCK), **DESIGNS}, 2.5, "T points")
    assert len(picture.figure.axes) == 4
    assert "Pocock 2.36" in picture.alt
    assert len(picture.figure.axes[0].lines) == 4
    assert as_svg(picture).startswith(b"<?xml")


def test_operating_characteristics_are_drawn_for_every_scenario():
    simulations = [
        MeansSimulation(DESIGNS["with futility"], d, 7.0, (87, 130, 173), trials=2_000, name=f"difference {d}")
        for d in (0.0, 2.5)
    ]
    results = [one.run() for one in simulations]
    picture = operating_picture(simulations[0], results)
    assert "difference 2.5: efficacy in" in picture.alt
    png = as_png(picture)
    assert png.startswith(b"\x89PNG")
    assert as_png(operating_picture(simulations[0], results)) == png
