"""An allocation list made elsewhere, as a CSV file in the form that REDCap's users make.

One row a slot, in the order in which slots are used within their stratum. Columns, in any order:

    redcap_randomization_group   the arm's code (also ``arm``, or any one column that is left over)
    redcap_data_access_group     the site's code, where the site is a factor (also ``site``)
    one column a factor          named as the factor, with the level's code
    redcap_randomization_number  allowed and not used: numbers here count the trial's participants

Codes that differ from the protocol's (REDCap writes 1, 2, …) are translated by ``codes``: column, code there, code here.

Invariants
1. Everything that is wrong is told at once, by line and column; a wrong file gives no list.
2. Every stratum of the design has at least one slot, and no row belongs to none.
3. No message holds an arm of a good row: only what is not a code of an arm is quoted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from randomization.lists.designs import MOST_SLOTS, Factor, ListDesign, made, strata_of, stratum_key
from randomization.schemes import UploadedList
from trial.errors import InvalidInput

ARM_COLUMNS: Final = ("redcap_randomization_group", "arm")
SITE_COLUMNS: Final = ("redcap_data_access_group", "site")
NUMBER_COLUMN: Final = "redcap_randomization_number"
SITE: Final = "site"
MOST_TEXT: Final = 64 * 1024 * 1024
_MOST_TOLD: Final = 20

Codes = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class UploadProblem:
    """One thing that is wrong with the file, and where; line 1 holds the names of the columns."""

    line: int
    column: str
    sentence: str

    def __str__(self) -> str:
        return (
            f"line {self.line}, {self.column}: {self.sentence}" if self.column else f"line {self.line}: {self.sentence}"
        )


class UploadedListInvalid(InvalidInput):
    """The file is no allocation list of this trial. ``problems`` says all that is wrong."""

    code = "list.upload_invalid"

    def __init__(self, problems: Iterable[UploadProblem]) -> None:
        self.problems = tuple(problems)
        told = "; ".join(str(problem) for problem in self.problems[:_MOST_TOLD])
        more = f"; and {len(self.problems) - _MOST_TOLD} more" if len(self.problems) > _MOST_TOLD else ""
        super().__init__(f"The uploaded list cannot be used until this is corrected: {told}{more}.")

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems,))


@dataclass(frozen=True)
class _Columns:
    """Where in a row each thing stands."""

    arm: int
    factors: tuple[int, ...]
    names: tuple[str, ...] = field(repr=False)


def read_uploaded_list(
    text: str, arms: Sequence[str], ratio: Sequence[int], factors: Sequence[Factor], codes: Codes | None = None
) -> ListDesign:
    """The design that holds the uploaded list. Raises ``UploadedListInvalid``, ``ListDesignInvalid``."""
    rows = _rows(text)
    columns = _columns(rows[0][1], factors)
    slots: dict[str, list[int]] = {}
    problems: list[UploadProblem] = []
    for line, row in rows[1:]:
        found = list(_problems_of(line, row, columns, arms, factors, codes or {}))
        problems += found
        if not found:
            levels = {factor.name: _code(row, at, columns, codes) for factor, at in _places(columns, factors)}
            slots.setdefault(stratum_key(levels), []).append(arms.index(_code(row, columns.arm, columns, codes)))
    problems += [] if problems else _missing_strata(rows[-1][0], slots, factors)
    if problems:
        raise UploadedListInvalid(problems)
    scheme = made(lambda: UploadedList(tuple(ratio), tuple((key, tuple(held)) for key, held in slots.items())))
    return ListDesign(tuple(arms), scheme, max(len(held) for held in slots.values()), tuple(factors))


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """The header and every row that is not blank, with the line on which each ends."""
    if len(text) > MOST_TEXT or "\0" in text:
        raise UploadedListInvalid([UploadProblem(1, "", "the file is too long, or no text; upload a CSV file")])
    body = text.removeprefix("\ufeff")
    header = body.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error:
        raise UploadedListInvalid([UploadProblem(reader.line_num, "", "the quotation marks do not match")]) from None
    if len(rows) < 2:
        raise UploadedListInvalid([UploadProblem(1, "", "the file has no slots; it needs a line of names and rows")])
    if len(rows) > MOST_SLOTS:
        raise UploadedListInvalid([UploadProblem(1, "", f"the file has more than {MOST_SLOTS:,} slots")])
    return rows


def _columns(header: list[str], factors: Sequence[Factor]) -> _Columns:
    names = tuple(name.lower() for name in header)
    problems = [
        UploadProblem(1, name, "this column is named twice")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    places: list[int] = []
    for factor in factors:
        wanted = SITE_COLUMNS if factor.name == SITE else (factor.name.lower(),)
        place = next((names.index(name) for name in wanted if name in names), None)
        if place is None:
            problems.append(UploadProblem(1, wanted[0], "this column is missing; the trial stratifies by it"))
        places.append(-1 if place is None else place)
    arm = _arm_column(names, places)
    if arm is None:
        problems.append(UploadProblem(1, ARM_COLUMNS[0], "the column of the arms is missing, or several could be it"))
    if problems or arm is None:
        raise UploadedListInvalid(problems)
    unknown = set(range(len(names))) - {arm, *places} - {i for i, name in enumerate(names) if name == NUMBER_COLUMN}
    if unknown:
        sentence = "the trial does not stratify by this column; remove it, or correct its name"
        raise UploadedListInvalid([UploadProblem(1, header[place], sentence) for place in sorted(unknown)])
    return _Columns(arm, tuple(places), tuple(header))


def _arm_column(names: tuple[str, ...], taken: list[int]) -> int | None:
    named = [place for place, name in enumerate(names) if name in ARM_COLUMNS]
    if named:
        return named[0] if len(named) == 1 else None
    left = [place for place, name in enumerate(names) if place not in taken and name != NUMBER_COLUMN]
    return left[0] if len(left) == 1 else None


def _places(columns: _Columns, factors: Sequence[Factor]) -> Iterator[tuple[Factor, int]]:
    return zip(factors, columns.factors, strict=True)


def _code(row: list[str], at: int, columns: _Columns, codes: Codes | None) -> str:
    return (codes or {}).get(columns.names[at], {}).get(row[at], row[at])


def _problems_of(
    line: int, row: list[str], columns: _Columns, arms: Sequence[str], factors: Sequence[Factor], codes: Codes
) -> Iterator[UploadProblem]:
    if len(row) != len(columns.names):
        yield UploadProblem(line, "", f"this row has {len(row)} cells and the first line {len(columns.names)}")
        return
    for at, allowed, what in [
        (columns.arm, arms, "an arm"),
        *((at, factor.levels, f"a level of {factor.name}") for factor, at in _places(columns, factors)),
    ]:
        found = _code(row, at, columns, codes)
        if not found:
            yield UploadProblem(line, columns.names[at], f"this cell is empty; give the code of {what}")
        elif found not in allowed:
            shown = found if len(found) <= 40 else f"{found[:40]}…"
            yield UploadProblem(line, columns.names[at], f"{shown!r} is no code of {what} ({', '.join(allowed)})")


def _missing_strata(line: int, slots: Mapping[str, list[int]], factors: Sequence[Factor]) -> list[UploadProblem]:
    wanted = strata_of(factors)
    return [UploadProblem(line, "", f"there is no slot for the stratum {key}") for key in wanted if key not in slots]
