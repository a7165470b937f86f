"""The protocol's subgroups in the report of the final look."""

import dataclasses
import io

import polars as pl
import pypdf
import pytest

from reports.analyses.groups import by_arm
from reports.analyses.subgroups import primary_subgroups
from reports.context import SubgroupPlan
from reports.documents.closed_session import closed_session
from reports.plan import plan_from_protocol
from trial.protocol.loader import shipped_protocol
from trial.statistics import ancova

ARMS = by_arm(("A", "B"))
NAMED = (
    SubgroupPlan("Sex", "field", "sex"),
    SubgroupPlan("Age below 50", "field", "age_years", "<", 50.0),
    SubgroupPlan("Pain type", "factor", "pain_type"),
    SubgroupPlan("Site", "site"),
    SubgroupPlan("High interference", "baseline_score", "pain_interference", ">=", 66.0),
    SubgroupPlan("Shoe size", "field", "shoe_size"),
)


@pytest.fixture(scope="module")
def plan(context):
    return dataclasses.replace(context.plan, subgroups=NAMED)


def test_the_protocol_s_subgroups_reach_the_plan():
    named = plan_from_protocol(shipped_protocol("keta-pain")).subgroups
    assert [one.by for one in named] == ["factor", "factor", "baseline_score", "field", "field", "site"]
    assert named[2] == SubgroupPlan("Baseline depression T of 60 or more", "baseline_score", "depression", ">=", 60.0)
    assert named[4].source == "age_years"


def test_each_subgroup_has_its_rows_and_everybody_is_in_one(frames, plan):
    found = primary_subgroups(frames, plan, ARMS, reference="B")
    assert found.left_out == ("Shoe size",)
    rows = found.forest.rows
    counted = {label: sum(r.n + r.n_reference for r in rows if r.subgroup == label) for label in ("Sex", "Site")}
    assert len(set(counted.values())) == 1
    assert {r.level for r in rows if r.subgroup == "Age below 50"} <= {"yes", "no", "not recorded"}


def test_the_overall_difference_is_that_of_the_covariance_analysis(frames, plan):
    found = primary_subgroups(frames, plan, ARMS, reference="B").forest.overall[0]
    rows = (
        frames["ADQS"]
        .filter(
            (pl.col("DOMAINNM") == "pain_interference") & (pl.col("AVISIT") == "Month 3") & pl.col("CHG").is_not_null()
        )
        .join(frames["ADSL"].select("USUBJID", "STRAT1R", "STRAT2R"), on="USUBJID")
    )
    direct = ancova(
        rows["CHG"].to_numpy(), rows["TRTP"].to_list(), reference="B", covariates={"b": rows["BASE"].to_numpy()},
        factors={"one": rows["STRAT1R"].to_list(), "two": rows["STRAT2R"].to_list()},
    )  # fmt: skip
    assert found.difference == pytest.approx(direct.contrast.difference, abs=1e-9)


def test_what_cannot_be_compared_is_said(frames, plan):
    found = primary_subgroups(frames, plan, by_arm(("A", "B", "C")), reference="C")
    assert found.forest is None
    assert found.problem


def test_the_final_look_draws_the_forest_and_an_interim_look_does_not(snapshot, treatments, context, plan):
    def told(planned):
        changed = dataclasses.replace(context, plan=plan, look=1, planned_participants=planned)
        data = closed_session(snapshot, changed, treatments, reference="B")
        return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)

    final = told(60)
    assert "Differences within subgroups" in final
    assert "Subgroups that the datasets cannot show: Shoe size." in " ".join(final.split())
    assert "Differences within subgroups" not in told(240)
