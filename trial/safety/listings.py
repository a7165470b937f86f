"""The listing of the sponsor's safety database: a CSV file of documented columns, read and compared field by field.

Invariants
1. A listing has exactly the documented columns. Another one is refused, so that a column that tells a treatment cannot come
   in by mistake.
2. Each case stands there once, by participant and event number.
3. A comparison says what differs and never which side is right.

Pure: text and facts in, rows and differences out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from trial.errors import InvalidInput

KEY: Final = ("participant", "event")
YES_NO: Final = (
    "serious",
    "death",
    "life_threatening",
    "hospitalization",
    "disability",
    "congenital_anomaly",
    "medically_important",
    "expected",
    "susar",
)
COMPARED: Final = (
    "term",
    "onset",
    *YES_NO[:7],
    "outcome",
    "causality_investigator",
    "causality_sponsor",
    *YES_NO[7:],
    "received_on",
)
COLUMNS: Final = (*KEY, "safety_case", *COMPARED)
"""Of the file, in any order. ``safety_case`` is the number of the case in the safety database; it is shown, not compared."""
PRESENT: Final = "case"
MOST_ROWS: Final = 20_000


class ListingUnreadable(InvalidInput):
    code = "reconciliation.listing_unreadable"


@dataclass(frozen=True, slots=True)
class Found:
    """One difference: ``ours`` and ``theirs`` as text; empty where a side has nothing."""

    participant: str
    event: int
    field: str
    ours: str
    theirs: str


Facts = Mapping[tuple[str, int], Mapping[str, str]]
"""The compared fields of each case, as text, by participant and event number."""


def read_listing(text: str) -> dict[tuple[str, int], dict[str, str]]:
    """The rows of a listing. Raises ``ListingUnreadable`` with the line and the remedy."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        _check_columns(reader.fieldnames or ())
        return _rows(reader)
    except csv.Error:
        raise ListingUnreadable(
            f"Line {reader.line_num} is not well-formed CSV. Quote texts that hold a comma, a quote or a line break."
        ) from None


def _check_columns(names: Iterable[str]) -> None:
    given = [name.strip() for name in names]
    missing = [name for name in COLUMNS if name not in given]
    unknown = [name for name in given if name not in COLUMNS]
    if missing:
        raise ListingUnreadable(f"The listing lacks the column {missing[0]}. The columns are: {', '.join(COLUMNS)}.")
    if unknown:
        raise ListingUnreadable(
            f"The listing has a column {unknown[0][:40]!r} that is not documented. Leave it out; never send a treatment."
        )
    if len(set(given)) != len(given):
        raise ListingUnreadable("A column stands there twice. Give each once.")


def _rows(reader: csv.DictReader[str]) -> dict[tuple[str, int], dict[str, str]]:
    found: dict[tuple[str, int], dict[str, str]] = {}
    for row in reader:
        if None in row or None in row.values():
            raise ListingUnreadable(f"Line {reader.line_num} has another number of fields than the header.")
        clean = {name.strip(): value.strip() for name, value in row.items()}
        key = _key(clean, reader.line_num)
        if key in found:
            raise ListingUnreadable(f"{key[0]} event {key[1]} stands there twice. Give each case once.")
        if len(found) >= MOST_ROWS:
            raise ListingUnreadable(f"A listing holds at most {MOST_ROWS} cases. Send it in parts.")
        found[key] = {name: _normal(name, clean[name], reader.line_num) for name in ("safety_case", *COMPARED)}
    return found


def _key(row: Mapping[str, str], line: int) -> tuple[str, int]:
    if not row["participant"] or not re.fullmatch(r"[0-9]{1,6}", row["event"]):
        raise ListingUnreadable(f"Line {line} needs the participant's code and the number of the event.")
    return row["participant"], int(row["event"])


def _normal(name: str, value: str, line: int) -> str:
    if name in YES_NO and value not in ("", "Y", "N"):
        raise ListingUnreadable(f"Line {line}: {name} is Y, N or empty.")
    if name in ("onset", "received_on"):
        if not re.fullmatch(r"|\d{4}(-\d{2}(-\d{2})?)?", value):
            raise ListingUnreadable(f"Line {line}: {name} is a date such as 2026-03-02, or as much of it as is known.")
        return value
    return value[:400]


def compare(ours: Facts, theirs: Facts) -> list[Found]:
    """Every difference, by participant, event and field."""
    return [found for key in sorted({*ours, *theirs}) for found in _case(key, ours.get(key), theirs.get(key))]


def _case(key: tuple[str, int], ours: Mapping[str, str] | None, theirs: Mapping[str, str] | None) -> Iterator[Found]:
    if ours is None or theirs is None:
        yield Found(*key, PRESENT, "recorded" if ours is not None else "", "recorded" if theirs is not None else "")
        return
    for name in COMPARED:
        if not _agree(ours[name], theirs[name]):
            yield Found(*key, name, ours[name], theirs[name])


def _agree(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def as_csv(facts: Facts) -> str:
    """Our own side in the documented columns: what a safety database would send if both agreed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for (participant, event), row in sorted(facts.items()):
        writer.writerow({"participant": participant, "event": event, "safety_case": "", **row})
    return out.getvalue()
