"""Guesses of treatment: who guessed right, by arm, with Bang's index by arm and James's over all.

Invariants
1. Right and wrong need the code of each arm (``codes``: label as printed → code of the protocol). Codes are never printed.
2. Without codes, guesses are counted as said, and no index is given.
3. Don't know is an answer; an empty guess is missing and counted nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from reports.analyses.groups import Frames, Grouping
from trial.errors import DomainError
from trial.statistics import blinding_indices as indices
from trial.statistics.estimates import Estimate

DONT_KNOW = "dont_know"


@dataclass(frozen=True)
class ArmGuesses:
    """One arm: guesses right, wrong and not known, and Bang's index where it can be computed."""

    label: str
    right: int
    wrong: int
    dont_know: int
    bang: Estimate | None

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.dont_know


@dataclass(frozen=True)
class GuessTable:
    """One occasion and one kind of guesser."""

    occasion: str
    guesser: str
    arms: tuple[ArmGuesses, ...]
    james: Estimate | None


@dataclass(frozen=True)
class Blinding:
    """All occasions; ``scored`` tells whether guesses could be called right or wrong."""

    scored: bool
    tables: tuple[GuessTable, ...]


def blinding(frames: Frames, grouping: Grouping, codes: Mapping[str, str] | None) -> Blinding:
    """Guesses of every occasion and guesser that the trial recorded, in their order."""
    rows = grouping.of(frames["ADGUESS"].filter(pl.col("AVALC").is_not_null()), "TRTP")
    if codes is None or set(grouping.labels) - set(codes):
        return Blinding(scored=False, tables=())
    kinds = rows.select("AVISIT", "GUESSER").unique(maintain_order=True).sort("AVISIT", "GUESSER").rows()
    return Blinding(
        scored=True,
        tables=tuple(
            _table(
                occasion,
                guesser,
                rows.filter((pl.col("AVISIT") == occasion) & (pl.col("GUESSER") == guesser)),
                grouping.labels,
                codes,
            )
            for occasion, guesser in kinds
        ),
    )


def _table(
    occasion: str, guesser: str, rows: pl.DataFrame, labels: tuple[str, ...], codes: Mapping[str, str]
) -> GuessTable:
    said = rows.with_columns(pl.col("AVALC").str.to_lowercase())
    arms = tuple(_arm(label, said.filter(pl.col("GROUP") == label), codes[label]) for label in labels)
    return GuessTable(occasion, guesser.capitalize(), arms, _james(said, labels, codes))


def _arm(label: str, rows: pl.DataFrame, code: str) -> ArmGuesses:
    unknown = int((rows["AVALC"] == DONT_KNOW).sum())
    right = int((rows["AVALC"] == code.lower()).sum())
    wrong = rows.height - unknown - right
    bang = indices.bang_index(indices.ArmGuesses(right, wrong, unknown)) if rows.height else None
    return ArmGuesses(label, right, wrong, unknown, bang)


def _james(rows: pl.DataFrame, labels: tuple[str, ...], codes: Mapping[str, str]) -> Estimate | None:
    """James's index over all arms; None where it is undefined, as when everybody guessed the same."""
    said = [codes[label].lower() for label in labels] + [DONT_KNOW]
    table = [
        [rows.filter((pl.col("AVALC") == answer) & (pl.col("GROUP") == label)).height for label in labels]
        for answer in said
    ]
    try:
        return indices.james_index(table)
    except DomainError:
        return None
