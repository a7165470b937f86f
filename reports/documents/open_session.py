"""The open session's report: conduct and pooled safety, for the board and the sponsor's people in the room.

Invariants
1. No arm, no comparison, no efficacy: the frames it is made from hold no treatment variable.
2. Events of special interest, scale totals and readings of infusions enter no table: pooled they can tell the arms.
3. The first page can be decided from: what is asked, enrolment, safety, what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from reportlab.platypus import PageBreak

from reports.analyses import completeness
from reports.analyses.baseline import baseline_table
from reports.analyses.disposition import Flow, participant_flow
from reports.analyses.enrolment import Enrolment, enrolment
from reports.analyses.groups import Frames, pooled
from reports.context import ReportContext
from reports.documents import common
from reports.documents.blocks import Heading, Numbering, bullets, figure, section, table, tiles
from reports.documents.harms import pooled_harms
from reports.documents.page import Marking, board_imprint, build_document
from reports.figures.enrolment import enrolment_picture
from reports.figures.flow import flow_picture
from reports.tables import conduct
from reports.tables.baseline import baseline_page
from reports.tables.words import plural

MARKING = Marking(
    title="Report to the data and safety monitoring board",
    session="OPEN SESSION",
    confidential="Confidential. Pooled figures only; no arm is shown.",
    subject="Open session: conduct and pooled safety",
)
QUESTIONS = (
    "Is conduct (enrolment, follow-up, completeness, deviations) good enough for the trial to answer its question?",
    "Does pooled safety give any reason to change what participants are told or how they are watched?",
    "After the closed session: continue, modify, pause or stop randomizing, dosing or follow-up?",
)
METHODS = (
    (
        "Pooled over arms. No efficacy is shown. Events of special interest, scale totals and readings of infusions are"
        " withheld here and stand by arm in the closed report."
    ),
    (
        "Safety set: everybody whose first dose was started. Treatment-emergent: onset at or after the first dose; an event"
        " whose partial date leaves this open is counted in."
    ),
    "A visit is expected once it was done, was recorded as missed, or its window has closed.",
)


def open_session(snapshot: Mapping[str, pl.DataFrame], context: ReportContext) -> bytes:
    """The open report as PDF. It takes no treatments, so it cannot show any."""
    frames = common.all_frames(snapshot, context, "naive")
    number = Numbering()
    course = enrolment(frames, snapshot["sites"], context)
    flow = participant_flow(frames, context.plan, pooled())
    story = [
        *_first_page(number, frames, context, course, flow),
        *_enrolment(number, course, snapshot),
        *_flow(number, flow, course),
        *_conduct(number, frames, context, flow),
        *pooled_harms(number, frames, context.plan),
        *common.provenance(context, METHODS),
    ]
    return build_document(story, MARKING, board_imprint(context))


def _first_page(number: Numbering, frames: Frames, context: ReportContext, course: Enrolment, flow: Flow) -> list[Any]:
    safety = common.safety_headline(frames)
    deviations = completeness.deviations(frames)
    important = sum(n for _, importance, _, n in deviations.rows if importance == "IMPORTANT")
    missing = _missing_primary(frames, context)
    return [
        *common.masthead(context, "Open session report"),
        tiles(
            [
                (
                    f"{course.randomized} / {course.planned}" if course.planned else str(course.randomized),
                    "randomized / planned",
                ),
                (str(safety.treated), "started treatment (safety set)"),
                (str(safety.serious_people), "with a serious adverse event"),
                (str(safety.deaths), "deaths"),
                (missing, "primary outcome missing, of those expected"),
            ]
        ),
        *common.asked(context, QUESTIONS),
        Heading("In short"),
        *bullets(
            (
                common.enrolment_sentence(course.randomized, course.planned, course.expected_by_now),
                f"{flow.assessed} assessed, {flow.excluded.total} excluded, {flow.in_screening} in screening.",
                (
                    f"{plural(safety.serious_events, 'serious adverse event')} in {plural(safety.serious_people, 'participant')};"
                    f" {plural(safety.deaths, 'death')}; {safety.stopped_for_event} stopped treatment for an adverse event."
                ),
                f"{plural(deviations.number, 'protocol deviation')}, {important} of them important.",
            )
        ),
        *common.actions(context),
        *figure(number.figure(), enrolment_picture(course)),
        PageBreak(),
    ]


def _missing_primary(frames: Frames, context: ReportContext) -> str:
    plan = context.plan
    label, visit = plan.scale(plan.primary_domain).label, plan.visit_label(plan.primary_visit)
    states = completeness.score_states(frames, plan, pooled())
    mine = [s for s in states if s.scale == label and s.visit == visit]
    return f"{mine[0].expected - mine[0].present} / {mine[0].expected}" if mine else "0 / 0"


def _enrolment(number: Numbering, course: Enrolment, snapshot: Mapping[str, pl.DataFrame]) -> list[Any]:
    return section(
        "Enrolment",
        table(conduct.sites_table(number.table(), course)),
        table(conduct.months_table(number.table(), course)),
        table(conduct.versions_table(number.table(), snapshot["adoptions"], snapshot["participants"])),
    )


def _flow(number: Numbering, flow: Flow, course: Enrolment) -> list[Any]:
    return section(
        "Participant flow",
        figure(number.figure(), flow_picture(flow)),
        table(conduct.exclusions_table(number.table(), course)),
    )


def _conduct(number: Numbering, frames: Frames, context: ReportContext, flow: Flow) -> list[Any]:
    plan, group = context.plan, pooled()
    return section(
        "Conduct and completeness",
        table(baseline_page(number.table(), baseline_table(frames, plan, group))),
        table(conduct.doses_table(number.table(), completeness.doses(frames, plan, group))),
        table(conduct.visits_table(number.table(), completeness.visit_states(frames, group))),
        table(conduct.completeness_table(number.table(), completeness.score_states(frames, plan, group))),
        table(conduct.deviations_table(number.table(), completeness.deviations(frames), flow.randomized)),
    )
