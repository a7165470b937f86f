"""Tables of a group sequential design: its bounds, their scales, a look's statements, and simulated operating characteristics.

Invariants
1. Numbers come from the statistics room and are only rounded here.
2. Every table says what its method is, and every simulated number has its Monte Carlo error.

What it does not do: know a trial or an arm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.tables.model import Column, Row, Table
from reports.tables.words import UNKNOWN, chance, interval, number
from trial.statistics.group_sequential import (
    Analysis,
    BoundScales,
    GroupSequentialDesign,
    OperatingCharacteristics,
)


def design_table(number_of: str, design: GroupSequentialDesign) -> Table:
    """The planned bounds, what they spend, and the power by each look."""
    planned = design.bounds
    power = design.crossing().efficacy.cumsum()
    rows = tuple(
        Row(
            (
                str(k + 1),
                f"{number(100 * float(t), 1)} %",
                bound(float(planned.efficacy[k])),
                _small(float(planned.nominal_p[k])),
                _small(float(planned.alpha_spent[k])),
                UNKNOWN if planned.futility is None else bound(float(planned.futility[k])),
                chance(float(power[k])),
            )
        )
        for k, t in enumerate(planned.fractions)
    )
    return Table(
        number_of,
        "Bounds of the design",
        (
            Column("Look", 0.7, "left"),
            Column("Information"),
            Column("Efficacy bound z"),
            Column("Nominal p, one-sided", 1.2),
            Column("Alpha spent"),
            Column("Futility bound z"),
            Column("Power by then"),
        ),
        rows,
        _design_notes(design),
    )


def _design_notes(design: GroupSequentialDesign) -> tuple[str, ...]:
    sides = "One-sided" if design.sides == 1 else "Two-sided, bounds ±, each side's"
    kind = "binding" if design.binding else "non-binding"
    futility = "none" if design.futility is None else f"{design.futility} ({kind})"
    expected = ", ".join(
        f"{number(design.expected_information(effect), 4)} {words}"
        for effect, words in ((0.0, "without effect"), (0.5, "at half"), (1.0, "at the design's effect"))
    )
    return (
        f"{sides} alpha {design.alpha:g}, power {design.power:g}. Efficacy: {design.efficacy}. Futility: {futility}.",
        f"Maximum information {number(design.bounds.inflation, 4)} times a fixed design's; expected: {expected}.",
    )


def scales_table(number_of: str, scales: BoundScales, unit: str = "design's effect") -> Table:
    """One side's bounds on every scale."""
    rows = tuple(
        Row(
            (
                str(k + 1),
                bound(float(scales.z[k])),
                _small(float(scales.p_value[k])),
                bound(float(scales.effect[k])),
                chance(float(scales.conditional_power_design[k])),
                chance(float(scales.conditional_power_observed[k])),
                chance(float(scales.predictive_power[k])),
            )
        )
        for k in range(len(scales.z))
    )
    return Table(
        number_of,
        f"{scales.side.capitalize()} bounds on every scale",
        (
            Column("Look", 0.7, "left"),
            Column("z"),
            Column("p, one-sided"),
            Column(f"Effect ({unit})", 1.4),
            Column("Design's effect", 1.2, group="Conditional power"),
            Column("Observed effect", 1.2, group="Conditional power"),
            Column("Predictive power", 1.2),
        ),
        rows,
        (
            "Conditional and predictive power: chance of crossing a later efficacy bound from this one; futility not counted.",
        ),
    )


def analysis_table(number_of: str, analysis: Analysis) -> Table:
    """What is said at a look: statistic, bounds, estimates, what may yet come."""
    low, high = analysis.repeated_interval
    after = analysis.stagewise
    level = f"{100 * after.level:g} %"
    said = [
        ("Information, of the planned", f"{number(100 * analysis.information_fraction, 1)} %"),
        ("z", number(analysis.z, 4)),
        ("Efficacy bound", bound(analysis.efficacy_bound)),
        ("Futility bound", UNKNOWN if analysis.futility_bound is None else bound(analysis.futility_bound)),
        ("Bound crossed", analysis.crossed),
        (f"Estimate ({analysis.unit})", f"{number(analysis.estimate, 3)} (SE {number(analysis.standard_error, 3)})"),
        (f"Repeated confidence interval, {level}", _interval(low, high)),
        ("Repeated p", UNKNOWN if analysis.repeated_p is None else _small(analysis.repeated_p)),
        ("Stage-wise p, if the trial ends here", _small(after.p_value)),
        ("Median-unbiased estimate, if it ends here", f"{number(after.median_unbiased, 3)}"),
        (f"Stage-wise interval, {level}", _interval(after.lower, after.upper)),
        ("Bias-adjusted mean", number(analysis.bias_adjusted, 3)),
        ("Conditional power, design's effect", chance(analysis.conditional_power_design)),
        ("Conditional power, observed effect", chance(analysis.conditional_power_observed)),
        ("Predictive power, flat prior", chance(analysis.predictive_power)),
    ]
    return Table(
        number_of,
        f"Look {analysis.look}{' (final)' if analysis.final else ''}",
        (Column("Statement", 3, "left"), Column("Value", 2)),
        tuple(Row(cells) for cells in said),
        (after.method[0].upper() + after.method[1:] + ". Repeated intervals hold whatever stops the trial.",),
    )


def operating_table(number_of: str, results: Sequence[OperatingCharacteristics]) -> Table:
    """What simulated trials did, one scenario after another."""
    rows: list[Row] = []
    two_sided = any(one.sides == 2 for one in results)
    for one in results:
        rows.append(Row((f"{one.name}: {one.truth}", *("",) * (5 if two_sided else 4)), "section"))
        for k, n in enumerate(one.participants):
            up, low = float(one.efficacy[k]), float(one.futility[k])
            last = k + 1 == len(one.participants)
            rows.append(
                Row(
                    (
                        f"look {k + 1}",
                        number(float(n), 0),
                        _share(up, one.trials),
                        UNKNOWN if last else _share(low, one.trials),
                        *((_share(float(one.harm[k]), one.trials),) if two_sided else ()),
                        "",
                    )
                )
            )
        rows.append(
            Row(
                (
                    "whole trial",
                    f"{number(one.expected_participants, 1)} ± {number(one.expected_participants_error, 1)}",
                    _share(one.power, one.trials),
                    _share(float(one.futility.sum()), one.trials),
                    *((_share(float(one.harm.sum()), one.trials),) if two_sided else ()),
                    f"{number(one.mean_estimate, 3)} ± {number(one.mean_estimate_error, 3)}",
                ),
                "total",
            )
        )
    first = results[0]
    exact = "; ".join(
        f"{one.name} {number(100 * one.power_by_integration, 2)} %, {number(one.expected_by_integration, 1)} {first.counted}"
        for one in results
    )
    return Table(
        number_of,
        "Operating characteristics by simulation",
        (
            Column("Look", 1.4, "left"),
            Column(
                "Participants with the outcome" if first.counted == "participants" else first.counted.capitalize(), 1.6
            ),
            Column("Efficacy declared", 1.4),
            Column("Stopped for futility", 1.4),
            *((Column("Other side declared", 1.4),) if two_sided else ()),
            Column("Mean estimate", 1.4),
        ),
        tuple(rows),
        (
            f"{first.trials} trials for each scenario, seed {first.seed}; {first.method}. ± Monte Carlo standard error.",
            f"By integration, normal statistics: {exact}.",
            *(f"{one.name}: {'; '.join(one.further)}." for one in results if one.further),
        ),
    )


def bound(value: float, digits: int = 4) -> str:
    """A bound: ∞ where there is none to cross."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return number(value, digits)


def _interval(low: float, high: float) -> str:
    return "(−∞ to ∞)" if math.isinf(low) else interval(low, high, 3)


def _small(p: float) -> str:
    return f"{p:.6f}" if p >= 5e-6 else "< 0.00001"


def _share(share: float, trials: int) -> str:
    error = math.sqrt(max(share * (1.0 - share), 0.0) / trials)
    return f"{number(100 * share, 2)} % ± {number(100 * error, 2)}"
