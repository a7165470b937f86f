"""Harms: counted again from the snapshot, and on an outside trial against its published counts."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyreadstat
import pytest

from reports.analyses.groups import by_arm, pooled
from reports.analyses.harms import ANY, ANY_SERIOUS, harms
from reports.analyses.harms.by_infusion import special_interest_by_infusion
from reports.analyses.harms.first_events import SERIOUS, first_events
from reports.analyses.harms.severity import severity_points
from reports.analyses.stopping import harm_rule_states
from reports.documents.common import all_frames
from reports.figures.canvas import as_pdf
from reports.figures.dots import dot_picture
from reports.figures.first_events import first_events_picture
from reports.figures.severity import severity_picture
from reports.tables.harms import consequences_table, harms_table, timing_table
from tests.reports.factory import AESI

PILOT = Path(__file__).parents[2] / "data" / "cdiscpilot"


@pytest.fixture(scope="module")
def found(frames, context):
    return harms(frames, context.plan, by_arm(("A", "B")), reference="B")


def treated(snapshot, treatments, arm):
    arms = dict(zip(treatments["participant"], treatments["arm"], strict=True))
    people = snapshot["participants"].filter(pl.col("first_dose_at").is_not_null())["participant"]
    return {code for code in people if arms.get(code) == arm}


def test_counts_by_term_agree_with_a_count_of_the_snapshot(found, snapshot, treatments):
    events = list(snapshot["adverse_events"].iter_rows(named=True))
    for row in found.terms:
        for label, group in zip(("A", "B"), row.groups, strict=True):
            people = treated(snapshot, treatments, label)
            mine = [e for e in events if e["term"] == row.term and e["participant"] in people]
            assert group.at_risk == len(people)
            assert group.events == len(mine)
            assert group.participants == len({e["participant"] for e in mine})
            assert group.serious == len({e["participant"] for e in mine if e["serious"]})
            assert group.related == len({e["participant"] for e in mine if e["related"]})
            worst = {}
            for e in mine:
                worst[e["participant"]] = max(worst.get(e["participant"], 0), e["grade"])
            assert group.worst_grades == tuple(list(worst.values()).count(g) for g in range(1, 6))


def test_every_prespecified_event_has_a_row_with_its_zero_and_upper_limit(found):
    assert [row.term for row in found.special] == list(AESI)
    never = found.row("Seizure")
    for group in never.groups:
        assert (group.participants, group.events) == (0, 0)
        assert group.upper_limit is not None
        assert group.upper_limit.upper == pytest.approx(1 - 0.05 ** (1 / group.at_risk))


def test_differences_are_arm_minus_reference_and_hold_the_observed_one(found):
    assert found.compared == (("A", "B"),)
    for row in found.terms:
        estimate = row.differences[0]
        a, b = row.groups
        assert estimate.estimate == pytest.approx(a.share - b.share)
        assert estimate.lower <= estimate.estimate <= estimate.upper


def test_attack_subtracting_rows_from_totals_of_the_open_table_tells_no_special_event(naive, context):
    """In the open table the total of events is the sum of its rows: nothing is left over to be computed."""
    shown = harms(naive, context.plan, pooled(), withhold_special=True)
    assert shown.special == ()
    assert not {row.term for row in shown.terms} & {"Nausea", "Dizziness", "Hypertension", "Hallucinations"}
    assert shown.row(ANY).groups[0].events == sum(row.groups[0].events for row in shown.terms)


def test_harms_of_any_snapshot_can_be_told(case, context):
    snapshot, treatments = case
    frames = all_frames(snapshot, context, "unblinded", treatments)
    for grouping in (pooled(), by_arm(("A", "B"))):
        found = harms(frames, context.plan, grouping)
        assert len(found.overall) == 5
        assert len(found.special) >= len(AESI)


def pilot(name):
    frame, _ = pyreadstat.read_xport(str(PILOT / f"{name}.xpt"), encoding="WINDOWS-1252", output_format="polars")
    return frame


def test_an_outside_trial_gives_its_published_counts(context):
    frames = {"ADSL": pilot("adsl"), "ADAE": pilot("adae")}
    arms = ("Placebo", "Xanomeline Low Dose", "Xanomeline High Dose")
    found = harms(frames, context.plan, by_arm(arms), reference="Placebo")
    assert found.at_risk == (86, 84, 84)
    assert [(g.participants, g.events) for g in found.row(ANY).groups] == [(65, 281), (77, 412), (76, 433)]
    assert [g.participants for g in found.row(ANY_SERIOUS).groups] == [0, 1, 2]
    assert [(g.participants, g.events) for g in found.row("PRURITUS").groups] == [(8, 11), (21, 31), (26, 38)]
    assert found.row(ANY).groups[0].related is None or found.row(ANY).groups[0].related >= 0


def test_an_outside_trial_lacks_what_we_record_and_still_runs_through(context):
    """Its ADAE has no toxicity grade, no infusion, no relation flag: these are unknown, not zero; the rest is counted."""
    frames = {"ADSL": pilot("adsl"), "ADAE": pilot("adae")}
    arms = by_arm(("Placebo", "Xanomeline Low Dose", "Xanomeline High Dose"))
    found = harms(frames, context.plan, arms, reference="Placebo")
    assert [(arm, base) for arm, base in found.compared] == [(arm, "Placebo") for arm in arms.labels[1:]]
    adsl = frames["ADSL"].filter(pl.col("SAFFL") == "Y")
    days = (adsl["RFENDT"] - adsl["TRTSDT"]).dt.total_days() + 1
    assert sum(one.person_years for one in found.exposure) == pytest.approx(days.sum() / 365.25)
    assert {one.infusions for one in found.exposure} == {None}
    itching = found.row("PRURITUS").groups[2]
    assert (itching.related, itching.skipped_doses, itching.study_withdrawals, itching.systematic) == (None,) * 4
    assert itching.serious == 0
    assert itching.onset.duration_known > 0
    rows = frames["ADAE"].filter((pl.col("TRTEMFL") == "Y") & (pl.col("AEDECOD") == "PRURITUS"))
    first = (
        rows.group_by("USUBJID")
        .agg(pl.col("ASTDT").min())
        .join(adsl.select("USUBJID", "TRTSDT", "TRT01A"), on="USUBJID")
    )
    assert itching.participants == first.filter(pl.col("TRT01A") == "Xanomeline High Dose").height
    serious = first_events(frames, arms, SERIOUS)
    assert [one.participants for one in serious] == [0, 1, 2]
    assert [group.points for group in severity_points(frames, arms)] == [(), (), ()]
    assert special_interest_by_infusion(frames, context.plan, arms).rows == ()
    assert "PRURITUS" in harms_table("Table 1", "Harms", found, found.terms, by_class=True).as_text()
    assert "PRURITUS" in consequences_table("Table 2", found, found.terms).as_text()
    assert "PRURITUS" in timing_table("Table 3", found, found.terms).as_text()
    for picture in (dot_picture(found, comparison=1), first_events_picture(serious), severity_picture(())):
        assert as_pdf(picture).startswith(b"%PDF")


def test_bounds_on_harm_count_what_the_rules_say(frames, context, snapshot, treatments):
    states = harm_rule_states(frames, context.plan, by_arm(("A", "B")))
    assert [(s.rule.name, s.group) for s in states] == [("death", "all"), ("pair", "all"), ("rate", "A"), ("rate", "B")]
    people = treated(snapshot, treatments, "A") | treated(snapshot, treatments, "B")
    events = [e for e in snapshot["adverse_events"].iter_rows(named=True) if e["participant"] in people]
    related = [e["term"] for e in events if e["serious"] and e["related"]]
    most = max((related.count(term) for term in related), default=0)
    assert states[1].observed == most
    assert states[1].reached == (most >= 2)
    special = {e["participant"] for e in events if e["serious"] and e["aesi"]}
    assert states[2].observed + states[3].observed == len(special)
