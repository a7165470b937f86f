"""Harms as CONSORT Harms asks for them: per term and group, participants, events, grades, consequences, timing, and
differences and ratios with intervals.

Invariants
1. The denominator is the safety set of the group: everybody whose first dose was started. For an event that is asked for
   by checklist it is those of them who were asked, or had it: nobody asked is "not assessed", not zero.
2. A participant counts once per term, at the worst grade; events are counted beside.
3. Every prespecified event of special interest has a row, with its zero where it did not occur.
4. Differences and ratios carry Miettinen–Nurminen intervals; there are no p-values.
5. In an open, pooled table nothing of special interest can be read or computed by subtraction: such events enter no row.
6. No threshold of frequency unless the protocol has one; terms below it are named.

What it does not do: call anything harmless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.analyses.groups import Frames, Grouping, yes
from reports.analyses.harms.comparing import compare, compared_arms
from reports.analyses.harms.counting import Counted, counted
from reports.analyses.harms.events import completed, emergent_events
from reports.analyses.harms.exposure import asked_participants, exposures, person_time_in_words, safety_set
from reports.analyses.harms.results import GroupExposure, GroupHarm, HarmRow, Harms, Onset, Spread
from reports.context import AnalysisPlan

__all__ = ["ANY", "ANY_SERIOUS", "GroupExposure", "GroupHarm", "HarmRow", "Harms", "Onset", "Spread", "harms"]

ANY, ANY_SERIOUS, ANY_RELATED, ANY_SEVERE, ANY_FATAL = (
    "Any adverse event",
    "Any serious adverse event",
    "Any related adverse event",
    "Any event of grade 3 or worse",
    "Any fatal adverse event",
)
_TERM, _OVERALL, _SPECIAL = "term:", "overall:", "special:"
_BETWEEN: Final = "\x1f"


def harms(
    frames: Frames,
    plan: AnalysisPlan,
    grouping: Grouping,
    *,
    reference: str | None = None,
    withhold_special: bool = False,
) -> Harms:
    """Treatment-emergent harms of the safety set. ``reference`` is the arm that differences are taken from."""
    exposure = exposures(frames, grouping)
    events = grouping.of(emergent_events(frames, withhold_special=withhold_special), "TRTA").with_columns(
        pl.col("AEBODSYS").fill_null("Not coded"), pl.col("AEDECOD").fill_null("Not coded")
    )
    whole = completed(frames["ADAE"])
    table = _Table(grouping.labels, compared_arms(grouping, reference), counted(whole, _rows(events), exposure))
    assessed = {} if withhold_special else _assessed(frames, grouping, events, plan)
    return Harms(
        labels=grouping.labels,
        compared=table.compared,
        exposure=exposure,
        person_time=person_time_in_words(frames["ADSL"]),
        overall=tuple(table.row(_OVERALL + name, name, events.filter(test)) for name, test in _overall().items()),
        terms=_by_term(table, events),
        special=() if withhold_special else _by_special_interest(table, events, plan, assessed),
        special_withheld=withhold_special,
        threshold_percent=plan.frequency_threshold_percent,
    )


def _overall() -> dict[str, pl.Expr]:
    return {
        ANY: pl.lit(value=True),
        ANY_RELATED: yes("ARELFL"),
        ANY_SEVERE: (pl.col("ATOXGRN") >= 3).fill_null(value=False),
        ANY_SERIOUS: yes("AESER"),
        ANY_FATAL: yes("AESDTH"),
    }


def _rows(events: pl.DataFrame) -> pl.DataFrame:
    """Every event under each row that counts it: its term, its special interest, and the overall rows."""
    special = events.filter(pl.col("CQ01NAM").is_not_null())
    parts = [
        events.with_columns(ROW=_term_key()),
        special.with_columns(ROW=pl.lit(_SPECIAL) + pl.col("CQ01NAM")),
        *(events.filter(test).with_columns(ROW=pl.lit(_OVERALL + name)) for name, test in _overall().items()),
    ]
    return pl.concat(parts)


def _term_key() -> pl.Expr:
    return pl.lit(_TERM) + pl.col("AEBODSYS") + pl.lit(_BETWEEN) + pl.col("AEDECOD")


@dataclass(frozen=True)
class _Table:
    """What every row of the table shares."""

    labels: tuple[str, ...]
    compared: tuple[tuple[str, str], ...]
    counts: Counted

    def row(
        self,
        key: str,
        term: str,
        events: pl.DataFrame | None = None,
        *,
        organ_class: str = "",
        special: str = "",
        ways: tuple[str, ...] = (),
        assessed: dict[str, int] | None = None,
    ) -> HarmRow:
        asked = assessed or {}
        groups = {label: self.counts.group(key, label, asked.get(label)) for label in self.labels}
        pairs = [compare(groups[arm], groups[base]) for arm, base in self.compared]
        found = ways if events is None else tuple(sorted(set(events["AEASCERT"].drop_nulls().to_list())))
        return HarmRow(
            term,
            organ_class,
            special,
            " and ".join(found),
            tuple(groups.values()),
            tuple(difference for difference, _ in pairs),
            tuple(ratio for _, ratio in pairs),
        )


def _by_term(table: _Table, events: pl.DataFrame) -> tuple[HarmRow, ...]:
    """Rows by organ class in alphabetical order, the most frequent term first."""
    named = events.group_by("AEBODSYS", "AEDECOD").agg(
        key=_term_key().first(),
        special=pl.col("CQ01NAM").drop_nulls().sort().first(),
        ways=pl.col("AEASCERT").drop_nulls().unique().sort(),
    )
    rows = [
        table.row(
            one["key"],
            one["AEDECOD"],
            organ_class=one["AEBODSYS"],
            special=one["special"] or "",
            ways=tuple(one["ways"]),
        )
        for one in named.iter_rows(named=True)
    ]
    return tuple(sorted(rows, key=lambda row: (row.organ_class, -row.participants, row.term)))


def _by_special_interest(
    table: _Table, events: pl.DataFrame, plan: AnalysisPlan, assessed: dict[str, dict[str, int]]
) -> tuple[HarmRow, ...]:
    """Every category of the plan in its order, then any that was recorded beside the plan."""
    recorded = set(events["CQ01NAM"].drop_nulls().to_list())
    names = [*plan.aesi, *sorted(recorded - set(plan.aesi))]
    return tuple(
        table.row(
            _SPECIAL + name, name, events.filter(pl.col("CQ01NAM") == name), special=name, assessed=assessed.get(name)
        )
        for name in names
    )


def _assessed(
    frames: Frames, grouping: Grouping, events: pl.DataFrame, plan: AnalysisPlan
) -> dict[str, dict[str, int]]:
    """For each category that the checklist asks for, how many of each group were asked, or had it; empty where unknown."""
    asked = asked_participants(frames)
    if asked is None:
        return {}
    safety = safety_set(frames, grouping).select("USUBJID", "GROUP")
    told = asked.join(safety, on="USUBJID", how="inner")
    found: dict[str, dict[str, int]] = {}
    for name in plan.asked_by_checklist:
        had = events.filter(pl.col("CQ01NAM") == name).select("USUBJID", "GROUP")
        both = pl.concat([told.select("USUBJID", "GROUP"), had]).unique()
        counts = dict(both.group_by("GROUP").len().rows())
        found[name] = {label: int(counts.get(label, 0)) for label in grouping.labels}
    return found
