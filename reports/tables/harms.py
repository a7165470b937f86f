"""Tables and listings of harms."""

from __future__ import annotations

import polars as pl

from reports.analyses.groups import Grouping, yes
from reports.analyses.harms import GroupHarm, HarmRow, Harms
from reports.appearance import arm_heading
from reports.tables.model import Column, Row, Table, section
from reports.tables.words import UNKNOWN, count, number, points, recorded, share, words

METHODS = (
    (
        "N: safety set, everybody whose first dose was started. n: participants with at least one event,"
        " counted once a row at the worst grade. Treatment-emergent events only."
    ),
    "Differences in percentage points with 95 % Miettinen–Nurminen intervals, not adjusted for multiplicity; no tests.",
    "For 0 events, the upper limit is the exact one-sided 95 % limit of the risk.",
    "Grades: the toxicity grade as recorded. Related: investigator's or sponsor's suspicion, as the protocol maps it.",
)


def harms_table(
    number_of: str, title: str, harms: Harms, rows: tuple[HarmRow, ...], *, by_class: bool = False
) -> Table:
    """One row a term: per arm n (%), events, worst grades, serious, related; then the differences."""
    columns = [Column("Event", 3.4, "left")]
    for label, size in zip(harms.labels, harms.at_risk, strict=True):
        group = arm_heading(label, harms.labels, size) if len(harms.labels) > 1 else f"All (N = {size})"
        columns += [
            Column("n (%)", 1.5, group=group),
            Column("Events", 0.9, group=group),
            Column("Worst grade 1·2·3·4·5", 1.8, group=group),
            Column("Serious", 0.9, group=group),
            Column("Related", 0.9, group=group),
        ]
    columns += [Column(f"{arm} − {base} (95 % CI)", 2.3, group="Difference, points") for arm, base in harms.compared]
    lines: list[Row] = []
    last = ""
    for row in rows:
        if by_class and row.organ_class != last:
            lines.append(section(row.organ_class, len(columns)))
            last = row.organ_class
        lines.append(_line(row, "inset" if by_class else "body"))
    withheld = (
        "Events of special interest, scale totals and readings of infusions are withheld from the open session, because"
        " pooled figures of these could tell the arms. They stand by arm in the closed report. They enter no row here."
    )
    notes = ((withheld,) if harms.special_withheld else ()) + (METHODS if harms.compared else (METHODS[0], METHODS[3]))
    return Table(
        number_of,
        title,
        tuple(columns),
        tuple(lines),
        notes,
        wide=len(harms.labels) > 1,
        empty="No such event has been recorded.",
    )


def _line(row: HarmRow, kind: str) -> Row:
    cells: list[str] = [row.term]
    for group in row.groups:
        cells += [
            share(group.participants, group.at_risk),
            count(group.events),
            "·".join(map(str, group.worst_grades)) if group.participants else "",
            count(group.serious),
            count(group.related),
        ]
    cells += [points(estimate) for estimate in row.differences]
    return Row(tuple(cells), "inset" if kind == "inset" else "body")


def special_interest_table(number_of: str, harms: Harms) -> Table:
    """Every prespecified event of special interest, zeros included, with limits, onset, recurrence and ascertainment."""
    columns = [Column("Event of special interest", 3.2, "left"), Column("Asked", 1.1, "left")]
    for label, size in zip(harms.labels, harms.at_risk, strict=True):
        group = arm_heading(label, harms.labels, size)
        columns += [
            Column("n (%) or 95 % upper limit", 1.8, group=group),
            Column("Events", 0.8, group=group),
            Column("Worst grade 1·2·3·4·5", 1.6, group=group),
            Column("Serious", 0.8, group=group),
            Column("≥ 2", 0.6, group=group),
            Column("Onset min", 0.8, group=group),
        ]
    columns += [Column(f"{arm} − {base} (95 % CI)", 2.2, group="Difference, points") for arm, base in harms.compared]
    return Table(
        number_of,
        "Adverse events of special interest, every prespecified one",
        tuple(columns),
        tuple(_special_line(row) for row in harms.special),
        (
            "≥ 2: participants with two or more. Onset: median minute from the start of the infusion, where recorded.",
            "Asked: systematic (checklist, scale or reading), not (open question), or – where no event shows which.",
            *METHODS,
        ),
        wide=True,
        empty="The protocol names no events of special interest.",
    )


def _special_line(row: HarmRow) -> Row:
    asked = {"systematic": "yes", "non_systematic": "no", "": UNKNOWN}.get(row.ascertainment, "both")
    cells: list[str] = [row.term, asked]
    for group in row.groups:
        cells += [
            _share_or_limit(group),
            count(group.events),
            "·".join(map(str, group.worst_grades)) if group.participants else "",
            count(group.serious),
            count(group.recurrent),
            number(group.median_onset_minute, 0) if group.median_onset_minute is not None else "",
        ]
    cells += [points(estimate) for estimate in row.differences]
    return Row(tuple(cells))


def _share_or_limit(group: GroupHarm) -> str:
    if group.upper_limit is not None:
        return f"0 (≤ {100 * group.upper_limit.upper:.1f} %)"
    return share(group.participants, group.at_risk)


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
        notes.append("Events of special interest are listed without their name; the closed report names them.")
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


def _serious_line(row: dict[str, object], grouping: Grouping, withhold_special: bool) -> Row:
    hidden = withhold_special and row["CQ01NAM"] is not None
    because = ", ".join(word for variable, word in CRITERIA if row[variable] == "Y")
    onset = recorded(str(row["ASTDTC"]) if row["ASTDTC"] else None)
    cells = [
        str(row["SUBJID"]),
        *([] if grouping.pooled else [str(row["GROUP"])]),
        "Event of special interest" if hidden else str(row["AEDECOD"]),
        onset,
        UNKNOWN if row["ASTDY"] is None else str(row["ASTDY"]).replace("-", "−"),
        UNKNOWN if row["ATOXGRN"] is None else str(row["ATOXGRN"]),
        because or UNKNOWN,
        {"Y": "yes", "N": "no"}.get(str(row["ARELFL"]), UNKNOWN),
        words(str(row["AEOUT"])) if row["AEOUT"] else UNKNOWN,
    ]
    return Row(tuple(cells))


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
