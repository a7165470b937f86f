"""What the board's two reports share: frames, the first page's parts, and the last page on where figures come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from reportlab.lib.colors import HexColor
from reportlab.platypus import Spacer

from reports.analyses.groups import Frames, yes
from reports.appearance import AMBER
from reports.context import ReportContext
from reports.datasets.manifest import iso_instant
from reports.datasets.package import build_frames
from reports.datasets.shapes import TreatmentMode
from reports.documents.blocks import Heading, bullets, text
from reports.documents.typography import BOLD, SUBTITLE_STYLE, TITLE_STYLE, style
from reports.tables.words import day, instant, plural


@dataclass(frozen=True)
class SafetyHeadline:
    """The safety of everybody treated, in the few figures that a first page needs."""

    treated: int
    serious_people: int
    serious_events: int
    deaths: int
    stopped_for_event: int


def all_frames(
    snapshot: Mapping[str, pl.DataFrame],
    context: ReportContext,
    mode: TreatmentMode,
    treatments: pl.DataFrame | None = None,
) -> Frames:
    """SDTM and ADaM in one mapping."""
    domains, analysis = build_frames(snapshot, context, mode, treatments)
    return {**domains, **analysis}


def safety_headline(frames: Frames) -> SafetyHeadline:
    adsl = frames["ADSL"]
    serious = frames["ADAE"].filter(yes("AESER") & yes("TRTEMFL"))
    stopped = adsl.filter(yes("SAFFL") & pl.col("DCTREAS").is_in(["ADVERSE EVENT", "SERIOUS ADVERSE EVENT"]))
    return SafetyHeadline(
        treated=adsl.filter(yes("SAFFL")).height,
        serious_people=serious["USUBJID"].n_unique(),
        serious_events=serious.height,
        deaths=adsl.filter(yes("RANDFL") & yes("DTHFL")).height,
        stopped_for_event=stopped.height,
    )


def masthead(context: ReportContext, title: str) -> list[Any]:
    """The top of the first page."""
    meeting = f"Meeting {context.meeting}" if context.meeting else "Between meetings"
    line = f"{meeting}  ·  data cut-off {instant(context.cut_off_at)}"
    warning = style("mark", fontName=BOLD, textColor=HexColor(AMBER), spaceAfter=6)
    notes = {
        "SIMULATED": "SIMULATED trial: invented participants. Nothing here is about a patient.",
        "PRACTICE": "PRACTICE: entries made for training.",
    }
    marked = [text(notes.get(context.mark, context.mark), warning)] if context.mark else []
    return [text(title, TITLE_STYLE), text(context.title, SUBTITLE_STYLE), text(line, SUBTITLE_STYLE), *marked]


def asked(context: ReportContext, default: tuple[str, ...]) -> list[Any]:
    """What the board is asked, first thing after the figures."""
    return [Heading("What the board is asked"), *bullets(context.questions or default)]


def actions(context: ReportContext) -> list[Any]:
    if not context.actions_since:
        return []
    return [Heading("Since the last meeting"), *bullets(context.actions_since)]


def enrolment_sentence(randomized: int, planned: int, expected: int | None) -> str:
    """Enrolment in one sentence."""
    of_plan = f"{100 * randomized / planned:.0f} % of the {planned} planned" if planned else "no number was planned"
    sentence = f"{plural(randomized, 'participant')} randomized ({of_plan})"
    if expected is None:
        return sentence + "."
    ahead = randomized - expected
    gap = "as expected" if ahead == 0 else f"{abs(ahead)} {'more' if ahead > 0 else 'fewer'} than expected by now"
    return f"{sentence}, {gap}."


def provenance(context: ReportContext, methods: tuple[str, ...]) -> list[Any]:
    """The last part: methods, and where every figure comes from."""
    return [
        Heading("Methods and provenance"),
        *bullets(methods),
        Spacer(1, 4),
        *bullets(
            (
                f"Every figure is computed from one frozen snapshot, {context.snapshot_hash}.",
                (
                    f"Data cut-off {iso_instant(context.cut_off_at)}; report built {iso_instant(context.built_at)}"
                    f" by Equipoise {context.code_version}. The same snapshot gives the same bytes."
                ),
                f"Audit anchor: {context.anchor}.",
                (
                    f"Protocol versions in force at a site: {', '.join(context.protocol_versions) or 'none'}."
                    f" Dates are the sites' own calendar dates; {day(context.cut_off_at.date())} is in UTC."
                ),
            )
        ),
    ]
