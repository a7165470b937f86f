"""Harms as CONSORT Harms asks for them: per term and group, participants, events, grades, and differences with intervals.

Invariants
1. The denominator is the safety set of the group: everybody whose first dose was started.
2. A participant counts once per term, at the worst grade; events are counted beside.
3. Every prespecified event of special interest has a row, with its zero where it did not occur.
4. Differences carry Miettinen–Nurminen intervals; there are no p-values.
5. In an open, pooled table nothing of special interest can be read or computed by subtraction: such events enter no row.

What it does not do: call anything safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.analyses.groups import Frames, Grouping, yes
from reports.context import AnalysisPlan
from trial.statistics.estimates import Estimate
from trial.statistics.proportions import zero_events_upper_limit
from trial.statistics.risk_comparisons import risk_difference

OPTIONAL: Final = {
    "AEBODSYS": pl.String,
    "CQ01NAM": pl.String,
    "ATOXGRN": pl.Int64,
    "ARELFL": pl.String,
    "AEWDFL": pl.String,
    "AESDTH": pl.String,
    "AESER": pl.String,
    "AEONMIN": pl.Int64,
    "AEINFNO": pl.Int64,
    "AEASCERT": pl.String,
}


@dataclass(frozen=True)
class GroupHarm:
    """One term in one group. A count is None where the data do not hold what it counts."""

    at_risk: int
    participants: int
    events: int
    worst_grades: tuple[int, ...]  # participants whose worst grade is 1, 2, 3, 4, 5
    serious: int | None
    related: int | None
    withdrawals: int | None
    deaths: int | None
    recurrent: int  # participants with two or more
    median_onset_minute: float | None
    upper_limit: Estimate | None  # of the risk, where nobody had it

    @property
    def share(self) -> float | None:
        return self.participants / self.at_risk if self.at_risk else None


@dataclass(frozen=True)
class HarmRow:
    """One term with its groups, and the difference of each group from the reference."""

    term: str
    organ_class: str
    special_interest: str
    ascertainment: str
    groups: tuple[GroupHarm, ...]
    differences: tuple[Estimate | None, ...]

    @property
    def participants(self) -> int:
        return sum(group.participants for group in self.groups)


@dataclass(frozen=True)
class Harms:
    """Overall rows, rows by term, rows by special interest."""

    labels: tuple[str, ...]
    compared: tuple[tuple[str, str], ...]  # (arm, reference) of each difference
    at_risk: tuple[int, ...]
    overall: tuple[HarmRow, ...]
    terms: tuple[HarmRow, ...]
    special: tuple[HarmRow, ...]
    special_withheld: bool

    def row(self, term: str) -> HarmRow:
        return next(row for row in (*self.overall, *self.terms, *self.special) if row.term == term)


ANY, ANY_SERIOUS, ANY_RELATED, ANY_SEVERE, ANY_FATAL = (
    "Any adverse event",
    "Any serious adverse event",
    "Any related adverse event",
    "Any event of grade 3 or worse",
    "Any fatal adverse event",
)


def harms(
    frames: Frames,
    plan: AnalysisPlan,
    grouping: Grouping,
    *,
    reference: str | None = None,
    withhold_special: bool = False,
) -> Harms:
    """Treatment-emergent harms of the safety set. ``reference`` is the arm that differences are taken from."""
    safety = grouping.of(frames["ADSL"].filter(yes("SAFFL")), "TRT01A")
    events = _complete(frames["ADAE"]).filter(yes("TRTEMFL") & yes("SAFFL"))
    if withhold_special:
        events = events.filter(pl.col("CQ01NAM").is_null())
    events = grouping.of(events, "TRTA")
    sizes = {label: safety.filter(pl.col("GROUP") == label)["USUBJID"].n_unique() for label in grouping.labels}
    table = _Table(grouping.labels, sizes, _compared(grouping, reference))
    return Harms(
        labels=grouping.labels,
        compared=table.compared,
        at_risk=tuple(sizes[label] for label in grouping.labels),
        overall=_overall(table, events),
        terms=_by_term(table, events),
        special=() if withhold_special else _by_special_interest(table, events, plan),
        special_withheld=withhold_special,
    )


def _complete(adae: pl.DataFrame) -> pl.DataFrame:
    """ADAE with the variables that another sponsor's dataset may lack, as nulls."""
    absent = [pl.lit(None, kind).alias(name) for name, kind in OPTIONAL.items() if name not in adae.columns]
    return adae.with_columns(absent)


def _compared(grouping: Grouping, reference: str | None) -> tuple[tuple[str, str], ...]:
    if grouping.pooled or len(grouping.labels) < 2:
        return ()
    base = reference or grouping.labels[-1]
    return tuple((label, base) for label in grouping.labels if label != base)


@dataclass(frozen=True)
class _Table:
    """What every row of the table shares."""

    labels: tuple[str, ...]
    sizes: dict[str, int]
    compared: tuple[tuple[str, str], ...]

    def row(self, term: str, events: pl.DataFrame, organ_class: str = "", special: str = "") -> HarmRow:
        groups = tuple(_group(events.filter(pl.col("GROUP") == g), self.sizes[g]) for g in self.labels)
        found = sorted(set(events["AEASCERT"].drop_nulls().to_list()))
        return HarmRow(term, organ_class, special, " and ".join(found), groups, self._differences(groups))

    def _differences(self, groups: tuple[GroupHarm, ...]) -> tuple[Estimate | None, ...]:
        named = dict(zip(self.labels, groups, strict=True))
        return tuple(_difference(named[arm], named[base]) for arm, base in self.compared)


def _difference(one: GroupHarm, base: GroupHarm) -> Estimate | None:
    if not one.at_risk or not base.at_risk:
        return None
    return risk_difference(one.participants, one.at_risk, base.participants, base.at_risk)


def _group(events: pl.DataFrame, at_risk: int) -> GroupHarm:
    people = events.group_by("USUBJID").agg(worst=pl.col("ATOXGRN").max(), times=pl.len())
    worst = dict(people.drop_nulls("worst").group_by("worst").len().rows())
    median = events["AEONMIN"].median()
    number = people.height
    return GroupHarm(
        at_risk=at_risk,
        participants=number,
        events=events.height,
        worst_grades=tuple(int(worst.get(grade, 0)) for grade in range(1, 6)),
        serious=_flagged(events, "AESER"),
        related=_flagged(events, "ARELFL"),
        withdrawals=_flagged(events, "AEWDFL"),
        deaths=_flagged(events, "AESDTH"),
        recurrent=people.filter(pl.col("times") > 1).height,
        median_onset_minute=float(median) if isinstance(median, int | float) else None,
        upper_limit=zero_events_upper_limit(at_risk) if at_risk and not number else None,
    )


def _flagged(events: pl.DataFrame, variable: str) -> int | None:
    """Participants with an event so flagged; None where the variable was never recorded."""
    if events.height and events[variable].null_count() == events.height:
        return None
    return int(events.filter(yes(variable))["USUBJID"].n_unique())


def _overall(table: _Table, events: pl.DataFrame) -> tuple[HarmRow, ...]:
    chosen = {
        ANY: pl.lit(value=True),
        ANY_RELATED: yes("ARELFL"),
        ANY_SEVERE: (pl.col("ATOXGRN") >= 3).fill_null(value=False),
        ANY_SERIOUS: yes("AESER"),
        ANY_FATAL: yes("AESDTH"),
    }
    return tuple(table.row(name, events.filter(condition)) for name, condition in chosen.items())


def _by_term(table: _Table, events: pl.DataFrame) -> tuple[HarmRow, ...]:
    """Rows by organ class in alphabetical order, the most frequent term first."""
    named = events.with_columns(pl.col("AEBODSYS").fill_null("Not coded"), pl.col("AEDECOD").fill_null("Not coded"))
    rows = []
    for (organ_class, term), mine in named.group_by(["AEBODSYS", "AEDECOD"], maintain_order=True):
        special = mine["CQ01NAM"].drop_nulls()
        rows.append(table.row(str(term), mine, str(organ_class), str(special[0]) if len(special) else ""))
    return tuple(sorted(rows, key=lambda row: (row.organ_class, -row.participants, row.term)))


def _by_special_interest(table: _Table, events: pl.DataFrame, plan: AnalysisPlan) -> tuple[HarmRow, ...]:
    """Every category of the plan in its order, then any that was recorded beside the plan."""
    recorded = set(events["CQ01NAM"].drop_nulls().to_list())
    names = [*plan.aesi, *sorted(recorded - set(plan.aesi))]
    return tuple(table.row(name, events.filter(pl.col("CQ01NAM") == name), special=name) for name in names)
