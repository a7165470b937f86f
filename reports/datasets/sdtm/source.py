"""What every SDTM domain is built from: the snapshot, the study, each participant's zone and reference
day, the arms.

Invariants
1. Dates are the site's own calendar dates; an instant is written as local ISO 8601 to the minute.
2. Study day 1 is the day of the first dose, or of randomization for those never dosed; there is no day 0.
3. Sequence numbers count within a participant in a fixed order, so equal facts get equal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl


@dataclass(frozen=True)
class Source:
    """The frozen tables and, where the mode allows it, the label of each participant's arm."""

    snapshot: Mapping[str, pl.DataFrame]
    arms: pl.DataFrame | None

    @property
    def study(self) -> str:
        return str(self.snapshot["trial"]["trial"][0])

    @cached_property
    def zones(self) -> tuple[str, ...]:
        return tuple(self.snapshot["sites"]["zone"].drop_nulls().unique().sort().to_list())

    @cached_property
    def subjects(self) -> pl.DataFrame:
        """One row a participant: identifiers, zone and reference day."""
        sites = self.snapshot["sites"].select("site", "zone", "country")
        people = self.snapshot["participants"].join(sites, on="site", how="left", maintain_order="left")
        first = pl.coalesce(self.local_day("first_dose_at"), self.local_day("randomized_at"))
        return people.select(
            "participant",
            USUBJID=pl.lit(f"{self.study}-") + pl.col("participant"),
            SITEID=pl.col("site"),
            COUNTRY=pl.col("country"),
            zone=pl.col("zone"),
            reference=first,
        )

    def start(self, table: str, domain: str) -> pl.DataFrame:
        """A snapshot table with the identifiers of a domain and what dates need."""
        return (
            self.snapshot[table]
            .join(self.subjects, on="participant", how="inner", maintain_order="left")
            .with_columns(STUDYID=pl.lit(self.study), DOMAIN=pl.lit(domain))
        )

    def local_day(self, column: str) -> pl.Expr:
        """The calendar date of the instant ``column`` at the participant's site."""
        return self.local_iso(column).str.head(10).str.to_date()

    def local_iso(self, column: str) -> pl.Expr:
        """The instant ``column`` as local ISO 8601 to the minute; needs ``zone`` beside it."""
        return self.local_iso_of(pl.col(column))

    def local_iso_of(self, instant: pl.Expr) -> pl.Expr:
        text = instant.dt.strftime("%Y-%m-%dT%H:%M")
        for zone in self.zones:
            there = instant.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%dT%H:%M")
            text = pl.when(pl.col("zone") == zone).then(there).otherwise(text)
        return text


def iso_day(column: str) -> pl.Expr:
    """A calendar date as ISO 8601."""
    return pl.col(column).dt.strftime("%Y-%m-%d")


def study_day(text: str) -> pl.Expr:
    """Study day of an ISO 8601 text; null where the day is not known."""
    day = pl.col(text).str.head(10).str.to_date("%Y-%m-%d", strict=False)
    gap = (day - pl.col("reference")).dt.total_days()
    return pl.when(gap >= 0).then(gap + 1).otherwise(gap)


def numbered(frame: pl.DataFrame, prefix: str, keys: Sequence[str]) -> pl.DataFrame:
    """Rows in a fixed order with ``<prefix>SEQ`` counted within each participant."""
    ordered = frame.sort("USUBJID", *keys, nulls_last=True, maintain_order=True)
    return ordered.with_columns(pl.int_range(1, pl.len() + 1).over("USUBJID").alias(f"{prefix}SEQ"))


def qualifiers(frame: pl.DataFrame, domain: str, names: Mapping[str, tuple[str, str]]) -> pl.DataFrame:
    """Supplemental qualifiers: one row a participant, record and non-standard value that is known.

    ``names`` maps the frame's column to (QNAM, QLABEL).
    """
    seq = f"{domain}SEQ"
    parts = [
        frame.filter(pl.col(column).is_not_null()).select(
            "STUDYID",
            "USUBJID",
            pl.col(seq).cast(pl.String).alias("IDVARVAL"),
            RDOMAIN=pl.lit(domain),
            IDVAR=pl.lit(seq),
            QNAM=pl.lit(name),
            QLABEL=pl.lit(label),
            QVAL=pl.col(column).cast(pl.String),
            QORIG=pl.lit("CRF"),
            order=pl.col(seq),
        )
        for column, (name, label) in names.items()
    ]
    return pl.concat(parts).sort("USUBJID", "order", "QNAM")
