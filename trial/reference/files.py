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


class TornReferenceFile(RuntimeError):
    """A packaged table is damaged: the installation is broken, not anybody's input."""


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of ``name`` (a file beside this module) as dictionaries of text."""
    text = files(__package__ or "trial.reference").joinpath(name).read_text(encoding="utf-8-sig")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(reader)
    for values in reader:
        if len(values) != len(header):
            raise TornReferenceFile(f"{name}, line {reader.line_num}: {len(values)} values, {len(header)} columns.")
        yield dict(zip(header, values, strict=True))


def header(name: str) -> tuple[str, ...]:
    """The column names of ``name``, in order."""
    text = files(__package__ or "trial.reference").joinpath(name).read_text(encoding="utf-8-sig")
    return tuple(next(csv.reader(io.StringIO(text, newline=""), strict=True)))
