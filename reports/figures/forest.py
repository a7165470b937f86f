"""A forest of risk differences for harms."""

from __future__ import annotations

from matplotlib.axes import Axes

from reports.analyses.harms import HarmRow, Harms
from reports.appearance import ACCENT, INK, QUIET, RULE, WASH, arm_heading
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.tables.words import points

MOST = 22
ROW_MM = 5.4


def forest_picture(harms: Harms, *, comparison: int = 0, most: int = MOST) -> Picture:
    """The most frequent terms: counts by arm, the difference with its interval, around a line of no difference."""
    chosen = _chosen(harms, comparison, most)
    height = ROW_MM * max(len(chosen), 2) + 22
    with sheet(180, height) as figure:
        axes = figure.add_axes((0.45, 11 / height, 0.37, 1 - 21 / height))
        if chosen:
            _draw(axes, harms, chosen, comparison, height)
        else:
            say_nothing(axes, "There are no differences to draw.")
    arm, base = harms.compared[comparison] if harms.compared else ("", "")
    note = (
        f"The {len(chosen)} most frequent terms; all are in the table. Percentage points, {arm} − {base}."
        " Bars: 95 % Miettinen–Nurminen intervals, not adjusted for multiplicity."
    )
    alt = (
        f"Risk differences, arm {arm} minus arm {base}, with 95 % intervals for {len(chosen)} terms,"
        " the most frequent first."
    )
    return Picture(figure, "Differences in harms", alt, (note,))


def _chosen(harms: Harms, comparison: int, most: int) -> list[HarmRow]:
    rows = [row for row in harms.terms if len(row.differences) > comparison and row.differences[comparison] is not None]
    rows.sort(key=lambda row: (-row.participants, row.term))
    return rows[:most]


def _draw(axes: Axes, harms: Harms, rows: list[HarmRow], comparison: int, height: float) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    reach = 0.0
    for y, row in enumerate(rows):
        estimate = row.differences[comparison]
        if estimate is None:
            continue
        low, middle, high = (100 * v for v in (estimate.lower, estimate.estimate, estimate.upper))
        reach = max(reach, abs(low), abs(high))
        if y % 2 == 0:
            axes.axhspan(y - 0.5, y + 0.5, xmin=-1.3, xmax=1.5, color=WASH, zorder=-2, clip_on=False, linewidth=0)
        axes.plot([low, high], [y, y], color=ACCENT, linewidth=1.1, solid_capstyle="butt")
        axes.plot([middle], [y], marker="s", color=ACCENT, markersize=3.8, linewidth=0)
        text = points(estimate)
        axes.text(1.03, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=6.5)
        _labels(axes, harms, row, y)
    reach = 5 * (int(reach / 5) + 1)
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.grid(visible=True, axis="x", zorder=-1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    arm, base = harms.compared[comparison]
    axes.set_xlabel(f"← more in {base}        percentage points        more in {arm} →", color=QUIET)
    _headings(axes, harms, f"{arm} − {base} (95 % CI)", height)


def _columns(harms: Harms) -> list[float]:
    """Where the counts of each arm stand, in widths of the axes left of it."""
    count = len(harms.labels)
    first = -0.42 if count < 3 else -0.58
    return [first + (-0.04 - first) * (index + 1) / count for index in range(count)]


def _labels(axes: Axes, harms: Harms, row: HarmRow, y: int) -> None:
    place = axes.get_yaxis_transform()
    most = 38 if len(harms.labels) < 3 else 29
    name = row.term if len(row.term) <= most else row.term[: most - 1].rstrip() + "…"
    axes.text(-1.18, y, name, transform=place, va="center")
    for x, group in zip(_columns(harms), row.groups, strict=True):
        axes.text(x, y, f"{group.participants}/{group.at_risk}", transform=place, va="center", ha="right", fontsize=6.5)


def _headings(axes: Axes, harms: Harms, difference: str, height: float) -> None:
    top = 1 + 2.5 / (height - 21)
    axes.text(-1.18, top, "Event", transform=axes.transAxes, weight="bold")
    for x, label in zip(_columns(harms), harms.labels, strict=True):
        heading = arm_heading(label, harms.labels).replace(" Arm ", " ")
        axes.text(x, top, heading, transform=axes.transAxes, ha="right", weight="bold")
    axes.text(1.03, top, difference, transform=axes.transAxes, weight="bold")
