"""AE, FA and DV: what went wrong with participants, whether it was asked for, and what went wrong with the protocol."""

from __future__ import annotations

from typing import Final

import polars as pl

from reports.datasets.sdtm.source import Source, iso_day, numbered, qualifiers, study_day
from reports.datasets.terms import (
    ACTION,
    OUTCOME,
    RANDOMIZATION_ERROR,
    RANDOMIZATION_ERRORS,
    flag,
    sentence,
    term,
)

AE_QUALIFIERS: Final = {
    "aesi": ("AESI", "Adverse Event of Special Interest"),
    "ascertainment": ("AEASCERT", "Way of Ascertainment"),
    "causality_sponsor": ("AERELSP", "Causality by Sponsor"),
    "suspected": ("ARELFL", "Suspected to be Related"),
    "foreseen": ("AEXPFL", "Expected per Reference Safety Info"),
    "infusion": ("AEINFNO", "Infusion Number at Onset"),
    "onset_minute": ("AEONMIN", "Minutes from Start of Infusion to Onset"),
    "left": ("AEWDFL", "Led to Withdrawal from Study"),
    "dictionary": ("AEDICT", "Dictionary and Version"),
    "grade_at_onset": ("AEGRONS", "Toxicity Grade at Onset"),
    "given": ("AETRTGV", "Kind of Treatment Given"),
    "repeated": ("AERECOF", "Recurrence of Event (AESPID)"),
}
"""Qualifiers of every trial; relations to components beside the study treatment follow, one pair a component."""
MEDDRA_QUALIFIERS: Final = {
    "release": ("MDVER", "MedDRA Version"),
    "llt_code": ("MDLLTCD", "MedDRA Lowest Level Term Code"),
    "llt": ("MDLLT", "MedDRA Lowest Level Term"),
    "pt_code": ("MDPTCD", "MedDRA Preferred Term Code"),
    "pt": ("MDPT", "MedDRA Preferred Term"),
    "soc_code": ("MDSOCCD", "MedDRA Primary System Organ Class Code"),
    "soc": ("MDSOC", "MedDRA Primary System Organ Class"),
}
"""Beside the CTCAE term that AEDECOD holds; where no event is coded in MedDRA there is none of them."""
LONGEST_LABEL: Final = 40
SERIOUS: Final = {
    "AESDTH": "fatal",
    "AESLIFE": "life_threatening",
    "AESHOSP": "hospitalization",
    "AESDISAB": "disability",
    "AESCONG": "congenital_anomaly",
    "AESMIE": "medically_important",
}


def adverse_events(source: Source) -> pl.DataFrame:
    """AE before shaping. Severity is what the site said; no grade is mapped to mild, moderate or severe here.

    AETOXGR is the worst grade of the event's course.
    """
    rows = source.start("adverse_events", "AE").with_columns(
        AESPID=pl.col("event").cast(pl.String),
        AETERM=pl.col("verbatim"),
        AELLTCD=pl.col("llt_code"),
        AEDECOD=pl.col("term"),
        AEBODSYS=pl.col("soc"),
        AESEV=pl.col("severity"),
        AESER=flag(pl.col("serious")),
        AEACN=term(pl.col("action_taken"), ACTION),
        AEREL=sentence(pl.col("causality_investigator")),
        AEOUT=term(pl.col("outcome"), OUTCOME),
        AECONTRT=flag(pl.col("treatments") != "none"),
        AETOXGR=pl.col("grade").cast(pl.String),
        AEDTC=source.local_iso("reported_at"),
        AESTDTC=_onset(source),
        AEENDTC=pl.col("ended").str.head(16),
        suspected=flag(pl.col("related")),
        foreseen=flag(pl.col("expected")),
        left=flag(pl.col("led_to_withdrawal")),
        given=pl.col("treatments").str.replace_all("_", " ").str.to_uppercase(),
        repeated=pl.col("recurrence_of"),
        **{name: flag(pl.col(column)) for name, column in SERIOUS.items()},
    )
    return numbered(rows.with_columns(AESTDY=study_day("AESTDTC"), AEENDY=study_day("AEENDTC")), "AE", ["event"])


def _onset(source: Source) -> pl.Expr:
    """The site's local time where the instant is known to the minute; otherwise as recorded, however partial."""
    to_the_minute = (pl.col("onset").str.len_chars() >= 16) & pl.col("onset_at").is_not_null()
    return pl.when(to_the_minute).then(source.local_iso("onset_at")).otherwise(pl.col("onset").str.head(16))


def adverse_event_qualifiers(source: Source) -> pl.DataFrame:
    """SUPPAE: what AE has no variable for, and the relation to each component beside the study treatment."""
    relations = source.snapshot["event_relations"]
    names, rows = dict(AE_QUALIFIERS), adverse_events(source)
    components = relations.group_by("component").agg(pl.col("label").first()).sort("component")
    for number, (component, label) in enumerate(components.iter_rows(), 1):
        of_it = relations.filter(pl.col("component") == component)
        for side, letter, who in (("investigator", "I", "Inv."), ("sponsor", "S", "Sponsor")):
            column = f"relation_{number}_{side}"
            said = of_it.select("participant", "event", sentence(pl.col(side)).alias(column))
            rows = rows.join(said, on=["participant", "event"], how="left", maintain_order="left")
            names[column] = (f"AEREL{number}{letter}", _relation_label(label, who))
    codings = source.snapshot["event_codings"].select(
        "participant", "event", pl.col(*MEDDRA_QUALIFIERS).name.prefix("meddra_")
    )
    if codings.height:
        rows = rows.join(codings, on=["participant", "event"], how="left", maintain_order="left")
        names |= {f"meddra_{name}": said for name, said in MEDDRA_QUALIFIERS.items()}
    return qualifiers(rows, "AE", names)


def _relation_label(label: str, who: str) -> str:
    """``Relation to Study Procedure, Inv.``, as long as a label may be."""
    room = LONGEST_LABEL - len("Relation to , ") - len(who)
    return f"Relation to {label[:room].strip()}, {who}"


def checklists(source: Source) -> pl.DataFrame:
    """FA: each time the checklist of events of special interest was asked. What was answered stands in AE."""
    rows = source.start("checklists", "FA").with_columns(
        FAGRPID=pl.lit("INFUSION ") + pl.col("infusion").cast(pl.String),
        FATESTCD=pl.lit("ASKED"),
        FATEST=pl.lit("Asked by Checklist"),
        FAOBJ=pl.lit("EVENTS OF SPECIAL INTEREST"),
        FAORRES=pl.lit("Y"),
        FASTRESC=pl.lit("Y"),
        VISIT=pl.col("visit"),
        FADTC=iso_day("asked_on"),
    )
    return numbered(rows.with_columns(FADY=study_day("FADTC")), "FA", ["FADTC", "visit"])


def deviations(source: Source) -> pl.DataFrame:
    """DV: deviations with their importance as the category. Randomization errors are important ones, told by DVSCAT."""
    recorded = source.start("deviations", "DV").with_columns(
        DVSPID=pl.col("deviation").cast(pl.String),
        DVTERM=pl.col("description"),
        DVDECOD=sentence(pl.col("category")),
        DVCAT=sentence(pl.col("importance")),
        DVSCAT=pl.lit(None, pl.String),
        DVSTDTC=iso_day("happened_on"),
    )
    errors = source.start("randomization_errors", "DV").with_columns(
        DVSPID=pl.format("R{}", "error"),
        DVTERM=pl.col("reason"),
        DVDECOD=pl.col("kind").replace_strict(RANDOMIZATION_ERRORS, return_dtype=pl.String),
        DVCAT=pl.lit("IMPORTANT"),
        DVSCAT=pl.lit(RANDOMIZATION_ERROR),
        DVSTDTC=iso_day("found_on"),
    )
    rows = pl.concat([recorded, errors], how="diagonal")
    return numbered(rows.with_columns(DVSTDY=study_day("DVSTDTC")), "DV", ["deviation", "error"])
