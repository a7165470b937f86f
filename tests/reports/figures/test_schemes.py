"""The picture of schemes: arrays in, the same bytes out, and a sentence for those who cannot see it."""

import numpy as np
import pytest

from reports.figures.canvas import as_pdf, as_svg
from reports.figures.schemes import Panel, schemes_picture

LABELS = ("Complete", "Permuted blocks of 4", "Big stick, limit 3")


@pytest.fixture
def picture():
    panels = [
        Panel("Correct guesses", np.array([0.5, 0.7083, 0.568]), np.full(3, 0.001), 0.5, is_share=True),
        Panel("Final imbalance", np.array([15.7, 3.6, 7.1]), np.full(3, 0.1)),
    ]
    return schemes_picture("Schemes", LABELS, panels, (False, True, False), ("A note.",))


def test_the_same_arrays_give_the_same_bytes(picture):
    assert as_pdf(picture) == as_pdf(picture)
    assert as_pdf(picture).startswith(b"%PDF")
    assert b"<svg" in as_svg(picture)


def test_the_picture_is_told_in_a_sentence(picture):
    assert picture.alt == (
        "3 randomization schemes compared. From the smallest to the largest: Correct guesses: Complete (50.0 %) to"
        " Permuted blocks of 4 (70.8 %); Final imbalance: Permuted blocks of 4 (3.60) to Complete (15.70)."
    )


def test_the_chosen_scheme_is_marked_by_a_sign_and_not_by_colour_alone(picture):
    first = picture.figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == ["Complete", "▸ Permuted blocks of 4", LABELS[2]]
