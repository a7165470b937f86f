"""The CIOMS I form of one serious case: the suspect adverse reaction report, with its fields 1 to 26, drawn here.

Two copies: the blinded one, which names no treatment, and the regulator's, which names the one that the strongroom gave.

Invariants
1. The form has the fields and numbers of the public CIOMS I layout. What does not fit into a field continues on a page that
   names the field; nothing is cut.
2. No name, no initials, no date of birth: a code, a year and an age stand in their place.
3. The same case gives the same bytes: it is dated by the last thing recorded, not by its printing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm as millimetre
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from reports.appearance import ACCENT, BRICK, INK, QUIET, RULE, WASH
from reports.documents.cioms_fields import Field, Tick, fields_of, ticks_of
from reports.documents.typography import BOLD, REGULAR, register_fonts
from trial.safety.cases import Case

mm = float(millimetre)
_LEFT, _RIGHT = 12 * mm, A4[0] - 12 * mm
_TOP = A4[1] - 24 * mm
_WIDTH = _RIGHT - _LEFT
_SIDE = 52 * mm
_LABEL, _TEXT, _LEADING = 5.4, 7.4, 9.2
_PAD = 1.6 * mm


@dataclass(frozen=True)
class Copy:
    """Which copy it is. ``treatment`` is nothing on the blinded one; ``version`` counts the regulator's copies."""

    treatment: str = ""
    arm: str = ""
    version: int = 0

    @property
    def is_blinded(self) -> bool:
        return not self.treatment

    @property
    def words(self) -> str:
        return "BLINDED COPY" if self.is_blinded else f"REGULATOR'S COPY {self.version}: UNBLINDED"


BLINDED = Copy()


def cioms_form(case: Case, copy: Copy = BLINDED) -> bytes:
    """The form as a PDF."""
    register_fonts()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1, pageCompression=1, lang="en")
    canvas.setTitle(f"{case.number}: CIOMS I, {copy.words.lower()}")
    canvas.setAuthor("Equipoise")
    canvas.setSubject("Suspect adverse reaction report")
    _Form(canvas, case, copy).draw()
    canvas.save()
    return buffer.getvalue()


@dataclass(frozen=True)
class _Box:
    """Where a field stands: from the form's left and top, in points."""

    x: float
    y: float
    width: float
    height: float


class _Form:
    def __init__(self, canvas: Canvas, case: Case, copy: Copy) -> None:
        self.canvas, self.case, self.copy = canvas, case, copy
        self.fields = fields_of(case, copy.treatment, copy.arm)
        self.overflow: list[tuple[Field, list[str]]] = []

    def draw(self) -> None:
        self._head("Page 1")
        y = self._reaction(_TOP)
        y = self._suspect_drug(y)
        y = self._history(y)
        self._manufacturer(y)
        self._foot()
        for page, lines in enumerate(_pages(self.overflow), start=2):
            self.canvas.showPage()
            self._head(f"Page {page}, continued")
            self._continued(lines)
            self._foot()
        self.canvas.showPage()

    def _reaction(self, y: float) -> float:
        y = self._section(y, "I. REACTION INFORMATION")
        row = 17 * mm
        x = _LEFT
        for key, share in (("1", 0.17), ("1a", 0.11), ("2", 0.2), ("2a", 0.1), ("3", 0.1), ("4-6", 0.32)):
            wide = (_WIDTH - _SIDE) * share
            self._field(key, _Box(x, y - row, wide, row))
            x += wide
        tall = 84 * mm
        self._field("7+13", _Box(_LEFT, y - row - tall, _WIDTH - _SIDE, tall))
        self._ticks("8-12", _Box(_RIGHT - _SIDE, y - row - tall, _SIDE, row + tall))
        return y - row - tall

    def _suspect_drug(self, y: float) -> float:
        y = self._section(y, "II. SUSPECT DRUG(S) INFORMATION")
        high, low = 15 * mm, 13 * mm
        wide = _WIDTH - _SIDE
        self._field("14", _Box(_LEFT, y - high, wide, high))
        self._ticks("20", _Box(_RIGHT - _SIDE, y - high - low / 2, _SIDE, high + low / 2))
        self._field("15", _Box(_LEFT, y - high - low, wide / 2, low))
        self._field("16", _Box(_LEFT + wide / 2, y - high - low, wide / 2, low))
        self._field("17", _Box(_LEFT, y - high - 2 * low, wide, low))
        self._field("18", _Box(_LEFT, y - high - 3 * low, wide / 2, low))
        self._field("19", _Box(_LEFT + wide / 2, y - high - 3 * low, wide / 2, low))
        self._ticks("21", _Box(_RIGHT - _SIDE, y - high - 3 * low, _SIDE, 2.5 * low))
        return y - high - 3 * low

    def _history(self, y: float) -> float:
        y = self._section(y, "III. CONCOMITANT DRUG(S) AND HISTORY")
        self._field("22", _Box(_LEFT, y - 19 * mm, _WIDTH, 19 * mm))
        self._field("23", _Box(_LEFT, y - 32 * mm, _WIDTH, 13 * mm))
        return y - 32 * mm

    def _manufacturer(self, y: float) -> None:
        y = self._section(y, "IV. MANUFACTURER (SPONSOR) INFORMATION")
        half, row = _WIDTH / 2, 12.5 * mm
        self._field("24a", _Box(_LEFT, y - row, half, row))
        self._field("26", _Box(_LEFT + half, y - row, half, row))
        self._field("24b", _Box(_LEFT, y - 2 * row, half / 2, row))
        self._field("24c", _Box(_LEFT + half / 2, y - 2 * row, half / 2, row))
        self._ticks("24d", _Box(_LEFT + half, y - 3 * row, half / 2, 2 * row))
        self._field("25", _Box(_LEFT, y - 3 * row, half / 2, row))
        self._ticks("25a", _Box(_LEFT + half / 2, y - 3 * row, half / 2, row))
        self._field("25b", _Box(_LEFT + 1.5 * half, y - 3 * row, half / 2, 2 * row))

    def _head(self, page: str) -> None:
        top = A4[1] - 12 * mm
        self.canvas.setFillColor(HexColor(INK))
        self.canvas.setFont(BOLD, 11)
        self.canvas.drawString(_LEFT, top - 4, "SUSPECT ADVERSE REACTION REPORT")
        self.canvas.setFont(REGULAR, 6.3)
        self.canvas.setFillColor(HexColor(QUIET))
        self.canvas.drawString(_LEFT, top - 13, f"CIOMS I  ·  Case {self.case.number}  ·  {page}")
        colour = ACCENT if self.copy.is_blinded else BRICK
        words = self.copy.words if self.case.kind == "real" else f"{self.case.kind.upper()}  ·  {self.copy.words}"
        self.canvas.setFillColor(HexColor(colour))
        self.canvas.setFont(BOLD, 8)
        self.canvas.drawRightString(_RIGHT, top - 4, words)

    def _foot(self) -> None:
        self.canvas.setFillColor(HexColor(QUIET))
        self.canvas.setFont(REGULAR, 5.8)
        said = (
            "The treatment is not on this copy."
            if self.copy.is_blinded
            else "For the authority alone. Never to the site, the medical monitor or whoever analyses the trial."
        )
        as_of = f"{self.case.as_of:%Y-%m-%d %H:%M} UTC"
        self.canvas.drawString(
            _LEFT, 9 * mm, f"{said}  As recorded until {as_of}, protocol {self.case.protocol_version}."
        )

    def _section(self, y: float, words: str) -> float:
        height = 5 * mm
        self.canvas.setFillColor(HexColor(WASH))
        self.canvas.setStrokeColor(HexColor(INK))
        self.canvas.setLineWidth(0.5)
        self.canvas.rect(_LEFT, y - height, _WIDTH, height, fill=1)
        self.canvas.setFillColor(HexColor(INK))
        self.canvas.setFont(BOLD, 7)
        self.canvas.drawCentredString(A4[0] / 2, y - height + 1.6 * mm, words)
        return y - height

    def _frame(self, box: _Box, label: str) -> float:
        """Draw a field's frame and label; return where its text begins."""
        self.canvas.setStrokeColor(HexColor(INK))
        self.canvas.setLineWidth(0.4)
        self.canvas.rect(box.x, box.y, box.width, box.height)
        self.canvas.setFillColor(HexColor(QUIET))
        self.canvas.setFont(REGULAR, _LABEL)
        y = box.y + box.height - 2.4 * mm
        for line in simpleSplit(label, REGULAR, _LABEL, box.width - 2 * _PAD):
            self.canvas.drawString(box.x + _PAD, y, line)
            y -= _LABEL * 1.2
        return y - 0.9 * mm

    def _field(self, key: str, box: _Box) -> None:
        field = self.fields[key]
        y = self._frame(box, field.label)
        lines = [
            part for text in field.lines for part in simpleSplit(text, REGULAR, _TEXT, box.width - 2 * _PAD) or [""]
        ]
        room = max(1, int((y - box.y - 2.4 * mm) // _LEADING) + 1)
        if len(lines) > room:
            self.overflow.append((field, list(field.lines)))
            lines = [*lines[: max(0, room - 1)], "… continued on a further page"]
        self.canvas.setFillColor(HexColor(INK))
        self.canvas.setFont(REGULAR, _TEXT)
        for number, line in enumerate(lines):
            self.canvas.drawString(box.x + _PAD, y - 1.2 * mm - number * _LEADING, line)

    def _ticks(self, key: str, box: _Box) -> None:
        label, ticks = ticks_of(self.case)[key]
        y = self._frame(box, label)
        for tick in ticks:
            y = self._tick(tick, box, y)

    def _tick(self, tick: Tick, box: _Box, y: float) -> float:
        size = 2.6 * mm
        self.canvas.setStrokeColor(HexColor(INK))
        self.canvas.setLineWidth(0.5)
        self.canvas.rect(box.x + _PAD, y - size, size, size)
        if tick.is_set:
            self.canvas.setLineWidth(1.1)
            for one, other in (((0.5, 0.5), (2.1, 2.1)), ((0.5, 2.1), (2.1, 0.5))):
                self.canvas.line(
                    box.x + _PAD + one[0] * mm,
                    y - size + one[1] * mm,
                    box.x + _PAD + other[0] * mm,
                    y - size + other[1] * mm,
                )
        self.canvas.setFillColor(HexColor(INK))
        self.canvas.setFont(REGULAR, 6.4)
        lines = simpleSplit(tick.label, REGULAR, 6.4, box.width - 3 * _PAD - size)
        for number, line in enumerate(lines):
            self.canvas.drawString(box.x + 2 * _PAD + size, y - size + 0.6 * mm - number * 7.6, line)
        return float(y - max(size + 1.5 * mm, len(lines) * 7.6 + 0.9 * mm))

    def _continued(self, lines: list[tuple[str, bool]]) -> None:
        y = _TOP
        for line, is_label in lines:
            self.canvas.setFont(BOLD if is_label else REGULAR, _TEXT)
            self.canvas.setFillColor(HexColor(ACCENT if is_label else INK))
            self.canvas.drawString(_LEFT, y, line)
            y -= _LEADING
        self.canvas.setStrokeColor(HexColor(RULE))
        self.canvas.line(_LEFT, y, _RIGHT, y)


def _pages(overflow: list[tuple[Field, list[str]]]) -> Iterator[list[tuple[str, bool]]]:
    """The lines of each further page; whether one is a field's label."""
    most = int((_TOP - 16 * mm) // _LEADING)
    lines: list[tuple[str, bool]] = []
    for field, texts in overflow:
        lines.append((f"Field {field.label}", True))
        lines += [(part, False) for text in texts for part in simpleSplit(text, REGULAR, _TEXT, _WIDTH) or [""]]
        lines.append(("", False))
    for first in range(0, len(lines), most):
        yield lines[first : first + most]
