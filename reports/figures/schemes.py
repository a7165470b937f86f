"""Randomization schemes side by side: one panel a measure, one row a scheme, a dot with its Monte Carlo interval.

It knows no scheme and no trial: labels and arrays come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from reports.appearance import ACCENT, BRICK, INK, QUIET, RULE
from reports.figures.canvas import Picture, sheet

ROW_MM, HEAD_MM, FOOT_MM, LABELS_MM, WIDTH_MM = 6.5, 9.0, 9.0, 46.0, 262.0
INTERVAL = 1.96


@dataclass(frozen=True, eq=False)
class Panel:
    """One measure: a value and a standard error for each scheme; ``reference`` is where it would ideally be."""

    title: str
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    reference: float | None = None
    is_share: bool = False


def schemes_picture(
    title: str, labels: Sequence[str], panels: Sequence[Panel], chosen: Sequence[bool], notes: tuple[str, ...] = ()
) -> Picture:
    """Panels beside each other, rows in the order given; the ``chosen`` schemes are marked."""
    height_mm = HEAD_MM + FOOT_MM + ROW_MM * len(labels)
    with sheet(WIDTH_MM, height_mm) as figure:
        width = (WIDTH_MM - LABELS_MM) / len(panels)
        for place, panel in enumerate(panels):
            left, inner = LABELS_MM + place * width, width - 5
            box = (left / WIDTH_MM, FOOT_MM / height_mm, inner / WIDTH_MM, ROW_MM * len(labels) / height_mm)
            _draw(figure.add_axes(box), panel, labels if place == 0 else (), chosen)
    return Picture(figure, title, _alt(labels, panels), notes)


def _draw(axes: Axes, panel: Panel, labels: Sequence[str], chosen: Sequence[bool]) -> None:
    rows = np.arange(len(panel.values))
    if panel.reference is not None:
        axes.axvline(panel.reference, color=BRICK, linewidth=0.7, dashes=(3, 2), zorder=0)
    colours = [ACCENT if is_chosen else INK for is_chosen in chosen]
    axes.hlines(rows, panel.values - INTERVAL * panel.errors, panel.values + INTERVAL * panel.errors, colors=colours)
    axes.scatter(panel.values, rows, s=14, c=colours, zorder=3)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(rows, [_label(*pair) for pair in zip(labels, chosen, strict=True)] if labels else [""] * len(rows))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", color=RULE)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    if panel.is_share:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_title(f"{panel.title}, %" if panel.is_share else panel.title, loc="left", color=QUIET)


def _label(label: str, is_chosen: bool) -> str:
    return f"▸ {label}" if is_chosen else label


def _alt(labels: Sequence[str], panels: Sequence[Panel]) -> str:
    told = "; ".join(
        f"{panel.title}: {_spelled(panel, int(np.argmin(panel.values)), labels)} to"
        f" {_spelled(panel, int(np.argmax(panel.values)), labels)}"
        for panel in panels
    )
    return f"{len(labels)} randomization schemes compared. From the smallest to the largest: {told}."


def _spelled(panel: Panel, place: int, labels: Sequence[str]) -> str:
    value = panel.values[place]
    shown = f"{100 * value:.1f} %" if panel.is_share else f"{value:.2f}"
    return f"{labels[place]} ({shown})"
