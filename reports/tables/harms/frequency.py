"""How often: participants, events, rates, grades, and each arm against the reference; by term, and for every event of
special interest.

Invariants
1. "0/N" is a zero that was looked for; "not assessed" is no number at all.
2. Terms below the protocol's threshold are named under the table with their counts.
3. No p-value.
"""

from __future__ import annotations

from collections.abc import Callable

from reports.analyses.harms import GroupHarm, HarmRow, Harms
from reports.appearance import arm_heading
from reports.tables.model import Column, Row, Table, section
from reports.tables.words import UNKNOWN, count, number, points, ratio, share

NOT_ASSESSED = "not assessed"
MOST_ARMS_BESIDE_EFFECTS = 2
"""With more arms than these, differences and ratios stand in a table of their own: a page is only so wide."""
WITHHELD = (
    "Events of special interest, scale totals and readings of infusions are withheld from the open session, because"
    " pooled figures of these could tell the arms. They stand by arm in the closed report. They enter no row here."
)
COUNTED = (
    "N: safety set, everybody whose first dose was started. n: participants with at least one event, counted once a row at"
    " the worst grade. Treatment-emergent events only."
)
INTERVALS = (
    "Differences in percentage points, ratios of risks; 95 % Miettinen–Nurminen intervals, not adjusted; no tests."
)
GRADES = "·".join(map(str, range(1, 6)))


def harms_table(
    number_of: str,
    title: str,
    harms: Harms,
    rows: tuple[HarmRow, ...],
    *,
    by_class: bool = False,
    with_effects: bool | None = None,
) -> Table:
    """One row a term: per arm n (%), events, rate, worst grades, serious, related; then differences and ratios.

    with_effects: whether the last are there; by itself, where there is room.
    """
    beside = effects_fit(harms) if with_effects is None else with_effects
    columns = [Column("Event", 3.2, "left")]
    for group in group_headings(harms):
        columns += [
            Column("n (%)", 1.4, group=group),
            Column("Events", 0.8, group=group),
            Column("per 100 py", 0.9, group=group),
            Column(f"Worst grade {GRADES}", 1.6, group=group),
            Column("Serious", 0.8, group=group),
            Column("Related", 0.8, group=group),
        ]
    columns += effect_columns(harms) if beside else []

    def cells(row: HarmRow) -> tuple[str, ...]:
        return (*_cells(row), *(effects(row) if beside else ()))

    return Table(
        number_of,
        title,
        tuple(columns),
        tuple(by_organ_class(rows, cells, len(columns))) if by_class else tuple(Row(cells(row)) for row in rows),
        _notes(harms, rows, compared=beside and bool(harms.compared)),
        wide=len(harms.labels) > 1,
        empty="No such event has been recorded.",
    )


def effects_fit(harms: Harms) -> bool:
    """Whether differences and ratios fit beside the counts of every arm."""
    return len(harms.labels) <= MOST_ARMS_BESIDE_EFFECTS


def effects_table(number_of: str, harms: Harms, rows: tuple[HarmRow, ...]) -> Table:
    """Differences and ratios of every comparison, with n/N of each arm, for trials of more than two arms."""
    columns = [
        Column("Event", 3.0, "left"),
        *(Column("n/N", 1.0, group=heading) for heading in group_headings(harms)),
        *effect_columns(harms),
    ]

    def cells(row: HarmRow) -> tuple[str, ...]:
        counts = (
            NOT_ASSESSED if group.not_assessed else f"{group.participants}/{group.denominator}" for group in row.groups
        )
        return (row.term, *counts, *effects(row))

    return Table(
        number_of,
        "Differences and ratios of risks",
        tuple(columns),
        tuple(by_organ_class(rows, cells, len(columns))),
        (INTERVALS,),
        wide=True,
        empty="No such event has been recorded.",
    )


def group_headings(harms: Harms) -> list[str]:
    """The heading over each group's columns, with its N."""
    if len(harms.labels) == 1:
        return [f"All (N = {harms.at_risk[0]})"]
    return [arm_heading(label, harms.labels, size) for label, size in zip(harms.labels, harms.at_risk, strict=True)]


def effect_columns(harms: Harms) -> list[Column]:
    found = []
    for arm, base in harms.compared:
        found += [
            Column("Difference (95 % CI)", 2.0, group=f"{arm} against {base}"),
            Column("Ratio (95 % CI)", 1.8, group=f"{arm} against {base}"),
        ]
    return found


def effects(row: HarmRow) -> list[str]:
    """Difference and ratio of each comparison."""
    pairs = zip(row.differences, row.ratios, strict=True)
    return [cell for difference, of_risks in pairs for cell in (points(difference), ratio(of_risks))]


def by_organ_class(rows: tuple[HarmRow, ...], cells: Callable[[HarmRow], tuple[str, ...]], width: int) -> list[Row]:
    """Rows under the name of their organ class."""
    lines: list[Row] = []
    last = ""
    for row in rows:
        if row.organ_class != last:
            lines.append(section(row.organ_class, width))
            last = row.organ_class
        lines.append(Row(cells(row), "inset"))
    return lines


def _cells(row: HarmRow) -> tuple[str, ...]:
    cells: list[str] = [row.term]
    for group in row.groups:
        cells += [
            share(group.participants, group.denominator),
            count(group.events),
            rate(group),
            grades(group),
            count(group.serious),
            count(group.related),
        ]
    return tuple(cells)


def rate(group: GroupHarm) -> str:
    return UNKNOWN if group.rate is None else number(group.rate.estimate)


def grades(group: GroupHarm) -> str:
    return "·".join(map(str, group.worst_grades)) if group.participants else ""


def _notes(harms: Harms, rows: tuple[HarmRow, ...], *, compared: bool) -> tuple[str, ...]:
    notes = [WITHHELD] if harms.special_withheld else []
    notes += [COUNTED, f"per 100 py: events per 100 person-years. {harms.person_time}"]
    notes += [INTERVALS] if compared else []
    if rows is harms.tabulated or rows == harms.tabulated:
        notes += below_threshold(harms)
    return tuple(notes)


def below_threshold(harms: Harms) -> list[str]:
    """The threshold that the protocol sets, with what lies below it."""
    if harms.threshold_percent is None:
        return []
    told = f"Tabulated: terms in at least {harms.threshold_percent:g} % of some arm, and every prespecified or serious one."
    if not harms.below_threshold:
        return [f"{told} None is below."]
    named = "; ".join(
        f"{row.term} ({', '.join(f'{g.participants}/{g.denominator}' for g in row.groups)})"
        for row in harms.below_threshold
    )
    return [f"{told} Below, participants by arm: {named}."]


def special_interest_table(number_of: str, harms: Harms, ways: dict[str, str] | None = None) -> Table:
    """Every prespecified event of special interest, zeros included, over those of whom it was asked."""
    columns = [Column("Event of special interest", 3.0, "left"), Column("Looked for by", 1.8, "left")]
    for group in group_headings(harms):
        columns += [
            Column("n/N (%) or upper limit", 1.9, group=group),
            Column("Events", 0.8, group=group),
            Column(f"Worst grade {GRADES}", 1.5, group=group),
            Column("Serious", 0.8, group=group),
            Column("Related", 0.8, group=group),
        ]
    beside = effects_fit(harms)
    columns += effect_columns(harms) if beside else []
    return Table(
        number_of,
        "Adverse events of special interest, every prespecified one",
        tuple(columns),
        tuple(_special_line(row, ways or {}, effects(row) if beside else []) for row in harms.special),
        (
            (
                "N: of the safety set, for what a checklist asks for, those who were asked at least once or had it;"
                f" “{NOT_ASSESSED}”: nobody was asked."
            ),
            "For 0 events, the exact one-sided 95 % upper limit of the risk.",
            INTERVALS,
        ),
        wide=True,
        empty="The protocol names no events of special interest.",
    )


def _special_line(row: HarmRow, ways: dict[str, str], compared: list[str]) -> Row:
    cells = [row.term, _way(ways.get(row.term, "")) or row.ascertainment.replace("_", "-") or UNKNOWN]
    for group in row.groups:
        cells += [
            share_or_limit(group),
            count(group.events),
            grades(group),
            count(group.serious),
            count(group.related),
        ]
    return Row((*cells, *compared))


def _way(told: str) -> str:
    """How it is looked for, without how often."""
    return told.partition(" each ")[0].partition(" at every ")[0]


def share_or_limit(group: GroupHarm) -> str:
    """``3/95 (3.2 %)``, ``0/95 (≤ 3.1 %)``, or that nobody was asked."""
    if group.not_assessed:
        return NOT_ASSESSED
    of = f"{group.participants}/{group.denominator}"
    if group.upper_limit is not None:
        return f"{of} (≤ {100 * group.upper_limit.upper:.1f} %)"
    return f"{of} ({100 * (group.share or 0):.1f} %)" if group.denominator else of
