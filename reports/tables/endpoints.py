"""Tables of the results of ``trial.statistics`` themselves: what a statistician has in hand, without a trial around it.

Invariants
1. Numbers come from the statistics room and are only rounded here, to four digits that count; a p-value to three decimals.
2. Every table names the method, the unit where there is one, and how many were analysed where the result knows it.

What it does not do: know a trial, an arm or a protocol; ``outcomes`` has the tables of the board's reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

from reports.tables.model import Column, Row, Table, section
from reports.tables.words import UNKNOWN, p_value
from trial.statistics.bayes import RatePosterior
from trial.statistics.count_models import CountModelResult
from trial.statistics.estimates import Estimate
from trial.statistics.exact_tests import ExactTest
from trial.statistics.imputation import PooledEstimate, TippingPoint
from trial.statistics.linear import AncovaResult, Coefficient, Contrast, LsMean
from trial.statistics.mixed_models import FTest, MmrmResult, VisitContrast, VisitMean
from trial.statistics.proportional_hazards import CoxResult
from trial.statistics.rank_tests import LogRankResult
from trial.statistics.strata import ChiSquareTest
from trial.statistics.subgroups import SubgroupForest
from trial.statistics.survival import KaplanMeier


@singledispatch
def endpoint_table(result: object, number_of: str = "", title: str = "") -> Table:  # noqa: ARG001 - what follows uses them
    """The table of one result: an ANCOVA, MMRM, Cox or count model, a curve, forest, tipping point, estimate or test.

    Raises TypeError for what is no result of ``trial.statistics``.
    """
    raise TypeError(f"There is no table for a {type(result).__name__}: give a result of trial.statistics.")


def estimates_table(found: Mapping[str, Estimate | PooledEstimate], number_of: str = "", title: str = "") -> Table:
    """Estimates by label, one row each: several endpoints, arms or methods beside one another."""
    rows = tuple(
        Row(
            (
                label,
                digits(one.estimate),
                _span(one),
                p_value(one.p_value) if isinstance(one, PooledEstimate) else UNKNOWN,
            )
        )
        for label, one in found.items()
    )
    notes = dict.fromkeys(_sentence(one) for one in found.values())
    columns = (Column("", 2.5, "left"), Column("Estimate"), Column(_limits(found.values()), 1.6), Column("p"))
    units = dict.fromkeys(f"In {one.unit}." for one in found.values() if one.unit)
    return Table(number_of, title or "Estimates", columns, rows, (*units, *notes))


def curves_table(
    curves: Mapping[str, KaplanMeier], times: Sequence[float], number_of: str = "", title: str = ""
) -> Table:
    """Survival by group at chosen times with its limits and those still at risk; medians below. Nothing is said of times
    after a group's last observation, unless its curve is 0.
    """
    columns = [Column("Time", 1, "left")]
    for label in curves:
        columns += [Column("At risk", 0.8, group=label), Column("Survival", 2, group=label)]
    rows = []
    for time in times:
        cells = [digits(time), *(cell for curve in curves.values() for cell in _at(curve, time))]
        rows.append(Row(tuple(cells)))
    cells = ["Median"]
    for curve in curves.values():
        ends = (UNKNOWN if limit is None else digits(limit) for limit in curve.median_interval)
        half = "not reached" if curve.median is None else digits(curve.median)
        cells += ["", f"{half} ({' to '.join(ends)})"]
    rows.append(Row(tuple(cells), "total"))
    units = dict.fromkeys(f"Time in {curve.unit}." for curve in curves.values() if curve.unit)
    notes = dict.fromkeys(f"{curve.method}, {100 * curve.level:g} %." for curve in curves.values())
    return Table(number_of, title or "Survival", tuple(columns), tuple(rows), (*units, *notes))


def _sentence(one: Estimate | PooledEstimate) -> str:
    note = f"; {one.note}" if isinstance(one, Estimate) and one.note else ""
    return f"{one.method[:1].upper()}{one.method[1:]}{note}."


def digits(value: float) -> str:
    """Four digits that count, with a minus sign that is one."""
    return f"{value:.4g}".replace("-", "−").replace("inf", "∞")


def _span(one: object) -> str:
    return f"{digits(getattr(one, 'lower', float('nan')))} to {digits(getattr(one, 'upper', float('nan')))}"


def _limits(found: object) -> str:
    levels = {one.level for one in found}  # type: ignore[attr-defined]
    return f"{100 * levels.pop():g} % CI" if len(levels) == 1 else "CI"


def _at(curve: KaplanMeier, time: float) -> tuple[str, str]:
    later = curve.times >= time
    at_risk = int(curve.at_risk[later][0]) if later.any() else 0
    value, low, high = curve.at(time)
    known = bool(later.any()) or value == 0.0
    return str(at_risk), f"{digits(value)} ({digits(low)} to {digits(high)})" if known else UNKNOWN


Line = Contrast | VisitContrast | LsMean | VisitMean | Coefficient


def _line(label: str, one: Line) -> Row:
    value = one.difference if isinstance(one, Contrast | VisitContrast) else None
    value = one.mean if isinstance(one, LsMean | VisitMean) else value
    shown = one.estimate if isinstance(one, Coefficient) else value
    chance = UNKNOWN if isinstance(one, LsMean | VisitMean) else p_value(one.p_value)
    cells = (label, UNKNOWN if shown is None else digits(shown), digits(one.standard_error), digits(one.df), _span(one))
    return Row((*cells, chance))


def _lines(level: float) -> tuple[Column, ...]:
    heads = ("Value", "SE", "df", f"{100 * level:g} % CI", "p")
    return (Column("", 2.5, "left"), *(Column(head, 1.6 if "CI" in head else 1) for head in heads))


@endpoint_table.register
def _(result: AncovaResult, number_of: str = "", title: str = "") -> Table:
    columns = _lines(result.contrasts[0].level)
    rows = [section("Adjusted means", len(columns))]
    rows += [_line(f"{m.arm} (n = {m.n})", m) for m in result.ls_means]
    rows += [section("Differences", len(columns)), *(_line(f"{c.arm} − {c.reference}", c) for c in result.contrasts)]
    rows += [section("Coefficients", len(columns)), *(_line(c.name, c) for c in result.coefficients)]
    notes = (f"{result.method}; {result.n} participants; residual SD {digits(result.residual_sd)}.", *_in(result.unit))
    return Table(number_of, title or "Analysis of covariance", columns, tuple(rows), notes)


@endpoint_table.register
def _(result: MmrmResult, number_of: str = "", title: str = "") -> Table:
    columns = _lines(result.level)
    rows: list[Row] = []
    for visit in result.visits:
        rows.append(section(f"Visit {visit}", len(columns)))
        rows += [_line(f"{m.arm} (n = {m.n})", m) for m in result.ls_means if m.visit == visit]
        rows += [_line(f"{c.arm} − {c.reference}", c) for c in result.contrasts if c.visit == visit]
    told = f"{result.n_participants} participants, {result.n_observations} outcomes"
    fit = f"log-likelihood {digits(result.log_likelihood)}, AIC {digits(result.aic)}"
    notes = (f"{result.method}; {told}; {fit}.", *_in(result.unit))
    return Table(number_of, title or "Repeated measures", columns, tuple(rows), notes)


def _in(unit: str) -> tuple[str, ...]:
    return (f"In {unit}.",) if unit else ()


def _ratios(names: Sequence[str], estimates: Sequence[Estimate], p_values: Sequence[float]) -> tuple[Row, ...]:
    return tuple(
        Row((name, digits(one.estimate), _span(one), p_value(p)))
        for name, one, p in zip(names, estimates, p_values, strict=True)
    )


def _ratio_columns(estimates: Sequence[Estimate], head: str) -> tuple[Column, ...]:
    return (Column("", 2.5, "left"), Column(head), Column(_limits(estimates), 1.6), Column("p"))


@endpoint_table.register
def _(result: CoxResult, number_of: str = "", title: str = "") -> Table:
    rows = _ratios(result.names, result.estimates, result.p_values)
    notes = (
        f"{result.method}; {result.n} participants, {result.events} events.",
        *(f"{test}." for test in (result.likelihood_ratio, result.score, result.wald)),
    )
    return Table(
        number_of, title or "Proportional hazards", _ratio_columns(result.estimates, "Hazard ratio"), rows, notes
    )


@endpoint_table.register
def _(result: CountModelResult, number_of: str = "", title: str = "") -> Table:
    columns = _ratio_columns(result.estimates, "Rate or ratio")
    per = f" per {result.unit}" if result.unit else ""
    rows = [section(f"Adjusted rates{per}", len(columns))]
    for arm in result.rates:
        label = f"{arm.arm} (n = {arm.n}; {arm.events} events in {digits(arm.exposure)})"
        rows.append(Row((label, digits(arm.rate.estimate), _span(arm.rate), UNKNOWN)))
    rows += [section("Rate ratios", len(columns)), *_ratios(result.names, result.estimates, result.p_values)]
    note = f"; {result.note}" if result.note else ""
    told = f"{result.method}, {result.n} participants, dispersion {digits(result.dispersion)}{note}."
    return Table(number_of, title or "Event rates", columns, tuple(rows), (told,))


@endpoint_table.register
def _(result: KaplanMeier, number_of: str = "", title: str = "") -> Table:
    return curves_table({"All": result}, result.times[result.events > 0].tolist(), number_of, title)


@endpoint_table.register
def _(result: SubgroupForest, number_of: str = "", title: str = "") -> Table:
    columns = (
        Column("", 2.5, "left"),
        Column("n"),
        Column("Difference"),
        Column(_limits(result.overall), 1.6),
        Column("p"),
    )
    rows = [
        Row((f"All: {c.arm} − {c.reference}", "", digits(c.difference), _span(c), p_value(c.p_value)), "total")
        for c in result.overall
    ]
    for interaction in result.interactions:
        told = UNKNOWN if interaction.test is None else p_value(interaction.test.p_value)
        rows.append(section(f"{interaction.subgroup} (interaction: p = {told})", len(columns)))
        for row in (r for r in result.rows if r.subgroup == interaction.subgroup):
            label, n = f"{row.level}: {row.arm}", f"{row.n} and {row.n_reference}"
            c = row.contrast
            cells = (UNKNOWN, row.problem, "") if c is None else (digits(c.difference), _span(c), p_value(c.p_value))
            rows.append(Row((label, n, *cells)))
    return Table(
        number_of,
        title or "Subgroups",
        columns,
        tuple(rows),
        (f"{result.method[:1].upper()}{result.method[1:]}.", *_in(result.unit)),
    )


@endpoint_table.register
def _(result: TippingPoint, number_of: str = "", title: str = "") -> Table:
    first = result.steps[0].result
    columns = (
        Column("Delta", 1, "left"),
        Column("Difference"),
        Column(f"{100 * first.level:g} % CI", 1.6),
        Column("p"),
    )
    rows = tuple(
        Row(
            (digits(s.delta), digits(s.result.estimate), _span(s.result), p_value(s.result.p_value)),
            "total" if s.delta == result.delta else "body",
        )
        for s in result.steps
    )
    return Table(
        number_of, title or "Tipping point", columns, rows, (f"{str(result).splitlines()[0]}.", *_in(result.unit))
    )


@endpoint_table.register(Estimate)
@endpoint_table.register(PooledEstimate)
def _(result: Estimate | PooledEstimate, number_of: str = "", title: str = "") -> Table:
    return estimates_table({title or "Estimate": result}, number_of, title)


@endpoint_table.register(ChiSquareTest)
@endpoint_table.register(ExactTest)
@endpoint_table.register(FTest)
@endpoint_table.register(LogRankResult)
def _(result: ChiSquareTest | ExactTest | FTest | LogRankResult, number_of: str = "", title: str = "") -> Table:
    columns = (Column("Test", 3, "left"), Column("p"))
    rows = (Row((result.method, p_value(result.p_value))),)
    return Table(number_of, title or "Test", columns, rows, (f"{result}.",))


@endpoint_table.register
def _(result: RatePosterior, number_of: str = "", title: str = "") -> Table:
    columns = (Column("", 2.5, "left"), Column("Median"), Column("95 % interval", 1.6), Column("P(above threshold)"))
    row = (f"{result.events} of {result.n}", digits(result.median), _span(result), digits(result.exceeds))
    note = (
        f"{result.method}; threshold {digits(result.threshold)}, Beta({result.prior[0]:g}, {result.prior[1]:g}) prior."
    )
    return Table(number_of, title or "Rate", columns, (Row(row),), (note,))
