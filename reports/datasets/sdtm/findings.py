"""QS and VS: scores, answers, treatment guesses, and the readings taken in an infusion.

Invariants
1. A reading that is a vital sign stands in VS under the codelist's code; every other reading stands in QS.
2. Test codes have at most eight characters and are unique within their category.
"""

from __future__ import annotations

import polars as pl

from reports.datasets.sdtm.source import Source, iso_day, numbered, study_day
from reports.datasets.shapes import short_codes
from reports.datasets.terms import SCALE_CODES, UNITS, VITAL_SIGNS, sentence

SCORE, ITEM, READING, GUESS = "SCORE", "ITEM", "INFUSION READING", "TREATMENT GUESS"
TEXT = pl.lit(None, pl.String)
NUMBER = pl.lit(None, pl.Float64)
WHOLE = pl.lit(None, pl.Int64)
QS_COLUMNS = {
    "QSGRPID": TEXT,
    "QSCAT": TEXT,
    "QSSCAT": TEXT,
    "QSTESTCD": TEXT,
    "QSTEST": TEXT,
    "QSORRES": TEXT,
    "QSORRESU": TEXT,
    "QSSTRESC": TEXT,
    "QSSTRESN": NUMBER,
    "QSSTRESU": TEXT,
    "QSREPNUM": WHOLE,
    "VISITNUM": WHOLE,
    "VISIT": TEXT,
    "QSDTC": TEXT,
    "QSTPT": TEXT,
    "QSTPTNUM": WHOLE,
    "QSELTM": TEXT,
    "QSTPTREF": TEXT,
    "QSEVAL": TEXT,
}


def questionnaires(source: Source) -> pl.DataFrame:
    """QS: scores, single answers, scale totals of an infusion and treatment guesses, in that order."""
    parts = [_scores(source), _answers(source), _readings(source), _guesses(source)]
    rows = pl.concat([_qs(part) for part in parts]).with_columns(QSDY=study_day("QSDTC"))
    return numbered(
        rows, "QS", ["QSSCAT", "VISITNUM", "QSGRPID", "QSCAT", "QSTPTNUM", "QSTESTCD", "QSREPNUM", "QSEVAL"]
    )


def _qs(part: pl.DataFrame) -> pl.DataFrame:
    """``part`` with every column of QS, absent ones null."""
    missing = [value.alias(name) for name, value in QS_COLUMNS.items() if name not in part.columns]
    keep = ["STUDYID", "DOMAIN", "USUBJID", "reference", *QS_COLUMNS]
    whole = [pl.col(name).cast(pl.Int64) for name in ("QSREPNUM", "VISITNUM", "QSTPTNUM")]
    return part.with_columns(missing).select(keep).with_columns(whole)


def _visit_numbers(source: Source) -> pl.DataFrame:
    return source.snapshot["visits"].select("participant", "visit", pl.col("order").alias("VISITNUM"))


def _scores(source: Source) -> pl.DataFrame:
    codes = short_codes(source.snapshot["scores"]["domain"].to_list(), SCALE_CODES)
    rows = source.start("scores", "QS").join(
        _visit_numbers(source), on=["participant", "visit"], how="left", maintain_order="left"
    )
    value = pl.coalesce("score", "raw")
    return rows.with_columns(
        QSCAT=sentence(pl.col("instrument")) + pl.lit(" ") + pl.col("instrument_version").fill_null(""),
        QSSCAT=pl.lit(SCORE),
        QSTESTCD=_coded("domain", codes),
        QSTEST=pl.col("domain"),
        QSORRES=_text(pl.coalesce("raw", "score")),
        QSSTRESC=_text(value),
        QSSTRESN=value,
        QSSTRESU=pl.col("unit"),
        QSREPNUM=pl.col("repeat"),
        VISIT=pl.col("visit"),
        QSDTC=iso_day("answered_on"),
    ).with_columns(pl.col("QSCAT").str.strip_chars())


def _answers(source: Source) -> pl.DataFrame:
    codes = short_codes(source.snapshot["answers"]["item"].to_list(), {})
    rows = source.start("answers", "QS").join(
        _visit_numbers(source), on=["participant", "visit"], how="left", maintain_order="left"
    )
    return rows.with_columns(
        QSCAT=sentence(pl.col("instrument")),
        QSSCAT=pl.lit(ITEM),
        QSTESTCD=_coded("item", codes),
        QSTEST=pl.col("item"),
        QSORRES=pl.col("answer"),
        QSSTRESC=pl.col("answer"),
        QSSTRESN=pl.col("answer").cast(pl.Float64, strict=False),
        QSREPNUM=pl.col("repeat"),
        VISIT=pl.col("visit"),
        QSDTC=iso_day("answered_on"),
    )


def _guesses(source: Source) -> pl.DataFrame:
    codes = short_codes(source.snapshot["guesses"]["occasion"].to_list(), {})
    return source.start("guesses", "QS").with_columns(
        QSGRPID=pl.col("occasion"),
        QSCAT=pl.lit(GUESS),
        QSSCAT=pl.lit(GUESS),
        QSTESTCD=_coded("occasion", codes),
        QSTEST=pl.col("occasion"),
        QSORRES=pl.col("guess"),
        QSSTRESC=sentence(pl.col("guess")),
        QSSTRESN=pl.col("certainty").cast(pl.Float64),
        QSSTRESU=pl.when(pl.col("certainty").is_not_null()).then(pl.lit("CERTAINTY 1-5")),
        QSTPT=pl.col("reason"),
        QSEVAL=sentence(pl.col("guesser")),
    )


def _taken(source: Source, domain: str) -> pl.DataFrame:
    """Readings with their infusion's start, so that each has a date and time."""
    starts = source.snapshot["infusions"].select("participant", "infusion", "started_at")
    rows = source.start("readings", domain).join(
        starts, on=["participant", "infusion"], how="left", maintain_order="left"
    )
    at = pl.col("started_at") + pl.duration(minutes=pl.col("minute"))
    minutes = pl.col("minute").abs().cast(pl.String)
    sign = pl.when(pl.col("minute") < 0).then(pl.lit("-PT")).otherwise(pl.lit("PT"))
    return rows.with_columns(
        group=pl.lit("INFUSION ") + pl.col("infusion").cast(pl.String),
        taken=source.local_iso_of(at),
        elapsed=sign + minutes + pl.lit("M"),
        point=pl.col("minute").cast(pl.String) + pl.lit(" MIN"),
    )


def _readings(source: Source) -> pl.DataFrame:
    rows = _taken(source, "QS").filter(~pl.col("measure").str.to_lowercase().is_in(list(VITAL_SIGNS)))
    codes = short_codes(rows["measure"].to_list(), SCALE_CODES)
    return rows.with_columns(
        QSGRPID=pl.col("group"),
        QSCAT=sentence(pl.col("measure")),
        QSSCAT=pl.lit(READING),
        QSTESTCD=_coded("measure", codes),
        QSTEST=pl.col("measure"),
        QSORRES=_text(pl.col("value")),
        QSORRESU=pl.col("unit"),
        QSSTRESC=_text(pl.col("value")),
        QSSTRESN=pl.col("value"),
        QSSTRESU=pl.col("unit"),
        QSDTC=pl.col("taken"),
        QSTPT=pl.col("point"),
        QSTPTNUM=pl.col("minute"),
        QSELTM=pl.col("elapsed"),
        QSTPTREF=pl.lit("START OF INFUSION"),
    )


def vital_signs(source: Source) -> pl.DataFrame:
    """VS: blood pressure, heart rate, saturation and breathing, by minute from the start of an infusion."""
    rows = _taken(source, "VS").filter(pl.col("measure").str.to_lowercase().is_in(list(VITAL_SIGNS)))
    rows = rows.with_columns(pl.col("measure").str.to_lowercase())
    codes = {measure: code for measure, (code, _) in VITAL_SIGNS.items()}
    names = {measure: name for measure, (_, name) in VITAL_SIGNS.items()}
    unit = pl.col("unit").replace_strict(list(UNITS), list(UNITS.values()), default=pl.col("unit"))
    rows = rows.with_columns(
        VSGRPID=pl.col("group"),
        VSTESTCD=_coded("measure", codes),
        VSTEST=_coded("measure", names),
        VSORRES=_text(pl.col("value")),
        VSORRESU=pl.col("unit"),
        VSSTRESC=_text(pl.col("value")),
        VSSTRESN=pl.col("value"),
        VSSTRESU=unit,
        VSDTC=pl.col("taken"),
        VSTPT=pl.col("point"),
        VSTPTNUM=pl.col("minute"),
        VSELTM=pl.col("elapsed"),
        VSTPTREF=pl.lit("START OF INFUSION"),
    ).with_columns(VSDY=study_day("VSDTC"))
    return numbered(rows, "VS", ["infusion", "VSTPTNUM", "VSTESTCD"])


def _coded(column: str, codes: dict[str, str]) -> pl.Expr:
    return pl.col(column).replace_strict(list(codes), list(codes.values()), default=None, return_dtype=pl.String)


def _text(value: pl.Expr) -> pl.Expr:
    """A number as people write it: 62 rather than 62.0."""
    whole = value.round(0) == value
    return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
