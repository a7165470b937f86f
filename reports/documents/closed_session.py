"""The closed session's report: safety and the interim look by coded arm, for members of the board only.

Invariants
1. Arms appear as the labels of the frame that was given (A, B, …) and as nothing else; codes are used to score guesses
   and are never printed.
2. The first page can be decided from: where the primary comparison stands against the bound, and safety by arm.
3. Efficacy is shown at a planned look only; a safety review shows none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from reportlab.platypus import PageBreak

from reports.analyses import completeness
from reports.analyses.baseline import baseline_table
from reports.analyses.blinding import blinding
from reports.analyses.disposition import Flow, participant_flow
from reports.analyses.efficacy import Efficacy, efficacy
from reports.analyses.enrolment import expected_on
from reports.analyses.groups import Frames, Grouping, by_arm, yes
from reports.analyses.harms import Harms, harms
from reports.analyses.infusions import courses, largest_changes
from reports.analyses.interim import InterimLook, interim_looks
from reports.context import ReportContext
from reports.documents import common
from reports.documents.blocks import Heading, Numbering, bullets, callout, figure, table, text, tiles, wide_pages
from reports.documents.page import WIDE, Marking, build_document
from reports.figures.bounds import bounds_picture
from reports.figures.course import course_picture
from reports.figures.flow import flow_picture
from reports.figures.forest import forest_picture
from reports.tables import conduct, outcomes
from reports.tables.baseline import baseline_page
from reports.tables.harms import deaths_listing, harms_table, serious_listing, special_interest_table
from reports.tables.model import Table
from trial.errors import InvalidInput

MARKING = Marking(
    title="Report to the data and safety monitoring board",
    session="CLOSED SESSION",
    confidential="Confidential: members of the board and the unblinded statistician only. Arms are coded.",
    subject="Closed session: safety and efficacy by coded arm",
)
QUESTIONS = (
    "Is the balance of harms between the coded arms acceptable for randomization and dosing to go on?",
    "Has the primary comparison reached a bound of the design, and if so what follows?",
    "Recommendation to the sponsor: continue, modify, pause or stop randomizing, dosing or follow-up.",
)
METHODS = (
    (
        "Efficacy by arm as randomized; harms by arm as treated, in the safety set. Nothing is adjusted for looking often but"
        " the bounds of the primary comparison."
    ),
    "Reading the bound together with the table tells which coded arm improved more. The board may ask for the codes.",
    "Only the recommendation leaves this session.",
)


class NoArmLabels(InvalidInput):
    code = "report.no_arm_labels"


@dataclass(frozen=True)
class _Closed:
    """Everything that the parts of the report share."""

    frames: Frames
    context: ReportContext
    grouping: Grouping
    flow: Flow
    harms: Harms
    primary: Efficacy | None
    looks: tuple[InterimLook, ...]
    codes: Mapping[str, str] | None
    reference: str | None


def closed_session(
    snapshot: Mapping[str, pl.DataFrame],
    context: ReportContext,
    treatments: pl.DataFrame,
    *,
    labels: tuple[str, ...] = ("A", "B"),
    reference: str | None = None,
    codes: Mapping[str, str] | None = None,
) -> bytes:
    """The closed report as PDF.

    treatments: ``participant, arm`` for everybody randomized, ``arm`` the label as printed.
    labels: every label of the trial in order, so that an arm with nobody still has its column.
    reference: the label that others are compared with; without it no direction is claimed.
    codes: label → the protocol's code of the arm, to score guesses; never printed.
    """
    if len(set(labels)) < 2:
        raise NoArmLabels("A closed report compares arms: name at least two labels.")
    frames = common.all_frames(snapshot, context, "unblinded", treatments)
    closed = _gathered(frames, context, by_arm(labels), codes, reference)
    number = Numbering()
    story = [
        *_first_page(closed),
        *_flow(number, closed),
        *_harms(number, closed),
        *_infusions(number, closed),
        *_efficacy(number, closed),
        *_blinding(number, closed),
        *common.provenance(context, METHODS),
    ]
    return build_document(story, MARKING, context)


def _gathered(
    frames: Frames, context: ReportContext, grouping: Grouping, codes: Mapping[str, str] | None, reference: str | None
) -> _Closed:
    plan = context.plan
    primary = None
    if context.look is not None:
        primary = efficacy(frames, plan, grouping, plan.primary_domain, plan.primary_visit, reference=reference)
    return _Closed(
        frames=frames,
        context=context,
        grouping=grouping,
        flow=participant_flow(frames, plan, grouping),
        harms=harms(frames, plan, grouping, reference=reference),
        primary=primary,
        looks=interim_looks(primary, context, oriented=reference is not None) if primary else (),
        codes=codes,
        reference=reference,
    )


def _first_page(closed: _Closed) -> list[Any]:
    context = closed.context
    safety = common.safety_headline(closed.frames)
    expected = expected_on(context.expected_enrolment, context.cut_off_at.date())
    overall = harms_table("Summary", "Harms by arm", closed.harms, closed.harms.overall)
    return [
        *common.masthead(context, "Closed session report"),
        *_where_it_stands(closed),
        tiles(_figures(closed, safety)),
        *common.asked(context, QUESTIONS),
        Heading("Safety by arm"),
        *table(_without_grades(overall)),
        Heading("Enrolment"),
        *bullets((common.enrolment_sentence(closed.flow.randomized, context.planned_participants, expected),)),
        *common.actions(context),
        PageBreak(),
    ]


def _where_it_stands(closed: _Closed) -> list[Any]:
    if closed.context.look is None:
        return [callout("No efficacy look at this meeting", ["This is a safety review. Efficacy is not shown."])]
    if not closed.looks:
        return [callout("The protocol plans no interim look", ["Efficacy is shown without bounds."])]
    found = []
    for look in closed.looks:
        title = f"Look {closed.context.look}: primary comparison, {look.arm} − {look.reference}"
        lines = [look.decision]
        result = look.result
        if look.oriented and result is not None and result.conditional_power_design is not None:
            lines.append(
                f"Chance of crossing an efficacy bound later: {100 * result.conditional_power_design:.0f} % under the"
                f" design's effect, {100 * (result.conditional_power_observed or 0):.0f} % under the effect seen so far."
            )
        found.append(callout(title, lines, strong=look.crossed != "none"))
    return found


def _figures(closed: _Closed, safety: common.SafetyHeadline) -> list[tuple[str, str]]:
    planned = closed.context.planned_participants
    facts = [
        (f"{closed.flow.randomized} / {planned}" if planned else str(closed.flow.randomized), "randomized / planned"),
        (str(safety.treated), "started treatment (safety set)"),
        (str(safety.serious_people), "with a serious adverse event"),
        (str(safety.deaths), "deaths"),
    ]
    if closed.looks:
        facts.append((f"{100 * closed.looks[0].fraction:.0f} %", "of the planned information"))
    return facts


def _without_grades(of: Table) -> Table:
    """The overall table without its grade columns, so that a first page can be read at a glance."""
    keep = [i for i, column in enumerate(of.columns) if not column.heading.startswith(("Worst", "Serious", "Related"))]
    rows = tuple(type(row)(tuple(row.cells[i] for i in keep), row.kind) for row in of.rows)
    columns = tuple(of.columns[i] for i in keep)
    return Table(of.number, of.title, columns, rows, of.footnotes[:2], empty=of.empty)


def _flow(number: Numbering, closed: _Closed) -> list[Any]:
    frames, plan, grouping = closed.frames, closed.context.plan, closed.grouping
    states = completeness.score_states(frames, plan, grouping)
    return [
        Heading("Participant flow and conduct by arm"),
        *figure(number.figure(), flow_picture(closed.flow)),
        *table(baseline_page(number.table(), baseline_table(frames, plan, grouping))),
        *table(conduct.doses_table(number.table(), completeness.doses(frames, plan, grouping))),
        *table(conduct.completeness_table(number.table(), states)),
        *wide_pages(table(conduct.visits_table(number.table(), completeness.visit_states(frames, grouping)), WIDE)),
    ]


def _harms(number: Numbering, closed: _Closed) -> list[Any]:
    found, adae = closed.harms, closed.frames["ADAE"]
    wide = [
        *table(harms_table(number.table(), "Adverse events by arm, overall", found, found.overall), WIDE),
        *table(special_interest_table(number.table(), found), WIDE),
        *table(
            harms_table(
                number.table(), "Adverse events by arm, organ class and term", found, found.terms, by_class=True
            ),
            WIDE,
        ),
    ]
    forests = [figure(number.figure(), forest_picture(found, comparison=i)) for i in range(len(found.compared))]
    return [
        Heading("Harms by arm"),
        text("Points to the right of the line: more participants in the first arm."),
        *(part for forest in forests for part in forest),
        *table(serious_listing(number.listing(), adae, closed.grouping, withhold_special=False)),
        *table(deaths_listing(number.listing(), closed.frames["ADSL"], closed.grouping)),
        *wide_pages(wide),
    ]


def _infusions(number: Numbering, closed: _Closed) -> list[Any]:
    readings = closed.frames["ADINF"].filter(yes("SAFFL"))
    if not readings.height:
        return []
    measures = tuple(sorted(set(readings["PARAMCD"].to_list())))
    story: list[Any] = [Heading("Readings during infusions by arm")]
    for measure in (m for m in ("SYSBP", "DIABP", "CADSS", "DISSOCIA") if m in measures):
        drawn = courses(closed.frames, closed.grouping, (measure,))
        unit = drawn[0].unit if drawn else ""
        label = _measure_title(drawn[0].label) if drawn else measure
        story += figure(number.figure(), course_picture(drawn, f"{label} during infusions", unit))
    changes = largest_changes(closed.frames, closed.grouping, measures)
    return [*story, *table(outcomes.infusion_changes_table(number.table(), changes))]


def _measure_title(label: str) -> str:
    return label.upper() if " " not in label and len(label) <= 6 else label.capitalize()


def _efficacy(number: Numbering, closed: _Closed) -> list[Any]:
    primary, plan = closed.primary, closed.context.plan
    if primary is None:
        return []
    story: list[Any] = [Heading("Interim efficacy by arm"), *table(outcomes.efficacy_table(number.table(), primary))]
    for look in closed.looks:
        if plan.looks is None:
            continue
        story += figure(number.figure(), bounds_picture(look))
        story += table(outcomes.bounds_table(number.table(), look, plan.looks))
        if look.oriented:
            story += table(outcomes.conditional_power_table(number.table(), look, plan.looks))
    others = [scale.domain for scale in plan.scales if scale.domain != plan.primary_domain]
    results = tuple(
        efficacy(closed.frames, plan, closed.grouping, domain, plan.primary_visit, reference=closed.reference)
        for domain in others
    )
    return [*story, *table(outcomes.scales_table(number.table(), results))]


def _blinding(number: Numbering, closed: _Closed) -> list[Any]:
    if not closed.frames["ADGUESS"].height:
        return []
    found = blinding(closed.frames, closed.grouping, closed.codes)
    return [Heading("Blinding"), *table(outcomes.blinding_table(number.table(), found))]
