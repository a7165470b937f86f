"""A safety letter to the sites on paper: what the sponsor tells them, and what it asks of them. No treatment of anyone.

Invariants
1. The letter is its own record: the same letter gives the same bytes, for every site.
2. Who has acknowledged it stands in the system, not on the paper, so that the paper never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reportlab.platypus import Spacer

from reports.documents.blocks import Heading, callout, text
from reports.documents.page import Imprint, Marking, build_document
from reports.documents.receipt import fact_grid
from reports.documents.typography import LEAD_STYLE, NOTE_STYLE, SUBTITLE_STYLE, TITLE_STYLE, register_fonts
from reports.tables.words import instant


@dataclass(frozen=True)
class LetterFacts:
    """``case`` names the case that gave rise to the letter, or nothing."""

    trial: str
    title: str
    kind: str  # real | practice | simulated
    number: int
    subject: str
    body: str
    asked_of_sites: str
    sites: tuple[str, ...]
    case: str
    issued_by: str
    issued_at: datetime


def safety_letter(facts: LetterFacts) -> bytes:
    """One letter to print and file."""
    register_fonts()
    story: list[Any] = [
        text(facts.subject, TITLE_STYLE),
        text(f"Safety letter {facts.number} to the investigators of {facts.trial}: {facts.title}", SUBTITLE_STYLE),
        fact_grid(
            [
                ("Issued", instant(facts.issued_at)),
                ("By", facts.issued_by),
                ("To sites", ", ".join(facts.sites)),
                *([("About case", facts.case)] if facts.case else []),
            ]
        ),
        Spacer(1, 12),
        *_paragraphs(facts.body),
        Spacer(1, 8),
        callout("What is asked of you", facts.asked_of_sites.splitlines() or [""], strong=True),
        Spacer(1, 10),
        Heading("Acknowledgement"),
        text("An investigator of each site acknowledges this letter with a signature in Equipoise.", NOTE_STYLE),
    ]
    mark = "" if facts.kind == "real" else facts.kind.upper()
    imprint = Imprint(facts.trial, mark, f"Safety letter {facts.number}  ·  Issued {instant(facts.issued_at)}")
    note = "This letter tells nobody's treatment."
    return build_document(story, Marking(title=f"Safety letter {facts.number}", confidential=note), imprint)


def _paragraphs(words: str) -> list[Any]:
    return [text(one, LEAD_STYLE) for one in words.split("\n") if one.strip()]
