"""Time to the first event of a kind: the share of participants by day, with the numbers at risk beneath.

Invariants
1. The risk table stands under the curve, at the curve's own ticks.
2. Arms differ by dash and marker; intervals are drawn as bands and named in the note.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analyses.harms.first_events import FirstEvents
from reports.appearance import QUIET, ArmMark, arm_marks
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.figures.days import day_scale, day_ticks, place_of_day
from reports.figures.legend import arm_legend

LINE_MM, PLOT_MM, ABOVE, BETWEEN = 4.0, 52.0, 7.0, 13.0
LEFT, WIDTH = 0.09, 0.885


def first_events_picture(curves: tuple[FirstEvents, ...]) -> Picture:
    """One curve for each arm, from 0 on the first day."""
    kind = curves[0].kind if curves else "Any event of special interest"
    below = BETWEEN + LINE_MM * (len(curves) + 1)
    height = PLOT_MM + ABOVE + below
    with sheet(180, height) as figure:
        axes = figure.add_axes((LEFT, below / height, WIDTH, PLOT_MM / height))
        if any(one.curve is not None for one in curves):
            _draw(figure, axes, curves, height, below)
        else:
            say_nothing(axes, "Nobody has been treated.")
    note = (
        "Kaplan–Meier, 1 − survival, with 95 % log-log intervals; everybody of the safety set, censored at the end of"
        " observation (short strokes). Day 1 is the day of the first dose. The scale of days is drawn out at its start."
    )
    return Picture(figure, f"Time to the first event: {kind[0].lower()}{kind[1:]}", _alt(curves, kind), (note,))


def _draw(figure: Figure, axes: Axes, curves: tuple[FirstEvents, ...], height: float, below: float) -> None:
    marks = arm_marks(tuple(one.group for one in curves))
    last = max(one.last_day for one in curves)
    day_scale(axes)
    highest = max((_step(axes, one, marks[one.group]) for one in curves), default=0.0)
    days = day_ticks(last)
    axes.set_xlim(0, last)
    axes.set_xticks(days)
    axes.set_ylim(0, min(100.0, 10 * (int(highest / 10) + 1)))
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    axes.set_ylabel("% with an event")
    axes.set_xlabel("Day since the first dose")
    arm_legend(figure, marks, 1 - 3.0 / height, x=LEFT)
    _risk_table(figure, axes, curves, marks, days, height, below)


def _step(axes: Axes, one: FirstEvents, mark: ArmMark) -> float:
    """Draw a curve with its band and censored marks; return the highest point, in per cent."""
    curve = one.curve
    if curve is None:
        return 0.0
    x = np.concatenate([[0.0], curve.times])
    risk, low, high = (
        100 * np.concatenate([[0.0], 1 - values]) for values in (curve.survival, curve.upper, curve.lower)
    )
    line = axes.step(x, risk, where="post", color=mark.colour, linewidth=1.4)[0]
    if mark.dash:
        line.set_dashes(list(mark.dash))
    axes.fill_between(x, low, high, step="post", color=mark.colour, alpha=0.12, linewidth=0)
    gone = curve.censored > 0
    axes.plot(
        curve.times[gone],
        risk[1:][gone],
        linestyle="",
        marker="|",
        color=mark.colour,
        markersize=3.5,
        markeredgewidth=0.6,
    )
    axes.plot(
        [x[-1]], [risk[-1]], marker=mark.marker, color=mark.colour, markersize=4,
        markerfacecolor=mark.colour if mark.filled else "white", clip_on=False,
    )  # fmt: skip
    return float(high.max())


def _risk_table(
    figure: Figure,
    axes: Axes,
    curves: tuple[FirstEvents, ...],
    marks: dict[str, ArmMark],
    days: list[int],
    height: float,
    below: float,
) -> None:
    top = (below - BETWEEN) / height
    figure.text(LEFT - 0.012, top, "Without an event and observed", va="center", color=QUIET, fontsize=6.5)
    last = axes.get_xlim()[1]
    for row, one in enumerate(curves, start=1):
        y = top - LINE_MM * row / height
        name = f"Arm {one.group}" if len(curves) > 1 else one.group
        figure.text(
            LEFT - 0.012, y, name, va="center", ha="right", color=marks[one.group].colour, weight="bold", fontsize=6.5
        )
        for day in days:
            x = LEFT + WIDTH * place_of_day(day, last)
            figure.text(x, y, str(one.watched(day)), va="center", ha="center", fontsize=6.5)


def _alt(curves: tuple[FirstEvents, ...], kind: str) -> str:
    told = "; ".join(f"{one.group}: {one.participants} of {one.at_risk} participants" for one in curves)
    return (
        f"Share of participants with a first event by day since the first dose ({kind[0].lower()}{kind[1:]}). {told}."
    )
