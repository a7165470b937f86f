"""Tables as values: what they say, without a PDF."""

from __future__ import annotations

import pytest

from reports.analyses.completeness import VisitState
from reports.analyses.disposition import ArmFlow, Flow, Reasons
from reports.analyses.groups import by_arm, pooled
from reports.analyses.harms import harms
from reports.appearance import arm_heading, arm_marks
from reports.documents.common import all_frames
from reports.tables.conduct import flow_table, visits_table
from reports.tables.harms import deaths_listing, harms_table, serious_listing, special_interest_table
from reports.tables.model import Column, Row, Table
from reports.tables.words import chance, interval, number, p_value, recorded, share, words


@pytest.fixture(scope="module")
def frames(snapshot, context, treatments):
    return all_frames(snapshot, context, "unblinded", treatments)


def test_a_row_with_a_missing_cell_is_refused():
    with pytest.raises(ValueError, match="cells"):
        Table("Table 1", "t", (Column("a"), Column("b")), (Row(("1",)),))


def test_the_visits_table_reads_as_it_should():
    states = (VisitState("Month 1", "All", 10, 8, 7, 1, 1, 3),)
    assert visits_table("Table 7", states).as_text() == (
        "Table 7. Visits of randomized participants\n"
        "Visit | Expected | Done n (%) | In window | Missed | Overdue | Not yet due\n"
        "Month 1 | 10 | 8 (80.0 %) | 7 | 1 | 1 | 3\n"
        "Expected: done, recorded as missed, or window closed at the cut-off. Overdue: window closed, nothing recorded.\n"
        "Visits after somebody left the study are not expected. Percentages are of those expected.\n"
    )


def test_the_flow_table_lists_reasons_of_either_arm_for_both():
    none = Reasons(0)
    one = ArmFlow("A", 3, 2, Reasons(1, (("LOGISTICS", 1),)), none, none, 2, Reasons(1, (("LEFT THE STUDY", 1),)))
    two = ArmFlow("B", 2, 2, none, none, none, 2, none)
    text = flow_table("Table 1", Flow(5, none, (), 0, 5, (("RANDOMIZED IN ERROR", 1),), (one, two))).as_text()
    assert "Logistics | 1 | 0" in text
    assert "● Arm A | ◇ Arm B" in text


def test_a_table_without_rows_says_so():
    assert "Nothing to show" in Table("Table 1", "t", (Column("a"),), ()).as_text()


def test_the_open_table_names_no_event_of_special_interest(frames, context):
    found = harms(frames, context.plan, pooled(), withhold_special=True)
    text = harms_table("Table 1", "Harms", found, found.terms, by_class=True).as_text()
    assert "Headache" in text
    assert not any(term in text for term in ("Nausea", "Hypertension", "Hallucination"))
    assert "withheld" in text


def test_the_closed_table_has_a_row_for_what_never_happened(frames, context):
    found = harms(frames, context.plan, by_arm(("A", "B")), reference="B")
    lines = special_interest_table("Table 1", found).as_text().splitlines()
    seizure = next(line for line in lines if line.startswith("Seizure"))
    assert seizure.count(" (≤ ") == 2


def test_serious_events_keep_their_name_from_the_open_listing(frames, context):
    adae = frames["ADAE"]
    special = adae.filter((adae["AESER"] == "Y") & adae["CQ01NAM"].is_not_null())
    assert special.height > 0
    shown = serious_listing("Listing 1", adae, pooled(), withhold_special=True).as_text()
    assert not any(term in shown for term in special["AEDECOD"])
    assert shown.count("Event of special interest") == special.height
    hidden = [line for line in shown.splitlines() if "Event of special interest" in line]
    assert all(line.count("withheld") == 2 and ":" not in line for line in hidden)  # grade and causality; no hour
    named = serious_listing("Listing 1", adae, by_arm(("A", "B")), withhold_special=False).as_text()
    assert all(term in named for term in special["AEDECOD"])


def test_listings_of_nothing_say_so(frames):
    adsl = frames["ADSL"].clear()
    assert "Nobody randomized has died." in deaths_listing("Listing 2", adsl, pooled()).as_text()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (number(-0.04), "0.0"),
        (number(-1.25, 1), "−1.2"),
        (number(None), "–"),
        (share(1, 3), "1 (33.3 %)"),
        (share(0, 0), "0"),
        (interval(-1, 2), "(−1.0 to 2.0)"),
        (p_value(0.0001), "< 0.001"),
        (chance(0.00001), "< 0.1 %"),
        (chance(None), "–"),
        (recorded("2026-02-20T16:32"), "20 Feb 2026 16:32"),
        (recorded("2026-02"), "Feb 2026"),
        (recorded("2026"), "2026"),
        (recorded(None), "–"),
        (words("LOST TO FOLLOW-UP"), "Lost to follow-up"),
    ],
)
def test_numbers_and_dates_are_written_one_way(said, expected):
    assert said == expected


def test_arms_are_told_by_label_glyph_marker_and_dash_not_by_colour_alone():
    marks = list(arm_marks(("A", "B", "C", "D")).values())
    for attribute in ("label", "glyph", "marker", "dash"):
        assert len({getattr(mark, attribute) for mark in marks}) == 4
    assert arm_heading("A", ("A", "B"), 12) == "● Arm A (N\u00a0=\u00a012)"
