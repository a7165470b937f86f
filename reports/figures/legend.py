"""The legend of arms that figures share: a line with its marker, and the arm's name."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.appearance import ArmMark

LENGTH, STEP = 0.05, 0.14  # of the figure's width


def arm_legend(figure: Figure, marks: Mapping[str, ArmMark], y: float, *, x: float = 0.075, line: bool = True) -> None:
    """Draw the legend with its middle at height ``y``; without ``line`` only the markers."""
    for mark in marks.values():
        drawn = Line2D(
            [x, x + LENGTH / 2, x + LENGTH],
            [y, y, y],
            color=mark.colour,
            linewidth=1.3 if line else 0,
            marker=mark.marker,
            markevery=[1],
            markersize=4,
            markerfacecolor=mark.colour if mark.filled else "white",
            transform=figure.transFigure,
        )
        if mark.dash and line:
            drawn.set_dashes(list(mark.dash))
        figure.add_artist(drawn)
        name = f"Arm {mark.label}" if len(marks) > 1 else mark.label
        figure.text(x + LENGTH + 0.005, y, name, va="center", color=mark.colour, weight="bold")
        x += STEP
