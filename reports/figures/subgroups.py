"""A forest of differences within subgroups, with the test of interaction of each."""

from __future__ import annotations

from matplotlib.axes import Axes

from reports.appearance import ACCENT, INK, QUIET, RULE, WASH
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.tables.words import interval, number, p_value
from trial.statistics.linear import Contrast
from trial.statistics.subgroups import SubgroupForest, SubgroupRow

ROW_MM = 5.4
LONGEST_NAME = 38


def subgroup_picture(forest: SubgroupForest, arm: str, *, unit: str, higher_is_better: bool = False) -> Picture:
    """``arm`` against the reference in each level; the overall difference first, its interval as a band behind all."""
    overall = next(contrast for contrast in forest.overall if contrast.arm == arm)
    lines = _lines(forest, arm)
    height = ROW_MM * max(len(lines) + 1, 3) + 24
    with sheet(180, height) as figure:
        axes = figure.add_axes((0.45, 13 / height, 0.31, 1 - 23 / height))
        if lines:
            _draw(axes, overall, lines, height)
            _sides(axes, overall, unit, higher_is_better=higher_is_better)
        else:
            say_nothing(axes, "The protocol names no subgroups.")
    told = ", ".join(dict.fromkeys(row.subgroup for row in forest.rows)) or "none"
    alt = f"Differences, {arm} minus {overall.reference}, with 95 % intervals in the subgroups {told}, the overall one first."
    note = (
        f"Adjusted differences in {unit}, {arm} − {overall.reference}; squares with {100 * overall.level:g} % intervals. The band"
        " is the interval of the overall difference. p is that of the interaction; nothing is adjusted for multiplicity."
    )
    return Picture(figure, "Differences within subgroups", alt, (note,))


Line = tuple[str, SubgroupRow | None]  # a heading with its p, or a level's row


def _lines(forest: SubgroupForest, arm: str) -> list[Line]:
    found: list[Line] = []
    for one in forest.interactions:
        heading = one.subgroup + (f"  (p = {p_value(one.test.p_value)})" if one.test else "")
        found.append((heading.replace("p = <", "p <"), None))
        found += [(row.level, row) for row in forest.rows if row.subgroup == one.subgroup and row.arm == arm]
    return found


def _draw(axes: Axes, overall: Contrast, lines: list[Line], height: float) -> None:
    axes.set_ylim(len(lines) + 0.5, -0.5)
    axes.axvspan(overall.lower, overall.upper, color=WASH, zorder=-3, linewidth=0)
    place = axes.get_yaxis_transform()
    axes.text(-1.42, 0, "Overall", transform=place, va="center", weight="bold")
    _mark(axes, 0, overall)
    reach = max(abs(overall.lower), abs(overall.upper))
    for y, (name, row) in enumerate(lines, start=1):
        if row is None:
            axes.text(-1.42, y, _short(name), transform=place, va="center", weight="bold")
            continue
        axes.text(-1.37, y, _short(name), transform=place, va="center")
        axes.text(-0.08, y, f"{row.n} / {row.n_reference}", transform=place, va="center", ha="right", fontsize=6.5)
        if row.contrast is None:
            axes.text(1.03, y, row.problem, transform=place, va="center", fontsize=6.5, color=QUIET)
            continue
        _mark(axes, y, row.contrast)
        reach = max(reach, abs(row.contrast.lower), abs(row.contrast.upper))
    axes.set_xlim(-1.05 * reach, 1.05 * reach)
    axes.axvline(0, color=INK, linewidth=0.7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    top = 1 + 2.5 / (height - 23)
    axes.text(-1.42, top, "Subgroup", transform=axes.transAxes, weight="bold")
    axes.text(-0.08, top, f"{overall.arm} / {overall.reference}", transform=axes.transAxes, ha="right", weight="bold")
    axes.text(1.03, top, "Difference (95 % CI)", transform=axes.transAxes, weight="bold")


def _mark(axes: Axes, y: int, of: Contrast) -> None:
    axes.plot([of.lower, of.upper], [y, y], color=ACCENT, linewidth=1.1, solid_capstyle="butt")
    axes.plot([of.difference], [y], marker="s", color=ACCENT, markersize=3.8, linewidth=0)
    text = f"{number(of.difference, 2)} {interval(of.lower, of.upper, 2)}"
    axes.text(1.03, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=6.5)


def _sides(axes: Axes, overall: Contrast, unit: str, *, higher_is_better: bool) -> None:
    left, right = (overall.reference, overall.arm) if higher_is_better else (overall.arm, overall.reference)
    axes.set_xlabel(f"← better in {left}        {unit}        better in {right} →", color=QUIET)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"
