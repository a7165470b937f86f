"""The page: its frame, what stands in header and footer, and how a story becomes bytes.

Invariants
1. Every page says whose session it is, the data cut-off, protocol versions, snapshot, page x of y, and, where the
   trial is not real, the word that says so.
2. The same story gives the same bytes: invariant mode, embedded fonts, an identifier computed from the content.
3. Figures are placed as vectors: each is a form object of its own, never a picture of pixels.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pikepdf
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

from reports.appearance import ACCENT, AMBER, BRICK, QUIET, RULE
from reports.context import ReportContext
from reports.documents.typography import BOLD, MARGIN, REGULAR, SMALL, register_fonts
from reports.figures.canvas import Picture, as_pdf
from reports.tables.words import instant

PORTRAIT, WIDE = "portrait", "wide"
HEADER_HEIGHT, FOOTER_HEIGHT = 15 * mm, 13 * mm


@dataclass(frozen=True)
class Marking:
    """What tells one kind of document from another."""

    title: str
    session: str = ""  # OPEN SESSION, CLOSED SESSION or nothing
    confidential: str = ""
    subject: str = ""
    keywords: str = ""


@dataclass(frozen=True)
class Imprint:
    """What stands on every page: the trial, the word for one that is not real, and the facts of the footer."""

    trial: str
    mark: str
    facts: str


def board_imprint(context: ReportContext) -> Imprint:
    """The imprint of a document made from a snapshot."""
    versions = ", ".join(context.protocol_versions) or "none"
    facts = f"Data cut-off {instant(context.cut_off_at)}  ·  Protocol {versions}  ·  Snapshot {context.snapshot_short}"
    return Imprint(context.trial, context.mark, facts)


@dataclass
class _Placed:
    """Where figures landed while the story was set."""

    pictures: list[tuple[int, float, float, Picture]] = field(default_factory=list)


_placed: ContextVar[_Placed] = ContextVar("placed")


def place(page: int, x: float, y: float, picture: Picture) -> None:
    """Remember that ``picture`` stands on ``page`` with its lower left corner at (x, y)."""
    _placed.get().pictures.append((page, x, y, picture))


@contextmanager
def _placing() -> Iterator[_Placed]:
    placed = _Placed()
    token = _placed.set(placed)
    try:
        yield placed
    finally:
        _placed.reset(token)


def build_document(story: list[Any], marking: Marking, imprint: Imprint) -> bytes:
    """Set the story on pages and return the PDF."""
    register_fonts()
    buffer = io.BytesIO()
    document = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title=f"{imprint.trial}: {marking.title}",
        author="Equipoise",
        subject=marking.subject or marking.title,
        keywords=marking.keywords,
        lang="en",
        invariant=1,
        allowSplitting=1,
    )
    document.addPageTemplates(
        [_template(PORTRAIT, A4, marking, imprint), _template(WIDE, landscape(A4), marking, imprint)]
    )
    with _placing() as placed:
        document.build(story, canvasmaker=_NumberedCanvas)
        return _finished(buffer.getvalue(), placed)


def frame_width(orientation: str) -> float:
    """How wide a page's text may be, in points."""
    return float((A4 if orientation == PORTRAIT else landscape(A4))[0] - 2 * MARGIN)


def _template(name: str, size: tuple[float, float], marking: Marking, imprint: Imprint) -> PageTemplate:
    width, height = size
    frame = Frame(
        MARGIN,
        MARGIN / 2 + FOOTER_HEIGHT,
        width - 2 * MARGIN,
        height - MARGIN - HEADER_HEIGHT - FOOTER_HEIGHT,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )

    def on_page(canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.saveState()
        _draw_header(canvas, width, height, marking, imprint)
        _draw_footer(canvas, width, marking, imprint)
        canvas.restoreState()

    return PageTemplate(id=name, frames=[frame], onPage=on_page, pagesize=size)


def _draw_header(canvas: Canvas, width: float, height: float, marking: Marking, imprint: Imprint) -> None:
    y = height - MARGIN + 1 * mm
    canvas.setFont(BOLD, 8)
    canvas.setFillColor(HexColor(ACCENT))
    canvas.drawString(MARGIN, y, imprint.trial)
    canvas.setFont(REGULAR, 8)
    canvas.setFillColor(HexColor(QUIET))
    canvas.drawString(MARGIN + canvas.stringWidth(imprint.trial, BOLD, 8) + 8, y, marking.title)
    right = width - MARGIN
    if marking.session:
        right = _tag(canvas, right, y, marking.session, BRICK if marking.session.startswith("CLOSED") else ACCENT)
    if imprint.mark:
        _tag(canvas, right, y, imprint.mark, AMBER)
    canvas.setStrokeColor(HexColor(ACCENT))
    canvas.setLineWidth(0.8)
    canvas.line(MARGIN, y - 3 * mm, width - MARGIN, y - 3 * mm)


def _tag(canvas: Canvas, right: float, y: float, text: str, colour: str) -> float:
    """An outlined word that ends at ``right``; returns where the next one may end."""
    canvas.setFont(BOLD, 7.5)
    wide = float(canvas.stringWidth(text, BOLD, 7.5)) + 10
    canvas.setStrokeColor(HexColor(colour))
    canvas.setFillColor(HexColor(colour))
    canvas.setLineWidth(0.8)
    canvas.roundRect(right - wide, y - 3.6, wide, 13, 2, stroke=1, fill=0)
    canvas.drawCentredString(right - wide / 2, y, text)
    return right - wide - 5


def _draw_footer(canvas: Canvas, width: float, marking: Marking, imprint: Imprint) -> None:
    y = MARGIN / 2 + 6 * mm
    canvas.setStrokeColor(HexColor(RULE))
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, y + 4 * mm, width - MARGIN, y + 4 * mm)
    canvas.setFont(REGULAR, SMALL)
    canvas.setFillColor(HexColor(QUIET))
    canvas.drawString(MARGIN, y, imprint.facts)
    second = [part for part in (marking.confidential, _not_real(imprint.mark)) if part]
    canvas.drawString(MARGIN, y - 3.4 * mm, "  ·  ".join(second))


def _not_real(mark: str) -> str:
    return f"{mark}: not data of patients" if mark == "SIMULATED" else mark


class _NumberedCanvas(Canvas):  # type: ignore[misc]  # the paper library ships no types
    """A canvas that knows how many pages there are before it writes the first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - the library's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        total = len(self._pages)
        for state in self._pages:
            self.__dict__.update(state)
            self.setFont(REGULAR, SMALL)
            self.setFillColor(HexColor(QUIET))
            right = self._pagesize[0] - MARGIN
            self.drawRightString(right, MARGIN / 2 + 6 * mm, f"Page {self._pageNumber} of {total}")
            super().showPage()
        super().save()


def _finished(data: bytes, placed: _Placed) -> bytes:
    """Put the figures on their pages, say the language, and write with an identifier made from the content."""
    with pikepdf.open(io.BytesIO(data)) as pdf:
        _overlay_all(pdf, placed)
        pdf.Root.Lang = pikepdf.String("en")
        pdf.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return out.getvalue()


def _overlay_all(pdf: pikepdf.Pdf, placed: _Placed) -> None:
    """All figures are drawn into one file first, so that they share their fonts."""
    if not placed.pictures:
        return
    with pikepdf.open(io.BytesIO(as_pdf(*(picture for *_, picture in placed.pictures)))) as drawn:
        for index, (page, x, y, picture) in enumerate(placed.pictures):
            form = pdf.copy_foreign(drawn.pages[index].as_form_xobject())
            _overlay(pdf.pages[page - 1], form, f"/Figure{index + 1}", x, y, picture.alt)


def _overlay(page: pikepdf.Page, form: pikepdf.Object, name: str, x: float, y: float, alternative: str) -> None:
    resources: Any = page.obj.Resources
    if "/XObject" not in resources:
        resources["/XObject"] = pikepdf.Dictionary()
    resources["/XObject"][name] = form
    said = pikepdf.Dictionary(Alt=pikepdf.String(alternative)).unparse()
    drawing = f" BDC q 1 0 0 1 {x:.3f} {y:.3f} cm {name} Do Q EMC".encode()
    page.contents_add(b"/Figure " + said + drawing)
