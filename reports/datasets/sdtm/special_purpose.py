"""DM, SV, DS, IE and SC: who was there, which visits took place, how each one's path went, what they are."""

from __future__ import annotations

from typing import Final

import polars as pl

from reports.datasets.sdtm.source import Source, iso_day, numbered, study_day
from reports.datasets.shapes import short_codes
from reports.datasets.terms import END_REASON, ETHNICITY, RACE, SEX, flag, sentence, term

NONE = pl.lit(None, pl.String)
SCREEN_FAILURE, NOT_ASSIGNED, NOT_TREATED = "SCREEN FAILURE", "NOT ASSIGNED", "ASSIGNED, NOT TREATED"

DM_QUALIFIERS: Final = {
    "protocol_version": ("PROTVER", "Protocol Version at Enrolment"),
    "randomization_number": ("RANDNUM", "Randomization Number"),
    "stratum": ("STRATAR", "Strata Used for Randomization"),
    "exclusion_kind": ("EXCLCAT", "Category of Exclusion"),
    "exclusion_reason": ("EXCLREAS", "Reason for Exclusion"),
}
REPLACED: Final = ("REPLSUBJ", "Subject Replaced by This Subject")


def demographics(source: Source) -> pl.DataFrame:
    """DM: one row for everybody assessed for eligibility."""
    people = source.start("participants", "DM")
    arms = source.arms
    if arms is None:
        arms = pl.DataFrame(schema={"participant": pl.String(), "arm": pl.String()})
    people = people.join(arms.select("participant", "arm"), on="participant", how="left", maintain_order="left")
    treated = pl.col("first_dose_at").is_not_null()
    randomized = pl.col("randomized_at").is_not_null()
    return (
        people.with_columns(
            SUBJID=pl.col("participant"),
            RFSTDTC=pl.coalesce(source.local_iso("first_dose_at"), source.local_iso("randomized_at")),
            RFENDTC=pl.coalesce(iso_day("study_ended_on"), source.local_iso("last_dose_at")),
            RFXSTDTC=source.local_iso("first_dose_at"),
            RFXENDTC=source.local_iso("last_dose_at"),
            RFICDTC=iso_day("consented_on"),
            RFPENDTC=iso_day("study_ended_on"),
            DTHDTC=iso_day("died_on"),
            DTHFL=pl.when(pl.col("died_on").is_not_null()).then(pl.lit("Y")).otherwise(NONE),
            AGE=pl.col("age_years"),
            AGEU=pl.when(pl.col("age_years").is_not_null()).then(pl.lit("YEARS")).otherwise(NONE),
            SEX=term(pl.col("sex"), SEX),
            RACE=term(pl.col("race"), RACE),
            ETHNIC=term(pl.col("ethnicity"), ETHNICITY),
            ARMCD=pl.col("arm").str.slice(0, 20),
            ARM=pl.col("arm"),
            ACTARMCD=pl.when(treated).then(pl.col("arm").str.slice(0, 20)).otherwise(NONE),
            ACTARM=pl.when(treated).then(pl.col("arm")).otherwise(NONE),
            ARMNRS=pl.when(pl.col("exclusion_kind").is_not_null() & ~randomized)
            .then(pl.lit(SCREEN_FAILURE))
            .when(~randomized)
            .then(pl.lit(NOT_ASSIGNED))
            .when(~treated)
            .then(pl.lit(NOT_TREATED))
            .otherwise(NONE),
            DMDTC=iso_day("assessed_on"),
        )
        .with_columns(DMDY=study_day("DMDTC"))
        .sort("USUBJID")
    )


def demographic_qualifiers(source: Source) -> pl.DataFrame:
    """SUPPDM: what the standard's DM has no variable for."""
    people = source.start("participants", "DM")
    parts = [_demographic_qualifier(people, column, *names) for column, names in DM_QUALIFIERS.items()]
    standing_in = source.start("replacements", "DM").with_columns(pl.lit(f"{source.study}-") + pl.col("replaces"))
    parts.append(_demographic_qualifier(standing_in, "replaces", *REPLACED))
    return pl.concat(parts).sort("USUBJID", "QNAM")


def _demographic_qualifier(rows: pl.DataFrame, column: str, name: str, label: str) -> pl.DataFrame:
    return rows.filter(pl.col(column).is_not_null()).select(
        "STUDYID",
        "USUBJID",
        RDOMAIN=pl.lit("DM"),
        IDVAR=NONE,
        IDVARVAL=NONE,
        QNAM=pl.lit(name),
        QLABEL=pl.lit(label),
        QVAL=pl.col(column),
        QORIG=pl.lit("CRF"),
    )


def visits(source: Source) -> pl.DataFrame:
    """SV: visits that took place, and expected ones that are known to be missed."""
    known = source.start("visits", "SV").filter(pl.col("status").is_in(["done", "missed"]))
    done = pl.col("status") == "done"
    return (
        known.with_columns(
            VISITNUM=pl.col("order"),
            VISIT=pl.col("visit"),
            SVPRESP=pl.lit("Y"),
            SVOCCUR=flag(done),
            SVREASOC=sentence(pl.col("missed_reason")),
            SVSTDTC=iso_day("happened_on"),
            SVENDTC=iso_day("happened_on"),
        )
        .with_columns(SVSTDY=study_day("SVSTDTC"), SVENDY=study_day("SVENDTC"))
        .sort("USUBJID", "VISITNUM")
    )


def disposition(source: Source) -> pl.DataFrame:
    """DS: milestones (consent, eligibility, randomization) and how treatment and study ended."""
    people = source.start("participants", "DS")
    milestone, ended = pl.lit("PROTOCOL MILESTONE"), pl.lit("DISPOSITION EVENT")
    not_randomized = pl.col("randomized_at").is_null()
    parts = [
        _events(people, iso_day("consented_on"), pl.lit("INFORMED CONSENT OBTAINED"), milestone, NONE, 1),
        _events(
            people,
            source.local_iso("eligibility_signed_at"),
            pl.lit("ELIGIBILITY CRITERIA MET"),
            milestone,
            NONE,
            2,
        ),
        _events(people, source.local_iso("randomized_at"), pl.lit("RANDOMIZED"), milestone, NONE, 3),
        _events(
            people.filter(pl.col("treatment_end").is_not_null()),
            iso_day("treatment_ended_on"),
            _end_term("treatment_end", "treatment_end_reason"),
            ended,
            pl.lit("STUDY TREATMENT"),
            4,
            pl.col("treatment_end_reason"),
        ),
        _events(
            people.filter(pl.col("exclusion_kind").is_not_null() & not_randomized),
            iso_day("assessed_on"),
            pl.lit("SCREEN FAILURE"),
            ended,
            pl.lit("STUDY PARTICIPATION"),
            5,
            pl.coalesce("exclusion_reason", "exclusion_kind"),
        ),
        _events(
            people.filter(~not_randomized),
            iso_day("study_ended_on"),
            _end_term("study_end", "study_end_reason"),
            ended,
            pl.lit("STUDY PARTICIPATION"),
            6,
            pl.col("study_end_reason"),
        ),
    ]
    rows = pl.concat(parts).filter(pl.col("DSSTDTC").is_not_null())
    return numbered(rows.with_columns(DSSTDY=study_day("DSSTDTC")), "DS", ["step"])


def _events(
    people: pl.DataFrame,
    when: pl.Expr,
    decoded: pl.Expr,
    category: pl.Expr,
    subcategory: pl.Expr,
    step: int,
    verbatim: pl.Expr = NONE,
) -> pl.DataFrame:
    said = sentence(verbatim)
    return people.select(
        "STUDYID",
        "DOMAIN",
        "USUBJID",
        "reference",
        DSSTDTC=when,
        DSDECOD=decoded,
        DSTERM=pl.coalesce(said, decoded),
        DSCAT=category,
        DSSCAT=subcategory,
        step=pl.lit(step),
    )


def _end_term(end: str, reason: str) -> pl.Expr:
    """Completed, or the codelist's word for the reason, or for the kind of end where no reason is coded."""
    coded = term(pl.col(reason), END_REASON)
    listed = coded.is_in(sorted(set(END_REASON.values())))
    kind = term(pl.col(end), END_REASON)
    certain = pl.col(end).is_in(["completed", "died", "lost", "not_started"])
    return (
        pl.when(certain)
        .then(kind)
        .when(listed)
        .then(coded)
        .otherwise(pl.when(pl.col(end) == "withdrawn").then(kind).otherwise(pl.lit("OTHER")))
    )


def exceptions(source: Source) -> pl.DataFrame:
    """IE: criteria not fulfilled: an inclusion criterion that is not met, an exclusion criterion that is."""
    inclusion = pl.col("kind") == "inclusion"
    violated = pl.when(inclusion).then(~pl.col("met")).otherwise(pl.col("met"))
    codes = short_codes(source.snapshot["criteria"]["criterion"].to_list(), {})
    rows = (
        source.start("criteria", "IE")
        .filter(violated)
        .with_columns(
            IETESTCD=pl.col("criterion").replace_strict(
                list(codes), list(codes.values()), default=None, return_dtype=pl.String
            ),
            IETEST=pl.col("criterion").str.replace_all("_", " "),
            IECAT=pl.when(inclusion).then(pl.lit("INCLUSION")).otherwise(pl.lit("EXCLUSION")),
            IEORRES=flag(pl.col("met")),
            IESTRESC=flag(pl.col("met")),
        )
    )
    return numbered(rows, "IE", ["IECAT", "IETESTCD"])


def characteristics(source: Source) -> pl.DataFrame:
    """SC: stratification and subgroup facts, as used for the allocation and as corrected since."""
    codes = short_codes(source.snapshot["factors"]["factor"].to_list(), {})
    rows = source.start("factors", "SC").with_columns(
        SCTESTCD=pl.col("factor").replace_strict(
            list(codes), list(codes.values()), default=None, return_dtype=pl.String
        ),
        SCTEST=pl.col("factor"),
        SCCAT=pl.lit("BASELINE FACTOR"),
        SCORRES=pl.col("value"),
        SCSTRESC=pl.coalesce("corrected", "value"),
    )
    return numbered(rows, "SC", ["SCTESTCD"])
