"""The pharmacist's worksheet on paper: from the order and the weight to what is drawn. It names the treatment.

Invariants
1. Every page says that it is unblinded. It is for the pharmacy's file and for nobody at the bedside.
2. The same preparation gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reportlab.platypus import Spacer

from reports.documents.blocks import bullets, callout, section, text
from reports.documents.page import Imprint, Marking, build_document
from reports.documents.receipt import fact_grid
from reports.documents.typography import NOTE_STYLE, SUBTITLE_STYLE, TITLE_STYLE, register_fonts

UNBLINDED = "UNBLINDED"


@dataclass(frozen=True)
class WorksheetFacts:
    """Rows of finished text, by part of the sheet."""

    trial: str
    title: str
    kind: str
    record: str
    order: tuple[tuple[str, str], ...]
    product: tuple[tuple[str, str], ...]
    draw: tuple[str, ...]
    bag: tuple[tuple[str, str], ...]
    people: tuple[tuple[str, str], ...]


def preparation_worksheet(facts: WorksheetFacts) -> bytes:
    """One page for the pharmacy's file."""
    register_fonts()
    story: list[Any] = [
        text("Preparation worksheet", TITLE_STYLE),
        text(facts.title, SUBTITLE_STYLE),
        callout("Unblinded", ["This sheet names the treatment. Keep it in the pharmacy."], strong=True),
        *section("1  Order", [fact_grid(list(facts.order))]),
        *section("2  Product", [fact_grid(list(facts.product))]),
        *section("3  Draw", bullets(facts.draw)),
        *section("4  Bag and people", [fact_grid([*facts.bag, *facts.people])]),
        Spacer(1, 6),
        text("Wet signatures where the site's rules ask for them: ______________________", NOTE_STYLE),
    ]
    mark = "" if facts.kind == "real" else facts.kind.upper()
    marking = Marking("Preparation worksheet", session=f"CLOSED: {UNBLINDED}", confidential="Unblinded pharmacy only.")
    return build_document(story, marking, Imprint(facts.trial, mark, f"Record {facts.record}"))
