"""The protocol's model in the reports: the mixed model where it is named, and less where the data cannot bear it."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from reports.analyses.efficacy import efficacy
from reports.analyses.groups import by_arm
from reports.analyses.interim import interim_looks
from reports.documents.common import all_frames
from reports.plan import plan_from_protocol
from reports.tables.outcomes import efficacy_table, visits_table
from tests.reports.factory import make_snapshot
from trial.protocol import shipped_protocol
from trial.statistics.linear import ancova
from trial.statistics.mixed_models import mmrm

ARMS = by_arm(("A", "B"))
VISITS = ("month_1", "month_3", "month_6")


@pytest.fixture(scope="module")
def plan(context):
    return dataclasses.replace(context.plan, model="mmrm", analysis_visits=VISITS)


def primary(frames, plan, **changed):
    return efficacy({**frames, **changed}, plan, ARMS, "pain_interference", "month_3", reference="B")


def changes(frames):
    rows = frames["ADQS"].filter(
        (pl.col("DOMAINNM") == "pain_interference")
        & pl.col("AVISIT").is_in(["Month 1", "Month 3", "Month 6"])
        & (pl.col("ANL01FL") == "Y")
        & pl.col("CHG").is_not_null()
    )
    return rows.join(frames["ADSL"].select("USUBJID", "SITEID", "STRAT1R", "STRAT2R"), on="USUBJID", suffix="_")


def test_shipped_protocols_name_the_mixed_model_and_their_plans_say_so():
    plan = plan_from_protocol(shipped_protocol("keta-pain"))
    assert (plan.model, plan.analysis_visits) == ("mmrm", ("M1", "M3", "M6"))
    assert (plan.covariance, plan.degrees_of_freedom) == ("unstructured", "kenward_roger")


def test_the_primary_comparison_is_the_mixed_model_of_all_visits(frames, plan):
    rows = changes(frames)
    fit = mmrm(
        rows["CHG"].to_numpy(),
        participant=rows["USUBJID"].to_list(),
        visit=rows["AVISIT"].to_list(),
        arm=rows["TRTP"].to_list(),
        reference="B",
        covariates={"baseline": rows["BASE"].to_numpy()},
        factors={name: rows[name].to_list() for name in ("SITEID", "STRAT1R", "STRAT2R")},
    )
    ours, theirs = primary(frames, plan), fit.contrast("Month 3")
    contrast = ours.model.contrast
    assert contrast.difference == pytest.approx(theirs.difference, rel=1e-8)
    assert (contrast.standard_error, contrast.df) == pytest.approx((theirs.standard_error, theirs.df), rel=1e-7)
    assert ours.adjusted_for == ("baseline score by visit", "site", "baseline opioid", "pain type")
    assert ours.model.departure == ""


def test_the_look_reads_the_mixed_model(frames, plan, context):
    look = interim_looks(primary(frames, plan), dataclasses.replace(context, plan=plan), oriented=True)[0]
    assert look.z is not None
    assert look.result is not None


def test_its_table_has_every_visit_and_the_note_says_the_model(frames, plan):
    result = primary(frames, plan)
    by_visit = visits_table("Table 2", result, result.model.by_visit)
    assert [row.cells[0] for row in by_visit.rows] == ["Month 1", "Month 3", "Month 6"]
    assert [row.kind for row in by_visit.rows] == ["body", "total", "body"]
    assert "Arm by visit: F(2" in " ".join(by_visit.footnotes)
    note = " ".join(efficacy_table("Table 1", result).footnotes)
    assert "unstructured covariance, Kenward–Roger" in note
    assert "over month 1, month 3 and month 6" in note


def test_a_visit_that_nobody_has_reached_is_left_out(frames, plan):
    early = frames["ADQS"].filter(pl.col("AVISIT") != "Month 6")
    result = primary(frames, plan, ADQS=early)
    assert result.model.by_visit.visits == ("Month 1", "Month 3")
    assert result.model.departure == ""


def test_a_later_visit_with_hardly_anybody_is_left_out_and_said(frames, plan):
    at_last = (pl.col("AVISIT") == "Month 6") & (pl.col("DOMAINNM") == "pain_interference")
    one = frames["ADQS"].filter(at_last & (pl.col("ANL01FL") == "Y") & pl.col("CHG").is_not_null())["USUBJID"][0]
    result = primary(frames, plan, ADQS=frames["ADQS"].filter(~at_last | (pl.col("USUBJID") == one)))
    assert result.model.by_visit.visits == ("Month 1", "Month 3")
    assert "only one participant has an outcome" in result.model.departure


def test_with_the_primary_visit_alone_it_is_the_analysis_of_covariance(frames, plan):
    alone = frames["ADQS"].filter(pl.col("AVISIT").is_in(["Baseline", "Month 3"]))
    rows = changes(frames).filter(pl.col("AVISIT") == "Month 3")
    one = ancova(
        rows["CHG"].to_numpy(),
        rows["TRTP"].to_list(),
        reference="B",
        covariates={"b": rows["BASE"].to_numpy()},
        factors={name: rows[name].to_list() for name in ("SITEID", "STRAT1R", "STRAT2R")},
    )
    contrast = primary(frames, plan, ADQS=alone).model.contrast
    assert contrast.difference == pytest.approx(one.contrast.difference, rel=1e-8)
    assert contrast.p_value == pytest.approx(one.contrast.p_value, rel=1e-6)


def test_where_the_mixed_model_cannot_be_fitted_covariance_analysis_says_why(frames, plan):
    twice = frames["ADQS"].filter(pl.col("AVISIT") == "Month 3").with_columns(AVISIT=pl.lit("Month 1"))
    copied = pl.concat([frames["ADQS"].filter(pl.col("AVISIT") != "Month 1"), twice])
    result = primary(frames, plan, ADQS=copied)
    assert result.model.by_visit is None
    assert result.model.method.startswith("analysis of covariance")
    assert "could not be fitted" in result.model.departure
    assert "singular" in result.model.departure


def test_a_trial_without_scores_says_so_in_words(context, plan):
    empty = all_frames(make_snapshot(20, seed=2, all_missing=True), context, "naive")
    result = primary(empty, plan, ADSL=empty["ADSL"].with_columns(TRT01P=pl.lit(None, pl.String)))
    assert result.model is None
    assert result.problem
    assert result.adjusted_for == ()


def test_the_order_of_rows_changes_no_number(frames, plan):
    mixed = frames["ADQS"].sample(fraction=1.0, shuffle=True, seed=4)
    one, other = primary(frames, plan).model.contrast, primary(frames, plan, ADQS=mixed).model.contrast
    assert dataclasses.astuple(one) == dataclasses.astuple(other)


def test_responders_are_compared_over_the_strata_where_the_protocol_says_so(frames, plan):
    stratified = primary(frames, dataclasses.replace(plan, responders="mantel_haenszel_risk_difference"))
    rows = changes(frames).filter(pl.col("AVISIT") == "Month 3")
    strata = sorted(set(rows.select("SITEID", "STRAT1R", "STRAT2R").iter_rows()))
    for place, least in enumerate((2, 3, 5)):
        above = weight = 0.0
        for stratum in strata:
            here = rows.filter(
                (pl.col("SITEID") == stratum[0]) & (pl.col("STRAT1R") == stratum[1]) & (pl.col("STRAT2R") == stratum[2])
            )
            met = {a: sum(-c >= least - 1e-9 for c in here.filter(pl.col("TRTP") == a)["CHG"]) for a in "AB"}
            of = {a: here.filter(pl.col("TRTP") == a).height for a in "AB"}
            if of["A"] and of["B"]:
                share = of["A"] * of["B"] / (of["A"] + of["B"])
                above += share * (met["A"] / of["A"] - met["B"] / of["B"])
                weight += share
        assert stratified.responders[place].differences[0].estimate == pytest.approx(above / weight, abs=1e-12)
    note = " ".join(efficacy_table("Table 1", stratified).footnotes)
    assert "Mantel–Haenszel risk difference, Sato variance" in note
    assert "Miettinen–Nurminen" in " ".join(efficacy_table("Table 1", primary(frames, plan)).footnotes)
