"""ADAE, ADINF and ADGUESS: adverse events, readings of infusions, guesses of treatment.

Invariants
1. An event whose onset could lie after the first dose counts as treatment-emergent: a partial date
   never hides one.
2. The pre-infusion value is the last reading at or before minute 0 of the same infusion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from reports.context import AnalysisPlan
from reports.datasets.adam.subjects import day, labelled, qualifier, with_subjects

AE_QUALIFIERS: Final = ("AESI", "AEASCERT", "AERELSP", "ARELFL", "AEXPFL", "AEINFNO", "AEONMIN", "AEWDFL")


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
    return rows.with_columns(
        CQ01NAM=pl.col("AESI"),
        ATOXGRN=pl.col("AETOXGR").cast(pl.Int64, strict=False),
        ASTDT=day("AESTDTC"),
        ASTDTC=pl.col("AESTDTC"),
        AENDTC=pl.col("AEENDTC"),
        ASTDY=pl.col("AESTDY"),
        AEINFNO=pl.col("AEINFNO").cast(pl.Int64, strict=False),
        AEONMIN=pl.col("AEONMIN").cast(pl.Int64, strict=False),
        TRTEMFL=pl.when(emergent).then(pl.lit("Y")).otherwise(pl.lit("N")),
    ).sort("USUBJID", "AESEQ")


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
