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
from reports.analyses.indices import Index, bang_index, james_index

DONT_KNOW = "dont_know"


@dataclass(frozen=True)
class ArmGuesses:
    """One arm: guesses right, wrong and not known, and Bang's index where it can be computed."""

    label: str
    right: int
    wrong: int
    dont_know: int
    bang: Index | None

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.dont_know


@dataclass(frozen=True)
class GuessTable:
    """One occasion and one kind of guesser."""

    occasion: str
    guesser: str
    arms: tuple[ArmGuesses, ...]
    james: Index | None


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
    arms = tuple(_arm(label, rows.filter(pl.col("GROUP") == label), codes[label]) for label in labels)
    return GuessTable(occasion, guesser.capitalize(), arms, _james(arms))


def _arm(label: str, rows: pl.DataFrame, code: str) -> ArmGuesses:
    said = rows["AVALC"].str.to_lowercase()
    unknown = int((said == DONT_KNOW).sum())
    right = int((said == code.lower()).sum())
    wrong = rows.height - unknown - right
    bang = bang_index(right, wrong, unknown) if rows.height else None
    return ArmGuesses(label, right, wrong, unknown, bang)


def _james(arms: tuple[ArmGuesses, ...]) -> Index | None:
    """James's index, defined for two arms."""
    if len(arms) != 2:
        return None
    one, other = arms
    return james_index((one.right, other.wrong), (one.wrong, other.right), (one.dont_know, other.dont_know))
