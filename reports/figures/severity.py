"""When events began and how bad they were: study day by grade, one panel an arm.

Invariants
1. Every dated and graded treatment-emergent event is in one mark; a mark's area tells how many it stands for.
2. Serious events differ by shape and filling, not by colour alone.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.analyses.harms.severity import SeverityPoints
from reports.appearance import BRICK, INK, arm_heading, arm_marks
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.figures.days import day_scale, day_ticks

PANEL_MM, ABOVE, BELOW, BETWEEN = 34.0, 13.0, 10.0, 8.0
LEFT, WIDTH = 0.09, 0.885
SMALLEST = 12.0  # square points of a mark of one event


def severity_picture(groups: tuple[SeverityPoints, ...]) -> Picture:
    """One panel for each arm, on the same scales."""
    height = len(groups) * (PANEL_MM + BETWEEN) - BETWEEN + ABOVE + BELOW
    last = max((day for group in groups for day, *_ in group.points), default=1)
    with sheet(180, height) as figure:
        top = height - ABOVE
        for index, group in enumerate(groups):
            bottom = top - PANEL_MM - index * (PANEL_MM + BETWEEN)
            axes = figure.add_axes((LEFT, bottom / height, WIDTH, PANEL_MM / height))
            _panel(axes, group, tuple(one.group for one in groups), last, named=index == len(groups) - 1)
        figure.legend(handles=_legend(), loc="upper left", ncols=3, frameon=False, bbox_to_anchor=(LEFT - 0.01, 1.0))
    return Picture(figure, "When events began, and their grade", _alt(groups), _notes(groups))


def _panel(axes: Axes, group: SeverityPoints, labels: tuple[str, ...], last: int, *, named: bool) -> None:
    if not group.points:
        say_nothing(axes, f"{arm_heading(group.group, labels)}: no event with a known day and grade.")
        return
    colour = arm_marks(labels)[group.group].colour
    day_scale(axes)
    for serious in (False, True):
        mine = [point for point in group.points if point[2] is serious]
        axes.scatter(
            [day for day, *_ in mine],
            [grade + (0.16 if serious else -0.1) for _, grade, *_ in mine],
            s=[SMALLEST * count for *_, count in mine],
            marker="D" if serious else "o",
            facecolors=BRICK if serious else "none",
            edgecolors=BRICK if serious else colour,
            linewidths=0.8,
            clip_on=False,
        )
    axes.set_xlim(0, last * 1.02 + 0.5)
    axes.set_xticks(day_ticks(last))
    axes.set_ylim(0.5, 5.5)
    axes.set_yticks(range(1, 6))
    axes.set_ylabel("Grade")
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    axes.set_title(arm_heading(group.group, labels), loc="left", fontsize=7, weight="bold", color=colour)
    if named:
        axes.set_xlabel("Study day of onset")


def _legend() -> list[Line2D]:
    def handle(label: str, marker: str, edge: str, face: str, size: float) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            markeredgecolor=edge,
            markerfacecolor=face,
            markersize=size,
            label=label,
        )

    return [
        handle("not serious, one event", "o", INK, "none", SMALLEST**0.5),
        handle("ten events", "o", INK, "none", (10 * SMALLEST) ** 0.5),
        handle("serious", "D", BRICK, BRICK, SMALLEST**0.5),
    ]


def _alt(groups: tuple[SeverityPoints, ...]) -> str:
    told = "; ".join(
        f"{group.group}: {sum(n for *_, n in group.points)} events,"
        f" {sum(n for _, grade, _, n in group.points if grade >= 3)} of grade 3 or worse"
        for group in groups
    )
    return f"Events by study day of onset and toxicity grade, one panel an arm. {told}."


def _notes(groups: tuple[SeverityPoints, ...]) -> tuple[str, ...]:
    undated = ", ".join(f"{group.group} {group.undated}" for group in groups if group.undated)
    left_out = f" Without a known day or grade, and not drawn: {undated}." if undated else ""
    return (
        f"Each event at its worst grade; area tells how many. The scale of days is drawn out at its start.{left_out}",
    )
