"""The register of unblindings on paper: who, when, of whom, why, to whom it was shown, and what it meant; no arm.

Invariants
1. It is made from what the register's readers see, and from nothing else.
2. The same entries and assessments give the same bytes: the paper is dated by the last of them, not by its printing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reportlab.platypus import Spacer

from reports.documents.blocks import section, table, text, tiles
from reports.documents.page import Imprint, Marking, build_document
from reports.documents.typography import NOTE_STYLE, SUBTITLE_STYLE, TITLE_STYLE, register_fonts
from reports.tables.model import Column, Row, Table
from reports.tables.words import UNKNOWN, instant

_NOTE = "This register never holds a treatment. Scheduled work (closed reports, the end of the trial) is not assessed."


@dataclass(frozen=True)
class RegisterLine:
    """Finished text; ``assessment`` says that it waits, where it does."""

    at: str
    kind: str
    participant: str
    by: str
    shown_to: str
    why: str
    assessment: str


@dataclass(frozen=True)
class RegisterFacts:
    """``as_of`` is when the last entry or assessment was made; ``None`` while there is none."""

    trial: str
    title: str
    kind: str  # real | practice | simulated
    as_of: datetime | None
    waiting: int
    lines: tuple[RegisterLine, ...]


def unblinding_register(facts: RegisterFacts) -> bytes:
    """Wide pages to file in the trial master file."""
    register_fonts()
    story: list[Any] = [
        text("Register of unblindings", TITLE_STYLE),
        text(facts.title, SUBTITLE_STYLE),
        tiles([(str(len(facts.lines)), "Entries"), (str(facts.waiting), "Wait for an assessment")]),
        Spacer(1, 4),
        *section("Entries", table(_table(facts))),
        text("Reviewed by ____________________   Date ____________", NOTE_STYLE),
    ]
    mark = "" if facts.kind == "real" else facts.kind.upper()
    until = f"As recorded until {instant(facts.as_of)}" if facts.as_of else "Nothing is recorded yet"
    return build_document(
        story, Marking(title="Register of unblindings", confidential=_NOTE), Imprint(facts.trial, mark, until)
    )


def _table(facts: RegisterFacts) -> Table:
    columns = (
        Column("When", 1.0, "left"),
        Column("Kind", 1.0, "left"),
        Column("Participant", 0.8, "left"),
        Column("By", 1.0, "left"),
        Column("Shown to", 1.7, "left"),
        Column("Why", 2.1, "left"),
        Column("Impact", 1.8, "left"),
    )
    rows = tuple(
        Row((one.at, one.kind, one.participant or UNKNOWN, one.by, one.shown_to, one.why, one.assessment))
        for one in facts.lines
    )
    return Table("Table 1", "Every unblinding, oldest first", columns, rows, (_NOTE,), empty="Nobody was unblinded.")
