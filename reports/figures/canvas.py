"""The sheet that every figure is drawn on, and the two ways it leaves: PDF for paper, SVG for pages.

Invariants
1. The same figure gives the same bytes: no creation date, a fixed salt for identifiers, fonts embedded as TrueType.
2. Every picture has a sentence for those who cannot see it.
3. No setting of the drawing library is left changed; only how it embeds fonts is ours (``embedding.py``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from reports.appearance import INK, QUIET, RULE
from reports.figures.embedding import embed_outlines_alone

MM: Final = 1 / 25.4
STYLE: Final[Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "grid.color": RULE,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.3,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,  # the library asks this one how many glyphs a font in a PDF may have: 3 would cut each at 256
    "pdf.compression": 6,
    "svg.fonttype": "path",
    "svg.hashsalt": "equipoise",
}
embed_outlines_alone()


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn figure with its title, its sentence for screen readers, and its notes."""

    figure: Figure
    title: str
    alt: str
    notes: tuple[str, ...] = ()

    @property
    def size_points(self) -> tuple[float, float]:
        width, height = self.figure.get_size_inches()
        return float(width) * 72, float(height) * 72


@contextmanager
def sheet(width_mm: float, height_mm: float) -> Iterator[Figure]:
    """An empty figure in the house style; what is drawn inside the block gets it."""
    with mpl.rc_context(STYLE):
        yield Figure(figsize=(width_mm * MM, height_mm * MM), facecolor="none")


def as_pdf(*pictures: Picture) -> bytes:
    """One vector page for each picture, fonts embedded once for all of them."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        pages: Any = PdfPages(buffer, metadata={"CreationDate": None, "Producer": None, "Creator": None})
        with pages:
            for picture in pictures:
                pages.savefig(picture.figure, facecolor="none")
    return buffer.getvalue()


def as_svg(picture: Picture) -> bytes:
    """The same figure for a page."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        canvas: Any = FigureCanvasSVG(picture.figure)
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Title": picture.title})
    return buffer.getvalue()


def as_png(picture: Picture, dots_per_inch: int = 200) -> bytes:
    """The same figure in dots on white, for where no vector can stand."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = picture.figure
        figure.set_dpi(dots_per_inch)
        figure.set_facecolor("white")
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def say_nothing(axes: Axes, sentence: str) -> None:
    """Axes without data: one sentence in the middle, no frame."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", color=QUIET)
