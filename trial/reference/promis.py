"""PROMIS-29: item ids with their scoring direction, and the tables from raw sum to T-score.

Invariants
1. A T-score belongs to a profile version: 2.0 and 2.1 differ in physical function.
2. Domains are named without a version here; the table's own version stands in ``short_form``.

The file's paraphrases tell a developer what an item is about. They are not the instrument: a participant only
ever sees the official wording, which an installation loads under its own licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from trial.reference.files import rows


@dataclass(frozen=True, slots=True)
class PromisItem:
    item_id: str
    domain: str
    response_set: str
    reversed: bool
    loinc: str
    recall: str
    paraphrase: str


@dataclass(frozen=True, slots=True)
class TScore:
    t_score: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class PromisTable:
    """The conversion of one domain in one profile version."""

    domain: str
    profile_version: str
    short_form: str
    better: Literal["higher", "lower"]
    loinc: str
    scores: Mapping[int, TScore]


@cache
def promis29_items() -> tuple[PromisItem, ...]:
    """The 29 items in the order of the profile."""
    return tuple(
        PromisItem(
            item_id=row["item_id"],
            domain=row["domain"],
            response_set=row["response_set"],
            reversed=row["scoring"].startswith("REVERSED") or "very good=1" in row["scoring"],
            loinc=row["loinc_item"],
            recall=row["recall_period"],
            paraphrase=row["paraphrase_not_verbatim"],
        )
        for row in rows("promis29_items.csv")
    )


@cache
def promis29_tables() -> Mapping[tuple[str, str], PromisTable]:
    """Tables by ``(domain, profile version)``: ``("physical_function", "2.1")``."""
    head: dict[tuple[str, str], dict[str, str]] = {}
    scores: dict[tuple[str, str], dict[int, TScore]] = {}
    for row in rows("promis29_tscores.csv"):
        for version in row["profile_version"].split(";"):
            key = (row["domain"].split("_v")[0], version)
            head.setdefault(key, row)
            scores.setdefault(key, {})[int(row["raw_score"])] = TScore(float(row["t_score"]), float(row["se"]))
    return MappingProxyType({key: _table(key, head[key], scores[key]) for key in head})


def _table(key: tuple[str, str], row: Mapping[str, str], scores: dict[int, TScore]) -> PromisTable:
    return PromisTable(
        domain=key[0],
        profile_version=key[1],
        short_form=row["short_form"],
        better=cast("Literal['higher', 'lower']", row["better_direction"]),
        loinc=row["loinc_tscore"],
        scores=MappingProxyType(scores),
    )
