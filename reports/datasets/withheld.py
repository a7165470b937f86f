"""What a blinded pack leaves out, because beside outcomes it can tell an arm: the infusion domain and
the guesses.

Invariants
1. Without the grant for the infusion domain, a pack has no reading of an infusion, no adverse event of special interest
   nor when it was asked for, no special situation, no instrument of the infusion team, no guess of treatment, and no
   indication of other treatment, which is free text.
2. What stays behind shows no gap: events are numbered anew, so that nobody can count what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from reports.context import AnalysisPlan

WITHHELD: Final = (
    "readings taken in infusions",
    "adverse events of special interest",
    "overdoses, medication errors and pregnancies",
    "instruments of the infusion team",
    "guesses of treatment",
    "indications of other treatment",
)


def without_infusion_domain(snapshot: Mapping[str, pl.DataFrame], plan: AnalysisPlan) -> dict[str, pl.DataFrame]:
    """The snapshot as somebody without a grant for the infusion domain may have it."""
    tables = dict(snapshot)
    theirs = list(plan.infusion_instruments)
    for name in ("readings", "guesses", "checklists"):
        tables[name] = tables[name].clear()
    for name in ("scores", "answers"):
        tables[name] = tables[name].filter(~pl.col("instrument").is_in(theirs))
    tables["concomitant"] = tables["concomitant"].with_columns(indication=pl.lit(None, pl.String))
    tables |= _without_special_interest(tables)
    tables["special_situations"] = tables["special_situations"].clear()
    return tables


def _without_special_interest(tables: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The events that are left, numbered anew, with what hangs on them; a recurrence of one that is left out names none."""
    kept = tables["adverse_events"].filter(pl.col("aesi").is_null())
    kept = kept.with_columns(anew=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("participant"))
    numbers = kept.select("participant", "event", "anew")
    events = kept.join(
        numbers.rename({"event": "recurrence_of", "anew": "first"}),
        on=["participant", "recurrence_of"],
        how="left",
        maintain_order="left",
    ).with_columns(event=pl.col("anew"), recurrence_of=pl.col("first"))
    found = {"adverse_events": events.drop("anew", "first")}
    for name in ("event_courses", "event_relations", "event_codings"):
        whole = tables[name].join(numbers, on=["participant", "event"], how="inner", maintain_order="left")
        found[name] = whole.with_columns(event=pl.col("anew")).drop("anew")
    return found
