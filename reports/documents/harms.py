"""The chapters on harms: by arm for the closed session and the final analysis, pooled for the open session.

Invariants
1. The chapter by arm says first how harms were collected, attributed, coded and counted; then figures, then tables.
2. The pooled chapter shows nothing of special interest, and no consequence of events: disposition tells these pooled over
   all events, and the difference would tell those of special interest.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from reports.analyses.groups import Frames, Grouping, pooled
from reports.analyses.harms import HarmRow, Harms, harms
from reports.analyses.harms.by_infusion import special_interest_by_infusion
from reports.analyses.harms.first_events import KINDS, SPECIAL, first_events
from reports.analyses.harms.severity import severity_points
from reports.analyses.stopping import RuleState
from reports.context import AnalysisPlan
from reports.documents.blocks import Numbering, bullets, figure, section, table, wide_pages
from reports.documents.page import WIDE
from reports.figures.dots import dot_picture
from reports.figures.first_events import first_events_picture
from reports.figures.severity import severity_picture
from reports.tables import outcomes
from reports.tables.harms import (
    by_infusion_table,
    consequences_table,
    deaths_listing,
    effects_fit,
    effects_table,
    first_events_table,
    harms_table,
    rows_with_events,
    serious_listing,
    special_interest_table,
    timing_table,
    withdrawals_listing,
)

ATTRIBUTED: Final = "investigator and sponsor judge apart, both blind to the arm; related where either suspects it"


def methods(plan: AnalysisPlan) -> tuple[str, ...]:
    """How harms were collected, attributed, coded and selected, as the protocol says."""
    recorded = (
        f"Events are recorded {plan.harms_recorded}" if plan.harms_recorded else "Events are recorded as they happen"
    )
    coded = f", coded and graded with {plan.dictionary}" if plan.dictionary else ""
    scale = f" ({plan.causality_scale})" if plan.causality_scale else ""
    threshold = plan.frequency_threshold_percent
    shown = (
        "Every term is shown: the protocol sets no threshold of frequency."
        if threshold is None
        else f"The protocol tabulates terms from {threshold:g} % of an arm; the rest are named under the table."
    )
    asked = f"{len(plan.asked_by_checklist)} by checklist" if plan.asked_by_checklist else "none by checklist"
    return (
        f"{recorded}{coded}. Causality{scale}: {ATTRIBUTED}.",
        f"{len(plan.aesi)} events of special interest are prespecified, {asked}; all are listed, also those that did not occur.",
        f"{shown} Intervals show what the data are compatible with; nothing is tested.",
    )


def harms_by_arm(
    number: Numbering,
    frames: Frames,
    plan: AnalysisPlan,
    grouping: Grouping,
    found: Harms,
    rules: tuple[RuleState, ...] = (),
) -> list[Any]:
    """The chapter by arm. ``found`` is the analysis of the same frames and grouping."""
    special = first_events(frames, grouping, SPECIAL)
    kinds = [special, *(first_events(frames, grouping, kind) for kind in KINDS if kind != SPECIAL)]
    bounds = [table(outcomes.harm_rules_table(number.table(), rules))] if rules else []
    dots = [figure(number.figure(), dot_picture(found, comparison=i)) for i in range(len(found.compared))]
    upright = section(
        "Harms by arm",
        bullets(methods(plan)),
        *bounds,
        *dots,
        *([figure(number.figure(), first_events_picture(special))] if special else []),
        table(first_events_table(number.table(), kinds)),
        figure(number.figure(), severity_picture(severity_points(frames, grouping))),
        table(serious_listing(number.listing(), frames["ADAE"], grouping, withhold_special=False)),
        table(deaths_listing(number.listing(), frames["ADSL"], grouping)),
        table(withdrawals_listing(number.listing(), frames["ADAE"], grouping)),
    )
    return [*upright, *wide_pages(_wide(number, frames, plan, grouping, found))]


def _wide(number: Numbering, frames: Frames, plan: AnalysisPlan, grouping: Grouping, found: Harms) -> list[Any]:
    by_infusion = special_interest_by_infusion(frames, plan, grouping)
    overall = rows_with_events(found.overall)
    tables = [
        harms_table(number.table(), "Adverse events by arm, overall", found, found.overall),
        special_interest_table(number.table(), found, dict(plan.ways_of_looking)),
        *([by_infusion_table(number.table(), by_infusion)] if by_infusion.infusions else []),
        harms_table(
            number.table(), "Adverse events by arm, organ class and term", found, found.tabulated, by_class=True
        ),
        *([] if effects_fit(found) else [effects_table(number.table(), found, _compared(found))]),
        consequences_table(number.table(), found, (*overall, *found.tabulated)),
        timing_table(number.table(), found, (*overall, *found.tabulated)),
    ]
    return [part for one in tables for part in table(one, WIDE)]


def _compared(found: Harms) -> tuple[HarmRow, ...]:
    """What is compared where comparisons have a table of their own: overall, each term, and special interest with its zeros."""
    named = tuple(replace(row, organ_class="Events of special interest") for row in found.special)
    return (*found.overall, *named, *found.tabulated)


def pooled_harms(number: Numbering, frames: Frames, plan: AnalysisPlan) -> list[Any]:
    """The chapter of the open session."""
    group = pooled()
    found = harms(frames, plan, group, withhold_special=True)
    by_term = "Adverse events by organ class and term"
    return section(
        "Pooled safety",
        table(harms_table(number.table(), "Adverse events, overall", found, found.overall)),
        table(harms_table(number.table(), by_term, found, found.tabulated, by_class=True)),
        table(serious_listing(number.listing(), frames["ADAE"], group, withhold_special=True)),
        table(deaths_listing(number.listing(), frames["ADSL"], group)),
    )
