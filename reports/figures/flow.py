"""The CONSORT flow diagram, drawn: boxes for enrolment, allocation, follow-up, analysis.

Invariants
1. Boxes are as tall as their text; a row of boxes is as tall as its tallest.
2. Numbers come from a flow that was checked; nothing is added up here.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from reports.analyses.disposition import ArmFlow, Flow, Reasons
from reports.appearance import ACCENT, ACCENT_LIGHT, INK, QUIET, arm_heading
from reports.figures.canvas import Picture, sheet
from reports.tables.words import words

LINE, PADDING, GAP = 3.5, 2.2, 6.0  # millimetres
WIDTH = 180.0
STAGE = 22.0  # the column that names the stages
CENTRE = STAGE + 52.0  # the axis of the boxes above allocation, and of a single column below it
SINGLE = 100.0
BETWEEN = 4.0
LETTER = 1.32  # the mean width of a letter


@dataclass(frozen=True)
class _Box:
    """Text of one box; a line that starts with a space is a reason."""

    lines: tuple[str, ...]

    @property
    def height(self) -> float:
        return LINE * len(self.lines) + 2 * PADDING


def flow_picture(flow: Flow) -> Picture:
    """The whole diagram; arms side by side."""
    rows = _arm_rows(flow)
    top = (_Box((f"Assessed for eligibility (n = {flow.assessed})",)), _excluded(flow), _randomized(flow))
    heights = [max(box.height for box in row) for row in rows]
    enrolment = top[0].height + GAP + top[1].height + GAP + top[2].height
    total = enrolment + sum(heights) + GAP * len(rows) + 2
    with sheet(WIDTH, total) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, WIDTH)
        axes.set_ylim(total, 0)
        axes.set_axis_off()
        _draw_enrolment(axes, top)
        _draw_arms(axes, rows, heights, enrolment + 1)
    return Picture(figure, "Participant flow", _alt(flow))


def _excluded(flow: Flow) -> _Box:
    lines = [f"Excluded (n = {flow.excluded.total})"]
    lines += [f" {words(kind)} (n = {n})" for kind, n in flow.excluded.by_reason]
    if flow.in_screening:
        lines.append(f"Still in screening (n = {flow.in_screening})")
    return _Box(tuple(lines))


def _randomized(flow: Flow) -> _Box:
    instead = (f" As replacements (n = {flow.replacements})",) if flow.replacements else ()
    marked = (f" {words(kind)} (n = {n})" for kind, n in flow.errors)
    return _Box((f"Randomized (n = {flow.randomized})", *instead, *marked))


def _arm_rows(flow: Flow) -> list[list[_Box]]:
    """Allocation, follow-up and analysis: one row each, a box for each arm."""
    labels = tuple(arm.label for arm in flow.arms)
    most = int(_arm_width(len(labels)) / LETTER) - 5
    follow_up = [
        (
            *_listed("Lost to follow-up for primary outcome", arm.lost),
            *_listed("Discontinued treatment", arm.discontinued),
        )
        for arm in flow.arms
    ]
    analysis = [
        (f"With primary outcome (n = {arm.analysed})", *_listed("Not in this analysis", arm.not_analysed))
        for arm in flow.arms
    ]
    rows = ([_allocation(arm, labels) for arm in flow.arms], follow_up, analysis)
    return [[_Box(_wrapped(lines, most)) for lines in row] for row in rows]


def _arm_width(arms: int) -> float:
    return SINGLE if arms == 1 else (WIDTH - STAGE - 1 - BETWEEN * (arms - 1)) / arms


def _allocation(arm: ArmFlow, labels: tuple[str, ...]) -> tuple[str, ...]:
    name = "Allocated" if len(labels) == 1 else f"Allocated to {arm_heading(arm.label, labels)}"
    return (
        f"{name} (n = {arm.allocated})",
        f"Received treatment (n = {arm.received})",
        *_listed("Did not receive it", arm.not_received),
    )


def _listed(name: str, reasons: Reasons) -> tuple[str, ...]:
    return (f"{name} (n = {reasons.total})", *(f" {words(reason)} (n = {n})" for reason, n in reasons.by_reason))


def _wrapped(lines: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Long lines go on in the next one; a reason's second line is a reason's line too."""
    found: list[str] = []
    for line in lines:
        mark = " " if line.startswith(" ") else ""
        kept = line.strip().replace("(n = ", "(n\u00a0=\u00a0")
        parts = textwrap.wrap(kept, most, break_long_words=False, break_on_hyphens=False)
        found += [mark + part for part in parts]
    return tuple(found)


def _draw_enrolment(axes: Axes, top: tuple[_Box, _Box, _Box]) -> None:
    assessed, excluded, randomized = top
    width = 62.0
    y = 1.0
    _stage(axes, "Enrolment", y, assessed.height)
    _box(axes, CENTRE - width / 2, y, width, assessed, assessed.height)
    side = y + assessed.height + GAP
    below = side + excluded.height + GAP
    _arrow(axes, CENTRE, y + assessed.height, CENTRE, below)
    _arrow(axes, CENTRE, side + excluded.height / 2, CENTRE + 22, side + excluded.height / 2)
    _box(axes, CENTRE + 22, side, WIDTH - CENTRE - 23, excluded, excluded.height)
    _box(axes, CENTRE - width / 2, below, width, randomized, randomized.height, strong=True)


def _draw_arms(axes: Axes, rows: list[list[_Box]], heights: list[float], start: float) -> None:
    arms = len(rows[0])
    width = _arm_width(arms)
    left = CENTRE - SINGLE / 2 if arms == 1 else STAGE
    y = start + GAP
    for number, (name, row, height) in enumerate(
        zip(("Allocation", "Follow-up", "Analysis"), rows, heights, strict=True)
    ):
        _stage(axes, name, y, height)
        for index, box in enumerate(row):
            x = left + index * (width + BETWEEN)
            _box(axes, x, y, width, box, height)
            if number:
                _arrow(axes, x + width / 2, y - GAP, x + width / 2, y)
            else:
                _branch(axes, CENTRE, start, x + width / 2, y)
        y += height + GAP


def _branch(axes: Axes, x: float, y: float, to_x: float, to_y: float) -> None:
    turn = (y + to_y) / 2
    axes.plot([x, x, to_x], [y, turn, turn], color=QUIET, linewidth=0.7, solid_capstyle="butt")
    _arrow(axes, to_x, turn, to_x, to_y)


def _stage(axes: Axes, name: str, y: float, height: float) -> None:
    axes.add_patch(Rectangle((0.5, y), STAGE - 4, height, facecolor=ACCENT_LIGHT, edgecolor="none"))
    axes.text(0.5 + (STAGE - 4) / 2, y + height / 2, name, ha="center", va="center", color=ACCENT, weight="bold")


def _box(axes: Axes, x: float, y: float, width: float, box: _Box, height: float, *, strong: bool = False) -> None:
    edge, line = (ACCENT, 1.0) if strong else (QUIET, 0.6)
    axes.add_patch(Rectangle((x, y), width, height, facecolor="white", edgecolor=edge, linewidth=line))
    for index, text in enumerate(box.lines):
        reason = text.startswith(" ")
        axes.text(
            x + PADDING + (3 if reason else 0),
            y + PADDING + LINE * (index + 0.5),
            text.strip(),
            va="center",
            color=QUIET if reason else INK,
            fontsize=6.5 if reason else 7,
        )


def _arrow(axes: Axes, x: float, y: float, to_x: float, to_y: float) -> None:
    axes.add_patch(
        FancyArrowPatch(
            (x, y), (to_x, to_y), arrowstyle="-|>", mutation_scale=6, linewidth=0.7, color=QUIET, shrinkA=0, shrinkB=0
        )
    )


def _alt(flow: Flow) -> str:
    arms = "; ".join(
        f"{'all' if len(flow.arms) == 1 else 'arm ' + arm.label}: {arm.allocated} allocated, {arm.received} received"
        f" treatment, {arm.analysed} with the primary outcome"
        for arm in flow.arms
    )
    return (
        f"Flow of participants: {flow.assessed} assessed, {flow.excluded.total} excluded, {flow.in_screening} in"
        f" screening, {flow.randomized} randomized; {arms}."
    )
