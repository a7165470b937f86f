"""Fonts, sizes and styles of every document.

Invariants
1. Fonts are embedded: DejaVu Sans, as it comes with the drawing library, free to embed (Bitstream Vera licence).
2. Five sizes, one accent.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from reports.appearance import ACCENT, INK, QUIET

REGULAR, BOLD, ITALIC = "EquipoiseSans", "EquipoiseSans-Bold", "EquipoiseSans-Italic"
TITLE, HEADING, BODY, TABLE, SMALL = 17.0, 11.0, 8.3, 7.2, 6.3
MARGIN: Final = 15 * mm


@cache
def register_fonts() -> None:
    """Make the document fonts known to the paper library, once a process."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    for name, file in ((REGULAR, "DejaVuSans"), (BOLD, "DejaVuSans-Bold"), (ITALIC, "DejaVuSans-Oblique")):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{file}.ttf")))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=ITALIC, boldItalic=BOLD)
    pdfmetrics.registerFontFamily(BOLD, normal=BOLD, bold=BOLD, italic=BOLD, boldItalic=BOLD)


def style(name: str, **changes: Any) -> ParagraphStyle:
    """A paragraph style of the house with the changes a place needs."""
    base: dict[str, Any] = {
        "fontName": REGULAR,
        "fontSize": BODY,
        "leading": BODY * 1.42,
        "textColor": HexColor(INK),
        "spaceAfter": 4,
    }
    return ParagraphStyle(name, **(base | changes))


TITLE_STYLE = style("title", fontName=BOLD, fontSize=TITLE, leading=TITLE * 1.2, spaceAfter=2)
SUBTITLE_STYLE = style("subtitle", textColor=HexColor(QUIET), spaceAfter=8)
HEADING_STYLE = style(
    "heading", fontName=BOLD, fontSize=HEADING, leading=14, textColor=HexColor(ACCENT), spaceBefore=10, keepWithNext=1
)
LEAD_STYLE = style("lead", fontSize=9.2, leading=13.4)
BODY_STYLE = style("body")
BULLET_STYLE = style("bullet", leftIndent=10, bulletIndent=1, spaceAfter=2)
NOTE_STYLE = style("note", fontSize=SMALL, leading=SMALL * 1.4, textColor=HexColor(QUIET), spaceAfter=1)
CAPTION_STYLE = style("caption", fontName=BOLD, fontSize=BODY, spaceAfter=3, keepWithNext=1)
CELL_STYLE = style("cell", fontSize=TABLE, leading=TABLE * 1.25, spaceAfter=0)
RIGHT_STYLE = style("right", fontSize=TABLE, leading=TABLE * 1.25, spaceAfter=0, alignment=TA_RIGHT)
