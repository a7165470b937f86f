"""The building blocks of a document: headings, tables, figures, tiles and call-outs.

Invariants
1. A table repeats its title and headings on every page; its figures are right-aligned; its notes follow it.
2. A column is never narrower than its longest figure: the letters get smaller before anything is cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import takewhile
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    KeepTogether,
    LongTable,
    NextPageTemplate,
    PageBreak,
    Paragraph,
    Spacer,
)
from reportlab.platypus import Table as Grid

from reports.appearance import ACCENT, ACCENT_LIGHT, BRICK, QUIET, RULE, WASH
from reports.documents.page import PORTRAIT, WIDE, frame_width, place
from reports.documents.typography import (
    BODY_STYLE,
    BOLD,
    BULLET_STYLE,
    CAPTION_STYLE,
    CELL_STYLE,
    HEADING_STYLE,
    LEAD_STYLE,
    NOTE_STYLE,
    REGULAR,
    TABLE,
    register_fonts,
    style,
)
from reports.figures.canvas import Picture
from reports.tables.model import Column, Row, Table

PAD = 3.0
SMALLEST = 5.2
AIR = 16.0
FIRST_COLUMN = 92.0
LEAST_SHARE = 0.62
BETWEEN_GROUPS = 5.0
KEEP_ROWS = 16


class Heading(Paragraph):  # type: ignore[misc]  # the paper library ships no types
    """A heading that also stands in the outline of the file."""

    def __init__(self, text: str) -> None:
        register_fonts()
        super().__init__(escape(text), HEADING_STYLE)
        self.plain = text

    def draw(self) -> None:
        self.canv.bookmarkPage(self.plain)
        self.canv.addOutlineEntry(self.plain, self.plain, level=0)
        super().draw()


def section(title: str, *blocks: list[Any]) -> list[Any]:
    """A heading that stays with what follows it, then the rest."""
    first, *others = blocks
    head: list[Any]
    if first and isinstance(first[0], KeepTogether):
        head = [KeepTogether([Heading(title), *first[0]._content]), *first[1:]]  # noqa: SLF001 - no public way in
    else:
        head = [CondPageBreak(170), Heading(title), *first]
    return [*head, *(part for block in others for part in block)]


def text(words: str, of: Any = BODY_STYLE) -> Paragraph:
    """A paragraph of plain words."""
    register_fonts()
    return Paragraph(escape(words), of)


def bullets(lines: Iterable[str]) -> list[Paragraph]:
    return [Paragraph(escape(line), BULLET_STYLE, bulletText="–") for line in lines]


class PictureBox(Flowable):  # type: ignore[misc]  # the paper library ships no types
    """The space of a figure; the figure itself is placed when the pages are done."""

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self.picture = picture
        self.width, self.height = picture.size_points

    def wrap(self, *_: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        x, y = self.canv.absolutePosition(0, 0)
        place(self.canv.getPageNumber(), x, y, self.picture)


class IfRoom(Flowable):  # type: ignore[misc]  # the paper library ships no types
    """Something that stands here only if the page has room for it; it stands elsewhere in full."""

    def __init__(self, parts: list[Any]) -> None:
        super().__init__()
        self.parts = parts
        self.heights: list[float] = []

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.heights = [float(part.wrap(width, height)[1]) for part in self.parts]
        if sum(self.heights) > height:
            self.heights = []
        return (width, sum(self.heights)) if self.heights else (0.0, 0.0)

    def draw(self) -> None:
        y = sum(self.heights)
        for part, height in zip(self.parts, self.heights, strict=bool(self.heights)):
            y -= height
            part.drawOn(self.canv, 0, y)


def small_picture(title: str, picture: Picture) -> IfRoom:
    """A figure without a number, for a first page that has room."""
    register_fonts()
    return IfRoom([Spacer(1, 8), Paragraph(escape(title), CAPTION_STYLE), Spacer(1, 3), PictureBox(picture)])


def figure(number: str, picture: Picture) -> list[Any]:
    """A figure with its caption above and its notes below."""
    notes = [text(note, NOTE_STYLE) for note in picture.notes]
    caption = Paragraph(f"{_numbered(number)} {escape(picture.title)}", CAPTION_STYLE)
    return [KeepTogether([Spacer(1, 6), caption, PictureBox(picture), Spacer(1, 2), *notes, Spacer(1, 8)])]


def table(of: Table, orientation: str = PORTRAIT) -> list[Any]:
    """A table with its notes."""
    register_fonts()
    body: list[Any] = [Spacer(1, 6), _grid(of, frame_width(orientation)), Spacer(1, 2)]
    if not of.rows:
        body = [Spacer(1, 6), _title(of), text(of.empty), Spacer(1, 2)]
    body += [text(note, NOTE_STYLE) for note in (of.footnotes if of.rows else ())]
    body.append(Spacer(1, 8))
    return [KeepTogether(body)] if len(of.rows) <= KEEP_ROWS else [CondPageBreak(120), *body]


def wide_pages(flowables: list[Any]) -> list[Any]:
    """``flowables`` on landscape pages of their own; what follows is upright again."""
    return [NextPageTemplate(WIDE), PageBreak(), *flowables, NextPageTemplate(PORTRAIT), PageBreak()]


def _numbered(number: str) -> str:
    return f'<font color="{ACCENT}">{escape(number)}.</font>'


def _title(of: Table) -> Paragraph:
    return Paragraph(f"{_numbered(of.number)} {escape(of.title)}", CAPTION_STYLE)


def _grid(of: Table, width: float) -> LongTable:
    grouped = any(column.group for column in of.columns)
    size, widths = _fitted(of, width)
    cell = style("fitted", parent=CELL_STYLE, fontSize=size, leading=size * 1.25, spaceAfter=0)
    heads = [[_title(of), *("" for _ in of.columns[1:])]]
    if grouped:
        heads.append(
            [_heading(c.group if _starts_group(of.columns, i) else "", "left", size) for i, c in enumerate(of.columns)]
        )
    heads.append([_heading(c.heading, c.align, size) for c in of.columns])
    body = [_cells(row, of.columns, cell) for row in of.rows]
    grid = LongTable([*heads, *body], colWidths=widths, repeatRows=len(heads), hAlign="LEFT")
    grid.setStyle(_grid_style(of, len(heads), grouped, size))
    return grid


def _starts_group(columns: tuple[Column, ...], index: int) -> bool:
    return index == 0 or columns[index - 1].group != columns[index].group


def _heading(words: str, align: str, size: float) -> Paragraph:
    made = style(
        "head", fontName=BOLD, fontSize=size, leading=size * 1.2, alignment=2 if align == "right" else 0, spaceAfter=0
    )
    return Paragraph(escape(words), made)


def _cells(row: Row, columns: tuple[Column, ...], cell: Any) -> list[Any]:
    """Words wrap, so they are paragraphs; figures do not, so they stay text."""
    strong = row.kind in ("section", "total")
    cells: list[Any] = []
    for column, value in zip(columns, row.cells, strict=True):
        if column.align == "left" and value and row.kind != "section":
            words = f"<b>{escape(value)}</b>" if strong else escape(value)
            cells.append(Paragraph(words, cell))
        else:
            cells.append(value)
    return cells


def _fitted(of: Table, width: float) -> tuple[float, list[float]]:
    """The largest letters at which every figure fits, and the widths of the columns."""
    size = TABLE
    while True:
        needs = [_need(of, index, size) for index in range(len(of.columns))]
        if sum(needs) <= width or size <= SMALLEST:
            break
        size -= 0.2
    width = min(width, max(_natural(of, needs, size), LEAST_SHARE * width))
    spare = width - sum(needs)
    if spare < 0:
        return size, [need * width / sum(needs) for need in needs]
    total = sum(column.weight for column in of.columns)
    wanted = [width * column.weight / total for column in of.columns]
    short = [max(want - need, 0.0) for want, need in zip(wanted, needs, strict=True)]
    share = spare / sum(short) if sum(short) else 0.0
    return size, [need + gap * share for need, gap in zip(needs, short, strict=True)]


def _natural(of: Table, needs: list[float], size: float) -> float:
    """How wide the table would like to be: words unwrapped, figures with air around them."""
    total = 0.0
    for index, (column, need) in enumerate(zip(of.columns, needs, strict=True)):
        words = [row.cells[index] for row in of.rows if row.kind != "section"] if column.align == "left" else []
        longest = max((stringWidth(word, BOLD, size) for word in words), default=0.0)
        total += max(need, longest + 2 * PAD) + AIR
    return float(total)


def _need(of: Table, index: int, size: float) -> float:
    """The least width of a column: its longest figure, or the longest word that stands in it."""
    column = of.columns[index]
    longest = max((stringWidth(word, BOLD, size) for word in column.heading.split()), default=0.0)
    for row in of.rows:
        if row.kind == "section" and index == 0:
            continue
        parts = row.cells[index].split() if column.align == "left" else [row.cells[index]]
        font = BOLD if row.kind == "total" else REGULAR
        inset = 8 if row.kind == "inset" and index == 0 else 0
        longest = max([longest, *(stringWidth(part, font, size) + inset for part in parts)])
    if index == 0 and column.align == "left":
        whole = [stringWidth(row.cells[0], BOLD, size) for row in of.rows if row.kind != "section"]
        longest = max(longest, min(max(whole, default=0.0) + 8, FIRST_COLUMN))
    between = BETWEEN_GROUPS if column.group and index and _starts_group(of.columns, index) else 0.0
    return float(longest) + between + 2 * PAD + 0.5


def _grid_style(of: Table, heads: int, grouped: bool, size: float) -> list[tuple[Any, ...]]:
    last = len(of.columns) - 1
    rules: list[tuple[Any, ...]] = [
        ("SPAN", (0, 0), (last, 0)),
        ("LINEBELOW", (0, 0), (last, 0), 0.9, HexColor(ACCENT)),
        ("LINEBELOW", (0, heads - 1), (last, heads - 1), 0.6, HexColor(QUIET)),
        ("LINEBELOW", (0, heads), (last, -1), 0.25, HexColor(RULE)),
        ("LINEBELOW", (0, -1), (last, -1), 0.6, HexColor(QUIET)),
        ("VALIGN", (0, 0), (last, heads - 1), "BOTTOM"),
        ("VALIGN", (0, heads), (last, -1), "TOP"),
        ("FONT", (0, heads), (last, -1), REGULAR, size),
        ("LEADING", (0, heads), (last, -1), size * 1.25),
        ("LEFTPADDING", (0, 0), (last, -1), PAD),
        ("RIGHTPADDING", (0, 0), (last, -1), PAD),
        ("TOPPADDING", (0, 0), (last, -1), 2.2),
        ("BOTTOMPADDING", (0, 0), (last, -1), 2.2),
        ("LEFTPADDING", (0, 0), (last, 0), 0),
    ]
    for index, column in enumerate(of.columns):
        rules.append(("ALIGN", (index, heads), (index, -1), column.align.upper()))
        if grouped and column.group and _starts_group(of.columns, index):
            rules += _group_rules(of.columns, index)
    for position, row in enumerate(of.rows, start=heads):
        rules += _row_rules(row, position, last, size)
    return rules + [("NOSPLIT", (0, heads + first), (last, heads + end)) for first, end in _kept_together(of.rows)]


def _kept_together(rows: tuple[Row, ...]) -> list[tuple[int, int]]:
    """From each heading inside a table to the last row under it, where that is short enough to stand on one page."""
    found = []
    for first, row in enumerate(rows):
        under = sum(1 for _ in takewhile(lambda one: one.kind == "inset", rows[first + 1 :]))
        if row.kind == "section" and 0 < under <= KEEP_ROWS:
            found.append((first, first + under))
    return found


def _group_rules(columns: tuple[Column, ...], start: int) -> list[tuple[Any, ...]]:
    end = start
    while end + 1 < len(columns) and columns[end + 1].group == columns[start].group:
        end += 1
    return [("SPAN", (start, 1), (end, 1)), ("LINEBELOW", (start, 1), (end, 1), 0.5, HexColor(ACCENT))]


def _row_rules(row: Row, position: int, last: int, size: float) -> list[tuple[Any, ...]]:
    if row.kind == "section":
        spanning = [("SPAN", (0, position), (last, position))] if not any(row.cells[1:]) else []
        return [
            *spanning,
            ("BACKGROUND", (0, position), (last, position), HexColor(WASH)),
            ("FONT", (0, position), (0, position), BOLD, size),
        ]
    if row.kind == "total":
        return [("FONT", (0, position), (last, position), BOLD, size)]
    if row.kind == "inset":
        return [("LEFTPADDING", (0, position), (0, position), PAD + 8)]
    return []


def tiles(facts: list[tuple[str, str]]) -> Grid:
    """A row of large figures, each with what it is."""
    register_fonts()
    width = frame_width(PORTRAIT)
    big = style("big", fontName=BOLD, fontSize=15, leading=18, textColor=HexColor(ACCENT), spaceAfter=0)
    small = style("tile", fontSize=7, leading=9, textColor=HexColor(QUIET), spaceAfter=0)
    grid = Grid(
        [[text(value, big) for value, _ in facts], [text(name, small) for _, name in facts]],
        colWidths=[width / len(facts)] * len(facts),
    )
    grid.setStyle(
        [
            ("LINEABOVE", (0, 0), (-1, 0), 0.9, HexColor(ACCENT)),
            ("LINEBELOW", (0, -1), (-1, -1), 0.5, HexColor(RULE)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("TOPPADDING", (0, 0), (-1, 0), 5),
            ("BOTTOMPADDING", (0, 1), (-1, 1), 6),
        ]
    )
    return grid


def callout(title: str, lines: list[str], *, strong: bool = False) -> Grid:
    """A framed statement that a hurried reader must not miss."""
    register_fonts()
    colour = BRICK if strong else ACCENT
    head = style("callhead", fontName=BOLD, fontSize=9, leading=12, textColor=HexColor(colour), spaceAfter=2)
    grid = Grid([[[text(title, head), *(text(line, LEAD_STYLE) for line in lines)]]], colWidths=[frame_width(PORTRAIT)])
    grid.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), HexColor(WASH if strong else ACCENT_LIGHT)),
            ("LINEBEFORE", (0, 0), (0, -1), 3, HexColor(colour)),
            ("LEFTPADDING", (0, 0), (-1, -1), 10),
            ("TOPPADDING", (0, 0), (-1, -1), 6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ]
    )
    return grid


class Numbering:
    """Numbers tables and figures in the order in which they stand."""

    def __init__(self) -> None:
        self._tables = self._figures = self._listings = 0

    def table(self) -> str:
        self._tables += 1
        return f"Table {self._tables}"

    def figure(self) -> str:
        self._figures += 1
        return f"Figure {self._figures}"

    def listing(self) -> str:
        self._listings += 1
        return f"Listing {self._listings}"
