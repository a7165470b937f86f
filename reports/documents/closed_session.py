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
from reportlab.platypus import PageBreak, Spacer

from reports.analyses import completeness
from reports.analyses.baseline import baseline_table
from reports.analyses.blinding import blinding
from reports.analyses.disposition import Flow, participant_flow
from reports.analyses.efficacy import Efficacy, efficacy, primary_sensitivity
from reports.analyses.enrolment import expected_on
from reports.analyses.groups import Frames, Grouping, by_arm, yes
from reports.analyses.harms import Harms, harms
from reports.analyses.infusions import courses, largest_changes
from reports.analyses.interim import InterimLook, interim_looks
from reports.analyses.stopping import RuleState, harm_rule_states
from reports.analyses.subgroups import primary_subgroups
from reports.context import ReportContext
from reports.documents import common
from reports.documents.blocks import (
    Heading,
    Numbering,
    bullets,
    callout,
    figure,
    section,
    small_picture,
    table,
    tiles,
)
from reports.documents.harms import harms_by_arm
from reports.documents.page import Marking, board_imprint, build_document
from reports.figures.bounds import bounds_picture
from reports.figures.course import course_picture
from reports.figures.flow import flow_picture
from reports.figures.subgroups import subgroup_picture
from reports.tables import conduct, outcomes
from reports.tables.baseline import baseline_page
from reports.tables.harms import harms_table
from reports.tables.model import Table
from reports.tables.statements import look_statements
from reports.tables.words import chance
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


FIRST_PAGE_FIGURE_MM = 50.0
MOST_ARMS_WITH_EVENTS = 2  # on the first page
# Blood pressure and dissociation, by whichever of its names the protocol gives it.
DRAWN_MEASURES = ("SYSBP", "DIABP", "CADSS", "DISSOCIA")


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
    rules: tuple[RuleState, ...]
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
        *harms_by_arm(number, closed.frames, context.plan, closed.grouping, closed.harms, closed.rules),
        *_infusions(number, closed),
        *_efficacy(number, closed),
        *_blinding(number, closed),
        *common.provenance(context, METHODS),
    ]
    return build_document(story, MARKING, board_imprint(context))


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
        rules=harm_rule_states(frames, plan, grouping),
        looks=interim_looks(primary, context, oriented=reference is not None) if primary else (),
        codes=codes,
        reference=reference,
    )


def _first_page(closed: _Closed) -> list[Any]:
    context = closed.context
    safety = common.safety_headline(closed.frames)
    expected = expected_on(context.expected_enrolment, context.cut_off_at.date())
    overall = harms_table("Summary", "Harms by arm", closed.harms, closed.harms.overall, with_effects=True)
    return [
        *common.masthead(context, "Closed session report"),
        *_where_it_stands(closed),
        *_bounds_on_harm(closed),
        Spacer(1, 8),
        tiles(_figures(closed, safety)),
        *common.asked(context, QUESTIONS),
        Heading("Safety by arm"),
        *table(_at_a_glance(overall, len(closed.grouping.labels))),
        *bullets((common.enrolment_sentence(closed.flow.randomized, context.planned_participants, expected),)),
        *common.actions(context),
        *_small_bounds(closed),
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
                f"Chance of crossing an efficacy bound later: {chance(result.conditional_power_design)} under the"
                f" design's effect, {chance(result.conditional_power_observed)} under the effect seen so far."
            )
        found.append(
            callout(
                title,
                lines,
                strong=look.crossed == "efficacy" or (look.crossed == "futility" and not (result and result.final)),
            )
        )
    return found


def _small_bounds(closed: _Closed) -> list[Any]:
    if not closed.looks:
        return []
    return [small_picture("Where the trial stands", bounds_picture(closed.looks[0], FIRST_PAGE_FIGURE_MM))]


def _bounds_on_harm(closed: _Closed) -> list[Any]:
    """A call-out when a bound on harm is reached; one sentence when none is."""
    if not closed.rules:
        return []
    reached = [s for s in closed.rules if s.reached]
    if not reached:
        return [Spacer(1, 5), *bullets(("No bound on harm has been reached.",))]
    lines = [f"{s.rule.text} ({'all arms' if s.group == 'all' else 'arm ' + s.group})." for s in reached]
    return [Spacer(1, 5), callout("A bound on harm has been reached", lines, strong=True)]


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


def _at_a_glance(of: Table, arms: int) -> Table:
    """The overall table without rates, grades and parts, so that a first page can be read at a glance."""
    left_out = ("per", "Worst", "Serious", "Related", *(["Events"] if arms > MOST_ARMS_WITH_EVENTS else []))
    keep = [i for i, column in enumerate(of.columns) if not column.heading.startswith(left_out)]
    rows = tuple(type(row)(tuple(row.cells[i] for i in keep), row.kind) for row in of.rows)
    columns = tuple(of.columns[i] for i in keep)
    return Table(of.number, of.title, columns, rows, (of.footnotes[0], of.footnotes[-1]), empty=of.empty)


def _flow(number: Numbering, closed: _Closed) -> list[Any]:
    frames, plan, grouping = closed.frames, closed.context.plan, closed.grouping
    states = completeness.score_states(frames, plan, grouping)
    return section(
        "Participant flow and conduct by arm",
        figure(number.figure(), flow_picture(closed.flow)),
        table(baseline_page(number.table(), baseline_table(frames, plan, grouping))),
        table(conduct.doses_table(number.table(), completeness.doses(frames, plan, grouping))),
        table(conduct.visits_table(number.table(), completeness.visit_states(frames, grouping))),
        table(conduct.completeness_table(number.table(), states)),
    )


def _infusions(number: Numbering, closed: _Closed) -> list[Any]:
    readings = closed.frames["ADINF"].filter(yes("SAFFL"))
    if not readings.height:
        return []
    measures = tuple(sorted(set(readings["PARAMCD"].to_list())))
    drawn = [courses(closed.frames, closed.grouping, (m,)) for m in DRAWN_MEASURES if m in measures]
    figures = [
        figure(number.figure(), course_picture(one, f"{_measure_title(one[0].label)} during infusions", one[0].unit))
        for one in drawn
        if one
    ]
    changes = largest_changes(closed.frames, closed.grouping, measures)
    return section(
        "Readings during infusions by arm",
        *figures,
        table(outcomes.infusion_changes_table(number.table(), changes)),
    )


def _measure_title(label: str) -> str:
    return label.upper() if " " not in label and len(label) <= 6 else label.capitalize()


def _efficacy(number: Numbering, closed: _Closed) -> list[Any]:
    primary, plan = closed.primary, closed.context.plan
    if primary is None:
        return []
    blocks = [table(outcomes.efficacy_table(number.table(), primary))]
    fit = primary.model.by_visit if primary.model else None
    if fit is not None:
        blocks.append(table(outcomes.visits_table(number.table(), primary, fit)))
    if closed.reference is not None and any(look.result and look.result.final for look in closed.looks):
        rows = primary_sensitivity(
            closed.frames,
            plan,
            closed.grouping,
            reference=closed.reference,
            snapshot_hash=closed.context.snapshot_hash,
        )
        blocks += [table(outcomes.sensitivity_table(number.table(), primary, rows))] if rows else []
        blocks += _subgroups(number, closed, primary, closed.reference)
    for look in closed.looks:
        if plan.looks is None:
            continue
        blocks.append(figure(number.figure(), bounds_picture(look)))
        blocks.append(table(outcomes.bounds_table(number.table(), look, plan.looks)))
        said = look_statements(look)
        if said:
            title = f"What is known at look {closed.context.look}: {look.arm} over {look.reference}"
            blocks.append([callout(title, list(said)), Spacer(1, 6)])
        if look.oriented:
            blocks.append(table(outcomes.conditional_power_table(number.table(), look, plan.looks)))
    others = [scale.domain for scale in plan.scales if scale.domain != plan.primary_domain]
    results = tuple(
        efficacy(closed.frames, plan, closed.grouping, domain, plan.primary_visit, reference=closed.reference)
        for domain in others
    )
    blocks.append(table(outcomes.scales_table(number.table(), results)))
    return section("Interim efficacy by arm", *blocks)


def _subgroups(number: Numbering, closed: _Closed, primary: Efficacy, reference: str) -> list[list[Any]]:
    """A forest for each comparison, where the protocol names subgroups."""
    if not closed.context.plan.subgroups:
        return []
    found = primary_subgroups(closed.frames, closed.context.plan, closed.grouping, reference=reference)
    told = [f"Subgroups that the datasets cannot show: {', '.join(found.left_out)}."] if found.left_out else []
    if found.forest is None:
        return [bullets((f"The comparison within subgroups could not be made: {found.problem}", *told))]
    scale, arms = primary.scale, [arm for arm, _ in primary.compared]
    pictures = [
        subgroup_picture(found.forest, arm, unit=scale.unit or "points", higher_is_better=scale.higher_is_better)
        for arm in arms
    ]
    return [*(figure(number.figure(), picture) for picture in pictures), *([bullets(told)] if told else [])]


def _blinding(number: Numbering, closed: _Closed) -> list[Any]:
    if not closed.frames["ADGUESS"].height:
        return []
    found = blinding(closed.frames, closed.grouping, closed.codes)
    return section("Blinding", table(outcomes.blinding_table(number.table(), found)))
