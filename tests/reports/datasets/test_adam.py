"""ADaM against a slow second derivation from the snapshot's own rows."""

from __future__ import annotations

import dataclasses
from datetime import date

import polars as pl
import pytest

from reports.datasets.adam import ADAM_DATASETS, build_adam
from reports.datasets.sdtm import build_sdtm
from tests.reports.factory import make_context, make_plan, table


@pytest.fixture(scope="module")
def plan():
    return make_plan()


@pytest.fixture(scope="module")
def adam(snapshot, treatments, plan):
    return build_adam(build_sdtm(snapshot, "unblinded", treatments), snapshot, plan, "unblinded")


def slow_baseline(rows):
    """Last score at the baseline visit: by date, then by repetition."""
    found = {}
    for row in sorted(rows, key=lambda r: (r["answered_on"], r["repeat"])):
        if row["visit"] == "baseline" and row["score"] is not None:
            found[row["participant"], row["domain"]] = row["score"]
    return found


def test_population_flags_follow_the_snapshot(adam, snapshot):
    people = {row["participant"]: row for row in snapshot["participants"].iter_rows(named=True)}
    for row in adam["ADSL"].iter_rows(named=True):
        person = people[row["SUBJID"]]
        assert row["ITTFL"] == ("Y" if person["randomized_at"] else "N")
        assert row["SAFFL"] == ("Y" if person["first_dose_at"] else "N")
        assert row["EXNUM"] == person["doses_given"]
        assert (row["EXCLCAT"] is not None) == (person["exclusion_kind"] is not None)


def test_ends_of_treatment_and_study_follow_the_snapshot(adam, snapshot):
    people = {row["participant"]: row for row in snapshot["participants"].iter_rows(named=True)}
    words = {"completed": "COMPLETED", "discontinued": "DISCONTINUED", "not_started": "NOT STARTED"}
    for row in adam["ADSL"].filter(pl.col("RANDFL") == "Y").iter_rows(named=True):
        person = people[row["SUBJID"]]
        if person["treatment_end"]:
            assert row["EOTSTT"] == words[person["treatment_end"]]
        else:
            assert row["EOTSTT"] in ("ONGOING", "AWAITED")
        ended = person["study_end"]
        assert row["EOSSTT"] == ("COMPLETED" if ended == "completed" else "DISCONTINUED" if ended else "ONGOING")


def test_baseline_and_change_agree_with_a_slow_derivation(adam, snapshot):
    base = slow_baseline(snapshot["scores"].iter_rows(named=True))
    rows = adam["ADQS"].filter(pl.col("DTYPE").is_null())
    assert rows.height == snapshot["scores"].height
    for row in rows.iter_rows(named=True):
        expected = base.get((row["SUBJID"], row["DOMAINNM"]))
        assert row["BASE"] == expected
        if row["AVISIT"] == "Baseline" or expected is None:
            assert row["CHG"] is None
        else:
            assert row["CHG"] == pytest.approx(row["AVAL"] - expected)


def test_an_improvement_is_positive_whichever_way_the_scale_runs(adam):
    known = adam["ADQS"].filter(pl.col("CHG").is_not_null())
    for row in known.iter_rows(named=True):
        sign = 1 if row["DOMAINNM"] == "physical_function" else -1
        assert row["IMPROVE"] == pytest.approx(sign * row["CHG"])


def test_responders_at_each_threshold_are_counted_right(adam):
    known = adam["ADQS"].filter(pl.col("CHG").is_not_null())
    for row in known.iter_rows(named=True):
        if row["DOMAINNM"] == "pain_intensity":
            expected = [row["IMPROVE"] >= share * row["BASE"] - 1e-9 for share in (0.3, 0.5)]
        else:
            expected = [row["IMPROVE"] >= amount - 1e-9 for amount in (2, 3, 5)]
        for number, met in enumerate(expected, start=1):
            assert row[f"CRIT{number}FL"] == ("Y" if met else "N")


def test_one_record_for_each_scale_and_visit_is_analysed(adam):
    analysed = adam["ADQS"].filter(pl.col("ANL01FL") == "Y")
    assert analysed.group_by("USUBJID", "PARAMCD", "AVISIT").len()["len"].max() == 1
    assert adam["ADQS"].filter(pl.col("ABLFL") == "Y").group_by("USUBJID", "PARAMCD").len()["len"].max() == 1


def test_a_mean_of_repeated_baselines_is_a_row_of_its_own(snapshot, treatments, plan):
    mean = dataclasses.replace(plan, baseline_if_repeated="mean")
    frames = build_adam(build_sdtm(snapshot, "unblinded", treatments), snapshot, mean, "unblinded")
    base = frames["ADQS"].filter((pl.col("ABLFL") == "Y") & (pl.col("DTYPE") == "AVERAGE"))
    assert base.height > 0
    row = base.row(0, named=True)
    scores = snapshot["scores"].filter(
        (pl.col("participant") == row["SUBJID"])
        & (pl.col("domain") == row["DOMAINNM"])
        & (pl.col("visit") == "baseline")
    )["score"]
    assert row["BASE"] == pytest.approx(scores.mean())


def test_death_counts_as_the_worst_score_at_later_visits_that_have_come(snapshot, treatments, plan):
    tables = dict(snapshot)
    dead = tables["participants"].filter(pl.col("randomized_at").is_not_null())["participant"][0]
    died = tables["visits"].filter((pl.col("participant") == dead) & (pl.col("visit") == "month_1"))["planned_on"][0]
    mine = pl.col("participant") == dead
    tables["participants"] = tables["participants"].with_columns(
        died_on=pl.when(mine).then(pl.lit(died)).otherwise(pl.col("died_on"))
    )
    later = mine & pl.col("visit").is_in(["month_1", "month_3"])
    tables["visits"] = tables["visits"].with_columns(
        status=pl.when(later).then(pl.lit("not_expected")).otherwise(pl.col("status"))
    )
    tables["scores"] = tables["scores"].filter(~later)
    frames = build_adam(build_sdtm(tables, "unblinded", treatments), tables, plan, "unblinded")
    rows = frames["ADQS"].filter((pl.col("SUBJID") == dead) & (pl.col("DTYPE") == "DEATH"))
    assert rows["AVISIT"].to_list() == ["Month 1", "Month 3"]
    assert rows["AVAL"].to_list() == [75.6, 75.6]
    assert set(rows["DOMAINNM"]) == {"pain_interference"}


def test_an_event_of_partly_unknown_date_is_not_hidden(snapshot, treatments, plan):
    tables = dict(snapshot)
    person = tables["participants"].filter(pl.col("first_dose_at").is_not_null()).row(0, named=True)
    first = person["first_dose_at"]
    base = {"participant": person["participant"], "term": "Nausea", "verbatim": "nausea", "grade": 1, "serious": False}
    dates = {1: f"{first:%Y-%m}", 2: f"{first.year - 1}", 3: None, 4: f"{first.year + 1}-01-01T00:00"}
    tables["adverse_events"] = table("adverse_events", [{**base, "event": n, "onset": d} for n, d in dates.items()])
    frames = build_adam(build_sdtm(tables, "unblinded", treatments), tables, plan, "unblinded")
    assert frames["ADAE"].sort("AESEQ")["TRTEMFL"].to_list() == ["Y", "N", "Y", "Y"]


def test_visits_are_told_apart_at_the_cut_off(snapshot, plan):
    tables = dict(snapshot)
    code = tables["participants"].filter(pl.col("randomized_at").is_not_null())["participant"][0]
    rows = [
        {
            "participant": code,
            "visit": f"v{n}",
            "order": n,
            "planned_on": day,
            "window_from": day,
            "window_to": day,
            "status": status,
            "happened_on": day if status == "done" else None,
        }
        for n, (status, day) in enumerate(
            [
                ("done", date(2026, 5, 1)),
                ("missed", date(2026, 6, 1)),
                ("due", date(2026, 7, 1)),
                ("due", date(2026, 11, 20)),
                ("due", date(2026, 12, 1)),
                ("not_expected", date(2026, 12, 9)),
            ],
            start=1,
        )
    ]
    tables["visits"] = table("visits", rows)
    frames = build_adam(build_sdtm(tables), tables, plan)
    assert frames["ADVISIT"]["VISSTAT"].to_list() == ["DONE", "MISSED", "OVERDUE", "DUE", "FUTURE", "NOT EXPECTED"]


def test_a_reading_changes_from_the_last_one_before_the_infusion(adam, snapshot):
    row = adam["ADINF"].filter((pl.col("PARAMCD") == "SYSBP") & (pl.col("ATPTN") == 40)).row(0, named=True)
    number = int(row["AVISITN"])
    here = (pl.col("participant") == row["SUBJID"]) & (pl.col("infusion") == number) & (pl.col("measure") == "sbp")
    before = snapshot["readings"].filter(here & (pl.col("minute") == 0))["value"][0]
    assert row["CHG"] == row["AVAL"] - before


@pytest.mark.parametrize("mode", ["naive", "dummy", "unblinded"])
def test_a_snapshot_of_any_shape_gives_every_dataset(case, mode):
    snapshot, treatments = case
    given = treatments if mode == "unblinded" else None
    frames = build_adam(build_sdtm(snapshot, mode, given, salt="x"), snapshot, make_context().plan, mode)
    assert set(frames) == set(ADAM_DATASETS)
    if mode == "naive":
        assert not {"TRT01P", "TRTP", "TRTA", "ARM"} & {column for frame in frames.values() for column in frame.columns}


def test_severity_grade_at_onset_treatment_and_recurrence_reach_the_analysis(snapshot, plan):
    one = snapshot["participants"]["participant"][0]
    said = {"participant": one, "verbatim": "x", "term": "Nausea", "grade": 3}
    events = [
        {**said, "event": 1, "severity": "MODERATE", "grade_at_onset": 1, "treatments": "medication"},
        {**said, "event": 2, "recurrence_of": 1},
    ]
    emptied = {name: snapshot[name].clear() for name in ("event_courses", "event_relations", "event_codings")}
    whole = {**snapshot, **emptied, "adverse_events": table("adverse_events", events)}
    adae = build_adam(build_sdtm(whole, "naive"), whole, plan, "naive")["ADAE"]
    columns = ["AESEV", "AEGRONS", "AETRTGV", "AERECOF"]
    assert adae.select(columns).rows() == [("MODERATE", "1", "MEDICATION", None), (None, None, None, "1")]
