"""Controlled terms: how the trial's own words stand in CDISC codelists.

Purpose: tables from recorded value to submission value, each codelist's words checked by a test against the
packaged CDISC subset. What is not in a table passes in capitals, so nothing is lost silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

SEX: Final[Mapping[str, str]] = {
    "female": "F",
    "f": "F",
    "male": "M",
    "m": "M",
    "intersex": "INTERSEX",
    "unknown": "U",
    "u": "U",
}
RACE: Final[Mapping[str, str]] = {
    "american_indian_or_alaska_native": "AMERICAN INDIAN OR ALASKA NATIVE",
    "asian": "ASIAN",
    "black": "BLACK OR AFRICAN AMERICAN",
    "black_or_african_american": "BLACK OR AFRICAN AMERICAN",
    "native_hawaiian_or_other_pacific_islander": "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER",
    "white": "WHITE",
    "other": "OTHER",
    "not_reported": "NOT REPORTED",
    "unknown": "UNKNOWN",
}
ETHNICITY: Final[Mapping[str, str]] = {
    "hispanic": "HISPANIC OR LATINO",
    "hispanic_or_latino": "HISPANIC OR LATINO",
    "not_hispanic": "NOT HISPANIC OR LATINO",
    "not_hispanic_or_latino": "NOT HISPANIC OR LATINO",
    "not_reported": "NOT REPORTED",
    "unknown": "UNKNOWN",
}
RANDOMIZATION_ERROR: Final = "RANDOMIZATION ERROR"
"""The subcategory of deviations (DVSCAT) that are errors with an allocation; the participant flow counts them by it."""
RANDOMIZATION_ERRORS: Final[Mapping[str, str]] = {
    "wrong_stratum": "WRONG STRATUM USED",
    "in_error": "RANDOMIZED IN ERROR",
    "wrong_kit": "WRONG KIT GIVEN",
    "duplicate": "RANDOMIZED TWICE",
}
OUTCOME: Final[Mapping[str, str]] = {
    "fatal": "FATAL",
    "not_recovered": "NOT RECOVERED/NOT RESOLVED",
    "recovered": "RECOVERED/RESOLVED",
    "recovered_with_sequelae": "RECOVERED/RESOLVED WITH SEQUELAE",
    "recovering": "RECOVERING/RESOLVING",
    "unknown": "UNKNOWN",
}
ACTION: Final[Mapping[str, str]] = {
    "none": "DOSE NOT CHANGED",
    "dose_not_changed": "DOSE NOT CHANGED",
    "rate_reduced": "DOSE RATE REDUCED",
    "dose_rate_reduced": "DOSE RATE REDUCED",
    "dose_reduced": "DOSE REDUCED",
    "interrupted": "DRUG INTERRUPTED",
    "drug_interrupted": "DRUG INTERRUPTED",
    "withdrawn": "DRUG WITHDRAWN",
    "drug_withdrawn": "DRUG WITHDRAWN",
    "not_applicable": "NOT APPLICABLE",
    "unknown": "UNKNOWN",
}
END_REASON: Final[Mapping[str, str]] = {
    "adverse_event": "ADVERSE EVENT",
    "completed": "COMPLETED",
    "consent_withdrawn": "WITHDRAWAL BY SUBJECT",
    "death": "DEATH",
    "died": "DEATH",
    "lack_of_efficacy": "LACK OF EFFICACY",
    "logistics": "LOGISTICAL PROBLEM",
    "lost": "LOST TO FOLLOW-UP",
    "lost_to_follow_up": "LOST TO FOLLOW-UP",
    "never_dosed": "NEVER DOSED",
    "not_started": "NEVER DOSED",
    "physician_decision": "PHYSICIAN DECISION",
    "pregnancy": "PREGNANCY",
    "protocol_deviation": "PROTOCOL DEVIATION",
    "participant_decision": "WITHDRAWAL BY SUBJECT",
    "withdrawal": "WITHDRAWAL BY SUBJECT",
    "withdrawn": "WITHDRAWAL BY SUBJECT",
}
# Keyed in lower case, so that a protocol may name its measures by the codelist's own codes.
VITAL_SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "sysbp": ("SYSBP", "Systolic Blood Pressure"),
    "diabp": ("DIABP", "Diastolic Blood Pressure"),
    "oxysat": ("OXYSAT", "Oxygen Saturation"),
    "resp": ("RESP", "Respiratory Rate"),
    "temp": ("TEMP", "Temperature"),
    "sbp": ("SYSBP", "Systolic Blood Pressure"),
    "systolic": ("SYSBP", "Systolic Blood Pressure"),
    "dbp": ("DIABP", "Diastolic Blood Pressure"),
    "diastolic": ("DIABP", "Diastolic Blood Pressure"),
    "hr": ("HR", "Heart Rate"),
    "heart_rate": ("HR", "Heart Rate"),
    "spo2": ("OXYSAT", "Oxygen Saturation"),
    "oxygen_saturation": ("OXYSAT", "Oxygen Saturation"),
    "rr": ("RESP", "Respiratory Rate"),
    "respiratory_rate": ("RESP", "Respiratory Rate"),
    "temperature": ("TEMP", "Temperature"),
    "weight": ("WEIGHT", "Weight"),
}
UNITS: Final[Mapping[str, str]] = {"mm[Hg]": "mmHg", "/min": "beats/min", "1/min": "beats/min"}
SCALE_CODES: Final[Mapping[str, str]] = {
    "physical_function": "PHYSFUNC",
    "anxiety": "ANXIETY",
    "depression": "DEPRESS",
    "fatigue": "FATIGUE",
    "sleep_disturbance": "SLEEPDST",
    "social_roles_ability": "SOCROLES",
    "social_role_satisfaction": "SOCSATIS",
    "pain_interference": "PAININTF",
    "pain_intensity": "PAININTS",
    "sedation": "SEDATION",
    "cadss": "CADSS",
    "rass": "RASS",
    "social_roles_satisfaction": "SOCSATIS",
    "catastrophizing": "CATASTRO",
    "self_efficacy": "SELFEFFI",
    "global_change": "GLOBCHNG",
    "dissociation": "DISSOCIA",
}


def plain_key(value: pl.Expr) -> pl.Expr:
    """``value`` in lower case with underscores, the form in which the tables above are keyed."""
    return value.str.strip_chars().str.to_lowercase().str.replace_all(r"[\s/-]+", "_")


def term(value: pl.Expr, codelist: Mapping[str, str]) -> pl.Expr:
    """The codelist's term for ``value``; a word that it does not know passes in capitals."""
    spelled_out = {plain_word(known): known for known in codelist.values()}
    merged = {**spelled_out, **codelist}
    return plain_key(value).replace_strict(
        list(merged), list(merged.values()), default=value.str.replace_all("_", " ").str.to_uppercase()
    )


def plain_word(word: str) -> str:
    """``plain_key`` of one word."""
    return "".join("_" if c in " /-" else c for c in word.strip().lower())


def flag(value: pl.Expr) -> pl.Expr:
    """Y, N or null, as the codelist NY spells them."""
    return pl.when(value).then(pl.lit("Y")).when(~value).then(pl.lit("N")).otherwise(pl.lit(None, pl.String))


def flag_if(value: pl.Expr) -> pl.Expr:
    """Y or N; what is not known is N, as population flags demand."""
    return pl.when(value.fill_null(value=False)).then(pl.lit("Y")).otherwise(pl.lit("N"))


def sentence(value: pl.Expr) -> pl.Expr:
    """A recorded code as words: ``adverse_event`` becomes ``ADVERSE EVENT``."""
    return value.str.replace_all("_", " ").str.to_uppercase()
