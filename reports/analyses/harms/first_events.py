"""Time from the first dose to a participant's first event of a kind, by group, as Kaplan–Meier curves.

Invariants
1. Everybody of the safety set is in the curve: those without such an event are censored at the end of observation.
2. A day counts from the first dose as day 1. An onset of which only month or year is known counts at the earliest day that
   it can be; an event that could have begun before the first dose counts on day 1.

What it does not do: test one curve against another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.analyses.groups import Frames, Grouping, yes
from reports.analyses.harms.events import emergent_events
from reports.analyses.harms.exposure import observed_days, safety_set
from trial.statistics.survival import KaplanMeier, kaplan_meier

SPECIAL, SERIOUS, SEVERE = "Any event of special interest", "Any serious event", "Any event of grade 3 or worse"
KINDS: Final[dict[str, pl.Expr]] = {
    SPECIAL: pl.col("CQ01NAM").is_not_null(),
    SEVERE: (pl.col("ATOXGRN") >= 3).fill_null(value=False),
    SERIOUS: yes("AESER"),
}


@dataclass(frozen=True)
class FirstEvents:
    """One group's time to the first event of a kind. ``curve`` is None where nobody is at risk."""

    kind: str
    group: str
    at_risk: int
    participants: int
    curve: KaplanMeier | None
    last_day: int

    def risk(self, day: int) -> tuple[float, float, float] | None:
        """The share with an event by ``day``, with its limits; None where nobody was watched as long."""
        if self.curve is None or day > self.last_day:
            return None
        survival, lower, upper = self.curve.at(float(day))
        return 1 - survival, 1 - upper, 1 - lower

    def watched(self, day: int) -> int:
        """How many are without an event and still observed just before ``day``."""
        if self.curve is None:
            return 0
        left = sum(
            int(events + censored)
            for time, events, censored in zip(self.curve.times, self.curve.events, self.curve.censored, strict=True)
            if time < day
        )
        return self.at_risk - left


def first_events(frames: Frames, grouping: Grouping, kind: str) -> tuple[FirstEvents, ...]:
    """The curves of every group; none where the data hold no end of observation."""
    safety = safety_set(frames, grouping)
    if observed_days(safety) is None:
        return ()
    chosen = emergent_events(frames).filter(KINDS[kind]).drop("TRTSDT")
    starts = chosen.join(safety.select("USUBJID", "TRTSDT"), on="USUBJID", how="inner")
    day = (pl.col("ASTDT") - pl.col("TRTSDT")).dt.total_days() + 1
    first = starts.group_by("USUBJID").agg(first=day.fill_null(1).clip(lower_bound=1).min())
    people = safety.join(first, on="USUBJID", how="left", maintain_order="left")
    return tuple(_curve(kind, label, people.filter(pl.col("GROUP") == label)) for label in grouping.labels)


def _curve(kind: str, label: str, group: pl.DataFrame) -> FirstEvents:
    watched = observed_days(group)
    if watched is None or not group.height:
        return FirstEvents(kind, label, 0, 0, None, 0)
    event = group["first"].is_not_null()
    times = group.select(pl.coalesce("first", pl.lit(watched)).alias("days"))["days"]
    curve = kaplan_meier(times.to_numpy().astype(float), event.to_numpy().astype(float))
    return FirstEvents(kind, label, group.height, int(event.sum()), curve, max(watched.to_list(), default=0))
