"""Enrolment against the expected course."""

from __future__ import annotations

from datetime import date
from typing import Any

import matplotlib.dates
from matplotlib.axes import Axes

from reports.analyses.enrolment import Enrolment
from reports.appearance import ACCENT, QUIET, RULE
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.tables.words import day

# The drawing library's dates carry no types.
mdates: Any = matplotlib.dates


def enrolment_picture(enrolment: Enrolment) -> Picture:
    """Cumulative randomizations as steps, the expected course dashed, the planned number as a line."""
    with sheet(180, 68) as figure:
        axes = figure.add_axes((0.07, 0.15, 0.80, 0.79))
        if enrolment.points:
            _draw(axes, enrolment)
        else:
            say_nothing(axes, "Nobody has been randomized yet.")
    return Picture(figure, "Enrolment against the expected course", _alt(enrolment), _notes(enrolment))


def _draw(axes: Axes, enrolment: Enrolment) -> None:
    cut_off = enrolment.cut_off_on
    start = min([enrolment.points[0][0], *(d for d, _ in enrolment.expected[:1])])
    days: list[Any] = [start, *(d for d, _ in enrolment.points), cut_off]
    totals = [0, *(n for _, n in enrolment.points), enrolment.randomized]
    axes.step(days, totals, where="post", color=ACCENT, linewidth=1.8)
    axes.plot([_x(cut_off)], [totals[-1]], "o", color=ACCENT, markersize=4)
    axes.annotate(
        f"Randomized: {enrolment.randomized}",
        (_x(cut_off), totals[-1]),
        xytext=(6, -11),
        textcoords="offset points",
        color=ACCENT,
        weight="bold",
        va="center",
    )
    if enrolment.expected:
        _expected(axes, enrolment)
    if enrolment.planned:
        axes.axhline(enrolment.planned, color=QUIET, linewidth=0.7, dashes=(1, 2))
        axes.annotate(
            f"Planned: {enrolment.planned}",
            (0, enrolment.planned),
            xycoords=("axes fraction", "data"),
            xytext=(3, 3),
            textcoords="offset points",
            color=QUIET,
        )
    axes.axvline(_x(cut_off), color=RULE, linewidth=0.7, zorder=0)
    axes.set_ylabel("Participants randomized")
    axes.set_ylim(0, 1.12 * max(enrolment.planned, totals[-1], 1))
    axes.yaxis.grid(visible=True)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=4, maxticks=9))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%b %Y"))


def _expected(axes: Axes, enrolment: Enrolment) -> None:
    days: list[Any] = [d for d, _ in enrolment.expected]
    axes.plot(days, [n for _, n in enrolment.expected], color=QUIET, linewidth=1.0, dashes=(4, 2))
    first, middle = enrolment.expected[0][0], enrolment.expected[len(enrolment.expected) // 2]
    at = middle[0] if middle[0] != first else enrolment.expected[-1][0]
    axes.annotate("Expected", (_x(at), middle[1]), xytext=(-6, 6), textcoords="offset points", color=QUIET, ha="right")


def _x(of: date) -> float:
    return float(mdates.date2num(of))


def _alt(enrolment: Enrolment) -> str:
    expected = "" if enrolment.expected_by_now is None else f", where {enrolment.expected_by_now} were expected"
    return (
        f"Cumulative enrolment: {enrolment.randomized} of {enrolment.planned} planned participants randomized by"
        f" {day(enrolment.cut_off_on)}{expected}."
    )


def _notes(enrolment: Enrolment) -> tuple[str, ...]:
    source = "Dashed: expected course." if enrolment.expected else "No expected course was given."
    return (f"Steps: randomized. {source} Dotted: planned number. Thin vertical line: data cut-off.",)
