"""The receipt of a randomization: number, kit, participant, who and when. Never an arm.

Invariants
1. It is made from what the coordinator may see, and from nothing else.
2. The same facts give the same bytes, whatever the arm behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.platypus import Spacer
from reportlab.platypus import Table as Grid

from reports.appearance import QUIET, RULE
from reports.documents.blocks import callout, text
from reports.documents.page import PORTRAIT, Imprint, Marking, build_document, frame_width
from reports.documents.typography import (
    BOLD,
    LEAD_STYLE,
    NOTE_STYLE,
    SUBTITLE_STYLE,
    TITLE_STYLE,
    register_fonts,
    style,
)
from reports.tables.words import instant

NO_KIT: Final = "None: the pharmacist prepares"


@dataclass(frozen=True)
class RandomizationFacts:
    """What a receipt says. ``local_time`` is the same instant as the site's clock shows it, with its zone.

    ``kit`` is ``None`` where the protocol numbers none; ``line`` is the receipt as one authenticated line, printed and among
    the file's keywords. ``visits`` are names with their dates in words, for who wants them printed along; ``stage`` is what a
    further randomization is called.
    """

    trial: str
    title: str
    kind: str  # real | practice | simulated
    participant: str
    site: str
    randomization_number: str
    kit: str | None
    randomized_at: datetime
    local_time: str
    randomized_by: str
    signature_meaning: str
    protocol_version: str
    record: str
    next_step: str = ""
    line: str = ""
    visits: tuple[tuple[str, str], ...] = ()
    stage: str = ""


def randomization_receipt(facts: RandomizationFacts) -> bytes:
    """One page to print and file."""
    register_fonts()
    rows = [
        ("Participant", facts.participant),
        *([("Randomization", facts.stage)] if facts.stage else []),
        ("Site", facts.site),
        ("Randomization number", facts.randomization_number),
        ("Kit", facts.kit or NO_KIT),
        ("Randomized at", f"{facts.local_time}  ({instant(facts.randomized_at)})"),
        ("Randomized and signed by", facts.randomized_by),
        ("Meaning of the signature", facts.signature_meaning),
        ("Protocol version", facts.protocol_version),
        ("Record", facts.record),
    ]
    story: list[Any] = [
        text("Randomization receipt", TITLE_STYLE),
        text(facts.title, SUBTITLE_STYLE),
        fact_grid(rows),
        Spacer(1, 12),
    ]
    if facts.next_step:
        story.append(callout("Next", [facts.next_step]))
    if facts.visits:
        story += [Spacer(1, 10), text("Visits from here on", LEAD_STYLE), fact_grid(list(facts.visits))]
    story.append(Spacer(1, 10))
    if facts.line:
        story.append(text(f"This receipt as one line, which proves itself: {facts.line}", NOTE_STYLE))
    story += [
        text("This receipt does not tell the treatment, and neither does any number on it.", NOTE_STYLE),
    ]
    mark = "" if facts.kind == "real" else facts.kind.upper()
    imprint = Imprint(facts.trial, mark, f"Record {facts.record}  ·  Protocol {facts.protocol_version}")
    marking = Marking(
        title="Randomization receipt", confidential="File with the participant's record.", keywords=facts.line
    )
    return build_document(story, marking, imprint)


def fact_grid(rows: list[tuple[str, str]]) -> Grid:
    """Facts one below the other, each with its name."""
    name = style("fact", textColor=HexColor(QUIET), spaceAfter=0)
    value = style("value", parent=LEAD_STYLE, fontName=BOLD, fontSize=9.5, leading=13, spaceAfter=0)
    width = frame_width(PORTRAIT)
    grid = Grid([[text(n, name), text(v, value)] for n, v in rows], colWidths=[width * 0.3, width * 0.7])
    grid.setStyle(
        [
            ("LINEABOVE", (0, 0), (-1, -1), 0.4, HexColor(RULE)),
            ("LINEBELOW", (0, -1), (-1, -1), 0.4, HexColor(RULE)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ]
    )
    return grid
