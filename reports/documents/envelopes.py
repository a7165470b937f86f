"""Emergency envelopes on paper: one slot a page, folded and sealed by whoever is not blinded.

Inside is a kit's number and no arm; or, in a trial without kits, the treatment, addressed to the unblinded pharmacist.

Invariants
1. The upper half is read before opening, the lower half after it. Every page has the same words but for its numbers.
2. The same facts give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import HRFlowable, PageBreak, Spacer

from reports.appearance import QUIET
from reports.documents.blocks import bullets, callout, text
from reports.documents.page import Imprint, Marking, build_document
from reports.documents.receipt import fact_grid
from reports.documents.typography import BOLD, NOTE_STYLE, SUBTITLE_STYLE, TITLE_STYLE, register_fonts, style

_RULES = (
    "Open it only when the system cannot be reached, for a participant who is eligible and has consented.",
    "Open the lowest number of the participant's stratum. Never open two at once.",
    "Fill in the lower half at once, and record it in the system as soon as that can be reached again.",
)
_FOR_PHARMACIST = (
    "For the unblinded pharmacist alone. Nobody else opens it, and nobody who assesses or treats participants reads it.",
    *_RULES,
)
_BLANKS = ("Participant", "Opened on, at", "Opened by (name, signature)")
_GIVEN, _PREPARED = "Kit given by (name, signature)", "Prepared by (name, signature)"


@dataclass(frozen=True)
class EnvelopePage:
    """``kit`` or ``treatment``: the latter where there are no kits."""

    number: str
    stratum: str
    kit: str | None
    treatment: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class EnvelopeFacts:
    trial: str
    title: str
    kind: str
    site: str
    record: str
    pages: tuple[EnvelopePage, ...]


def emergency_envelopes(facts: EnvelopeFacts) -> bytes:
    """A page for each envelope, by number."""
    register_fonts()
    story: list[Any] = []
    for page in facts.pages:
        story += [*_outside(facts, page), *_inside(page), PageBreak()]
    mark = "" if facts.kind == "real" else facts.kind.upper()
    confidential = "Print, fold at the line, seal, and delete the file."
    marking = Marking("Emergency envelopes", confidential=confidential)
    return build_document(story[:-1], marking, Imprint(facts.trial, mark, f"Site {facts.site}  ·  List {facts.record}"))


def _outside(facts: EnvelopeFacts, page: EnvelopePage) -> list[Any]:
    fold = HRFlowable(width="100%", thickness=0.5, color=HexColor(QUIET), dash=(2, 3), spaceBefore=150, spaceAfter=4)
    return [
        text(f"Emergency envelope {page.number}", TITLE_STYLE),
        text(f"{facts.title}. Site {facts.site}.", SUBTITLE_STYLE),
        fact_grid([("Stratum", page.stratum), ("Envelope", page.number)]),
        Spacer(1, 8),
        callout("Before you open it", []),
        *bullets(_RULES if page.kit else _FOR_PHARMACIST),
        fold,
        text("Fold here. Everything below is inside.", NOTE_STYLE),
    ]


def _inside(page: EnvelopePage) -> list[Any]:
    big = style("kit", fontName=BOLD, fontSize=22, leading=28, spaceAfter=8)
    if page.kit is None:
        said = style("treatment", fontName=BOLD, fontSize=13, leading=17, spaceAfter=8)
        return [
            Spacer(1, 14),
            text(page.treatment or "", said),
            text("Prepare this, with the masked label. Tell nobody outside the pharmacy.", SUBTITLE_STYLE),
            fact_grid([(blank, " ") for blank in (*_BLANKS, _PREPARED)]),
        ]
    return [
        Spacer(1, 14),
        text(f"Kit {page.kit[:3]} {page.kit[3:]}", big),
        text("Give this kit and no other. Its number tells nothing of the treatment.", SUBTITLE_STYLE),
        fact_grid([(blank, " ") for blank in (*_BLANKS, _GIVEN)]),
    ]
