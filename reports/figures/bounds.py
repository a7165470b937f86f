"""Where the trial stands against the bounds of its design."""

from __future__ import annotations

from matplotlib.axes import Axes

from reports.analyses.interim import InterimLook, binding
from reports.appearance import ACCENT, BRICK, INK, QUIET, RULE
from reports.figures.canvas import Picture, sheet

LOWEST, HIGHEST = -3.5, 5.5


def bounds_picture(look: InterimLook, height_mm: float = 66) -> Picture:
    """z by information: planned bounds as lines with their looks marked, this look as a large point."""
    with sheet(180, height_mm) as figure:
        axes = figure.add_axes((0.07, 11 / height_mm, 0.78, 1 - 14 / height_mm))
        _draw_bounds(axes, look)
        _draw_now(axes, look)
        axes.set_xlim(0, 1.04)
        axes.set_ylim(_lowest(look), HIGHEST)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_xlabel("Information: participants with the primary endpoint, of those planned")
        axes.set_ylabel("z (positive: improvement)" if look.oriented else "z")
        axes.axhline(0, color=RULE, linewidth=0.6, zorder=0)
    return Picture(figure, "Bounds of the design and the present look", _alt(look), _notes(look))


def _lowest(look: InterimLook) -> float:
    return -HIGHEST if not look.oriented or look.design.sides == 2 else LOWEST


def _draw_bounds(axes: Axes, look: InterimLook) -> None:
    planned = look.design.bounds
    x = [float(t) for t in planned.fractions]
    upper = [min(float(z), HIGHEST - 0.2) for z in planned.efficacy]
    _bound(axes, x, upper, BRICK, (), "^", "Efficacy: stop if at or above")
    two_sided = look.design.sides == 2
    if not look.oriented or two_sided:
        _bound(axes, x, [-z for z in upper], BRICK, (), "v", "")
    if look.oriented and planned.futility is not None:
        lower = [max(float(z), 0.0 if two_sided else LOWEST) for z in planned.futility]
        _bound(axes, x, lower, QUIET, (4.0, 2.0), "s", f"Futility ({binding(look.design)})", below=True)
        if two_sided:
            _bound(axes, x, [-z for z in lower], QUIET, (4.0, 2.0), "s", "", below=True)


def _bound(
    axes: Axes,
    x: list[float],
    z: list[float],
    colour: str,
    dash: tuple[float, ...],
    marker: str,
    name: str,
    *,
    below: bool = False,
) -> None:
    line = axes.plot(x, z, color=colour, marker=marker, markersize=4.5, linewidth=1.1)[0]
    if dash:
        line.set_dashes(list(dash))
    for at, height in zip(x, z, strict=True):
        if below and at == x[-1]:
            continue
        axes.annotate(
            f"{height:.2f}".replace("-", "−"),
            (at, height),
            xytext=(0, -10 if below else 6),
            textcoords="offset points",
            ha="center",
            color=colour,
            fontsize=6.5,
        )
    if name:
        axes.annotate(
            name,
            (x[0], z[0]),
            xytext=(-14, 5 if below else 2),
            textcoords="offset points",
            color=colour,
            ha="right",
            va="center",
        )


def _draw_now(axes: Axes, look: InterimLook) -> None:
    if look.z is None or look.result is None:
        axes.text(
            0.02,
            0.06,
            "The statistic could not be computed at this look.",
            transform=axes.transAxes,
            color=QUIET,
        )
        return
    z = max(min(look.z, HIGHEST - 0.2), _lowest(look) + 0.2)
    at = min(look.fraction, 1.02)
    bound = min(look.result.efficacy_bound, HIGHEST - 0.2)
    axes.plot([at, at], [z, bound], color=ACCENT, linewidth=0.7, dashes=(1, 1.5))
    axes.plot([at], [bound], marker="_", markersize=10, color=BRICK, linewidth=0)
    axes.plot([at], [z], marker="o", markersize=7, color=ACCENT, linewidth=0)
    words = f"This look: z = {look.z:.2f}\nbound here {look.result.efficacy_bound:.2f}".replace("-", "−")
    side = -1 if at > 0.8 else 1  # near the end of the axis the words stand on its left
    axes.annotate(
        words,
        (at, z),
        xytext=(9 * side, -1),
        textcoords="offset points",
        color=INK,
        weight="bold",
        va="center",
        ha="left" if side > 0 else "right",
    )


def _alt(look: InterimLook) -> str:
    if look.z is None or look.result is None:
        return "Bounds of the group-sequential design; the statistic could not be computed at this look."
    return (
        f"Bounds of the group-sequential design. At {100 * look.fraction:.1f} % of the planned information z is"
        f" {look.z:.2f}, the efficacy bound there {look.result.efficacy_bound:.2f}."
    )


def _notes(look: InterimLook) -> tuple[str, ...]:
    note = "Triangles: planned efficacy bounds. Squares, dashed: futility. Large dot: this look. Short bar: the bound here."
    return (
        (note,) if look.oriented else ("Triangles: planned efficacy bounds in either direction. Large dot: this look.",)
    )
