"""The line listing of serious adverse events at a data cut-off, as PDF and as CSV. Pooled and blinded: no treatment is in it.

Invariants
1. It is a function of a snapshot: the same cut-off gives the same bytes whenever it is asked for.
2. Without the infusion domain, an event of special interest keeps its line, and its detail is withheld: the words, the term,
   the grade and what ties it to an infusion.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl
from reportlab.platypus import NextPageTemplate, PageBreak, Spacer

from reports.documents.blocks import section, table, text, tiles
from reports.documents.page import WIDE, Imprint, Marking, build_document
from reports.documents.typography import NOTE_STYLE, SUBTITLE_STYLE, TITLE_STYLE, register_fonts
from reports.tables.model import Column, Row, Table
from reports.tables.words import UNKNOWN, instant

WITHHELD: Final = "Withheld"
CSV_COLUMNS: Final = (
    "participant", "site", "event", "term", "grade", "verbatim", "onset", "ended", "outcome", "action_taken", "criteria",
    "causality_investigator", "causality_sponsor", "expected", "infusion",
)  # fmt: skip
_CRITERIA: Final = {
    "fatal": "death",
    "life_threatening": "life-threatening",
    "hospitalization": "hospitalization",
    "disability": "disability",
    "congenital_anomaly": "congenital anomaly",
    "medically_important": "medically important",
}
_DETAIL: Final = (
    "term", "grade", "verbatim", "action_taken", "causality_investigator", "causality_sponsor", "expected", "infusion",
)  # fmt: skip


@dataclass(frozen=True)
class ListingFacts:
    """Of which trial and cut-off; ``whole`` for readers of the infusion domain."""

    trial: str
    title: str
    kind: str  # real | practice | simulated
    cutoff: int
    cut_off_at: datetime
    snapshot: str
    protocol_version: str
    whole: bool


def listed(snapshot: Mapping[str, pl.DataFrame], *, whole: bool) -> list[dict[str, str]]:
    """The lines, by participant and event, as text in the columns of the CSV."""
    sites = dict(snapshot["participants"].select("participant", "site").iter_rows())
    serious = snapshot["adverse_events"].filter(pl.col("serious")).sort("participant", "event")
    return [_line(row, sites, whole=whole) for row in serious.iter_rows(named=True)]


def _line(row: Mapping[str, Any], sites: Mapping[str, str], *, whole: bool) -> dict[str, str]:
    line = {name: "" if row.get(name) is None else str(row[name]) for name in CSV_COLUMNS if name in row}
    line |= {
        "site": sites.get(row["participant"], ""),
        "criteria": "; ".join(words for name, words in _CRITERIA.items() if row[name]),
        "expected": {True: "Y", False: "N", None: ""}[row["expected"]],
    }
    if row["aesi"] is not None and not whole:
        line |= dict.fromkeys(_DETAIL, WITHHELD)
        line["onset"] = line["onset"][:10]
    return line


def sae_listing_csv(lines: list[dict[str, str]]) -> bytes:
    """UTF-8, a header and one line an event; a text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line in lines:
        writer.writerow([harmless(line[name]) for name in CSV_COLUMNS])
    return out.getvalue().encode()


def harmless(value: str) -> str:
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def sae_listing(lines: list[dict[str, str]], facts: ListingFacts) -> bytes:
    """Wide pages to file."""
    register_fonts()
    people = {line["participant"] for line in lines}
    story: list[Any] = [
        text("Line listing of serious adverse events", TITLE_STYLE),
        text(f"{facts.title}. Data cut-off {facts.cutoff}, {instant(facts.cut_off_at)}", SUBTITLE_STYLE),
        tiles(
            [
                (str(len(lines)), "Serious events"),
                (str(len(people)), "Participants"),
                (str(sum("death" in line["criteria"] for line in lines)), "Fatal"),
            ]
        ),
        Spacer(1, 6),
        text("Pooled over the treatments and blinded. " + _detail_words(facts), NOTE_STYLE),
        NextPageTemplate(WIDE),
        PageBreak(),
        *section("Serious adverse events", table(_table(lines))),
    ]
    mark = "" if facts.kind == "real" else facts.kind.upper()
    footer = f"Data cut-off {instant(facts.cut_off_at)}  ·  Protocol {facts.protocol_version}  ·  Snapshot {facts.snapshot[:12]}"
    marking = Marking(title="Line listing of serious adverse events", confidential="Blinded.")
    return build_document(story, marking, Imprint(facts.trial, mark, footer))


def _detail_words(facts: ListingFacts) -> str:
    if facts.whole:
        return "The detail of events of special interest is in it: keep it from whoever assesses efficacy."
    return "The detail of events of special interest is withheld, because it can reveal the treatment."


def _table(lines: list[dict[str, str]]) -> Table:
    columns = (
        Column("Participant", 0.8, "left"),
        Column("Event", 0.4, "right"),
        Column("Term, grade", 1.4, "left"),
        Column("In the reporter's words", 1.9, "left"),
        Column("Began", 0.9, "left"),
        Column("Ended", 0.8, "left"),
        Column("Serious because", 1.3, "left"),
        Column("Outcome", 1.2, "left"),
        Column("Causality: site / sponsor", 1.2, "left"),
        Column("Expected", 0.6, "left"),
    )
    rows = tuple(Row(_cells(line)) for line in lines)
    return Table("Listing 1", "Serious adverse events, by participant", columns, rows, (), empty="No event is serious.")


def _cells(line: Mapping[str, str]) -> tuple[str, ...]:
    hidden = line["term"] == WITHHELD
    both = f"{line['causality_investigator'] or UNKNOWN} / {line['causality_sponsor'] or UNKNOWN}"
    return (
        f"{line['participant']} ({line['site']})",
        line["event"],
        WITHHELD if hidden else f"{line['term']}, {line['grade']}",
        line["verbatim"],
        line["onset"].replace("T", " "),
        line["ended"].replace("T", " ") or UNKNOWN,
        line["criteria"],
        line["outcome"].capitalize(),
        WITHHELD if hidden else both,
        line["expected"] or UNKNOWN,
    )
