"""Reading of the packaged tables: plain CSV, all values text, from a checkout or from an installed wheel.

Invariants
1. Values arrive as the file spells them. Nothing is guessed to be null: ``NA`` is a term of a CDISC codelist.
2. A file with a row of the wrong length is refused, so that a torn file cannot pass as a short one.

It does not interpret the values; the module of each noun does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader as _Reader


class TornReferenceFileError(RuntimeError):
    """A packaged table is damaged: the installation is broken, not anybody's input."""


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of ``name`` (a file beside this module) as dictionaries of text."""
    reader = _reader(name)
    columns = next(reader)
    for values in reader:
        if len(values) != len(columns):
            raise TornReferenceFileError(
                f"{name}, line {reader.line_num}: {len(values)} values, {len(columns)} columns."
            )
        yield dict(zip(columns, values, strict=True))


def header(name: str) -> tuple[str, ...]:
    """The column names of ``name``, in order."""
    return tuple(next(_reader(name)))


def _reader(name: str) -> _Reader:
    text = files("trial.reference").joinpath(name).read_text(encoding="utf-8-sig")
    return csv.reader(io.StringIO(text, newline=""), strict=True)
