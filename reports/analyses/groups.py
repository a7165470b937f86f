"""How participants are set side by side: by the label of their arm, or all together where arms are not to be shown.

Invariants
1. Labels are given, not discovered, wherever an arm may have nobody: an empty arm is a column of zeros.
2. Labels stand in the order given, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from trial.errors import InvalidInput

Frames = Mapping[str, pl.DataFrame]
POOLED = "All"


class UnknownArmLabel(InvalidInput):
    code = "report.unknown_arm_label"


@dataclass(frozen=True)
class Grouping:
    """The columns of a comparison. ``pooled`` means one column, whatever arms the frames may hold."""

    labels: tuple[str, ...]
    pooled: bool = False

    def of(self, frame: pl.DataFrame, variable: str) -> pl.DataFrame:
        """``frame`` with its column in GROUP, rows of nobody's arm left out."""
        if self.pooled:
            return frame.with_columns(GROUP=pl.lit(POOLED))
        found = set(frame[variable].drop_nulls().to_list())
        if unknown := sorted(found - set(self.labels)):
            raise UnknownArmLabel(
                f"The data hold arms that the report was not told of: {', '.join(unknown)}. Name every arm."
            )
        return frame.with_columns(GROUP=pl.col(variable)).filter(pl.col("GROUP").is_not_null())


def pooled() -> Grouping:
    return Grouping((POOLED,), pooled=True)


def by_arm(labels: tuple[str, ...]) -> Grouping:
    return Grouping(labels)


def labels_in(adsl: pl.DataFrame) -> tuple[str, ...]:
    """The arms that ADSL knows, in order of their label."""
    return tuple(sorted(set(adsl["TRT01P"].drop_nulls().to_list()))) if "TRT01P" in adsl.columns else ()


def yes(column: str) -> pl.Expr:
    """Whether a Y/N variable says Y; what is unknown does not."""
    return (pl.col(column) == "Y").fill_null(value=False)


def count_by(frame: pl.DataFrame, column: str) -> tuple[tuple[str, int], ...]:
    """Values of ``column`` with their counts, the most frequent first, then by name."""
    named = frame.select(pl.col(column).fill_null("NOT RECORDED").alias("value"))
    counts = named.group_by("value").len().sort(["len", "value"], descending=[True, False])
    return tuple((str(value), int(number)) for value, number in counts.rows())
