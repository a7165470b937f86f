"""The CONSORT flow: its sums, and its numbers counted again from the snapshot."""

from __future__ import annotations

import dataclasses
from datetime import date

import polars as pl
import pytest

from reports.analyses.disposition import FlowDoesNotAddUp, Reasons, check_flow, participant_flow
from reports.analyses.enrolment import enrolment, expected_on
from reports.analyses.groups import UnknownArmLabel, by_arm, pooled
from reports.documents.common import all_frames
from reports.figures.flow import _randomized
from reports.tables.conduct import flow_table


@pytest.fixture(scope="module")
def flow(frames, context):
    return participant_flow(frames, context.plan, by_arm(("A", "B")))


def test_the_numbers_agree_with_a_count_of_the_snapshot(flow, snapshot, treatments):
    people = list(snapshot["participants"].iter_rows(named=True))
    arms = dict(zip(treatments["participant"], treatments["arm"], strict=True))
    assert flow.assessed == len(people)
    assert flow.randomized == sum(p["randomized_at"] is not None for p in people)
    assert flow.excluded.total == sum(p["exclusion_kind"] is not None for p in people)
    for arm in flow.arms:
        mine = [p for p in people if arms.get(p["participant"]) == arm.label]
        assert arm.allocated == len(mine)
        assert arm.received == sum(p["first_dose_at"] is not None for p in mine)
        assert arm.discontinued.total == sum(p["treatment_end"] == "discontinued" for p in mine)


def test_who_is_analysed_has_a_baseline_and_a_score_at_the_primary_visit(flow, snapshot, treatments):
    arms = dict(zip(treatments["participant"], treatments["arm"], strict=True))
    has = {
        visit: {
            r["participant"]
            for r in snapshot["scores"].iter_rows(named=True)
            if r["visit"] == visit and r["domain"] == "pain_interference"
        }
        for visit in ("baseline", "month_3")
    }
    both = has["baseline"] & has["month_3"]
    for arm in flow.arms:
        assert arm.analysed == sum(arms.get(code) == arm.label for code in both)


def test_the_pooled_flow_is_the_sum_of_the_arms(flow, naive, context):
    whole = participant_flow(naive, context.plan, pooled()).arms[0]
    for name in ("allocated", "received", "analysed"):
        assert getattr(whole, name) == sum(getattr(arm, name) for arm in flow.arms)


@pytest.mark.parametrize("name", ["assessed", "randomized", "in_screening"])
def test_a_flow_that_does_not_add_up_is_refused(flow, name):
    with pytest.raises(FlowDoesNotAddUp):
        check_flow(dataclasses.replace(flow, **{name: getattr(flow, name) + 1}))


@pytest.mark.parametrize("name", ["received", "analysed"])
def test_an_arm_that_does_not_add_up_is_refused(flow, name):
    arm = dataclasses.replace(flow.arms[0], **{name: getattr(flow.arms[0], name) + 1})
    with pytest.raises(FlowDoesNotAddUp):
        check_flow(dataclasses.replace(flow, arms=(arm, *flow.arms[1:])))


def test_reasons_that_do_not_add_up_are_refused(flow):
    arm = dataclasses.replace(flow.arms[0], lost=Reasons(1, ()))
    with pytest.raises(FlowDoesNotAddUp):
        check_flow(dataclasses.replace(flow, arms=(arm, *flow.arms[1:])))


def test_an_arm_that_the_report_was_not_told_of_is_refused(frames, context):
    with pytest.raises(UnknownArmLabel):
        participant_flow(frames, context.plan, by_arm(("A",)))


def test_any_snapshot_gives_a_flow_that_adds_up(case, context):
    snapshot, treatments = case
    frames = all_frames(snapshot, context, "unblinded", treatments)
    check_flow(participant_flow(frames, context.plan, by_arm(("A", "B"))))


def test_enrolment_by_site_adds_up_to_the_whole(frames, snapshot, context, flow):
    found = enrolment(frames, snapshot["sites"], context)
    assert sum(site.randomized for site in found.sites) == found.randomized == flow.randomized
    assert sum(site.assessed for site in found.sites) == flow.assessed
    assert sum(randomized for _, _, randomized in found.by_month) == flow.randomized
    assert found.points[-1][1] == flow.randomized
    assert sum(number for _, _, number in found.exclusions) == flow.excluded.total


def test_the_expected_course_is_straight_between_its_points():
    course = ((date(2026, 1, 1), 0), (date(2026, 1, 11), 20), (date(2026, 2, 1), 20))
    assert [expected_on(course, date(2026, 1, day)) for day in (1, 6, 11, 20)] == [0, 10, 20, 20]
    assert expected_on(course, date(2027, 1, 1)) == 20
    assert expected_on((), date(2026, 1, 1)) is None


def test_replacements_are_counted_among_those_randomized_with_those_whom_they_replace(context, snapshot, flow):
    people = snapshot["participants"]
    first, second = people.filter(pl.col("randomized_at").is_not_null())["participant"].to_list()[:2]
    waiting = people.filter(pl.col("randomized_at").is_null())["participant"][0]
    standing = pl.DataFrame({"participant": [second, waiting], "replaces": [first, second]})
    frames = all_frames({**snapshot, "replacements": standing}, context, "naive")
    told = participant_flow(frames, context.plan, pooled())
    assert (told.replacements, told.randomized, flow.replacements) == (1, flow.randomized, 0)
    assert "As replacements (n = 1)" in "".join(_randomized(told).lines)
    assert "Replacements among those randomized: 1." in flow_table("Table 1", told).as_text()
    with pytest.raises(FlowDoesNotAddUp, match="Everybody randomized"):
        check_flow(dataclasses.replace(flow, replacements=flow.randomized))
    elsewhere = {**frames, "ADSL": frames["ADSL"].drop("REPLSUBJ")}
    assert participant_flow(elsewhere, context.plan, pooled()).replacements == 0


def test_randomization_errors_are_counted_by_kind_and_nobody_leaves_the_flow(frames, context, snapshot):
    flow = participant_flow(frames, context.plan, pooled())
    told = snapshot["randomization_errors"].group_by("kind").len().sort("kind").rows()
    words = {"in_error": "RANDOMIZED IN ERROR", "wrong_stratum": "WRONG STRATUM USED"}
    assert dict(flow.errors) == {words[kind]: number for kind, number in told}
    assert flow.randomized == snapshot["participants"].filter(pl.col("randomized_at").is_not_null()).height
    with pytest.raises(FlowDoesNotAddUp, match="More participants"):
        check_flow(dataclasses.replace(flow, errors=(("RANDOMIZED TWICE", flow.randomized + 1),)))
