"""The declared shape of every dataset: variables in order, types, labels (``variables.csv``).

Invariants
1. A dataset that leaves this room has exactly its declared variables, in order, with their types.
2. In the naive mode no variable that the table marks as treatment is left in.
3. Names fit SAS transport version 5: eight characters, labels of forty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import polars as pl

TreatmentMode = Literal["naive", "dummy", "unblinded"]

TYPES: Final[Mapping[str, pl.DataType]] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "date": pl.Date(),
}


@dataclass(frozen=True)
class Variable:
    """One column of a dataset, as the standard names it."""

    name: str
    kind: str
    label: str
    treatment: bool = False


@cache
def _declared() -> dict[str, tuple[Variable, ...]]:
    text = files("reports.datasets").joinpath("variables.csv").read_text(encoding="utf-8")
    found: dict[str, list[Variable]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        variable = Variable(row["variable"], row["type"], row["label"], row["treatment"] == "Y")
        found.setdefault(row["dataset"], []).append(variable)
    return {name: tuple(variables) for name, variables in found.items()}


def declared_datasets() -> tuple[str, ...]:
    """Names of all datasets that have a declared shape."""
    return tuple(_declared())


def variables_of(dataset: str, extra: Iterable[Variable] = ()) -> tuple[Variable, ...]:
    """Declared variables of ``dataset``, then those that the protocol adds (thresholds, factors)."""
    return (*_declared()[dataset], *extra)


def treatment_variables() -> frozenset[str]:
    """Names of every variable that tells a treatment."""
    return frozenset(variable.name for of in _declared().values() for variable in of if variable.treatment)


def shaped(dataset: str, frame: pl.DataFrame, mode: TreatmentMode, extra: Iterable[Variable] = ()) -> pl.DataFrame:
    """``frame`` with exactly the variables declared for ``dataset``, treatments left out where ``mode``
    is naive.
    """
    kept = [v for v in variables_of(dataset, extra) if not (v.treatment and mode == "naive")]
    return frame.select(pl.col(v.name).cast(TYPES[v.kind]) for v in kept)


def short_codes(names: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Test codes of at most eight characters, each unique: the known ones, others made from the name
    itself.
    """
    codes: dict[str, str] = {}
    for name in sorted(set(names)):
        codes[name] = _free_code(known.get(name.lower()) or _shortened(name), set(codes.values()))
    return codes


def _shortened(name: str) -> str:
    plain = "".join(c for c in name.upper() if c.isalnum() and c.isascii()) or "X"
    if len(plain) > 8:
        plain = plain[0] + "".join(c for c in plain[1:] if c not in "AEIOUY")
    return ("X" + plain)[:8] if plain[0].isdigit() else plain[:8]


def _free_code(wanted: str, taken: set[str]) -> str:
    code, count = wanted, 1
    while code in taken:
        count += 1
        code = wanted[: 8 - len(str(count))] + str(count)
    return code
