"""Events of special interest by infusion, and the risk of a first event by day."""

from __future__ import annotations

from collections.abc import Iterable

from reports.analyses.harms.by_infusion import ByInfusion, InfusionCell
from reports.analyses.harms.first_events import FirstEvents
from reports.appearance import arm_heading
from reports.tables.harms.frequency import NOT_ASSESSED
from reports.tables.model import Column, Row, Table, section
from reports.tables.words import UNKNOWN, number, share

DAYS = (1, 7, 30, 90, 180)


def by_infusion_table(number_of: str, found: ByInfusion) -> Table:
    """One row a category that occurred: per arm and infusion, participants of those who had the infusion and were asked."""
    columns = [Column("Event of special interest", 3.2, "left")]
    for label in found.labels:
        columns += [Column(str(n), 1.0, group=f"{arm_heading(label, found.labels)}, infusion") for n in found.infusions]
    never = [row.term for row in found.rows if not row.participants]
    rows = tuple(
        Row((row.term, *(_cell(cell) for group in row.cells for cell in group)))
        for row in found.rows
        if row.participants or any(cell.not_assessed for group in row.cells for cell in group)
    )
    notes = [
        "Participants in whom it began at that infusion, of those asked there; where no checklist asks, of those infused."
    ]
    if never:
        notes.append(f"Began at no infusion: {'; '.join(never)}.")
    return Table(
        number_of,
        "Events of special interest by the infusion at which they began",
        tuple(columns),
        rows,
        tuple(notes),
        wide=True,
        empty="No event of special interest began at an infusion.",
    )


def _cell(cell: InfusionCell) -> str:
    if cell.not_assessed:
        return NOT_ASSESSED
    of = cell.at_risk if cell.asked is None else max(cell.asked, cell.participants)
    return f"{cell.participants}/{of}" if cell.at_risk else UNKNOWN


def first_events_table(number_of: str, kinds: Iterable[tuple[FirstEvents, ...]]) -> Table:
    """One row a kind and arm: how many had it, and the Kaplan–Meier risk by day with its interval."""
    rows: list[Row] = []
    columns = (Column("Kind, arm", 2.6, "left"), Column("n/N (%)", 1.6), *(Column(f"By day {d}", 1.8) for d in DAYS))
    for curves in kinds:
        labels = tuple(one.group for one in curves)
        if curves:
            rows.append(section(curves[0].kind, len(columns)))
        rows += [
            Row(
                (arm_heading(one.group, labels), share(one.participants, one.at_risk), *(_risk(one, d) for d in DAYS)),
                "inset",
            )
            for one in curves
        ]
    return Table(
        number_of,
        "Risk of a first event by day since the first dose",
        columns,
        tuple(rows),
        (
            "Kaplan–Meier with 95 % log-log intervals, in per cent; censored at the end of observation. Day 1: first dose.",
            "– : nobody has been observed as long.",
        ),
        empty="The data hold no end of observation.",
    )


def _risk(one: FirstEvents, day: int) -> str:
    found = one.risk(day)
    if found is None:
        return UNKNOWN
    risk, low, high = (100 * value for value in found)
    if not risk:
        return number(0.0)
    return f"{number(risk)} ({number(low)} to {number(high)})"
