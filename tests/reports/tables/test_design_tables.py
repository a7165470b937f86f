"""Tables of a design say what the statistics room computed, rounded once, as text and as HTML."""

from html.parser import HTMLParser

import pytest

from reports.tables.design import analysis_table, bound, design_table, operating_table, scales_table
from reports.tables.model import Column, Row, Table
from trial.statistics.group_sequential import GroupSequentialDesign, HaybittlePeto, MeansSimulation, Spending

DESIGN = GroupSequentialDesign(
    (0.5, 0.75, 1.0), Spending("lan_demets_obrien_fleming"), futility=Spending("hwang_shih_decani", -4.0)
)


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, _):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append(data)


def test_the_bounds_of_the_ketamine_design_stand_in_its_table():
    text = design_table("Table 1", DESIGN).as_text()
    for words in ("2.9626", "2.3590", "0.0785", "26.6 %", "non-binding", "1.0407", "0.6788 without effect"):
        assert words in text


def test_every_scale_has_a_row_for_each_look():
    for side in DESIGN.scales(2.5):
        table = scales_table("Table 2", side, "T points")
        assert len(table.rows) == 3
        assert "Effect (T points)" in table.as_text()


@pytest.mark.parametrize(("path", "z"), [((0.5,), 1.2), ((0.5, 0.8), 2.6), ((0.5, 0.75, 1.0), 1.0), ((0.001,), 0.0)])
def test_what_is_said_at_a_look_stands_in_its_table(path, z):
    text = analysis_table("Table 3", DESIGN.analyse(path, z, effect=2.5, unit="T points")).as_text()
    assert "Stage-wise p" in text
    assert "nan" not in text.lower()


def test_a_statement_that_is_not_defined_is_a_dash():
    design = GroupSequentialDesign((0.5, 1.0), HaybittlePeto(3.0))
    assert "Repeated p | –" in analysis_table("Table 3", design.analyse([0.5], 1.0)).as_text()
    assert (bound(float("inf")), bound(float("-inf"))) == ("∞", "−∞")


def test_simulated_numbers_stand_with_their_errors():
    results = [MeansSimulation(DESIGN, d, 7.0, (87, 130, 173), trials=2_000, name=f"d {d}").run() for d in (0.0, 2.5)]
    text = operating_table("Table 4", results).as_text()
    assert text.count("whole trial") == 2
    assert "±" in text
    assert "By integration" in text


def test_html_is_balanced_and_escaped():
    table = Table(
        "Table 9",
        "a < b",
        (Column("x & y", 1, "left"), Column("<n>")),
        (Row(("1 < 2", "3")), Row(("all", ""), "section")),
    )
    reader = Balanced()
    reader.feed(table.as_html())
    assert reader.open == []
    assert {"1 < 2", "x & y", "<n>", "all"} <= set(reader.cells)
    assert "Nothing to show" in Table("T", "t", (Column("x"),), ()).as_html()
