"""Events of special interest by the infusion in which they began: how many had one, of those who had the infusion.

Invariants
1. At risk in an infusion is the safety set of whom that infusion was started; asked are those of them of whom the
   checklist was asked there.
2. A category that the checklist asks for is "not assessed" in an infusion after which nobody of the group was asked.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import Frames, Grouping
from reports.analyses.harms.events import emergent_events
from reports.analyses.harms.exposure import asked_at, infusions_started, safety_set
from reports.context import AnalysisPlan


@dataclass(frozen=True)
class InfusionCell:
    """One category in one infusion of one group. ``asked`` is None where nothing tells who was asked."""

    at_risk: int
    asked: int | None
    participants: int

    @property
    def not_assessed(self) -> bool:
        return self.asked == 0 and self.at_risk > 0 and self.participants == 0


@dataclass(frozen=True)
class InfusionRow:
    """A category with its cells by group, then infusion."""

    term: str
    cells: tuple[tuple[InfusionCell, ...], ...]

    @property
    def participants(self) -> int:
        return sum(cell.participants for group in self.cells for cell in group)


@dataclass(frozen=True)
class ByInfusion:
    """All categories; ``infusions`` is empty in a trial without numbered infusions."""

    labels: tuple[str, ...]
    infusions: tuple[int, ...]
    rows: tuple[InfusionRow, ...]


def special_interest_by_infusion(frames: Frames, plan: AnalysisPlan, grouping: Grouping) -> ByInfusion:
    """Every prespecified category by infusion and group."""
    safety = safety_set(frames, grouping).select("USUBJID", "GROUP")
    started = infusions_started(frames)
    if started is None or not started.height:
        return ByInfusion(grouping.labels, (), ())
    given = started.join(safety, on="USUBJID", how="inner").unique()
    numbers = tuple(sorted(set(started["INFUSION"].to_list())))
    asked = asked_at(frames)
    told = None if asked is None else given.join(asked, on=["USUBJID", "INFUSION"], how="semi")
    events = emergent_events(frames).join(safety, on="USUBJID", how="inner")
    seen = events.select("USUBJID", "GROUP", "CQ01NAM", INFUSION=pl.col("AEINFNO")).drop_nulls().unique()
    at_risk, who_asked, had = _counts(given), None if told is None else _counts(told), _counts(seen, "CQ01NAM")
    rows = []
    for name in plan.aesi:
        asks = who_asked if name in plan.asked_by_checklist else None
        cells = tuple(
            tuple(_cell((label, number), at_risk, asks, had.get((name, label, number), 0)) for number in numbers)
            for label in grouping.labels
        )
        rows.append(InfusionRow(name, cells))
    return ByInfusion(grouping.labels, numbers, tuple(rows))


def _cell(
    key: tuple[str, int], at_risk: dict[tuple[object, ...], int], asked: dict[tuple[object, ...], int] | None, had: int
) -> InfusionCell:
    return InfusionCell(at_risk.get(key, 0), None if asked is None else asked.get(key, 0), had)


def _counts(rows: pl.DataFrame, *more: str) -> dict[tuple[object, ...], int]:
    keys = [*more, "GROUP", "INFUSION"]
    return {tuple(row[:-1]): int(row[-1]) for row in rows.group_by(keys).len().rows()}
