"""ADQS: every score with its baseline, change, improvement and responder flags at each threshold of the plan.

Invariants
1. Baseline is the last score at a baseline visit, or the mean of repeated ones where the plan says so
   (a row of
   its own with DTYPE AVERAGE); a later visit with repeated answers counts by the last of them.
2. An improvement is positive, whichever way the scale runs.
3. A score that stands for death is a row of its own with DTYPE DEATH; it replaces no recorded score.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from reports.context import AnalysisPlan, Threshold
from reports.datasets.adam.subjects import day, labelled, with_subjects
from reports.datasets.shapes import Variable, short_codes
from reports.datasets.terms import SCALE_CODES

KEYS = ("USUBJID", "DOMAINNM")


def scores(
    domains: Mapping[str, pl.DataFrame], adsl: pl.DataFrame, visits: pl.DataFrame, plan: AnalysisPlan
) -> pl.DataFrame:
    """ADQS before shaping."""
    rows = _recorded(domains, adsl, plan)
    rows = pl.concat([rows, _deaths(rows, visits, adsl, plan)], how="diagonal_relaxed")
    rows = pl.concat([rows, _averages(rows, plan)], how="diagonal_relaxed")
    rows = _with_baseline(rows, plan)
    rows = _with_scale_facts(rows, plan)
    rows = _with_changes(rows)
    return _with_responders(rows, plan).sort("USUBJID", "PARAMCD", "AVISITN", "QSREPNUM", nulls_last=True)


def threshold_variables(plan: AnalysisPlan) -> list[Variable]:
    """CRIT1, CRIT1FL … as many as the scale with most thresholds needs."""
    most = max((len(scale.thresholds) for scale in plan.scales), default=0)
    found = []
    for number in range(1, most + 1):
        found.append(Variable(f"CRIT{number}", "text", f"Analysis Criterion {number}"))
        found.append(Variable(f"CRIT{number}FL", "text", f"Criterion {number} Evaluation Result Flag"))
    return found


def criterion_text(threshold: Threshold) -> str:
    """A threshold as CRITn states it, in plain ASCII for transport files."""
    return "Improvement " + threshold.label.replace("≥", ">=")


def _recorded(domains: Mapping[str, pl.DataFrame], adsl: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    rows = with_subjects(domains["QS"].filter(pl.col("QSSCAT") == "SCORE"), adsl)
    return rows.filter(pl.col("ITTFL") == "Y").with_columns(
        DOMAINNM=pl.col("QSTEST"),
        PARCAT1=pl.col("QSCAT"),
        AVISIT=labelled("VISIT", plan),
        AVISITN=pl.col("VISITNUM"),
        ADT=day("QSDTC"),
        ADY=pl.col("QSDY"),
        AVAL=pl.col("QSSTRESN"),
        AVALU=pl.col("QSSTRESU"),
        DTYPE=pl.lit(None, pl.String),
    )


def _deaths(rows: pl.DataFrame, visits: pl.DataFrame, adsl: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    """The score at death at each later visit that has come and at which the scale is asked."""
    worst = [(s.domain, s.score_at_death) for s in plan.scales if s.score_at_death is not None]
    values = pl.DataFrame(worst, schema={"DOMAINNM": pl.String, "AVAL": pl.Float64}, orient="row")
    asked = (
        rows.select("DOMAINNM", "AVISIT", "AVALU", "PARCAT1")
        .unique(["DOMAINNM", "AVISIT"], keep="any")
        .join(values, on="DOMAINNM", how="inner")
    )
    missed = visits.join(adsl.select("USUBJID", "DTHDT"), on="USUBJID", how="left").filter(
        (pl.col("PLANDT") >= pl.col("DTHDT")) & ~pl.col("VISSTAT").is_in(["DONE", "FUTURE"])
    )
    found = missed.select("USUBJID", "AVISIT", "AVISITN", ADT=pl.col("PLANDT")).join(asked, on="AVISIT", how="inner")
    return with_subjects(found, adsl).with_columns(DTYPE=pl.lit("DEATH")).filter(pl.col("ITTFL") == "Y")


def _averages(rows: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    """Where the plan takes the mean of repeated baseline answers: that mean as a row of its own."""
    if plan.baseline_if_repeated != "mean":
        return rows.clear()
    labels = [plan.visit_label(v) for v in plan.baseline_visits]
    known = rows.filter(pl.col("AVISIT").is_in(labels) & pl.col("AVAL").is_not_null())
    counted = known.with_columns(
        AVAL=pl.col("AVAL").mean().over(KEYS), many=pl.len().over(KEYS), DTYPE=pl.lit("AVERAGE")
    )
    one = counted.filter(pl.col("many") > 1).drop("many").unique(KEYS, keep="last", maintain_order=True)
    return one.with_columns(QSREPNUM=pl.lit(None, pl.Int64))


def _with_baseline(rows: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    baseline = pl.col("AVISIT").is_in([plan.visit_label(v) for v in plan.baseline_visits])
    rows = rows.sort(*KEYS, "AVISITN", "ADT", "QSREPNUM", nulls_last=True, maintain_order=True).with_row_index("row")
    known = rows.filter(pl.col("AVAL").is_not_null())
    last = known.group_by(*KEYS, "AVISIT").agg(pl.col("row").last())["row"]
    first = known.filter(baseline).group_by(*KEYS).agg(pl.col("row").last(), BASE=pl.col("AVAL").last())
    is_last, is_base = pl.col("row").is_in(last.implode()), pl.col("row").is_in(first["row"].implode())
    yes = pl.lit("Y")
    return (
        rows.join(first.drop("row"), on=KEYS, how="left", maintain_order="left")
        .with_columns(
            ABLFL=pl.when(is_base).then(yes),
            ANL01FL=pl.when(pl.when(baseline).then(is_base).otherwise(is_last)).then(yes),
            after=~baseline,
        )
        .drop("row")
    )


def _with_scale_facts(rows: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    names = sorted(set(rows["DOMAINNM"].drop_nulls().to_list()))
    codes = short_codes(names, SCALE_CODES)
    facts = pl.DataFrame(
        {
            "DOMAINNM": names,
            "PARAMCD": [codes[name] for name in names],
            "PARAM": [_param(plan, name) for name in names],
            "direction": [1.0 if plan.scale(name).higher_is_better else -1.0 for name in names],
        },
        schema={"DOMAINNM": pl.String, "PARAMCD": pl.String, "PARAM": pl.String, "direction": pl.Float64},
    )
    return rows.join(facts, on="DOMAINNM", how="left", maintain_order="left")


def _param(plan: AnalysisPlan, domain: str) -> str:
    scale = plan.scale(domain)
    unit = {"T": "T-score"}.get(scale.unit, scale.unit)
    return f"{scale.label} ({unit})" if unit else scale.label


def _with_changes(rows: pl.DataFrame) -> pl.DataFrame:
    change = pl.when(pl.col("after")).then((pl.col("AVAL") - pl.col("BASE")).round(10))
    return rows.with_columns(CHG=change).with_columns(
        PCHG=pl.when(pl.col("BASE") != 0).then(100 * pl.col("CHG") / pl.col("BASE")),
        IMPROVE=pl.col("CHG") * pl.col("direction"),
    )


def _with_responders(rows: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    most = max((len(scale.thresholds) for scale in plan.scales), default=0)
    for position in range(most):
        text: pl.Expr = pl.lit(None, pl.String)
        met: pl.Expr = pl.lit(None, pl.Boolean)
        for scale in plan.scales:
            if position < len(scale.thresholds):
                threshold, mine = scale.thresholds[position], pl.col("DOMAINNM") == scale.domain
                text = pl.when(mine).then(pl.lit(criterion_text(threshold))).otherwise(text)
                met = pl.when(mine).then(_reached(threshold)).otherwise(met)
        yes_or_no = pl.when(met).then(pl.lit("Y")).when(~met).then(pl.lit("N"))
        rows = rows.with_columns(text.alias(f"CRIT{position + 1}"), yes_or_no.alias(f"CRIT{position + 1}FL"))
    return rows


def _reached(threshold: Threshold) -> pl.Expr:
    """Whether the improvement reaches the threshold; null without a change. A float's last bit never
    decides.
    """
    least = threshold.amount * pl.col("BASE").abs() if threshold.relative else pl.lit(threshold.amount)
    return pl.col("IMPROVE") >= least - 1e-9
