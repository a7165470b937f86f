"""Listings of single participants: serious events, events that ended treatment or participation, deaths.

Invariants
1. Where events of special interest are withheld, such an event is listed with what everybody may see of it: that it was
   serious and why, its date, its outcome; not its name, hour, grade or causality.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from reports.analyses.groups import Grouping, yes
from reports.tables.model import Column, Row, Table
from reports.tables.words import UNKNOWN, recorded, words


def serious_listing(number_of: str, adae: pl.DataFrame, grouping: Grouping, *, withhold_special: bool) -> Table:
    """Every serious adverse event. Pooled, the term of an event of special interest is withheld."""
    rows = grouping.of(adae, "TRTP").filter(yes("AESER")).sort("ASTDTC", "USUBJID", "AESEQ", nulls_last=True)
    columns = [
        Column("Participant", 1.3, "left"),
        *([] if grouping.pooled else [Column("Arm", 0.7, "left")]),
        Column("Event", 2.6, "left"),
        Column("Onset", 1.7, "left"),
        Column("Day", 0.6),
        Column("Grade", 0.7),
        Column("Serious because", 2.2, "left"),
        Column("Related", 0.9, "left"),
        Column("Outcome", 2.0, "left"),
    ]
    lines = tuple(_serious_line(row, grouping, withhold_special) for row in rows.iter_rows(named=True))
    notes = ["Day: study day of onset; day 1 is the first dose. Related: suspicion of investigator or sponsor."]
    if withhold_special:
        notes.append(
            "Events of special interest are listed without name, hour, grade and causality; the closed report has them."
        )
    return Table(
        number_of,
        "Serious adverse events",
        tuple(columns),
        lines,
        tuple(notes),
        empty="No serious adverse event has been recorded.",
    )


CRITERIA = (
    ("AESDTH", "death"),
    ("AESLIFE", "life-threatening"),
    ("AESHOSP", "hospitalization"),
    ("AESDISAB", "disability"),
    ("AESCONG", "congenital anomaly"),
    ("AESMIE", "medically important"),
)


def _serious_line(row: dict[str, Any], grouping: Grouping, withhold_special: bool) -> Row:
    hidden = withhold_special and row["CQ01NAM"] is not None
    because = ", ".join(word for variable, word in CRITERIA if row[variable] == "Y")
    onset = str(row["ASTDTC"] or "")
    cells = [
        str(row["SUBJID"]),
        *([] if grouping.pooled else [str(row["GROUP"])]),
        "Event of special interest" if hidden else str(row["AEDECOD"]),
        recorded(onset[:10] if hidden else onset),
        _day(row["ASTDY"]),
        "withheld" if hidden else _known(row["ATOXGRN"]),
        because or UNKNOWN,
        "withheld" if hidden else _related(row["ARELFL"]),
        words(str(row["AEOUT"])) if row["AEOUT"] else UNKNOWN,
    ]
    return Row(tuple(cells))


def _day(value: int | None) -> str:
    return _known(value).replace("-", "−")


def _known(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def _related(flag: str | None) -> str:
    return {"Y": "yes", "N": "no"}.get(str(flag), UNKNOWN)


def withdrawals_listing(number_of: str, adae: pl.DataFrame, grouping: Grouping) -> Table:
    """Every event for which study treatment was withdrawn, or the participant left the study."""
    chosen = grouping.of(adae, "TRTP").filter(yes("AEDISFL") | yes("AEWDFL"))
    columns = (
        Column("Participant", 1.3, "left"),
        *(() if grouping.pooled else (Column("Arm", 0.7, "left"),)),
        Column("Event", 2.6, "left"),
        Column("Onset", 1.7, "left"),
        Column("Day", 0.6),
        Column("Infusion", 0.8),
        Column("Grade", 0.7),
        Column("Led to withdrawal", 2.0, "left"),
        Column("Related", 0.9, "left"),
        Column("Outcome", 2.0, "left"),
    )
    rows = chosen.sort("ASTDTC", "USUBJID", "AESEQ", nulls_last=True)
    return Table(
        number_of,
        "Events that led to withdrawal",
        columns,
        tuple(Row(_withdrawal_cells(row, grouping)) for row in rows.iter_rows(named=True)),
        empty="No event has led to withdrawal.",
    )


def _withdrawal_cells(row: dict[str, Any], grouping: Grouping) -> tuple[str, ...]:
    of = [word for flag, word in (("AEDISFL", "of treatment"), ("AEWDFL", "from the study")) if row[flag] == "Y"]
    return (
        str(row["SUBJID"]),
        *([] if grouping.pooled else [str(row["GROUP"])]),
        str(row["AEDECOD"]),
        recorded(str(row["ASTDTC"] or "")),
        _day(row["ASTDY"]),
        _known(row["AEINFNO"]),
        _known(row["ATOXGRN"]),
        " and ".join(of),
        _related(row["ARELFL"]),
        words(str(row["AEOUT"])) if row["AEOUT"] else UNKNOWN,
    )


def deaths_listing(number_of: str, adsl: pl.DataFrame, grouping: Grouping) -> Table:
    """Everybody who died after randomization."""
    rows = grouping.of(adsl.filter(yes("RANDFL") & yes("DTHFL")), "TRT01P").sort("DTHDT", "USUBJID")
    columns = [
        Column("Participant", 1.2, "left"),
        *([] if grouping.pooled else [Column("Arm", 0.7, "left")]),
        Column("Site", 0.8, "left"),
        Column("Age, sex", 1.0, "left"),
        Column("First dose", 1.3),
        Column("Doses", 0.7),
        Column("Died", 1.3),
    ]
    lines = tuple(
        Row(
            (
                str(row["SUBJID"]),
                *([] if grouping.pooled else [str(row["GROUP"])]),
                str(row["SITEID"]),
                f"{row['AGE']} {row['SEX']}",
                recorded(str(row["TRTSDT"] or "")),
                str(row["EXNUM"]),
                recorded(str(row["DTHDT"] or "")),
            )
        )
        for row in rows.iter_rows(named=True)
    )
    return Table(number_of, "Deaths", tuple(columns), lines, empty="Nobody randomized has died.")
