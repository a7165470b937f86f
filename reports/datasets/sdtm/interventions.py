"""EX, CM and PR: study treatment as given, other treatment, and the sessions of the programme."""

from __future__ import annotations

from typing import Final

import polars as pl

from reports.datasets.sdtm.source import Source, iso_day, numbered, qualifiers, study_day
from reports.datasets.terms import flag, sentence

MASKED = "STUDY TREATMENT (MASKED)"
EX_QUALIFIERS: Final = {
    "kit": ("EXKIT", "Kit Number"),
    "weight_kg": ("EXWTKG", "Weight on the Day of Dosing (kg)"),
    "dose_weight_kg": ("EXDWTKG", "Weight Used for the Dose (kg)"),
    "ordered_dose_mg": ("EXORDMG", "Ordered Dose of Active Drug (mg)"),
    "planned_volume_ml": ("EXPLVOL", "Planned Volume (mL)"),
    "interrupted_min": ("EXINTMIN", "Minutes of Interruption"),
    "discharged": ("EXDISCH", "Date/Time of Discharge"),
}


def exposure(source: Source) -> pl.DataFrame:
    """EX before shaping: one row a planned dose; volume is what was seen given, whatever the arm."""
    rows = source.start("infusions", "EX")
    rows = _with_treatment(rows, source.arms)
    given = pl.col("status").is_in(["given", "partial"])
    rows = rows.with_columns(
        EXGRPID=pl.lit("INFUSION ") + pl.col("infusion").cast(pl.String),
        EXDOSE=pl.col("infused_volume_ml"),
        EXDOSU=pl.when(pl.col("infused_volume_ml").is_not_null()).then(pl.lit("mL")),
        EXDOSFRM=pl.lit("SOLUTION"),
        EXADJ=sentence(pl.col("stopped_reason")),
        EXOCCUR=flag(given),
        EXREASOC=sentence(pl.col("missed_reason")),
        EXSTDTC=pl.coalesce(source.local_iso("started_at"), iso_day("planned_on")),
        EXENDTC=source.local_iso("ended_at"),
        discharged=source.local_iso("discharged_at"),
    ).with_columns(EXSTDY=study_day("EXSTDTC"), EXENDY=study_day("EXENDTC"))
    return numbered(rows, "EX", ["infusion"])


def exposure_qualifiers(source: Source) -> pl.DataFrame:
    return qualifiers(exposure(source), "EX", EX_QUALIFIERS)


def _with_treatment(rows: pl.DataFrame, arms: pl.DataFrame | None) -> pl.DataFrame:
    if arms is None:
        return rows.with_columns(EXTRT=pl.lit(MASKED))
    named = arms.select("participant", EXTRT=pl.col("arm"))
    joined = rows.join(named, on="participant", how="left", maintain_order="left")
    return joined.with_columns(EXTRT=pl.col("EXTRT").fill_null(MASKED))


def concomitant(source: Source) -> pl.DataFrame:
    """CM: other treatment recorded at visits."""
    rows = _at_visits(source, "concomitant", "CM").with_columns(
        CMTRT=sentence(pl.col("name")),
        CMINDC=sentence(pl.col("indication")),
        CMDOSE=pl.col("value"),
        CMDOSU=pl.col("unit"),
        CMDTC=iso_day("happened_on"),
        CMSTDTC=pl.col("started"),
        CMENDTC=pl.col("ended"),
    )
    return numbered(rows.with_columns(CMDY=study_day("CMDTC")), "CM", ["VISITNUM", "CMTRT"])


def sessions(source: Source) -> pl.DataFrame:
    """PR: sessions of the accompanying programme, attended or not."""
    rows = source.start("attendance", "PR").with_columns(
        PRSPID=pl.col("session").cast(pl.String),
        PRTRT=sentence(pl.col("kind")),
        PRPRESP=pl.lit("Y"),
        PROCCUR=flag(pl.col("attended")),
        PRSTDTC=iso_day("held_on"),
    )
    return numbered(rows.with_columns(PRSTDY=study_day("PRSTDTC")), "PR", ["session"])


def _at_visits(source: Source, table: str, domain: str) -> pl.DataFrame:
    """A table with the visit's number and date beside each row."""
    when = source.snapshot["visits"].select("participant", "visit", "happened_on", pl.col("order").alias("VISITNUM"))
    rows = source.start(table, domain)
    joined = rows.join(when, on=["participant", "visit"], how="left", maintain_order="left")
    return joined.with_columns(VISIT=pl.col("visit"))
