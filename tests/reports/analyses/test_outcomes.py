"""Efficacy, the look, blinding, baseline and completeness, each against an independent computation."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import polars as pl
import pytest

from reports.analyses.baseline import NumberRow, baseline_table, summary
from reports.analyses.blinding import blinding
from reports.analyses.completeness import deviations, doses, score_states, visit_states
from reports.analyses.efficacy import efficacy
from reports.analyses.groups import by_arm, pooled
from reports.analyses.infusions import courses, largest_changes
from reports.analyses.interim import interim_looks
from reports.documents.common import all_frames
from tests.reports.factory import make_snapshot

ARMS = by_arm(("A", "B"))


@pytest.fixture(scope="module")
def primary(frames, context):
    return efficacy(frames, context.plan, ARMS, "pain_interference", "month_3", reference="B")


def change_rows(frames):
    rows = frames["ADQS"].filter(
        (pl.col("DOMAINNM") == "pain_interference") & (pl.col("AVISIT") == "Month 3") & pl.col("CHG").is_not_null()
    )
    return rows.join(frames["ADSL"].select("USUBJID", "STRAT1R", "STRAT2R"), on="USUBJID")


def test_the_adjusted_difference_agrees_with_another_least_squares(frames, primary):
    """Oracle: numpy's lstsq on a design matrix written out here."""
    rows = change_rows(frames)
    columns = [np.ones(rows.height), (rows["TRTP"] == "A").to_numpy().astype(float), rows["BASE"].to_numpy()]
    for factor in ("SITEID", "STRAT1R", "STRAT2R"):
        levels = sorted(set(rows[factor]))
        columns += [(rows[factor] == level).to_numpy().astype(float) for level in levels[1:]]
    x, y = np.column_stack(columns), rows["CHG"].to_numpy()
    solution, *_ = np.linalg.lstsq(x, y, rcond=None)
    left = y - x @ solution
    variance = left @ left / (len(y) - x.shape[1]) * np.linalg.inv(x.T @ x)[1, 1]
    contrast = primary.model.contrast
    assert contrast.difference == pytest.approx(solution[1], abs=1e-9)
    assert contrast.standard_error == pytest.approx(variance**0.5, abs=1e-9)
    assert primary.adjusted_for == ("baseline score", "site", "baseline opioid", "pain type")


def test_responders_are_counted_from_those_with_data(frames, primary):
    rows = change_rows(frames)
    for one, least in zip(primary.responders, (2, 3, 5), strict=True):
        for (met, of), arm in zip(one.counts, ("A", "B"), strict=True):
            changes = rows.filter(pl.col("TRTP") == arm)["CHG"].to_list()
            assert (met, of) == (sum(-c >= least - 1e-9 for c in changes), len(changes))


def test_z_is_positive_when_the_arm_does_better_and_turns_with_the_scale(primary, context):
    look = interim_looks(primary, context, oriented=True)[0]
    assert np.sign(look.z) == -np.sign(primary.model.contrast.difference)
    turned = dataclasses.replace(primary, scale=dataclasses.replace(primary.scale, higher_is_better=True))
    assert interim_looks(turned, context, oriented=True)[0].z == pytest.approx(-look.z)


def test_the_statistic_has_the_p_value_of_the_t_test(primary, context):
    look = interim_looks(primary, context, oriented=True)[0]
    two_sided = 2 * (1 - statistics.NormalDist().cdf(abs(look.z)))
    assert two_sided == pytest.approx(primary.model.contrast.p_value, rel=1e-9)


def test_information_is_participants_with_the_endpoint_over_those_planned(primary, context):
    look = interim_looks(primary, context, oriented=True)[0]
    assert look.planned == round(240 * 0.85)
    assert look.analysed == sum(arm.analysed for arm in primary.arms)
    assert look.result.information_fraction == pytest.approx(look.analysed / look.planned)


def test_without_a_reference_no_direction_is_claimed(frames, context):
    primary = efficacy(frames, context.plan, ARMS, "pain_interference", "month_3")
    look = interim_looks(primary, context, oriented=False)[0]
    assert look.crossed in ("efficacy", "none")
    assert "futility" not in look.decision
    assert "no direction" in look.decision


def test_a_large_effect_crosses_the_bound_and_a_harmful_one_does_not(frames, context):
    moved = frames["ADQS"].with_columns(
        CHG=pl.when(pl.col("TRTP") == "A").then(pl.col("CHG") - 9).otherwise(pl.col("CHG"))
    )
    better = efficacy({**frames, "ADQS": moved}, context.plan, ARMS, "pain_interference", "month_3", reference="B")
    assert interim_looks(better, context, oriented=True)[0].crossed == "efficacy"
    worse = efficacy({**frames, "ADQS": moved}, context.plan, ARMS, "pain_interference", "month_3", reference="A")
    assert interim_looks(worse, context, oriented=True)[0].crossed == "futility"


def test_what_cannot_be_estimated_is_said_in_words(context):
    snapshot = make_snapshot(20, seed=2, all_missing=True)
    frames = all_frames(snapshot, context, "naive")
    none = efficacy(
        {**frames, "ADSL": frames["ADSL"].with_columns(TRT01P=pl.lit(None, pl.String))},
        context.plan,
        ARMS,
        "pain_interference",
        "month_3",
        reference="B",
    )
    assert none.model is None
    assert none.problem
    look = interim_looks(none, context, oriented=True)[0]
    assert look.result is None
    assert "cannot be read" in look.decision


def guess_frames(counts):
    """Frames with guesses as counted: right and wrong by arm A (KET) and B (PBO)."""
    rows = [
        {"TRTP": arm, "AVISIT": "Infusion 1", "GUESSER": "PARTICIPANT", "AVALC": guess}
        for (arm, guess), number in counts.items()
        for _ in range(number)
    ]
    return {"ADGUESS": pl.DataFrame(rows, schema=dict.fromkeys(("TRTP", "AVISIT", "GUESSER", "AVALC"), pl.String))}


def test_blinding_indices_agree_with_a_published_table():
    """Oracle: CRISP, Bang, Ni & Davis (2004), table 7."""
    counts = {
        ("A", "KET"): 82,
        ("B", "KET"): 27,
        ("A", "PBO"): 25,
        ("B", "PBO"): 29,
        ("A", "dont_know"): 170,
        ("B", "dont_know"): 83,
    }
    found = blinding(guess_frames(counts), ARMS, {"A": "KET", "B": "PBO"}).tables[0]
    assert found.james.estimate == pytest.approx(0.747928, abs=1e-6)
    assert found.arms[0].bang.estimate == pytest.approx(0.205776, abs=1e-6)
    assert found.arms[1].bang.estimate == pytest.approx(0.014388, abs=1e-6)
    assert (found.arms[1].right, found.arms[1].wrong) == (29, 27)


def test_guesses_are_not_scored_without_the_codes(frames):
    assert not blinding(frames, ARMS, None).scored
    assert not blinding(frames, ARMS, {"A": "KET"}).scored


def test_summaries_agree_with_the_standard_library():
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6]
    found = summary(pl.Series([*values, None]))
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    assert (found.n, found.missing) == (6, 1)
    assert found.mean == pytest.approx(statistics.mean(values))
    assert found.sd == pytest.approx(statistics.stdev(values))
    assert [found.lower_quartile, found.median, found.upper_quartile] == pytest.approx(quartiles)


def test_a_single_value_has_no_spread_and_none_has_nothing():
    assert summary(pl.Series([2.0])).sd is None
    assert summary(pl.Series([], dtype=pl.Float64)).mean is None


def test_baseline_counts_everybody_randomized(frames, context, snapshot):
    found = baseline_table(frames, context.plan, ARMS)
    assert sum(found.sizes) == snapshot["participants"]["randomized_at"].drop_nulls().len()
    for row in found.rows:
        if isinstance(row, NumberRow):
            assert [s.n + s.missing for s in row.by_group] == list(found.sizes)
        else:
            assert [sum(counts) for counts in row.by_group] == list(found.sizes)


def test_a_scale_that_is_never_asked_at_baseline_is_not_listed_there(frames, context):
    later = frames["ADQS"].filter((pl.col("DOMAINNM") != "fatigue") | (pl.col("ABLFL").fill_null("N") != "Y"))
    without = baseline_table({**frames, "ADQS": later}, context.plan, ARMS)
    whole = baseline_table(frames, context.plan, ARMS)
    assert {row.name for row in whole.rows} - {row.name for row in without.rows} == {"Fatigue"}


def test_visits_add_up_and_pooled_is_the_sum_of_the_arms(frames, naive):
    by_visit = {}
    for state in visit_states(frames, ARMS):
        assert state.expected == state.done + state.missed + state.overdue
        by_visit.setdefault(state.visit, []).append(state)
    for whole in visit_states(naive, pooled()):
        assert whole.done == sum(state.done for state in by_visit[whole.visit])


def test_scores_present_are_never_more_than_expected(frames, context):
    states = score_states(frames, context.plan, ARMS)
    assert states
    assert all(0 <= state.present <= state.expected for state in states)


def test_doses_and_deviations_agree_with_the_snapshot(naive, context, snapshot):
    ended = snapshot["participants"].filter(pl.col("treatment_end").is_not_null())
    found = doses(naive, context.plan, pooled())[0]
    assert found.participants == ended.height
    assert dict(found.by_number)[5] == ended.filter(pl.col("doses_given") == 5).height
    assert snapshot["randomization_errors"].height > 0
    assert deviations(naive).number == snapshot["deviations"].height + snapshot["randomization_errors"].height


def test_the_course_of_a_reading_is_the_mean_by_minute(naive, snapshot):
    course = courses(naive, pooled(), ("SYSBP",))[0]
    point = next(p for p in course.points if p.minute == 30)
    values = [
        r["value"]
        for r in snapshot["readings"].iter_rows(named=True)
        if r["measure"] == "sbp" and r["minute"] == 30 and r["infusion"] == 1
    ]
    assert (point.n, point.mean) == (len(values), pytest.approx(statistics.mean(values)))


def test_a_fall_in_saturation_is_told_as_well_as_a_rise(naive):
    found = next(c for c in largest_changes(naive, pooled(), ("OXYSAT",)) if c.infusion == 1)
    _, rises, falls = found.groups[0]
    assert falls.minimum <= falls.mean <= rises.mean <= rises.maximum


def test_to_plan_more_participants_moves_no_look(primary, context):
    before = interim_looks(primary, context, oriented=True)[0]
    raised = dataclasses.replace(context, planned_participants=300, designed_participants=240)
    assert interim_looks(primary, raised, oriented=True)[0].fraction == before.fraction


def test_at_full_information_the_text_speaks_of_the_hypothesis_not_of_stopping(primary, context):
    last = dataclasses.replace(context, planned_participants=75)
    look = interim_looks(primary, last, oriented=True)[0]
    assert look.result.final
    assert "the null hypothesis is not rejected" in look.decision
