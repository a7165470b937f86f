"""Labels: one for each kit of a shipment, to be printed at the depot; and the label of a prepared bag.

Invariants
1. A label is made from numbers, a date and the protocol's own words: it has no arm and no lot, for a lot can tell an arm.
2. Every label has the same size, place and words but for its number. The same facts give the same bytes.
3. The number stands there three times: to be read, as Code 128 and in the DataMatrix, with its check digit in each.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import KeepInFrame

from reports.appearance import INK, QUIET, RULE
from reports.documents.blocks import text
from reports.documents.data_matrix import DataMatrix
from reports.documents.typography import BOLD, REGULAR, register_fonts, style
from reports.tables.words import day

COLUMNS, ROWS = 2, 4
WIDTH, HEIGHT = A4[0] / COLUMNS, A4[1] / ROWS
_INSET = 7 * mm
_MATRIX = 17 * mm
_MODULES = 44  # of the size that the library draws


@dataclass(frozen=True)
class LabelSheet:
    """What the labels of a shipment say. ``mark`` is the word for a trial that is not real, or nothing."""

    trial: str
    mark: str
    site: str
    shipment: int
    use_by: date
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    blanks: tuple[str, ...] = ("Participant", "Investigator")


@dataclass(frozen=True)
class BagLabel:
    """The label of one prepared bag: the same for every arm. ``bars`` is its kit's number, or the participant's where there
    is no kit."""

    trial: str
    mark: str
    site: str
    participant: str
    randomization_number: str
    bars: str
    infusion: int
    words: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def kit_labels(sheet: LabelSheet) -> bytes:
    """Eight labels a page, by number."""
    with _paper(f"{sheet.trial}: labels of shipment {sheet.shipment}") as (canvas, buffer):
        for place, number in enumerate(sheet.numbers):
            _kit_label(canvas, sheet, number, *_corner(canvas, place))
        canvas.save()
        return buffer.getvalue()


def bag_label(label: BagLabel) -> bytes:
    """One label on a page of the size of eight."""
    with _paper(f"{label.trial}: bag of {label.participant}") as (canvas, buffer):
        x, y = _corner(canvas, 0)
        _frame(canvas, x, y)
        _head(canvas, x, y, f"{label.trial}  ·  {label.site}", label.mark, f"Infusion {label.infusion}")
        _number(canvas, x, y, label.participant, f"{label.trial}/{label.participant}/{label.infusion}", label.bars)
        lines = [*label.words, *(f"{name}: {value}" for name, value in label.facts)]
        _words(canvas, x, y, lines)
        canvas.save()
        return buffer.getvalue()


class _paper:  # noqa: N801 - used as a function
    """A canvas whose bytes depend on what is drawn alone."""

    def __init__(self, title: str) -> None:
        register_fonts()
        self._buffer = io.BytesIO()
        self._canvas = Canvas(self._buffer, pagesize=A4, invariant=1, pageCompression=1, lang="en")
        self._canvas.setTitle(title)
        self._canvas.setAuthor("Equipoise")

    def __enter__(self) -> tuple[Canvas, io.BytesIO]:
        return self._canvas, self._buffer

    def __exit__(self, *_: object) -> None:
        self._buffer.flush()


def _corner(canvas: Canvas, place: int) -> tuple[float, float]:
    """The lower left corner of a label; a new page when the last one is full."""
    on_page = place % (COLUMNS * ROWS)
    if place and on_page == 0:
        canvas.showPage()
    row, column = divmod(on_page, COLUMNS)
    return column * WIDTH, A4[1] - (row + 1) * HEIGHT


def _kit_label(canvas: Canvas, sheet: LabelSheet, number: str, x: float, y: float) -> None:
    _frame(canvas, x, y)
    _head(canvas, x, y, f"{sheet.trial}  ·  {sheet.site}", sheet.mark, f"Use by {day(sheet.use_by)}")
    _number(canvas, x, y, f"Kit {number[:3]} {number[3:]}", f"{sheet.trial}/{number}", number)
    _words(canvas, x, y, sheet.words)
    canvas.setFont(REGULAR, 6.3)
    canvas.setFillColor(HexColor(QUIET))
    for place, blank in enumerate(sheet.blanks):
        left = x + _INSET + place * (WIDTH - 2 * _INSET) / 2
        canvas.drawString(left, y + _INSET - 1 * mm, f"{blank} ______________")


def _frame(canvas: Canvas, x: float, y: float) -> None:
    canvas.setStrokeColor(HexColor(RULE))
    canvas.setLineWidth(0.3)
    canvas.setDash(1, 2)
    canvas.rect(x, y, WIDTH, HEIGHT)
    canvas.setDash()


def _head(canvas: Canvas, x: float, y: float, left: str, mark: str, right: str) -> None:
    top = y + HEIGHT - _INSET
    canvas.setFillColor(HexColor(INK))
    canvas.setFont(BOLD, 8)
    canvas.drawString(x + _INSET, top - 6, left)
    canvas.drawRightString(x + WIDTH - _INSET, top - 6, right)
    if mark:
        canvas.setFont(BOLD, 6.3)
        canvas.drawString(x + _INSET, top - 15, f"{mark}: not for use in a person")


def _number(canvas: Canvas, x: float, y: float, said: str, matrix: str, bars: str) -> None:
    bottom = y + HEIGHT - _INSET - 26 * mm
    canvas.setFillColor(HexColor(INK))
    canvas.setFont(BOLD, 15)
    canvas.drawString(x + _INSET, bottom + 12 * mm, said)
    code = Code128(bars, barHeight=9 * mm, barWidth=0.33 * mm, quiet=0)
    code.drawOn(canvas, x + _INSET, bottom + 1 * mm)
    square = DataMatrix(matrix, barWidth=_MATRIX / _MODULES)
    square.validate()
    square.encode()  # the library leaves these steps, and its own origin, to the caller
    square.x = square.y = 0
    square.drawOn(canvas, x + WIDTH - _INSET - _MATRIX, bottom)


def _words(canvas: Canvas, x: float, y: float, lines: Iterator[str] | tuple[str, ...] | list[str]) -> None:
    small = style("label", fontSize=6.3, leading=8, spaceAfter=0)
    story: list[Any] = [text(line, small) for line in lines]
    width, height = WIDTH - 2 * _INSET, HEIGHT - 2 * _INSET - 31 * mm
    block = KeepInFrame(width, height, story, mode="shrink")
    _, used = block.wrapOn(canvas, width, height)
    block.drawOn(canvas, x + _INSET, y + HEIGHT - _INSET - 29 * mm - used)
