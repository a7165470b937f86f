"""ADAE, ADINF and ADGUESS: adverse events, readings of infusions, guesses of treatment.

Invariants
1. An event whose onset could lie after the first dose counts as treatment-emergent: a partial date
   never hides one.
2. An event led to a skipped dose where treatment was interrupted or withdrawn for it and a dose planned on or after its
   onset was not given; to an interruption where the infusion in which it arose was interrupted or stopped for it, or
   treatment was interrupted and no dose skipped.
3. The pre-infusion value is the last reading at or before minute 0 of the same infusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from reports.context import AnalysisPlan
from reports.datasets.adam.partial_dates import with_durations
from reports.datasets.adam.subjects import day, labelled, qualifier, with_subjects
from reports.datasets.terms import flag_if

AE_QUALIFIERS: Final = (
    "AESI", "AEASCERT", "AERELSP", "ARELFL", "AEXPFL", "AEINFNO", "AEONMIN", "AEWDFL",
    "AEGRONS", "AETRTGV", "AERECOF",
)  # fmt: skip


def adverse_events(domains: Mapping[str, pl.DataFrame], adsl: pl.DataFrame) -> pl.DataFrame:
    """ADAE before shaping."""
    rows = domains["AE"].with_columns(IDVARVAL=pl.col("AESEQ").cast(pl.String))
    for name in AE_QUALIFIERS:
        found = qualifier(domains, "SUPPAE", name)
        rows = rows.join(found, on=["USUBJID", "IDVARVAL"], how="left", maintain_order="left")
    rows = with_subjects(rows, adsl)
    known = pl.col("AESTDTC").str.head(16)
    could_be_after = known >= pl.col("TRTSDTM").str.head(known.str.len_chars())
    emergent = (pl.col("SAFFL") == "Y") & could_be_after.fill_null(value=True)
    dated = with_durations(rows.with_columns(TRTEMFL=pl.when(emergent).then(pl.lit("Y")).otherwise(pl.lit("N"))))
    return (
        _with_consequences(dated, domains)
        .with_columns(
            CQ01NAM=pl.col("AESI"),
            ATOXGRN=pl.col("AETOXGR").cast(pl.Int64, strict=False),
            ASTDTC=pl.col("AESTDTC"),
            AENDTC=pl.col("AEENDTC"),
            ASTDY=pl.col("AESTDY"),
            AEONMIN=pl.col("AEONMIN").cast(pl.Int64, strict=False),
        )
        .sort("USUBJID", "AESEQ")
    )


def _with_consequences(rows: pl.DataFrame, domains: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """What was done with study treatment because of an event: infusion interrupted, dose skipped, treatment withdrawn."""
    doses = domains["EX"].with_columns(IDVARVAL=pl.col("EXSEQ").cast(pl.String))
    minutes = qualifier(domains, "SUPPEX", "EXINTMIN")
    doses = doses.join(minutes, on=["USUBJID", "IDVARVAL"], how="left", maintain_order="left")
    stopped = (pl.col("EXINTMIN").cast(pl.Float64, strict=False) > 0).fill_null(value=False) | pl.col(
        "EXADJ"
    ).is_not_null()
    broken = doses.filter(stopped).select(
        "USUBJID", AEINFNO=pl.col("EXGRPID").str.extract(r"(\d+)$").cast(pl.Int64), broken=pl.lit(value=True)
    )
    skipped = doses.filter(pl.col("EXOCCUR") == "N").group_by("USUBJID").agg(last_skipped=day("EXSTDTC").max())
    rows = rows.with_columns(AEINFNO=pl.col("AEINFNO").cast(pl.Int64, strict=False))
    rows = rows.join(broken.unique(), on=["USUBJID", "AEINFNO"], how="left", maintain_order="left")
    rows = rows.join(skipped, on="USUBJID", how="left", maintain_order="left")
    acted = pl.col("AEACN").is_in(["DRUG INTERRUPTED", "DRUG WITHDRAWN"]).fill_null(value=False)
    skip = acted & (pl.col("last_skipped") >= pl.col("ASTDT")).fill_null(value=False)
    paused = (pl.col("AEACN") == "DRUG INTERRUPTED").fill_null(value=False)
    interrupted = (acted & pl.col("broken").fill_null(value=False)) | (paused & ~skip)
    return rows.with_columns(
        AEINTFL=flag_if(interrupted),
        AESKPFL=flag_if(skip),
        AEDISFL=flag_if((pl.col("AEACN") == "DRUG WITHDRAWN").fill_null(value=False)),
    )


def infusion_readings(domains: Mapping[str, pl.DataFrame], adsl: pl.DataFrame) -> pl.DataFrame:
    """ADINF before shaping: vital signs, sedation and scale totals by infusion and minute."""
    parts = [
        _readings(domains["VS"], "VS"),
        _readings(domains["QS"].filter(pl.col("QSSCAT") == "INFUSION READING"), "QS"),
    ]
    rows = pl.concat(parts).with_columns(AVISITN=pl.col("AVISIT").str.extract(r"(\d+)$").cast(pl.Int64, strict=False))
    keys = ["USUBJID", "PARAMCD", "AVISIT"]
    before = (
        rows.filter((pl.col("ATPTN") <= 0) & pl.col("AVAL").is_not_null())
        .sort("ATPTN")
        .group_by(keys)
        .agg(BASE=pl.col("AVAL").last())
    )
    rows = rows.join(before, on=keys, how="left", maintain_order="left")
    change = pl.when(pl.col("ATPTN") > 0).then(pl.col("AVAL") - pl.col("BASE"))
    return with_subjects(rows.with_columns(CHG=change), adsl).sort("USUBJID", "PARAMCD", "AVISITN", "ATPTN")


def _readings(rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    return rows.select(
        "USUBJID",
        PARAMCD=pl.col(f"{prefix}TESTCD"),
        PARAM=pl.col(f"{prefix}TEST"),
        AVISIT=pl.col(f"{prefix}GRPID"),
        ATPTN=pl.col(f"{prefix}TPTNUM"),
        AVAL=pl.col(f"{prefix}STRESN"),
        AVALU=pl.col(f"{prefix}STRESU"),
    )


def guesses(domains: Mapping[str, pl.DataFrame], adsl: pl.DataFrame, plan: AnalysisPlan) -> pl.DataFrame:
    """ADGUESS before shaping."""
    rows = with_subjects(domains["QS"].filter(pl.col("QSSCAT") == "TREATMENT GUESS"), adsl)
    return rows.with_columns(
        AVISIT=labelled("QSGRPID", plan),
        GUESSER=pl.col("QSEVAL"),
        AVALC=pl.col("QSORRES"),
        CERTAIN=pl.col("QSSTRESN").cast(pl.Int64),
        REASON=pl.col("QSTPT"),
    ).sort("USUBJID", "QSSEQ")
