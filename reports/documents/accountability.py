"""The accountability log of a site's kits on paper: numbers, dates, counts and people's codes; no arm and no lot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from reportlab.platypus import Spacer

from reports.documents.blocks import bullets, section, table, text, tiles
from reports.documents.page import Imprint, Marking, build_document
from reports.documents.typography import NOTE_STYLE, SUBTITLE_STYLE, TITLE_STYLE, register_fonts
from reports.tables.model import Column, Row, Table
from reports.tables.words import UNKNOWN, day, instant

_WITHOUT_KITS = "This trial has no numbered kits: the unblinded pharmacist prepares each dose from its worksheet."
_NOTE = "Numbers are random. This log tells nothing of what a kit holds, and neither does its order."


@dataclass(frozen=True)
class KitLine:
    number: str
    shipment: int
    use_by: date
    status: str
    received: str
    participant: str
    visit: str
    handed_out: str
    returned: str
    units: str
    ended: str


@dataclass(frozen=True)
class PreparationLine:
    """One dose as everybody at the site may see it: times and people, never what it was drawn from."""

    participant: str
    infusion: int
    prepared: str
    prepared_by: str
    lot: str
    checked: str
    checked_by: str
    taken: str


@dataclass(frozen=True)
class AccountabilityFacts:
    """``kind`` is real, practice or simulated; ``events`` are counts, excursions and destructions, a sentence each.

    ``preparations`` stands in place of ``kits`` where the pharmacist prepares without: ``None`` where there are kits.
    """

    trial: str
    title: str
    kind: str
    site: str
    as_of: datetime
    totals: tuple[tuple[str, int], ...]
    kits: tuple[KitLine, ...]
    events: tuple[tuple[str, tuple[str, ...]], ...]
    preparations: tuple[PreparationLine, ...] | None = None


def accountability_log(facts: AccountabilityFacts) -> bytes:
    """Wide pages to file with the site's pharmacy records."""
    register_fonts()
    story: list[Any] = [
        text("Kit accountability log", TITLE_STYLE),
        text(f"{facts.title}. Site {facts.site}.", SUBTITLE_STYLE),
    ]
    if facts.totals:
        story += [tiles([(str(count), name) for name, count in facts.totals]), Spacer(1, 4)]
    checked = [text("Checked by ____________________   Date ____________", NOTE_STYLE)]
    if facts.preparations is not None:
        story.append(text(_WITHOUT_KITS))
        story += section("Preparations", table(_preparations(facts.preparations)), checked)
    else:
        for title, sentences in facts.events:
            story += section(title, bullets(sentences) if sentences else [text("None.")])
        story += section("Kits", table(_table(facts)), checked)
    mark = "" if facts.kind == "real" else facts.kind.upper()
    imprint = Imprint(facts.trial, mark, f"Site {facts.site}  ·  As recorded on {instant(facts.as_of)}")
    return build_document(story, Marking(title="Kit accountability log", confidential=_NOTE), imprint)


def _preparations(lines: tuple[PreparationLine, ...]) -> Table:
    columns = (
        Column("Participant", 1.0, "left"),
        Column("Infusion", 0.5),
        Column("Prepared", 1.2, "left"),
        Column("By", 1.2, "left"),
        Column("Lot", 0.8, "left"),
        Column("Checked", 1.2, "left"),
        Column("By", 1.2, "left"),
        Column("Taken", 1.2, "left"),
    )
    rows = tuple(
        Row(
            (
                one.participant,
                str(one.infusion),
                one.prepared,
                one.prepared_by,
                one.lot,
                one.checked or UNKNOWN,
                one.checked_by or UNKNOWN,
                one.taken or UNKNOWN,
            )
        )
        for one in lines
    )
    note = "Lots are kept under seal, on the worksheets. This log tells nothing of what was prepared."
    return Table(
        "Table 1", "Every dose that was prepared at the site", columns, rows, (note,), empty="Nothing was prepared yet."
    )


def _table(facts: AccountabilityFacts) -> Table:
    columns = (
        Column("Kit", 1.1, "left"),
        Column("Standing", 1.2, "left"),
        Column("Shipment", 0.6),
        Column("Received", 1.1, "left"),
        Column("Use by", 1.1, "left"),
        Column("Participant", 1.0, "left"),
        Column("Visit", 0.7, "left"),
        Column("Handed out", 1.1, "left"),
        Column("Returned", 1.1, "left"),
        Column("Units back", 0.6),
        Column("Left the site", 1.1, "left"),
    )
    rows = tuple(
        Row(
            (
                kit.number,
                kit.status,
                str(kit.shipment),
                kit.received,
                day(kit.use_by),
                kit.participant or UNKNOWN,
                kit.visit or UNKNOWN,
                kit.handed_out,
                kit.returned,
                kit.units or UNKNOWN,
                kit.ended,
            )
        )
        for kit in facts.kits
    )
    return Table(
        "Table 1", "Every kit that was sent to the site", columns, rows, (_NOTE,), empty="No kit was sent yet."
    )
