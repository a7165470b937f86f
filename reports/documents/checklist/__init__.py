"""The reporting checklist: every item of CONSORT 2025, CONSORT Harms 2022 and SPIRIT 2025, filled as far as the system knows.

Purpose: what an author would otherwise look for in ten places stands beside the item that asks for it; and what only an
author can write is named as such.

Invariants
1. Every item of the reference table has one row, in its order; items are in our own words.
2. An item is filled from the trial's protocol and frozen data, or says where an author must write.
3. Without treatments the document is blinded: pooled, no result of efficacy, nothing of special interest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reports.analyses.groups import by_arm, pooled
from reports.context import ReportContext
from reports.documents import common
from reports.documents.blocks import bullets, section, table, text
from reports.documents.checklist.facts import Facts, RoleHolder, VersionFact
from reports.documents.checklist.fillers import FILLERS
from reports.documents.page import Marking, board_imprint, build_document
from reports.documents.typography import SUBTITLE_STYLE, TITLE_STYLE
from reports.tables.model import Column, Row, Table
from reports.tables.words import instant
from trial.protocol.schema import Protocol
from trial.reference import ReportingItem, reporting_items

__all__ = ["Facts", "FilledItem", "RoleHolder", "VersionFact", "checklist_facts", "filled_items", "reporting_checklist"]

GUIDELINES: Final = ("CONSORT 2025", "CONSORT Harms 2022", "SPIRIT 2025")
WORDS: Final = {"A": "System", "P": "System and authors", "M": "Authors"}
PLACES: Final = {
    "Title & abstract": "in the title and the abstract",
    "Administrative": "on the protocol's first pages",
    "Open science": "in the section on open science",
    "Introduction": "in the introduction",
    "Methods": "in the methods",
    "Results": "in the results",
    "Discussion": "in the discussion",
    "Ethics": "in the section on ethics",
}
HARMS_PLACES: Final = {
    "1b": "in the abstract",
    "20": "in the discussion, with the limitations",
    "22": "in the discussion",
}


@dataclass(frozen=True)
class FilledItem:
    """One item with what the system knows of it, and where an author must write; either may be empty."""

    item: ReportingItem
    known: str
    pointer: str


def checklist_facts(
    protocol: Protocol,
    context: ReportContext,
    snapshot: Any,
    *,
    people: tuple[RoleHolder, ...] = (),
    seats: tuple[tuple[str, str], ...] = (),
    versions: tuple[VersionFact, ...] = (),
    treatments: Any = None,
    reference: str | None = None,
) -> Facts:
    """The facts of a snapshot. With ``treatments`` (participant, arm) the checklist tells results by arm."""
    shown = treatments is not None
    frames = common.all_frames(snapshot, context, "unblinded" if shown else "naive", treatments)
    grouping = by_arm(tuple(sorted(set(treatments["arm"].to_list())))) if shown else pooled()
    return Facts(protocol, context, snapshot, frames, grouping, people, seats, versions, reference)


def filled_items(facts: Facts) -> tuple[FilledItem, ...]:
    """Every item in the order of the guidelines."""
    return tuple(_filled(item, facts) for guideline in GUIDELINES for item in reporting_items(guideline))


def _filled(item: ReportingItem, facts: Facts) -> FilledItem:
    filler = FILLERS.get((item.guideline, item.item))
    known = filler(facts) if filler else ""
    return FilledItem(item, known, "" if item.filled_by == "A" else _pointer(item))


def _pointer(item: ReportingItem) -> str:
    place = HARMS_PLACES.get(item.item) if item.guideline == "CONSORT Harms 2022" else None
    where = place or PLACES.get(item.section, "in the text")
    return f"Authors write the rest {where}." if item.filled_by == "P" else f"Authors write this {where}."


def reporting_checklist(facts: Facts) -> bytes:
    """The checklist as PDF."""
    filled = filled_items(facts)
    story: list[Any] = [
        text("Reporting checklist", TITLE_STYLE),
        text(facts.context.title, SUBTITLE_STYLE),
        text(f"Data cut-off {instant(facts.context.cut_off_at)}", SUBTITLE_STYLE),
        *bullets(_preface(facts, filled)),
    ]
    for guideline in GUIDELINES:
        mine = [one for one in filled if one.item.guideline == guideline]
        story += section(f"{guideline}: {len(mine)} items", table(_table(guideline, mine)))
    marking = Marking(
        title="Reporting checklist",
        session="CLOSED SESSION" if facts.shows_arms else "",
        confidential="Shows results by arm." if facts.shows_arms else "Pooled; no arm is shown.",
    )
    return build_document(story, marking, board_imprint(facts.context))


def _preface(facts: Facts, filled: tuple[FilledItem, ...]) -> tuple[str, ...]:
    counts = {code: sum(one.item.filled_by == code for one in filled) for code in WORDS}
    return (
        (
            f"{len(filled)} items: {counts['A']} filled by the system, {counts['P']} filled in part, {counts['M']} for the"
            " authors. Items are in our own words; the guidelines themselves are what a journal asks for."
        ),
        f"Filled from the protocol in force and snapshot {facts.context.snapshot_short}.",
    )


def _table(guideline: str, filled: list[FilledItem]) -> Table:
    rows = tuple(
        Row(
            (
                one.item.item,
                one.item.text,
                " ".join(part for part in (one.known, one.pointer) if part),
                WORDS[one.item.filled_by],
            )
        )
        for one in filled
    )
    columns = (
        Column("Item", 0.5, "left"),
        Column("What it asks for", 2.6, "left"),
        Column("Here", 6.2, "left"),
        Column("Filled by", 1.0, "left"),
    )
    return Table("Checklist", guideline, columns, rows)
