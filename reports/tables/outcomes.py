"""Tables of the closed session: efficacy, the interim look, blinding, readings of infusions."""

from __future__ import annotations

from reports.analyses.blinding import Blinding
from reports.analyses.efficacy import Efficacy
from reports.analyses.infusions import LargestChange
from reports.analyses.interim import InterimLook
from reports.analyses.sensitivity import SensitivityRow
from reports.analyses.stopping import RuleState
from reports.appearance import arm_heading
from reports.context import Looks
from reports.tables.design import bound
from reports.tables.model import Column, Row, Table, section
from reports.tables.words import UNKNOWN, chance, count, interval, mean_sd, number, p_value, points, share
from trial.statistics.estimates import Estimate
from trial.statistics.group_sequential import GroupSequentialDesign
from trial.statistics.imputation import PooledEstimate
from trial.statistics.linear import Contrast
from trial.statistics.mixed_models import MmrmResult


def efficacy_table(number_of: str, result: Efficacy) -> Table:
    """The primary comparison: observed values, adjusted difference, responders."""
    labels = result.labels
    headings = (Column(arm_heading(a.label, labels, a.randomized), 1.6) for a in result.arms)
    columns = (Column("", 3, "left"), *headings, *(Column(f"{a} − {b} (95 % CI)", 2) for a, b in result.compared))
    blank = tuple("" for _ in result.compared)
    rows = [
        Row(
            ("With data at baseline and at the visit", *(share(a.analysed, a.randomized) for a in result.arms), *blank)
        ),
        Row(("Baseline, mean (SD)", *(mean_sd(a.baseline) for a in result.arms), *blank)),
        Row((f"{result.visit}, mean (SD)", *(mean_sd(a.value) for a in result.arms), *blank)),
        Row(("Change, mean (SD)", *(mean_sd(a.change) for a in result.arms), *blank)),
        _adjusted(result),
        _p_values(result),
    ]
    if result.responders:
        rows.append(section("Responders: improvement of at least", len(columns)))
    for one in result.responders:
        shares = (share(*pair) for pair in one.counts)
        rows.append(Row((one.threshold.removeprefix("≥ "), *shares, *map(points, one.differences)), "inset"))
    unit = "T-score" if result.scale.unit == "T" else result.scale.unit
    return Table(
        number_of,
        f"{result.scale.label} ({unit}) at {result.visit.lower()}",
        columns,
        tuple(rows),
        _efficacy_notes(result),
    )


def _efficacy_notes(result: Efficacy) -> tuple[str, ...]:
    better = "A higher score is better." if result.scale.higher_is_better else "A lower score is better."
    adjusted = ", ".join(result.adjusted_for)
    model = (
        f"Adjusted: {result.model.method}; with {adjusted}. {result.model.departure}".rstrip()
        if result.model
        else (f"No adjusted comparison: {result.problem}")
    )
    return (
        f"{better} Participants as randomized. {model}",
        f"Responders: of those with data, differences in percentage points, {_responder_methods(result)}.",
        "Interim figures are not final and are for members of the board only.",
    )


def _responder_methods(result: Efficacy) -> str:
    used = dict.fromkeys(d.method for one in result.responders for d in one.differences if d is not None)
    return "; ".join(used) or "none of which can be given"


def visits_table(number_of: str, result: Efficacy, fit: MmrmResult) -> Table:
    """The mixed model at each of its visits."""
    arms = [label for label in result.labels if label in fit.arms]
    columns = (
        Column("Visit", 2, "left"),
        *(Column(arm_heading(label, result.labels), 1.8) for label in arms),
        *(Column(f"{a} − {b} (95 % CI)", 2.2) for a, b in result.compared),
        *(Column("Nominal p", 1.2) for _ in result.compared),
    )
    means = {(m.visit, m.arm): f"{number(m.mean, 2)} ({number(m.standard_error, 2)}; {m.n})" for m in fit.ls_means}
    contrasts = {(c.visit, c.arm): c for c in fit.contrasts}
    rows = []
    for visit in fit.visits:
        found = [contrasts[visit, arm] for arm, _ in result.compared]
        differences = (f"{number(c.difference, 2)} {interval(c.lower, c.upper, 2)}" for c in found)
        chances = (p_value(c.p_value) for c in found)
        cells = (visit, *(means[visit, label] for label in arms), *differences, *chances)
        rows.append(Row(cells, "total" if visit == result.visit else "body"))
    notes = [f"Adjusted mean change (SE; participants with data). {fit.method}."]
    if len(fit.visits) > 1:
        notes.append(f"Arm by visit: {fit.test_arm_by_visit()}.")
    return Table(number_of, f"{result.scale.label} by visit, mixed model", columns, tuple(rows), tuple(notes))


def sensitivity_table(number_of: str, result: Efficacy, rows: tuple[SensitivityRow, ...]) -> Table:
    """The protocol's sensitivity analyses beside the primary one."""
    columns = [Column("Analysis", 3, "left")]
    for arm, base in result.compared:
        columns += [Column(f"{arm} − {base} (95 % CI)", 2.2), Column("Nominal p", 1)]
    primary = {c.arm: c for c in result.model.contrasts} if result.model else {}
    lines = [Row(("Primary", *_differences(tuple(primary.get(arm) for arm, _ in result.compared))), "total")]
    lines += [Row((row.label, *_differences(row.found))) for row in rows]
    notes = [f"{row.label}: {row.problem}" for row in rows if row.problem]
    told = (
        "Imputed: 100 times from a multivariate normal model of the visits given arm and baseline, by data augmentation;"
        " ANCOVA with baseline at the visit, pooled by Rubin's rules. The generator starts from the snapshot's hash."
    )
    return Table(
        number_of, "Sensitivity analyses of the primary comparison", tuple(columns), tuple(lines), (told, *notes)
    )


def _differences(found: tuple[PooledEstimate | Contrast | None, ...]) -> tuple[str, ...]:
    cells: list[str] = []
    for one in found:
        if one is None:
            cells += [UNKNOWN, UNKNOWN]
            continue
        value = one.estimate if isinstance(one, PooledEstimate) else one.difference
        cells += [f"{number(value, 2)} {interval(one.lower, one.upper, 2)}", p_value(one.p_value)]
    return tuple(cells)


def _adjusted(result: Efficacy) -> Row:
    if result.model is None:
        empty = (UNKNOWN for _ in (*result.arms, *result.compared))
        return Row(("Adjusted change, mean (SE)", *empty), "total")
    means = {m.arm: f"{number(m.mean, 2)} ({number(m.standard_error, 2)})" for m in result.model.ls_means}
    contrasts = {c.arm: f"{number(c.difference, 2)} {interval(c.lower, c.upper, 2)}" for c in result.model.contrasts}
    return Row(
        (
            "Adjusted change, mean (SE)",
            *(means.get(label, UNKNOWN) for label in result.labels),
            *(contrasts.get(arm, UNKNOWN) for arm, _ in result.compared),
        ),
        "total",
    )


def _p_values(result: Efficacy) -> Row:
    found = {c.arm: p_value(c.p_value) for c in result.model.contrasts} if result.model else {}
    cells = (found.get(arm, UNKNOWN) for arm, _ in result.compared)
    return Row(("Nominal p, two-sided; read with the bounds", *("" for _ in result.arms), *cells))


def scales_table(number_of: str, results: tuple[Efficacy, ...]) -> Table:
    """Other scales at the primary visit, one row each."""
    if not results:
        return Table(number_of, "Other scales", (Column("Scale", 1, "left"),), ())
    first = results[0]
    columns = [Column("Scale", 2.6, "left")]
    for label in first.labels:
        columns += [
            Column("n", 0.6, group=arm_heading(label, first.labels)),
            Column("Change, mean (SD)", 1.5, group=arm_heading(label, first.labels)),
        ]
    columns += [Column(f"{a} − {b} (95 % CI)", 2.2, group="Adjusted difference") for a, b in first.compared]
    rows = []
    for one in results:
        cells: list[str] = [f"{one.scale.label} ({'↑' if one.scale.higher_is_better else '↓'} better)"]
        for arm in one.arms:
            cells += [count(arm.analysed), mean_sd(arm.change)]
        found = (
            {c.arm: f"{number(c.difference, 2)} {interval(c.lower, c.upper, 2)}" for c in one.model.contrasts}
            if one.model
            else {}
        )
        cells += [found.get(arm, UNKNOWN) for arm, _ in one.compared]
        rows.append(Row(tuple(cells)))
    note = "Change from baseline, adjusted as the primary comparison is; not adjusted for multiplicity."
    return Table(number_of, f"Other scales at {first.visit.lower()}", tuple(columns), tuple(rows), (note,))


def bounds_table(number_of: str, look: InterimLook, looks: Looks) -> Table:
    """The design's planned bounds, and this look's own."""
    planned = look.design.bounds
    rows = [
        Row(
            (
                f"Planned {index}",
                number(100 * float(fraction), 0) + " %",
                bound(float(planned.efficacy[index - 1]), 3),
                p_value(float(planned.nominal_p[index - 1])),
                UNKNOWN if planned.futility is None else bound(float(planned.futility[index - 1]), 3),
                "",
            )
        )
        for index, fraction in enumerate(planned.fractions, start=1)
    ]
    rows.append(_this_look(look))
    design = looks.design
    futility = "none" if design.futility is None else str(design.futility)
    return Table(
        number_of,
        "Bounds of the design and where the trial stands",
        (
            Column("Look", 1.4, "left"),
            Column("Information", 1.2),
            Column("Efficacy bound z", 1.3),
            Column("Nominal p, one-sided", 1.4),
            Column("Futility bound z", 1.3),
            Column("Observed z", 1.2),
        ),
        tuple(rows),
        _bounds_notes(look, looks.design, str(design.efficacy), futility),
    )


def _bounds_notes(look: InterimLook, design: GroupSequentialDesign, efficacy: str, futility: str) -> tuple[str, ...]:
    binding = "" if design.futility is None else " (binding)" if design.binding else " (non-binding)"
    direction = "No direction is claimed: z is read against the efficacy bound on both sides."
    if look.oriented:
        direction = "z is positive where the difference is an improvement over the reference arm."
    return (
        (
            f"One-sided alpha {design.alpha:g}, power {design.power:g}. Efficacy spending: {efficacy}."
            f" Futility spending: {futility}{binding}. Bounds at a look follow its observed information."
        ),
        f"Information: {look.analysed} with the primary endpoint of {look.planned} planned. {direction}",
    )


def _this_look(look: InterimLook) -> Row:
    result = look.result
    low = result.futility_bound if result is not None and look.oriented else None
    return Row(
        (
            "This look",
            number(100 * look.fraction, 1) + " %",
            number(result.efficacy_bound, 3) if result else UNKNOWN,
            p_value(result.nominal_p) if result else UNKNOWN,
            number(low, 3),
            number(look.z, 3),
        ),
        "total",
    )


def conditional_power_table(number_of: str, look: InterimLook, looks: Looks) -> Table:
    """The chance of crossing an efficacy bound later, under three assumptions."""
    result = look.result
    known = result is not None and look.oriented
    values = (
        (
            f"the design's effect ({looks.difference:g}, SD {looks.standard_deviation:g})",
            result.conditional_power_design if result and known else None,
        ),
        ("the effect seen so far", result.conditional_power_observed if result and known else None),
        (
            "averaged over what is not known of the effect (predictive power)",
            result.predictive_power if result and known else None,
        ),
    )
    rows = tuple(Row((name, chance(v))) for name, v in values)
    return Table(
        number_of,
        "Chance of crossing an efficacy bound at a later look",
        (Column("If from now on the truth is", 4, "left"), Column("Chance")),
        rows,
        ("Futility is not counted. Predictive power takes a flat prior. A low chance is no proof of no effect.",),
    )


def harm_rules_table(number_of: str, states: tuple[RuleState, ...]) -> Table:
    """The protocol's bounds on harm and where each stands."""
    rows = []
    for state in states:
        rule = state.rule
        limit = str(rule.count) if state.probability is None else chance(rule.probability_above)
        seen = (
            str(state.observed) if state.probability is None else chance(state.probability if state.at_risk else None)
        )
        people = "" if state.probability is None else f"{state.observed} / {state.at_risk}"
        reached = "REACHED" if state.reached else "not reached"
        rows.append(Row((rule.text, state.group, people, seen, limit, reached), "total" if state.reached else "body"))
    columns = (
        Column("Rule", 4, "left"),
        Column("Arm", 0.7, "left"),
        Column("Participants", 1.1),
        Column("Observed", 1),
        Column("Bound", 0.9),
        Column("State", 1.1, "left"),
    )
    note = "Observed: number of events, or the posterior probability that the rate exceeds its limit. N: safety set."
    return Table(number_of, "Bounds on harm", columns, tuple(rows), (note,), empty="The protocol states none.")


def blinding_table(number_of: str, blinding: Blinding) -> Table:
    """Guesses right, wrong and not known, by arm."""
    columns = (
        Column("Occasion, guesser, arm", 3, "left"),
        Column("N"),
        Column("Right n (%)", 1.3),
        Column("Wrong n (%)", 1.3),
        Column("Don't know n (%)", 1.5),
        Column("Bang index (95 % CI)", 2),
        Column("James index (95 % CI)", 2),
    )
    rows: list[Row] = []
    for table in blinding.tables:
        rows.append(
            Row((f"{table.occasion}: {table.guesser.lower()}", "", "", "", "", "", _index(table.james)), "section")
        )
        for arm in table.arms:
            labels = tuple(a.label for a in table.arms)
            parts = (share(n, arm.total) for n in (arm.right, arm.wrong, arm.dont_know))
            rows.append(Row((arm_heading(arm.label, labels), count(arm.total), *parts, _index(arm.bang), ""), "inset"))
    return Table(
        number_of,
        "Guesses of treatment",
        columns,
        tuple(rows),
        (
            "Bang's index by arm: 0 as by chance, 1 all right, −1 all wrong. James's over all: 1 blind, 0.5 random, 0 unblinded.",
            "Right guesses may follow benefit or side effects; they do not by themselves show that outcomes are biased.",
        ),
        empty="No guess has been recorded."
        if blinding.scored
        else "Guesses are not scored: the report was not told which label stands for which arm.",
    )


def _index(index: Estimate | None) -> str:
    if index is None:
        return UNKNOWN
    return f"{number(index.estimate, 2)} {interval(index.lower, index.upper, 2)}"


def infusion_changes_table(number_of: str, changes: tuple[LargestChange, ...]) -> Table:
    """The largest rise and the deepest fall during each infusion, by arm."""
    if not changes:
        return Table(number_of, "Largest changes during each infusion", (Column("Measure", 1, "left"),), ())
    labels = tuple(group for group, *_ in changes[0].groups)
    columns = [Column("Measure, infusion", 2.4, "left")]
    for label in labels:
        heading = arm_heading(label, labels)
        columns += [Column("N", 0.6, group=heading), Column("Rise, mean (SD)", 1.2, group=heading)]
        columns += [Column("Highest", 0.8, group=heading), Column("Fall, mean (SD)", 1.2, group=heading)]
        columns.append(Column("Deepest", 0.8, group=heading))
    rows: list[Row] = []
    last = ""
    for one in changes:
        if one.measure != last:
            rows.append(section(f"{_title(one.label)} ({one.unit})" if one.unit else _title(one.label), len(columns)))
            last = one.measure
        cells: list[str] = []
        for _, rise, fall in one.groups:
            cells += [count(rise.n), mean_sd(rise), number(rise.maximum, 0), mean_sd(fall), number(fall.minimum, 0)]
        rows.append(Row((f"Infusion {one.infusion}", *cells), "inset"))
    note = "Largest value and smallest value after the start, minus the last value before it, in each participant."
    return Table(number_of, "Largest changes during each infusion", tuple(columns), tuple(rows), (note,))


def _title(label: str) -> str:
    return label.upper() if len(label) <= 6 and " " not in label else label.capitalize()
