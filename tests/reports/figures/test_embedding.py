"""Embedded fonts: the outlines of the used glyphs, no rules, and the same picture and text as with the whole font."""

import io

import pypdf
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager, get_data_path
from matplotlib.backends import _backend_pdf_ps

from reports.figures.canvas import Picture, as_pdf, sheet
from reports.figures.embedding import library_subset, outlines_of

WORDS = "Pain at 3 months (0–10): office, AVATAR, µg/kg ≥ ½, α β Δ, é ü ñ ż"


def drawn(words=WORDS):
    with sheet(120, 60) as figure:
        axes = figure.add_subplot()
        axes.set_title(words)
        axes.text(0.5, 0.5, words, fontweight="bold", ha="center")
    return as_pdf(Picture(figure, "A figure", "What it shows"))


@pytest.fixture
def by_the_library(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(_backend_pdf_ps, "get_glyphs_subset", library_subset)
        return drawn()


def dots_and_words(pdf):
    return pypdfium2.PdfDocument(pdf)[0].render(scale=3).to_numpy().tolist(), pypdf.PdfReader(io.BytesIO(pdf)).pages[
        0
    ].extract_text()


def embedded(pdf):
    fonts = pypdf.PdfReader(io.BytesIO(pdf)).pages[0]["/Resources"]["/Font"]
    for font in fonts.values():
        descendant = font.get_object()["/DescendantFonts"][0].get_object()
        yield descendant["/FontDescriptor"]["/FontFile2"].get_data()


def test_a_figure_looks_and_reads_as_it_does_with_whole_fonts(by_the_library):
    assert dots_and_words(drawn()) == dots_and_words(by_the_library)


def test_each_font_is_embedded_once_with_outlines_and_without_rules():
    # Ligatures have a font of their own: two letters stand for one glyph of it.
    fonts = [TTFont(io.BytesIO(data)) for data in embedded(drawn(WORDS.replace("office", "clinic")))]
    assert len(fonts) == 2
    faces = ("DejaVuSans", "DejaVuSans-Bold")
    made = {TTFont(f"{get_data_path()}/fonts/ttf/{face}.ttf")["head"].modified for face in faces}
    for font in fonts:
        assert {"glyf", "head", "hhea", "hmtx", "loca", "maxp"} <= set(font.reader.keys())
        assert not {"GDEF", "GPOS", "GSUB", "kern", "name"} & set(font.reader.keys())
        assert font["maxp"].numGlyphs < 100
        assert font["head"].modified in made, "the time of embedding would make two files of one figure differ"


def test_a_font_without_such_outlines_is_left_to_the_library(monkeypatch):
    asked = []
    monkeypatch.setattr("reports.figures.embedding._without_rules", lambda _path, _face: None)
    monkeypatch.setattr("reports.figures.embedding.library_subset", lambda *given: asked.append(given))
    path = font_manager.FontPath(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 0)
    outlines_of(path, [36])
    assert asked == [(path, [36])]
