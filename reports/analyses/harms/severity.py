"""When each event began and how bad it was: the points of a time-and-severity plot."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import Frames, Grouping, yes
from reports.analyses.harms.events import emergent_events


@dataclass(frozen=True)
class SeverityPoints:
    """Events of one group: (study day, grade, serious, number of such events), in order. ``undated`` have no day or grade."""

    group: str
    points: tuple[tuple[int, int, bool, int], ...]
    undated: int


def severity_points(frames: Frames, grouping: Grouping) -> tuple[SeverityPoints, ...]:
    """Every treatment-emergent event of the safety set by group, at its worst grade."""
    events = grouping.of(emergent_events(frames), "TRTA").with_columns(serious=yes("AESER"))
    return tuple(_points(label, events.filter(pl.col("GROUP") == label)) for label in grouping.labels)


def _points(label: str, events: pl.DataFrame) -> SeverityPoints:
    known = events.filter(pl.col("ASTDY").is_not_null() & (pl.col("ASTDY") >= 1) & pl.col("ATOXGRN").is_not_null())
    counts = known.group_by("ASTDY", "ATOXGRN", "serious").len().sort("ASTDY", "ATOXGRN", "serious")
    points = tuple((int(day), int(grade), bool(serious), int(n)) for day, grade, serious, n in counts.rows())
    return SeverityPoints(label, points, events.height - known.height)
