"""Every figure of the analyses of harms against a trial that was counted on paper (``trial_by_hand``)."""

from __future__ import annotations

import polars as pl
import pytest

from reports.analyses.groups import by_arm, pooled
from reports.analyses.harms import ANY, ANY_FATAL, ANY_RELATED, ANY_SERIOUS, ANY_SEVERE, harms
from reports.analyses.harms.by_infusion import special_interest_by_infusion
from reports.analyses.harms.first_events import SERIOUS, SPECIAL, first_events
from reports.analyses.harms.severity import severity_points
from reports.tables.harms import (
    by_infusion_table,
    consequences_table,
    harms_table,
    special_interest_table,
    timing_table,
)
from tests.oracles.reading import cases
from tests.reports.analyses.harms.trial_by_hand import EVENTS, adae, fa, frames, plan

ARMS = by_arm(("A", "B"))


@pytest.fixture(scope="module")
def found():
    return harms(frames(), plan(), ARMS, reference="B")


def test_what_each_arm_was_at_risk_for(found):
    a, b = found.exposure
    assert (a.at_risk, b.at_risk) == (3, 3)
    assert (a.infusions, b.infusions) == (6, 4)
    assert a.person_years == pytest.approx(300 / 365.25)
    assert b.person_years == pytest.approx(210 / 365.25)
    assert (a.asked, b.asked) == (3, 2)
    assert "death, the end of the study for the participant, or the data cut-off" in found.person_time


@pytest.mark.parametrize(
    ("term", "participants", "events"),
    [
        (ANY, (2, 2), (4, 2)),
        (ANY_SERIOUS, (1, 1), (1, 1)),
        (ANY_RELATED, (1, 1), (2, 1)),
        (ANY_SEVERE, (1, 1), (1, 1)),
        (ANY_FATAL, (0, 1), (0, 1)),
        ("Nausea", (2, 0), (3, 0)),
        ("Headache", (1, 1), (1, 1)),
        ("Fall", (0, 1), (0, 1)),
    ],
)
def test_participants_and_events(found, term, participants, events):
    row = found.row(term)
    assert tuple(group.participants for group in row.groups) == participants
    assert tuple(group.events for group in row.groups) == events


def test_everything_that_is_said_of_nausea_in_arm_a(found):
    nausea = found.row("Nausea").groups[0]
    assert nausea.worst_grades == (0, 1, 1, 0, 0)  # P1 at 3, P2 at 2: once each, at the worst
    assert (nausea.serious, nausea.related, nausea.interruptions, nausea.deaths) == (1, 1, 1, 0)
    assert (nausea.skipped_doses, nausea.treatment_withdrawals, nausea.study_withdrawals) == (0, 0, 0)
    assert (nausea.recurrent, nausea.median_times) == (1, 1.5)
    assert (nausea.systematic, nausea.spontaneous) == (3, 0)
    assert nausea.rate.estimate == pytest.approx(100 * 3 / (300 / 365.25))
    at = nausea.onset
    assert (at.minute.median, at.infusion.median, at.day.median) == (30, 1, 1)
    # Two hours, one day, and one that goes on after 99 days: half have ended after one day.
    assert (at.duration_known, at.duration_going_on) == (2, 1)
    assert at.median_duration_days == pytest.approx(1.0)


def test_what_a_fall_led_to_in_arm_b(found):
    fall = found.row("Fall").groups[1]
    assert (fall.treatment_withdrawals, fall.study_withdrawals, fall.deaths) == (1, 1, 1)
    assert fall.onset.day is None  # only the month is known
    assert fall.onset.median_duration_days == 5


def test_a_zero_has_its_exact_limit_over_those_asked_and_no_ratio_beside_another_zero(found):
    cystitis = next(row for row in found.special if row.term == "Cystitis")
    a, b = cystitis.groups
    assert (a.assessed, b.assessed) == (3, 2)
    assert a.upper_limit.upper == pytest.approx(1 - 0.05 ** (1 / 3))
    assert b.upper_limit.upper == pytest.approx(1 - 0.05 ** (1 / 2))
    assert cystitis.ratios == (None,)
    assert cystitis.differences[0].estimate == 0
    nausea = next(row for row in found.special if row.term == "Nausea")
    assert nausea.ratios[0].estimate == float("inf")
    assert 0 < nausea.ratios[0].lower < 10


def test_nobody_asked_is_not_a_zero():
    """In arm B nobody was asked: no number, no limit, no comparison. Where nothing tells who was asked, all count."""
    only_a = frames(FA=fa((("P1", 1), ("P2", 1))))
    found = harms(only_a, plan(), ARMS, reference="B")
    cystitis = next(row for row in found.special if row.term == "Cystitis")
    assert cystitis.groups[1].not_assessed
    assert cystitis.groups[1].upper_limit is None
    assert cystitis.differences == cystitis.ratios == (None,)
    text = special_interest_table("Table 1", found).as_text()
    assert next(line for line in text.splitlines() if line.startswith("Cystitis")).count("not assessed") == 1
    untold = {name: frame for name, frame in frames().items() if name != "FA"}
    assert [g.denominator for g in harms(untold, plan(), ARMS).special[1].groups] == [3, 3]


def test_who_had_an_event_counts_as_assessed_for_it():
    spontaneous = harms(frames(FA=fa(())), plan(), ARMS)
    nausea = next(row for row in spontaneous.special if row.term == "Nausea")
    assert [(g.participants, g.denominator) for g in nausea.groups] == [(2, 2), (0, 0)]
    assert not nausea.groups[0].not_assessed
    assert nausea.groups[1].not_assessed


def test_events_of_special_interest_by_infusion():
    table = special_interest_by_infusion(frames(), plan(), ARMS)
    assert table.infusions == (1, 2)
    nausea, cystitis = table.rows
    assert [[(c.participants, c.at_risk, c.asked) for c in group] for group in nausea.cells] == [
        [(2, 3, 3), (1, 3, 3)],
        [(0, 3, 2), (0, 1, 1)],
    ]
    assert cystitis.participants == 0
    text = by_infusion_table("Table 1", table).as_text()
    assert "Nausea | 2/3 | 1/3 | 0/2 | 0/1" in text
    assert "Began at no infusion: Cystitis." in text
    unasked = special_interest_by_infusion(frames(FA=fa((("P1", 1),))), plan(), ARMS)
    assert "not assessed" in by_infusion_table("Table 1", unasked).as_text()


def test_time_to_the_first_event_has_everybody_of_the_safety_set():
    a, b = first_events(frames(), ARMS, SPECIAL)
    assert [(one.at_risk, one.participants) for one in (a, b)] == [(3, 2), (3, 0)]
    assert a.risk(1)[0] == pytest.approx(2 / 3)
    assert b.risk(90) == (0, 0, 0)
    assert [b.watched(day) for day in (1, 10, 11)] == [3, 3, 2]
    assert a.watched(2) == 1
    assert a.risk(101) is None
    month_known = first_events(frames(), ARMS, SERIOUS)[1]
    assert month_known.risk(1)[0] == pytest.approx(1 / 3)  # the earliest day that the record allows


def test_the_plot_has_each_dated_event_once():
    a, b = severity_points(frames(), ARMS)
    assert a.points == ((1, 1, False, 1), (1, 2, False, 1), (2, 3, True, 1), (5, 2, False, 1))
    assert (b.points, b.undated) == (((1, 1, False, 1),), 1)


def test_tables_say_what_was_counted(found):
    wide = harms_table("Table 1", "Harms", found, found.terms, by_class=True).as_text()
    nausea = next(line for line in wide.splitlines() if "Nausea" in line)
    assert "Nausea | 2 (66.7 %) | 3 | 365.2 | 0·1·1·0·0 | 1 | 1 | 0 (0.0 %) | 0 | 0.0 |  | 0 | 0 | 66.7 (" in nausea
    assert "p-value" not in wide
    led = consequences_table("Table 2", found, found.terms).as_text()
    assert "Fall | 0 | 0 | 0 | 0 | 0 |  | 0 / 0 | 0 | 0 | 1 | 1 | 1 | 0 (1) | 0 / 1" in led
    times = timing_table("Table 3", found, found.terms).as_text()
    assert "Nausea | 1 [1, 2] | 1 | 30 [25, 35] | 1 d | 2 / 1" in times


def test_a_threshold_of_the_protocol_hides_no_name_and_no_serious_or_prespecified_event():
    """At 40 % of an arm only nausea and any serious term stay in the table; the rest are named under it."""
    many = (*EVENTS, {"USUBJID": "P6", "AEDECOD": "Rash", "ATOXGRN": 1, "day": 4})
    shown = harms(frames(ADAE=adae(many)), plan(frequency_threshold_percent=40.0), ARMS, reference="B")
    assert {row.term for row in shown.tabulated} == {"Nausea", "Fall"}
    text = harms_table("Table 1", "Harms", shown, shown.tabulated, by_class=True).as_text()
    assert "Tabulated: terms in at least 40 % of some arm" in text
    assert "Headache (1/3, 1/3); Rash (0/3, 1/3)" in text
    assert harms(frames(), plan(), ARMS).below_threshold == ()


def test_pooled_counts_are_the_sums_of_the_arms(found):
    whole = harms(frames(), plan(), pooled())
    for row in found.terms:
        mine = whole.row(row.term).groups[0]
        assert mine.events == sum(group.events for group in row.groups)
        assert mine.participants == row.participants
    assert whole.row("Nausea").differences == ()


RISKS = [c for c in cases("proportions_rates.json") if c["kind"] in ("riskdiff_MN_ratesci", "riskratio_MN_ratesci")]


@pytest.mark.parametrize("case", RISKS, ids=lambda case: case["call"][18:80])
def test_intervals_of_a_row_are_those_of_an_outside_package(case):
    """A trial is made with the counts of the case; what stands in the row is what ratesci for R says."""
    x1, n1, x0, n0 = (case["inputs"][name] for name in ("x1", "n1", "x2", "n2"))
    row = harms(_counts(x1, n1, x0, n0), plan(), ARMS, reference="B").row("Any adverse event")
    ours = row.ratios[0] if case["kind"].startswith("riskratio") else row.differences[0]
    if x1 == x0 == 0 and ours is None:
        assert case["result"]["est"] == "NA"
        return
    for name, value in (("est", ours.estimate), ("lower", ours.lower), ("upper", ours.upper)):
        assert value == pytest.approx(float(str(case["result"][name]).replace("Inf", "inf")), abs=1e-9)


def _counts(x1: int, n1: int, x0: int, n0: int):
    arms = {f"A{i}": "A" for i in range(n1)} | {f"B{i}": "B" for i in range(n0)}
    first = adsl_of(arms)
    had = [f"A{i}" for i in range(x1)] + [f"B{i}" for i in range(x0)]
    rows = adae(tuple({"USUBJID": code, "AEDECOD": "Rash", "ATOXGRN": 1, "day": 1, "TRTA": arms[code]} for code in had))
    return {"ADSL": first, "ADAE": rows}


def adsl_of(arms: dict[str, str]):
    names, groups = list(arms), list(arms.values())
    return pl.DataFrame({"USUBJID": names, "TRT01A": groups, "TRT01P": groups, "SAFFL": ["Y"] * len(names)})
