"""Counts of every row in every group at once: two group-bys over all events, whatever the number of terms.

Invariants
1. A participant counts once a row, at the worst grade; events are counted beside.
2. What is counted depends on the set of events alone, not on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.analyses.groups import yes
from reports.analyses.harms.events import FLAGS, never_recorded, spontaneous, systematic
from reports.analyses.harms.results import GroupExposure, GroupHarm, Onset, Spread
from trial.statistics.proportions import zero_events_upper_limit
from trial.statistics.rates import event_rate
from trial.statistics.survival import kaplan_meier

Key = tuple[str, str]  # row, group
GRADES = range(1, 6)
TIMES = {"day": "ASTDY", "infusion": "AEINFNO", "minute": "AEONMIN"}


@dataclass(frozen=True)
class Counted:
    """The counts of all rows; what never happened is counted as zero."""

    exposure: Mapping[str, GroupExposure]
    people: Mapping[Key, Mapping[str, Any]]
    times: Mapping[Key, Mapping[str, Any]]
    unknown: frozenset[str]
    has_ways: bool

    def group(self, row: str, label: str, assessed: int | None = None) -> GroupHarm:
        """One row in one group. ``assessed``: those asked; who had the event counts among them."""
        risk = self.exposure[label]
        found = self.people.get((row, label), {})
        at = self.times.get((row, label), {})
        participants, events = int(found.get("participants", 0)), int(found.get("events", 0))
        denominator = risk.at_risk if assessed is None else assessed
        flags = {name: None if name in self.unknown else int(found.get(name, 0)) for name in FLAGS}
        return GroupHarm(
            at_risk=risk.at_risk,
            assessed=assessed,
            participants=participants,
            events=events,
            worst_grades=tuple(int(found.get(f"grade_{grade}", 0)) for grade in GRADES),
            recurrent=int(found.get("recurrent", 0)),
            median_times=found.get("median_times"),
            systematic=int(at.get("systematic", 0)) if self.has_ways else None,
            spontaneous=int(at.get("spontaneous", 0)) if self.has_ways else None,
            onset=_onset(at),
            rate=_rate(events, risk.person_years),
            upper_limit=zero_events_upper_limit(denominator) if denominator and not participants else None,
            **flags,
        )


def counted(events: pl.DataFrame, rows: pl.DataFrame, exposure: Iterable[GroupExposure]) -> Counted:
    """Count ``rows`` (the events again, each under every ROW it belongs to; with GROUP)."""
    has_ways = not events.height or events["AEASCERT"].null_count() < events.height
    return Counted(
        exposure={one.label: one for one in exposure},
        people=_people(rows),
        times=_times(rows),
        unknown=never_recorded(events),
        has_ways=has_ways,
    )


def _people(rows: pl.DataFrame) -> dict[Key, dict[str, Any]]:
    each = rows.group_by("ROW", "GROUP", "USUBJID").agg(
        times=pl.len(),
        worst=pl.col("ATOXGRN").max(),
        **{name: yes(flag).any() for name, flag in FLAGS.items()},
    )
    table = each.group_by("ROW", "GROUP").agg(
        participants=pl.len(),
        events=pl.col("times").sum(),
        recurrent=(pl.col("times") > 1).sum(),
        median_times=pl.col("times").median(),
        **{f"grade_{grade}": (pl.col("worst") == grade).sum() for grade in GRADES},
        **{name: pl.col(name).sum() for name in FLAGS},
    )
    return _keyed(table)


def _times(rows: pl.DataFrame) -> dict[Key, dict[str, Any]]:
    spreads: dict[str, pl.Expr] = {}
    for name, variable in TIMES.items():
        column = pl.col(variable)
        spreads |= {
            f"{name}_n": column.count(),
            f"{name}_median": column.median(),
            f"{name}_low": column.quantile(0.25, "linear"),
            f"{name}_high": column.quantile(0.75, "linear"),
        }
    known = pl.col("ADURN").is_not_null()
    table = rows.group_by("ROW", "GROUP").agg(
        **spreads,
        systematic=systematic().sum(),
        spontaneous=spontaneous().sum(),
        durations=pl.col("ADURN").filter(known),
        going_on=pl.col("DURCNSR").fill_null(0).filter(known),
    )
    return _keyed(table)


def _keyed(table: pl.DataFrame) -> dict[Key, dict[str, Any]]:
    return {(str(row["ROW"]), str(row["GROUP"])): row for row in table.iter_rows(named=True)}


def _onset(at: Mapping[str, Any]) -> Onset:
    durations, going_on = at.get("durations") or [], at.get("going_on") or []
    return Onset(
        day=_spread(at, "day"),
        infusion=_spread(at, "infusion"),
        minute=_spread(at, "minute"),
        duration_known=len(durations) - sum(going_on),
        duration_going_on=sum(going_on),
        median_duration_days=_median_duration(durations, going_on),
    )


def _median_duration(durations: list[float], going_on: list[int]) -> float | None:
    """By Kaplan–Meier; None where more than half of the events go on."""
    if not durations:
        return None
    return kaplan_meier(durations, [1 - censored for censored in going_on]).median


def _spread(at: Mapping[str, Any], name: str) -> Spread | None:
    if not at.get(f"{name}_n"):
        return None
    return Spread(*(at[f"{name}_{part}"] for part in ("n", "median", "low", "high")))


def _rate(events: int, person_years: float | None) -> Any:
    return event_rate(events, person_years / 100) if person_years else None
