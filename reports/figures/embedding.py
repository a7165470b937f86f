"""What of a font a figure carries: the outlines and widths of its glyphs, and nothing that helps to set text.

The drawing library hands the whole font to the subsetter, which reads and rewrites its names, its ligatures and its kerning,
although a PDF places each glyph itself: that took three quarters of the time of a figure. Here the subsetter gets the font
without them. Fonts of another kind than TrueType are embedded as the library does it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cache
from io import BytesIO
from typing import Any, Final

from fontTools.subset import Options, Subsetter, load_font
from fontTools.ttLib import TTFont
from matplotlib.backends import _backend_pdf_ps

_EMBEDDED: Final = frozenset({"cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep"})
"""The tables that ISO 32000-1, 9.9, asks of a TrueType font behind an identity encoding."""
library_subset: Final[Any] = _backend_pdf_ps.get_glyphs_subset


def embed_outlines_alone() -> None:
    """From now on, in this process, PDF figures embed fonts so."""
    _backend_pdf_ps.get_glyphs_subset = outlines_of  # type: ignore[assignment]  # the library types its own kinds of glyph


def outlines_of(font_file: Any, glyphs: Iterable[int]) -> AbstractContextManager[Any]:
    """The font with these glyphs alone and where each of them went, in place of the library's function of that purpose."""
    bare = _without_rules(str(font_file), font_file.face_index)
    if bare is None:
        library: AbstractContextManager[Any] = library_subset(font_file, glyphs)
        return library
    options = Options(glyph_names=False, recommended_glyphs=True)
    font = load_font(BytesIO(bare), options)
    subsetter = Subsetter(options)
    subsetter.populate(gids=set(glyphs))
    subsetter.subset(font)
    found: AbstractContextManager[Any] = _backend_pdf_ps.SubsetResults(font, subsetter.glyph_index_map)._as_cm()  # noqa: SLF001 - as its caller expects
    return found


@cache
def _without_rules(path: str, face: int) -> bytes | None:
    """The font's outlines, read once a process; ``None`` where it has none of this kind."""
    with TTFont(path, fontNumber=face, lazy=True, recalcTimestamp=False) as font:  # else no two files are the same
        if "glyf" not in font:
            return None
        for table in set(font.keys()) - _EMBEDDED - {"GlyphOrder"}:
            del font[table]
        buffer = BytesIO()
        font.save(buffer, reorderTables=None)
    return buffer.getvalue()
