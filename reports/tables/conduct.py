"""Tables of conduct: sites, exclusions, deviations, doses, visits, completeness, protocol versions."""

from __future__ import annotations

import polars as pl

from reports.analyses.completeness import Deviations, Doses, ScoreState, VisitState
from reports.analyses.disposition import Flow
from reports.analyses.enrolment import Enrolment
from reports.appearance import arm_heading
from reports.tables.model import Column, Row, Table, section
from reports.tables.words import count, day, share, words
from reports.tables.words import month as month_of


def sites_table(number: str, enrolment: Enrolment) -> Table:
    """Enrolment by site."""
    rows = [
        Row(
            (
                f"{site.site}  {site.name}",
                site.country,
                day(site.activated_on),
                count(site.assessed),
                count(site.excluded),
                count(site.in_screening),
                share(site.randomized, enrolment.randomized),
                day(site.last_randomized_on),
            )
        )
        for site in enrolment.sites
    ]
    totals = [sum(getattr(s, name) for s in enrolment.sites) for name in ("assessed", "excluded", "in_screening")]
    if rows:
        rows.append(Row(("All sites", "", "", *map(count, totals), count(enrolment.randomized), ""), "total"))
    return Table(
        number,
        "Enrolment by site",
        (
            Column("Site", 2.6, "left"),
            Column("Country", 1.0, "left"),
            Column("Activated", 1.5),
            Column("Assessed", 1.1),
            Column("Excluded", 1.1),
            Column("In screening", 1.2),
            Column("Randomized n (%)", 1.7),
            Column("Last randomized", 1.6),
        ),
        tuple(rows),
        ("Percentages are of everybody randomized. Dates are the sites' own calendar dates.",),
    )


def months_table(number: str, enrolment: Enrolment) -> Table:
    """Assessed and randomized by calendar month."""
    total, rows = 0, []
    for month, assessed, randomized in enrolment.by_month:
        total += randomized
        rows.append(Row((month_of(month), count(assessed), count(randomized), count(total))))
    columns = (Column("Month", 2, "left"), Column("Assessed"), Column("Randomized"), Column("Randomized, cumulative"))
    return Table(number, "Enrolment by calendar month", columns, tuple(rows))


def exclusions_table(number: str, enrolment: Enrolment) -> Table:
    """Why people assessed were not randomized."""
    total = sum(n for _, _, n in enrolment.exclusions)
    rows: list[Row] = []
    last = ""
    for category, reason, n in enrolment.exclusions:
        if category != last:
            inside = sum(m for c, _, m in enrolment.exclusions if c == category)
            rows.append(Row((words(category), share(inside, total)), "total"))
            last = category
        rows.append(Row((words(reason), share(n, total)), "inset"))
    return Table(
        number,
        "Reasons for exclusion before randomization",
        (Column("Category and reason", 4, "left"), Column("n (%)")),
        tuple(rows),
        ("The first reason recorded counts. Percentages are of everybody excluded.",),
        empty="Nobody has been excluded.",
    )


def deviations_table(number: str, deviations: Deviations, randomized: int) -> Table:
    rows: list[Row] = []
    last = ""
    for category, importance, people, n in deviations.rows:
        if importance != last:
            rows.append(section(f"{words(importance)} deviations", 3))
            last = importance
        rows.append(Row((words(category), share(people, randomized), count(n)), "inset"))
    if rows:
        rows.append(Row(("Any", share(deviations.participants, randomized), count(deviations.number)), "total"))
    return Table(
        number,
        "Protocol deviations",
        (Column("Category", 4, "left"), Column("Participants n (%)", 1.4), Column("Deviations")),
        tuple(rows),
        (f"Percentages are of the {randomized} randomized. A participant counts once in each row.",),
        empty="No deviation has been recorded.",
    )


def doses_table(number: str, doses: tuple[Doses, ...], word: str = "Doses given") -> Table:
    """Doses given to those whose course has ended, and why courses ended early."""
    labels = tuple(one.group for one in doses)
    sizes = [one.participants for one in doses]
    numbers = sorted({n for one in doses for n, _ in one.by_number})
    rows = [section(word, len(doses) + 1)]
    for n in numbers:
        cells = [share(dict(one.by_number).get(n, 0), one.participants) for one in doses]
        rows.append(Row((str(n), *cells), "inset"))
    rows.append(Row(("Completed the course", *(share(o.completed, o.participants) for o in doses)), "total"))
    reasons = sorted({reason for one in doses for reason, _ in one.discontinued})
    if reasons:
        rows.append(section("Ended early or never started: reason", len(doses) + 1))
    for reason in reasons:
        cells = [share(dict(one.discontinued).get(reason, 0), one.participants) for one in doses]
        rows.append(Row((words(reason), *cells), "inset"))
    headings = (Column(arm_heading(g, labels, n), 1.6) for g, n in zip(labels, sizes, strict=True))
    return Table(
        number,
        "Study treatment given",
        (Column("", 3, "left"), *headings),
        tuple(rows) if any(sizes) else (),
        ("N: randomized participants whose course of treatment has ended at the cut-off.",),
        empty="No course of treatment has ended yet.",
    )


def visits_table(number: str, states: tuple[VisitState, ...]) -> Table:
    """Visits expected, done, missed and overdue."""
    labels = tuple(dict.fromkeys(state.group for state in states))
    alone = len(labels) == 1
    names = ("Expected", "Done n (%)", *(("In window",) if alone else ()), "Missed", "Overdue", "Not yet due")
    columns = [Column("Visit", 2.2, "left")]
    for label in labels:
        group = "" if alone else arm_heading(label, labels)
        columns += [Column(name, 1.5 if "%" in name else 1.0, group=group) for name in names]
    rows = []
    for visit in dict.fromkeys(state.visit for state in states):
        cells = [cell for state in states if state.visit == visit for cell in _visit_cells(state, alone=alone)]
        rows.append(Row((visit, *cells)))
    return Table(
        number,
        "Visits of randomized participants",
        tuple(columns),
        tuple(rows),
        (
            "Expected: done, recorded as missed, or window closed at the cut-off. Overdue: window closed, nothing recorded.",
            "Visits after somebody left the study are not expected. Percentages are of those expected.",
        ),
    )


def _visit_cells(state: VisitState, *, alone: bool) -> list[str]:
    within = [count(state.in_window)] if alone else []
    late = [count(state.missed), count(state.overdue), count(state.not_yet)]
    return [count(state.expected), share(state.done, state.expected), *within, *late]


def completeness_table(number: str, states: tuple[ScoreState, ...]) -> Table:
    """How many of those expected have a score, by scale and visit; counts only, no values."""
    labels = tuple(dict.fromkeys(state.group for state in states))
    visits = tuple(dict.fromkeys(state.visit for state in states))
    columns = [Column("Scale" if len(labels) == 1 else "Scale, arm", 2.6, "left")]
    columns += [Column(visit, 1.5) for visit in visits]
    found = {(s.scale, s.visit, s.group): s for s in states}
    rows = []
    for scale in dict.fromkeys(state.scale for state in states):
        for label in labels:
            name = scale if len(labels) == 1 else f"{scale}, {arm_heading(label, labels)}"
            cells = [_present(found.get((scale, visit, label))) for visit in visits]
            rows.append(Row((name, *cells)))
    return Table(
        number,
        "Completeness of outcome scores",
        tuple(columns),
        tuple(rows),
        (
            "Present / expected (%). Expected: randomized, and the visit is done, missed or overdue. No values are shown.",
        ),
        empty="No score is expected yet.",
    )


def _present(state: ScoreState | None) -> str:
    if state is None:
        return ""
    part = f"{state.present}/{state.expected}"
    return f"{part} ({100 * state.present / state.expected:.0f} %)" if state.expected else part


def flow_table(number: str, flow: Flow) -> Table:
    """The participant flow in figures, beside the drawing."""
    labels = tuple(arm.label for arm in flow.arms)
    rows: list[Row] = []

    def line(name: str, values: list[int], kind: str = "total") -> None:
        rows.append(Row((name, *map(str, values)), "inset" if kind == "inset" else "total"))

    def reasons(attribute: str) -> None:
        lists = [dict(getattr(arm, attribute).by_reason) for arm in flow.arms]
        for reason in dict.fromkeys(r for found in lists for r in found):
            line(words(reason), [found.get(reason, 0) for found in lists], "inset")

    line("Allocated", [arm.allocated for arm in flow.arms])
    line("Received treatment", [arm.received for arm in flow.arms])
    for attribute, name in (
        ("not_received", "Did not receive treatment"),
        ("discontinued", "Discontinued treatment"),
        ("lost", "Lost to follow-up for the primary outcome"),
    ):
        line(name, [getattr(arm, attribute).total for arm in flow.arms])
        reasons(attribute)
    line("With the primary outcome", [arm.analysed for arm in flow.arms])
    line("Without the primary outcome", [arm.not_analysed.total for arm in flow.arms])
    reasons("not_analysed")
    instead = (f"Replacements among those randomized: {flow.replacements}.",) if flow.replacements else ()
    marked = tuple(f"{words(kind)}: {n}. They stay where they were allocated." for kind, n in flow.errors)
    return Table(
        number,
        "Participant flow after randomization",
        (Column("", 4, "left"), *(Column(arm_heading(label, labels)) for label in labels)),
        tuple(rows),
        (
            "Discontinuing treatment is not loss to follow-up: a participant may be in both lists or in neither.",
            *instead,
            *marked,
        ),
    )


def versions_table(number: str, adoptions: pl.DataFrame, participants: pl.DataFrame) -> Table:
    """Which protocol version each site adopted when, and how many were assessed under it."""
    rows = []
    for row in adoptions.sort("approved_on", "site").iter_rows(named=True):
        under = participants.filter(
            (pl.col("site") == row["site"]) & (pl.col("protocol_version") == row["protocol_version"])
        ).height
        rows.append(Row((str(row["protocol_version"]), str(row["site"]), day(row["approved_on"]), count(under))))
    return Table(
        number,
        "Protocol versions by site",
        (
            Column("Version", 1, "left"),
            Column("Site", 1, "left"),
            Column("In force from", 1.4),
            Column("Assessed under it", 1.4),
        ),
        tuple(rows),
        ("A version takes effect at a site on that site's own approval date.",),
        empty="No site has adopted a version.",
    )
