"""A design as pictures: its bounds on four scales, and what simulated trials did with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from reports.appearance import ACCENT, ACCENT_LIGHT, AMBER, BRICK, INK, QUIET, RULE
from reports.figures.canvas import Picture, sheet
from trial.statistics.group_sequential import (
    BoundScales,
    EventsSimulation,
    GroupSequentialDesign,
    MeansSimulation,
    OperatingCharacteristics,
    ProportionsSimulation,
)

_SCALES = (
    ("z", "z"),
    ("effect", "Effect"),
    ("conditional_power_design", "Conditional power, design's effect"),
    ("predictive_power", "Predictive power"),
)
_HIGHEST_Z = 8.0
_LINES = ((BRICK, "^"), (ACCENT, "o"), (INK, "s"), (QUIET, "D"), (AMBER, "v"))
_Simulation = MeansSimulation | ProportionsSimulation | EventsSimulation


def design_picture(design: GroupSequentialDesign, effect: float = 1.0, unit: str = "design's effect") -> Picture:
    """Efficacy and futility bounds by information: z, effect, conditional power, predictive power."""
    sides = design.scales(effect)
    with sheet(180, 110) as figure:
        for index, (scale, title) in enumerate(_SCALES):
            left, bottom = 0.08 + 0.5 * (index % 2), 0.59 - 0.49 * (index // 2)
            axes = figure.add_axes((left, bottom, 0.40, 0.35))
            for side in sides:
                _draw_side(axes, side, scale, two_sided=design.sides == 2)
            axes.set_title(f"{title} ({unit})" if scale == "effect" else title, loc="left")
            axes.axhline(0, color=RULE, linewidth=0.6, zorder=0)
            axes.set_xlim(0, 1.05)
            axes.set_xlabel("Information, of the maximum")
    note = (
        "Triangles: efficacy. Squares, dashed: futility. Power scales: chance of a later efficacy bound from this one."
    )
    alt = (
        f"Bounds of a design with {design.looks} looks on four scales; efficacy bounds on z: "
        + ", ".join(f"{z:.2f}" for z in design.bounds.efficacy)
        + "."
    )
    return Picture(figure, "Bounds of the design on four scales", alt, (note,))


def _draw_side(axes: Axes, side: BoundScales, scale: str, *, two_sided: bool) -> None:
    values = np.asarray(getattr(side, scale), dtype=np.float64)
    shown = np.isfinite(values) & (np.abs(side.z) < _HIGHEST_Z)
    if scale.endswith("power") or scale.startswith("conditional"):
        shown[-1] = False  # nothing follows the last look
    efficacy = side.side == "efficacy"
    style = {
        "color": BRICK if efficacy else QUIET,
        "marker": "^" if efficacy else "s",
        "markersize": 4.0,
        "linewidth": 1.1,
    }
    line = axes.plot(side.fractions[shown], values[shown], **style)[0]  # type: ignore[arg-type]  # styles of several types
    if not efficacy:
        line.set_dashes([4.0, 2.0])
    if two_sided and scale in ("z", "effect"):
        axes.plot(side.fractions[shown], -values[shown], **style)  # type: ignore[arg-type]  # styles of several types
    for x, y in zip(side.fractions[shown], values[shown], strict=True):
        text = f"{y:.2f}".replace("-", "−")
        offset = (0, 5 if efficacy else -9)
        axes.annotate(
            text, (x, y), xytext=offset, textcoords="offset points", ha="center", fontsize=6, color=style["color"]
        )  # fmt: skip


def families_picture(
    designs: Mapping[str, GroupSequentialDesign], effect: float = 1.0, unit: str = "design's effect"
) -> Picture:
    """Efficacy bounds of several designs beside each other: z, one-sided p, effect, and alpha spent."""
    with sheet(180, 120) as figure:
        drawn = []
        for index, title in enumerate(("z", "One-sided p", f"Effect ({unit})", "Alpha spent")):
            left, bottom = 0.08 + 0.5 * (index % 2), 0.63 - 0.45 * (index // 2)
            drawn.append(figure.add_axes((left, bottom, 0.40, 0.32)))
            drawn[-1].set_title(title, loc="left")
            drawn[-1].set_xlim(0, 1.05)
            drawn[-1].set_xlabel("Information, of the maximum")
        drawn[1].set_yscale("log")
        for (name, design), (colour, marker) in zip(designs.items(), cycle(_LINES)):
            _draw_family(drawn, name, design, effect, {"color": colour, "marker": marker})
        figure.legend(*drawn[0].get_legend_handles_labels(), loc="lower center", ncols=3, frameon=False)
    note = "A point for each look; bounds above z = 8 are not drawn. Effects are those that just reach the bound."
    ends = ", ".join(f"{name} {design.bounds.efficacy[-1]:.2f}" for name, design in designs.items())
    alt = f"Efficacy bounds of {len(designs)} families on four scales; at the last look on z: {ends}."
    return Picture(figure, "Families of bounds on four scales", alt, (note,))


def _draw_family(
    drawn: Sequence[Axes], name: str, design: GroupSequentialDesign, effect: float, style: Mapping[str, str]
) -> None:
    planned, side = design.bounds, design.scales(effect)[0]
    shown = planned.efficacy < _HIGHEST_Z
    for axes, values in zip(drawn, (side.z, side.p_value, side.effect, planned.alpha_spent), strict=True):
        axes.plot(planned.fractions[shown], values[shown], label=name, markersize=3.5, linewidth=1.0, **style)  # type: ignore[arg-type]  # styles of several types


def operating_picture(
    simulation: _Simulation, results: Sequence[OperatingCharacteristics], unit: str = "true difference"
) -> Picture:
    """Power and mean size by true difference, with the simulated scenarios on them; and where each scenario stopped."""
    height = 78 + 9 * len(results)
    with sheet(180, height) as figure:
        top = 52 / height
        power = figure.add_axes((0.08, 1 - top, 0.38, 40 / height))
        size = figure.add_axes((0.58, 1 - top, 0.38, 40 / height))
        _draw_curves(power, size, simulation, results, unit)
        bars = figure.add_axes((0.24, 11 / height, 0.72, (9 * len(results)) / height))
        _draw_stops(bars, results)
    note = (
        f"Lines: integration. Points: {results[0].trials} simulated trials each, two Monte Carlo standard errors as bars."
        " Below: share of trials that stopped at each look, for efficacy (dark to light), at the end without, for futility"
        f"{', on the other side (black)' if results[0].sides == 2 else ''}."
    )
    said = "; ".join(f"{one.name}: efficacy in {100 * one.power:.1f} %" for one in results)
    alt = f"Operating characteristics of a design with {simulation.design.looks} looks. {said}."
    return Picture(figure, "Operating characteristics", alt, (note,))


def _draw_curves(
    power: Axes, size: Axes, simulation: _Simulation, results: Sequence[OperatingCharacteristics], unit: str
) -> None:
    far = max((abs(one.difference) for one in results), default=1.0) or 1.0
    x = np.linspace(min(0.0, *(one.difference for one in results)), 1.3 * far, 41)
    if isinstance(simulation, ProportionsSimulation):
        x = x[(x > -simulation.control) & (x < 1.0 - simulation.control)]
    exact = [simulation.by_integration(float(difference)) for difference in x]
    power.plot(x, [one[0] for one in exact], color=ACCENT, linewidth=0.8)
    size.plot(x, [one[1] for one in exact], color=ACCENT, linewidth=0.8)
    for one in results:
        power.errorbar([one.difference], [one.power], yerr=[2 * one.power_error], fmt="o", color=BRICK, markersize=3)
        size.errorbar(
            [one.difference],
            [one.expected_participants],
            yerr=[2 * one.expected_participants_error],
            fmt="o",
            color=BRICK,
            markersize=3,
        )
    power.set_ylim(0, 1)
    power.set_title("Chance of declaring efficacy", loc="left")
    counted = results[0].counted
    size.set_title("Mean participants with the outcome" if counted == "participants" else f"Mean {counted}", loc="left")
    for axes in (power, size):
        axes.set_xlabel(unit)
        axes.grid(visible=True)


def _draw_stops(axes: Axes, results: Sequence[OperatingCharacteristics]) -> None:
    for y, one in enumerate(results):
        left = 0.0
        looks = len(one.efficacy)
        for k, share in enumerate(one.efficacy.tolist()):
            left = _bar(axes, y, left, share, BRICK, 1.0 - 0.7 * k / looks, str(k + 1))
        neither = 1.0 - one.power - float(one.futility.sum() + one.harm.sum())
        left = _bar(axes, y, left, neither, ACCENT_LIGHT, 1.0, "end")
        for k, share in enumerate(one.futility[::-1].tolist()):
            left = _bar(axes, y, left, share, QUIET, 0.35 + 0.5 * k / looks, str(looks - k))
        for k, share in enumerate(one.harm[::-1].tolist()):
            left = _bar(axes, y, left, share, INK, 0.6 + 0.4 * k / looks, "")
    axes.set_yticks(range(len(results)), [one.name for one in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Share of trials, by the look at which they stopped")


def _bar(axes: Axes, y: int, left: float, share: float, colour: str, strength: float, text: str) -> float:
    if share > 0.0:
        axes.barh(y, share, left=left, height=0.6, color=colour, alpha=strength, edgecolor="white", linewidth=0.5)
    if share > 0.04:
        axes.text(left + share / 2, y, text, ha="center", va="center", fontsize=6, color=INK)
    return left + share
