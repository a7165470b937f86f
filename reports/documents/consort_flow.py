"""The CONSORT flow diagram as a document of one page: pooled, or by arm where a frame of arms is given."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from reports.analyses.disposition import participant_flow
from reports.analyses.groups import by_arm, pooled
from reports.context import ReportContext
from reports.documents import common
from reports.documents.blocks import Numbering, figure, table
from reports.documents.page import Marking, board_imprint, build_document
from reports.figures.flow import flow_picture
from reports.tables.conduct import flow_table


def consort_flow(
    snapshot: Mapping[str, pl.DataFrame],
    context: ReportContext,
    treatments: pl.DataFrame | None = None,
    *,
    labels: tuple[str, ...] = (),
) -> bytes:
    """The diagram and its figures. With ``treatments`` it shows arms and is marked closed."""
    shown = treatments is not None
    frames = common.all_frames(snapshot, context, "unblinded" if shown else "naive", treatments)
    grouping = pooled()
    if treatments is not None:
        grouping = by_arm(labels or tuple(sorted(set(treatments["arm"].to_list()))))
    flow = participant_flow(frames, context.plan, grouping)
    number = Numbering()
    story = [*figure(number.figure(), flow_picture(flow)), *table(flow_table(number.table(), flow))]
    marking = Marking(
        title="CONSORT flow diagram",
        session="CLOSED SESSION" if shown else "",
        confidential="Shows arms." if shown else "Pooled; no arm is shown.",
    )
    return build_document(story, marking, board_imprint(context))
