"""The protocol's sensitivity analyses in the reports."""

from __future__ import annotations

import dataclasses
import io

import polars as pl
import pypdf
import pytest

from reports.analyses import sensitivity as room
from reports.analyses.efficacy import efficacy, primary_sensitivity
from reports.analyses.groups import by_arm, pooled
from reports.context import SensitivityPlan
from reports.documents.closed_session import closed_session
from reports.plan import plan_from_protocol
from reports.tables.outcomes import sensitivity_table
from trial.protocol import shipped_protocol

ARMS = by_arm(("A", "B"))
NAMED = (
    SensitivityPlan("jump_to_reference", "Jump to reference"),
    SensitivityPlan("delta_tipping", "Tipping point", (0.0, 2.0, 5.0)),
    SensitivityPlan("ancova", "ANCOVA"),
)


@pytest.fixture(scope="module", autouse=True)
def few_imputations():
    before = room.IMPUTATIONS
    room.IMPUTATIONS = 20
    yield
    room.IMPUTATIONS = before


@pytest.fixture(scope="module")
def plan(context):
    visits = ("month_1", "month_3", "month_6")
    return dataclasses.replace(context.plan, model="mmrm", analysis_visits=visits, sensitivity=NAMED)


def rows_of(frames, plan, grouping=ARMS, seed="abc"):
    return primary_sensitivity(frames, plan, grouping, reference="B", snapshot_hash=seed)


def test_the_shipped_protocol_names_its_analyses():
    named = plan_from_protocol(shipped_protocol("keta-pain")).sensitivity
    assert [one.method for one in named] == ["jump_to_reference", "delta_tipping", "ancova"]
    assert named[1].deltas == (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)


def test_each_analysis_has_its_row_in_the_plan_s_order(frames, plan):
    found = rows_of(frames, plan)
    assert [row.label for row in found] == [
        "Jump to reference",
        "Tipping point: worse by 0",
        "Tipping point: worse by 2",
        "Tipping point: worse by 5",
        "ANCOVA (complete cases)",
    ]
    assert all(row.found[0] is not None and not row.problem for row in found)


def test_complete_cases_are_the_covariance_analysis_of_the_visit(frames, plan):
    ancova = efficacy(
        frames, dataclasses.replace(plan, model="ancova"), ARMS, "pain_interference", "month_3", reference="B"
    ).model.contrast
    assert rows_of(frames, plan)[-1].found[0] == ancova


def test_a_worse_delta_moves_the_arm_by_the_share_that_was_imputed(frames, plan):
    none, two, five = (row.found[0].estimate for row in rows_of(frames, plan)[1:4])
    assert two > none
    assert five - none == pytest.approx(2.5 * (two - none), rel=1e-9)
    higher = dataclasses.replace(
        plan, scales=tuple(dataclasses.replace(scale, higher_is_better=True) for scale in plan.scales)
    )
    turned = [row.found[0].estimate for row in rows_of(frames, higher)[1:3]]
    assert turned[1] - turned[0] == pytest.approx(-(two - none), rel=1e-9)


def test_equal_snapshots_give_equal_numbers_and_another_snapshot_others(frames, plan):
    assert rows_of(frames, plan) == rows_of(frames, plan)
    assert rows_of(frames, plan)[0] != rows_of(frames, plan, seed="other")[0]


def test_who_was_never_seen_again_is_imputed_too(frames, plan, monkeypatch):
    everybody = frames["ADQS"].filter((pl.col("DOMAINNM") == "pain_interference") & (pl.col("ABLFL") == "Y"))
    randomized = frames["ADSL"].filter(pl.col("RANDFL") == "Y").select("USUBJID")
    with_baseline = everybody.select("USUBJID").unique().join(randomized, on="USUBJID").height
    fewer = frames["ADQS"].filter(
        ~(pl.col("USUBJID").is_in(randomized["USUBJID"].to_list()[:10]) & pl.col("CHG").is_not_null())
    )
    seen = []
    impute = room.impute
    monkeypatch.setattr(room, "impute", lambda change, *a, **k: seen.append(change.shape) or impute(change, *a, **k))
    rows_of({**frames, "ADQS": fewer}, plan)
    assert seen == [(with_baseline, 3)] * 2


def test_what_cannot_be_imputed_is_said_and_the_rest_stands(frames, plan):
    few = frames["ADSL"].filter(pl.col("RANDFL") == "Y").head(9)["USUBJID"].to_list()
    small = {**frames, "ADQS": frames["ADQS"].filter(pl.col("USUBJID").is_in(few))}
    found = rows_of(small, plan)
    assert found[0].problem or found[0].found[0] is not None
    unknown = dataclasses.replace(plan, sensitivity=(SensitivityPlan("worst_case", "Worst case"),))
    assert rows_of(frames, unknown)[0].problem == "Equipoise does not compute this analysis."


def test_without_arms_or_analyses_there_is_nothing(frames, plan, context):
    assert rows_of(frames, plan, pooled()) == ()
    assert rows_of(frames, context.plan) == ()


def test_the_table_sets_them_beside_the_primary_analysis(frames, plan):
    result = efficacy(frames, plan, ARMS, "pain_interference", "month_3", reference="B")
    table = sensitivity_table("Table 9", result, rows_of(frames, plan))
    assert [row.cells[0] for row in table.rows][:2] == ["Primary", "Jump to reference"]
    assert len(table.rows[0].cells) == len(table.columns) == 3


def test_the_final_look_s_report_has_the_table_and_an_interim_one_has_not(snapshot, treatments, context, plan):
    def text(planned):
        told = dataclasses.replace(context, plan=plan, look=1, planned_participants=planned)
        pdf = closed_session(snapshot, told, treatments, labels=("A", "B"), reference="B")
        return " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)

    assert "Sensitivity analyses of the primary comparison" in text(60)
    assert "Sensitivity analyses" not in text(240)
