"""Tables on paper: what belongs together stands together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.documents.blocks import KEEP_ROWS, _kept_together, frame_width, table
from reports.documents.page import PORTRAIT
from reports.tables.model import Column, Row, Table

KINDS = st.sampled_from(["section", "inset", "total", "plain"])


@given(st.lists(KINDS, max_size=40))
def test_a_heading_is_kept_with_the_rows_under_it_and_with_no_other(kinds):
    kept = _kept_together(tuple(Row(("x", "1"), kind) for kind in kinds))
    for first, last in kept:
        assert kinds[first] == "section"
        assert set(kinds[first + 1 : last + 1]) == {"inset"}
        assert last + 1 == len(kinds) or kinds[last + 1] != "inset"
        assert last - first <= KEEP_ROWS


@pytest.mark.parametrize("rows_before", range(30, 60))
def test_no_page_ends_in_the_middle_of_a_group(rows_before):
    """Built and split as the page would split it, at every height."""
    lines = [Row((f"row {n}", "1"), "plain") for n in range(rows_before)]
    group = [Row(("Sex", ""), "section"), *(Row((f"value {n}", "1"), "inset") for n in range(4))]
    of = Table("Table 1", "Rows", (Column("Name", 3, "left"), Column("n")), (*lines, *group, *lines), ())
    grid = next(one for one in table(of) if hasattr(one, "split") and hasattr(one, "_cellvalues"))
    width = frame_width(PORTRAIT)
    grid.wrap(width, 10_000)
    for part in grid.split(width, 640):
        told = [str(getattr(row[0], "text", row[0])) for row in part._cellvalues]
        inside = [any(mark in text for mark in ("Sex", "value ")) for text in told]
        assert sum(inside) in {0, 5}
