"""ADSL and ADVISIT: one row a participant with flags, dates and treatments; one row a visit with its
state at the cut-off.

Invariants
1. Everybody assessed has one row in ADSL; populations are flags, never absent rows.
2. The safety set is everybody whose first dose was started; the intention-to-treat set everybody randomized.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from reports.context import AnalysisPlan
from reports.datasets.shapes import Variable
from reports.datasets.terms import flag_if, sentence

Domains = Mapping[str, pl.DataFrame]
NONE = pl.lit(None, pl.String)


def day(text: str) -> pl.Expr:
    """The calendar date of an ISO 8601 text, null where it is partial."""
    return pl.col(text).str.head(10).str.to_date("%Y-%m-%d", strict=False)


def qualifier(domains: Domains, supp: str, name: str) -> pl.DataFrame:
    """One supplemental qualifier as a column: USUBJID, IDVARVAL and the value under ``name``."""
    rows = domains[supp].filter(pl.col("QNAM") == name)
    return rows.select("USUBJID", "IDVARVAL", pl.col("QVAL").alias(name))


def subjects(domains: Domains) -> pl.DataFrame:
    """ADSL before shaping; factor variables as ``factor_variables`` names them."""
    frame = _with_qualifiers(domains)
    frame = _with_disposition(frame, domains)
    frame = frame.join(_doses(domains), on="USUBJID", how="left", maintain_order="left")
    frame = _with_factors(frame, domains)
    frame = _with_treatments(frame)
    randomized, treated = pl.col("RANDDT").is_not_null(), pl.col("TRTSDT").is_not_null()
    return frame.with_columns(
        AGEGR1=pl.when(pl.col("AGE") < 65).then(pl.lit("<65")).when(pl.col("AGE") >= 65).then(pl.lit(">=65")),
        ENRLFL=flag_if(pl.col("RFICDT").is_not_null()),
        RANDFL=flag_if(randomized),
        ITTFL=flag_if(randomized),
        SAFFL=flag_if(treated),
        EXNUM=pl.col("EXNUM").fill_null(0),
        EOTSTT=_treatment_status(randomized, treated),
        EOSSTT=_study_status(randomized),
    ).sort("USUBJID")


def _with_qualifiers(domains: Domains) -> pl.DataFrame:
    frame = domains["DM"].with_columns(
        RFICDT=day("RFICDTC"),
        ASSESSDT=day("DMDTC"),
        DTHDT=day("DTHDTC"),
        TRTSDT=day("RFXSTDTC"),
        TRTSDTM=pl.col("RFXSTDTC"),
        TRTEDT=day("RFXENDTC"),
    )
    for name in ("PROTVER", "RANDNUM", "STRATAR", "EXCLCAT", "EXCLREAS", "REPLSUBJ"):
        one = qualifier(domains, "SUPPDM", name).drop("IDVARVAL")
        frame = frame.join(one, on="USUBJID", how="left", maintain_order="left")
    return frame.with_columns(EXCLCAT=sentence(pl.col("EXCLCAT")), EXCLREAS=sentence(pl.col("EXCLREAS")))


def _with_disposition(frame: pl.DataFrame, domains: Domains) -> pl.DataFrame:
    events = domains["DS"]
    randomized = events.filter(pl.col("DSDECOD") == "RANDOMIZED").select("USUBJID", RANDDT=day("DSSTDTC"))
    for part in (
        randomized,
        _ended(events, "STUDY TREATMENT", "EOT"),
        _ended(events, "STUDY PARTICIPATION", "EOS"),
    ):
        frame = frame.join(
            part.unique("USUBJID", keep="first", maintain_order=True),
            on="USUBJID",
            how="left",
            maintain_order="left",
        )
    return frame.with_columns(
        DCTREAS=_reason("EOT"), DCSREAS=_reason("EOS"), EOTDT=pl.col("EOTday"), EOSDT=pl.col("EOSday")
    )


def _ended(events: pl.DataFrame, category: str, prefix: str) -> pl.DataFrame:
    rows = events.filter((pl.col("DSSCAT") == category) & (pl.col("DSDECOD") != "SCREEN FAILURE"))
    return rows.select(
        "USUBJID",
        day("DSSTDTC").alias(f"{prefix}day"),
        pl.col("DSDECOD").alias(f"{prefix}term"),
        pl.col("DSTERM").alias(f"{prefix}said"),
    )


def _reason(prefix: str) -> pl.Expr:
    """The coded reason; a reason outside the codelist keeps its own words."""
    coded, said = pl.col(f"{prefix}term"), pl.col(f"{prefix}said")
    spoken = pl.when(coded.is_in(["OTHER", "NEVER DOSED"])).then(said).otherwise(coded)
    return pl.when(coded != "COMPLETED").then(spoken).otherwise(NONE)


def _treatment_status(randomized: pl.Expr, treated: pl.Expr) -> pl.Expr:
    ended = pl.col("EOTterm")
    return (
        pl.when(ended == "COMPLETED")
        .then(pl.lit("COMPLETED"))
        .when(ended == "NEVER DOSED")
        .then(pl.lit("NOT STARTED"))
        .when(ended.is_not_null())
        .then(pl.lit("DISCONTINUED"))
        .when(treated)
        .then(pl.lit("ONGOING"))
        .when(randomized)
        .then(pl.lit("AWAITED"))
        .otherwise(NONE)
    )


def _study_status(randomized: pl.Expr) -> pl.Expr:
    ended = pl.col("EOSterm")
    return (
        pl.when(~randomized)
        .then(NONE)
        .when(ended == "COMPLETED")
        .then(pl.lit("COMPLETED"))
        .when(ended.is_not_null())
        .then(pl.lit("DISCONTINUED"))
        .otherwise(pl.lit("ONGOING"))
    )


def _doses(domains: Domains) -> pl.DataFrame:
    given = domains["EX"].filter(pl.col("EXOCCUR") == "Y")
    return given.group_by("USUBJID").agg(EXNUM=pl.len().cast(pl.Int64))


def factor_names(domains: Domains) -> list[str]:
    """The baseline factors that the trial recorded, in the order in which ADSL numbers them."""
    return sorted(set(domains["SC"]["SCTEST"].drop_nulls().to_list()))


def factor_variables(domains: Domains) -> list[Variable]:
    """ADSL's numbered factor variables: description, value used for allocation, value as corrected since."""
    found = []
    for number, _ in enumerate(factor_names(domains), start=1):
        found += [
            Variable(f"STRAT{number}D", "text", f"Stratification Factor {number} Description"),
            Variable(f"STRAT{number}R", "text", f"Strat Factor {number} Value Used for Rand"),
            Variable(f"STRAT{number}V", "text", f"Strat Factor {number} Value as Corrected"),
        ]
    return found


def _with_factors(frame: pl.DataFrame, domains: Domains) -> pl.DataFrame:
    for number, factor in enumerate(factor_names(domains), start=1):
        one = (
            domains["SC"]
            .filter(pl.col("SCTEST") == factor)
            .select(
                "USUBJID",
                pl.lit(factor).alias(f"STRAT{number}D"),
                pl.col("SCORRES").alias(f"STRAT{number}R"),
                pl.col("SCSTRESC").alias(f"STRAT{number}V"),
            )
        )
        frame = frame.join(one, on="USUBJID", how="left", maintain_order="left")
    return frame


def _with_treatments(frame: pl.DataFrame) -> pl.DataFrame:
    if "ARM" not in frame.columns:
        return frame
    labels = sorted(set(frame["ARM"].drop_nulls().to_list()))
    numbers = list(range(1, len(labels) + 1))
    as_number = [
        pl.col(column).replace_strict(labels, numbers, default=None, return_dtype=pl.Int64).alias(name)
        for column, name in (("ARM", "TRT01PN"), ("ACTARM", "TRT01AN"))
    ]
    return frame.with_columns(as_number).with_columns(TRT01P=pl.col("ARM"), TRT01A=pl.col("ACTARM"))


def cut_off_day(snapshot: Domains) -> date | None:
    """The calendar date of the data cut-off (UTC)."""
    return snapshot["trial"]["cut_off_at"].dt.date()[0] if snapshot["trial"].height else None


def observed(adsl: pl.DataFrame, cut_off: date | None) -> pl.DataFrame:
    """ADSL with the end and the length of safety observation.

    It runs from the first dose to death, the end of the study for the participant, or the cut-off, whichever is first.
    """
    ended = pl.min_horizontal("EOSDT", "DTHDT", pl.lit(cut_off, pl.Date))
    end = pl.when(pl.col("TRTSDT").is_not_null()).then(pl.max_horizontal(ended, "TRTSDT"))
    return adsl.with_columns(SAFEDT=end).with_columns(SAFDURD=(pl.col("SAFEDT") - pl.col("TRTSDT")).dt.total_days() + 1)


def visits_at_cut_off(snapshot: Domains, adsl: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    """ADVISIT: DONE, MISSED, OVERDUE (window closed, nothing recorded), DUE (window open), FUTURE, NOT
    EXPECTED.
    """
    cut_off = pl.lit(cut_off_day(snapshot), pl.Date)
    done = pl.col("status") == "done"
    rows = with_subjects(snapshot["visits"].rename({"participant": "SUBJID"}), adsl, "SUBJID")
    return rows.with_columns(
        AVISIT=labelled("visit", plan),
        AVISITN=pl.col("order"),
        PLANDT=pl.col("planned_on"),
        WINSDT=pl.col("window_from"),
        WINEDT=pl.col("window_to"),
        ADT=pl.col("happened_on"),
        VISSTAT=pl.when(pl.col("status") != "due")
        .then(sentence(pl.col("status")))
        .when(pl.col("window_to") < cut_off)
        .then(pl.lit("OVERDUE"))
        .when(pl.col("window_from") <= cut_off)
        .then(pl.lit("DUE"))
        .otherwise(pl.lit("FUTURE")),
        VISREAS=sentence(pl.col("missed_reason")),
        INWINFL=pl.when(done & pl.col("window_to").is_not_null()).then(
            flag_if(pl.col("happened_on").is_between(pl.col("window_from"), pl.col("window_to")))
        ),
    ).sort("USUBJID", "AVISITN")


def labelled(column: str, plan: AnalysisPlan) -> pl.Expr:
    """Visit codes as the plan's labels."""
    return pl.col(column).map_elements(plan.visit_label, return_dtype=pl.String, skip_nulls=True)


def with_subjects(rows: pl.DataFrame, adsl: pl.DataFrame, key: str = "USUBJID") -> pl.DataFrame:
    """``rows`` with what every analysis dataset carries from ADSL, treatments among them where there
    are any.
    """
    carried = [
        "STUDYID",
        "USUBJID",
        "SUBJID",
        "SITEID",
        "SAFFL",
        "ITTFL",
        "TRTSDT",
        "TRTSDTM",
        "SAFEDT",
        "RANDDT",
        "DTHDT",
    ]
    frame = adsl.select(*carried, *(c for c in ("TRT01P", "TRT01A") if c in adsl.columns))
    frame = frame.rename({"TRT01P": "TRTP", "TRT01A": "TRTA"}, strict=False)
    plain = rows.drop([c for c in frame.columns if c in rows.columns and c != key])
    return plain.join(frame, on=key, how="inner", maintain_order="left")
