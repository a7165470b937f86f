"""The dot plot of harms: in the left panel the share of each arm, in the right the risk difference with its interval.

Invariants
1. Rows stand in the order of the difference, from more in the first arm to more in the reference.
2. Arms differ by marker and filling; colour only repeats it.
"""

from __future__ import annotations

from matplotlib.axes import Axes

from reports.analyses.harms import HarmRow, Harms
from reports.appearance import ACCENT, INK, QUIET, RULE, WASH, arm_heading, arm_marks
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.tables.words import points

MOST = 25
ROW_MM = 5.0
ABOVE, BELOW = 13.0, 11.0  # millimetres of headings and of the scale
NAMES, SHARES, EFFECTS = 0.255, (0.265, 0.245), (0.57, 0.235)  # left end and width, of the figure's width


def dot_picture(harms: Harms, *, comparison: int = 0, most: int = MOST) -> Picture:
    """The most frequent terms: percentages by arm beside differences with intervals."""
    rows = _chosen(harms, comparison, most)
    height = ROW_MM * max(len(rows), 3) + ABOVE + BELOW
    arm, base = harms.compared[comparison] if harms.compared else ("", "")
    with sheet(180, height) as figure:
        bottom, share = BELOW / height, 1 - (ABOVE + BELOW) / height
        left = figure.add_axes((SHARES[0], bottom, SHARES[1], share))
        if rows:
            right = figure.add_axes((EFFECTS[0], bottom, EFFECTS[1], share))
            _stripes(left, right, rows)
            _draw_shares(left, harms, rows)
            _draw_effects(right, rows, comparison, (arm, base))
            _headings(left, right, harms, f"{arm} − {base} (95 % CI)", height)
        else:
            say_nothing(left, "There are no differences to draw.")
    return Picture(
        figure, f"Harms by arm, and differences {arm} − {base}".rstrip(" −"), _alt(rows, arm, base), _notes(rows, harms)
    )


def _chosen(harms: Harms, comparison: int, most: int) -> list[HarmRow]:
    """The most frequent terms, in the order of their difference."""
    rows = [row for row in harms.terms if len(row.differences) > comparison and row.differences[comparison] is not None]
    rows.sort(key=lambda row: (-row.participants, row.term))
    return sorted(rows[:most], key=lambda row: (-_difference(row, comparison), row.term))


def _difference(row: HarmRow, comparison: int) -> float:
    estimate = row.differences[comparison]
    return estimate.estimate if estimate else 0.0


def _stripes(left: Axes, right: Axes, rows: list[HarmRow]) -> None:
    """Every second row has a ground that goes from its name to its numbers."""
    for axes in (left, right):
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.spines["bottom"].set_color(RULE)
        axes.grid(visible=True, axis="x", zorder=-1)
        axes.set_axisbelow(True)
    start, end = -(NAMES + 0.005) / SHARES[1], (1 - SHARES[0] - 0.003) / SHARES[1]
    for y in range(0, len(rows), 2):
        left.axhspan(y - 0.5, y + 0.5, xmin=start, xmax=end, color=WASH, zorder=-3, clip_on=False, linewidth=0)


def _draw_shares(axes: Axes, harms: Harms, rows: list[HarmRow]) -> None:
    marks = arm_marks(harms.labels)
    highest = 0.0
    for y, row in enumerate(rows):
        axes.text(-NAMES / SHARES[1], y, _name(row), transform=axes.get_yaxis_transform(), va="center")
        shares = [100 * (group.share or 0.0) for group in row.groups]
        highest = max(highest, *shares)
        axes.plot([min(shares), max(shares)], [y, y], color=QUIET, linewidth=0.6, zorder=1)
        for label, value in zip(harms.labels, shares, strict=True):
            mark = marks[label]
            face = mark.colour if mark.filled else "white"
            axes.plot(
                [value], [y], marker=mark.marker, color=mark.colour, markerfacecolor=face, markersize=4, linewidth=0
            )
    axes.set_xlim(0, 5 * (int(highest / 5) + 1))
    axes.set_xlabel("% of participants", color=QUIET)


def _name(row: HarmRow) -> str:
    starred = f"{row.term} *" if row.special_interest else row.term
    return starred if len(starred) <= 36 else starred[:35].rstrip() + "…"


def _draw_effects(axes: Axes, rows: list[HarmRow], comparison: int, arms: tuple[str, str]) -> None:
    reach = 0.0
    for y, row in enumerate(rows):
        estimate = row.differences[comparison]
        if estimate is None:
            continue
        low, middle, high = (100 * v for v in (estimate.lower, estimate.estimate, estimate.upper))
        reach = max(reach, abs(low), abs(high))
        axes.plot([low, high], [y, y], color=ACCENT, linewidth=1.1, solid_capstyle="butt")
        axes.plot([middle], [y], marker="s", color=ACCENT, markersize=3.6, linewidth=0)
        axes.text(1.04, y, points(estimate), transform=axes.get_yaxis_transform(), va="center", fontsize=6.3)
    reach = 5 * (int(reach / 5) + 1)
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.set_xlabel(f"← more in {arms[1]}   percentage points   more in {arms[0]} →", color=QUIET, fontsize=6.3)


def _headings(left: Axes, right: Axes, harms: Harms, difference: str, height: float) -> None:
    panel = height - ABOVE - BELOW
    top = 1 + 2.5 / panel
    left.text(-NAMES / SHARES[1], top, "Event", transform=left.transAxes, weight="bold")
    marks = arm_marks(harms.labels)
    for index, (label, size) in enumerate(zip(harms.labels, harms.at_risk, strict=True)):
        line = top + 4.0 * (len(harms.labels) - 1 - index) / panel
        left.text(
            0,
            line,
            arm_heading(label, harms.labels, size),
            transform=left.transAxes,
            weight="bold",
            color=marks[label].colour,
        )
    right.text(0.5, top, "Risk difference", transform=right.transAxes, weight="bold", ha="center")
    right.text(1.04, top, difference, transform=right.transAxes, weight="bold")


def _alt(rows: list[HarmRow], arm: str, base: str) -> str:
    return (
        f"For {len(rows)} terms the share of participants of each arm, and the risk difference of arm {arm} against arm {base}"
        " with its 95 % interval, the largest difference first."
    )


def _notes(rows: list[HarmRow], harms: Harms) -> tuple[str, ...]:
    which = (
        "All terms" if len(rows) == len(harms.terms) else f"The {len(rows)} most frequent terms; all are in the table"
    )
    told = (
        f"{which}. Sorted by the difference. Bars: 95 % Miettinen–Nurminen intervals, not adjusted for multiplicity."
        " * of special interest."
    )
    return (told,)
