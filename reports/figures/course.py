"""The course of readings in each infusion, arms side by side in every panel."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analyses.infusions import Course
from reports.appearance import WASH, ArmMark, arm_marks
from reports.figures.canvas import Picture, say_nothing, sheet
from reports.figures.legend import arm_legend


def course_picture(courses: tuple[Course, ...], title: str, y_label: str, minutes: float | None = 40) -> Picture:
    """One panel for each infusion; means with 95 % intervals. ``minutes`` shades the planned length of the infusion."""
    infusions = sorted({course.infusion for course in courses})
    labels = tuple(dict.fromkeys(course.group for course in courses))
    with sheet(180, 62) as figure:
        if infusions:
            _panels(figure, courses, infusions, arm_marks(labels), y_label, minutes)
        else:
            say_nothing(figure.add_axes((0, 0, 1, 1)), "No readings have been recorded.")
    return Picture(figure, title, _alt(courses, title), _notes(labels, minutes))


def _panels(
    figure: Figure,
    courses: tuple[Course, ...],
    infusions: list[int],
    marks: dict[str, ArmMark],
    y_label: str,
    minutes: float | None,
) -> None:
    low, high = _range(courses)
    first: Axes | None = None
    width = (0.985 - 0.075) / len(infusions)
    for index, infusion in enumerate(infusions):
        axes = figure.add_axes((0.075 + index * width, 0.16, width - 0.012, 0.66))
        mine = [course for course in courses if course.infusion == infusion]
        if minutes:
            axes.axvspan(0, minutes, color=WASH, zorder=-2, linewidth=0)
        for course in mine:
            _line(axes, course, marks[course.group])
        axes.set_ylim(low, high)
        axes.yaxis.grid(visible=True)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.set_axisbelow(True)
        axes.set_title(f"Infusion {infusion}", loc="left", fontsize=7, weight="bold")
        if first is None:
            first = axes
            axes.set_ylabel(y_label)
        else:
            axes.tick_params(labelleft=False)
    figure.text(0.52, 0.035, "Minutes from the start of the infusion", ha="center")
    arm_legend(figure, marks, 0.95)


def _line(axes: Axes, course: Course, mark: ArmMark) -> None:
    shift = {"o": -0.8, "D": 0.8}.get(mark.marker, 0.0)
    x = [point.minute + shift for point in course.points]
    y = [point.mean for point in course.points]
    bars = axes.errorbar(
        x,
        y,
        yerr=[point.half_width or 0.0 for point in course.points],
        color=mark.colour,
        marker=mark.marker,
        markersize=3.2,
        markerfacecolor=mark.colour if mark.filled else "white",
        linewidth=1.1,
        elinewidth=0.6,
    )
    if mark.dash and bars.lines[0] is not None:
        bars.lines[0].set_dashes(list(mark.dash))


def _range(courses: tuple[Course, ...]) -> tuple[float, float]:
    ends = [point.mean + sign * (point.half_width or 0) for c in courses for point in c.points for sign in (-1, 1)]
    if not ends:
        return 0.0, 1.0
    margin = 0.06 * (max(ends) - min(ends) or 1)
    return min(ends) - margin, max(ends) + margin


def _alt(courses: tuple[Course, ...], title: str) -> str:
    if not courses:
        return f"{title}: no readings."
    peaks = [
        f"arm {course.group} infusion {course.infusion}: highest mean {max(p.mean for p in course.points):.0f}"
        for course in courses
        if course.points and course.infusion == courses[0].infusion
    ]
    return f"{title} by minute in each infusion; {'; '.join(peaks)}."


def _notes(labels: tuple[str, ...], minutes: float | None) -> tuple[str, ...]:
    shaded = f" Shaded: the planned {minutes:g} minutes." if minutes else ""
    moved = " Points of the arms are set slightly apart." if len(labels) > 1 else ""
    return (f"Means with 95 % intervals.{shaded}{moved}",)
