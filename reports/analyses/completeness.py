"""How complete the data are: visits, scores, deviations, doses.

Invariants
1. A visit counts as expected once it was done, was missed, or its window has closed; not before.
2. Missed and overdue are told apart: the first is known, the second has nothing recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import Frames, Grouping, count_by, yes
from reports.context import AnalysisPlan


@dataclass(frozen=True)
class VisitState:
    """One visit, one column of the table."""

    visit: str
    group: str
    expected: int
    done: int
    in_window: int
    missed: int
    overdue: int
    not_yet: int


@dataclass(frozen=True)
class ScoreState:
    """A scale at a visit: how many of those whose visit was expected have a score."""

    scale: str
    visit: str
    group: str
    expected: int
    present: int


@dataclass(frozen=True)
class Doses:
    """Doses given to each participant of a group."""

    group: str
    participants: int
    by_number: tuple[tuple[int, int], ...]  # doses given, participants
    completed: int
    discontinued: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Deviations:
    """Deviations by category and importance: participants and number."""

    rows: tuple[tuple[str, str, int, int], ...]  # category, importance, participants, deviations
    participants: int
    number: int


def visit_states(frames: Frames, grouping: Grouping) -> tuple[VisitState, ...]:
    """Every visit after randomization, in order, for each group."""
    randomized = frames["ADSL"].filter(yes("RANDFL")).select("USUBJID")
    visits = frames["ADVISIT"].join(randomized, on="USUBJID", how="semi")
    rows = grouping.of(visits, "TRTP")
    order = visits.group_by("AVISIT").agg(pl.col("AVISITN").min()).sort("AVISITN")["AVISIT"].to_list()
    return tuple(
        _visit_state(visit, label, rows.filter((pl.col("AVISIT") == visit) & (pl.col("GROUP") == label)))
        for visit in order
        for label in grouping.labels
    )


def _visit_state(visit: str, group: str, rows: pl.DataFrame) -> VisitState:
    counts = dict(count_by(rows, "VISSTAT"))
    done, missed, overdue = (counts.get(state, 0) for state in ("DONE", "MISSED", "OVERDUE"))
    return VisitState(
        visit=visit,
        group=group,
        expected=done + missed + overdue,
        done=done,
        in_window=rows.filter(yes("INWINFL")).height,
        missed=missed,
        overdue=overdue,
        not_yet=counts.get("DUE", 0) + counts.get("FUTURE", 0),
    )


def score_states(frames: Frames, plan: AnalysisPlan, grouping: Grouping) -> tuple[ScoreState, ...]:
    """For each scale of the plan and each visit at which anybody has answered it."""
    scores = frames["ADQS"].filter(yes("ANL01FL") & pl.col("DTYPE").is_null() | yes("ABLFL"))
    visits = frames["ADVISIT"].filter(pl.col("VISSTAT").is_in(["DONE", "MISSED", "OVERDUE"]))
    randomized = frames["ADSL"].filter(yes("RANDFL")).select("USUBJID")
    expected = grouping.of(visits.join(randomized, on="USUBJID", how="semi"), "TRTP")
    present = grouping.of(scores, "TRTP")
    order = visits.group_by("AVISIT").agg(pl.col("AVISITN").min()).sort("AVISITN")["AVISIT"].to_list()
    found = []
    for scale in plan.scales:
        mine = present.filter(pl.col("DOMAINNM") == scale.domain)
        asked = set(mine["AVISIT"].to_list())
        for visit in (v for v in order if v in asked):
            found += [_score_state(scale.label, visit, g, expected, mine) for g in grouping.labels]
    return tuple(found)


def _score_state(scale: str, visit: str, group: str, expected: pl.DataFrame, present: pl.DataFrame) -> ScoreState:
    here = (pl.col("AVISIT") == visit) & (pl.col("GROUP") == group)
    people = expected.filter(here)
    answered = present.filter(here).join(people, on="USUBJID", how="semi")["USUBJID"].n_unique()
    return ScoreState(scale, visit, group, people["USUBJID"].n_unique(), answered)


def doses(frames: Frames, plan: AnalysisPlan, grouping: Grouping) -> tuple[Doses, ...]:
    """How many doses each randomized participant had, of those whose treatment has ended."""
    ended = frames["ADSL"].filter(yes("RANDFL") & pl.col("EOTSTT").is_in(["COMPLETED", "DISCONTINUED", "NOT STARTED"]))
    rows = grouping.of(ended, "TRT01P")
    found = []
    for label in grouping.labels:
        mine = rows.filter(pl.col("GROUP") == label)
        counts = dict(mine.group_by("EXNUM").len().rows())
        numbers = range(max([plan.doses_planned, *counts]) + 1)
        stopped = mine.filter(pl.col("EOTSTT") != "COMPLETED")
        found.append(
            Doses(
                group=label,
                participants=mine.height,
                by_number=tuple((number, int(counts.get(number, 0))) for number in numbers),
                completed=mine.filter(pl.col("EOTSTT") == "COMPLETED").height,
                discontinued=count_by(stopped, "DCTREAS"),
            )
        )
    return tuple(found)


def deviations(frames: Frames) -> Deviations:
    """DV counted by category and importance."""
    rows = frames["DV"]
    counted = (
        rows.group_by("DVDECOD", "DVCAT")
        .agg(people=pl.col("USUBJID").n_unique(), number=pl.len())
        .sort("DVCAT", "number", "DVDECOD", descending=[False, True, False])
    )
    return Deviations(
        rows=tuple(
            (str(category), str(importance), int(people), int(number))
            for category, importance, people, number in counted.rows()
        ),
        participants=rows["USUBJID"].n_unique(),
        number=rows.height,
    )
