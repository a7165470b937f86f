"""Which adverse events an analysis of harms counts, and as what.

Invariants
1. One event is one row, however many follow-up rows tell of it: rows of one participant that share AEGRPID are one event,
   at its worst grade, with every criterion that any of them met, from its first onset to its last end.
2. The order of rows changes nothing.
3. A variable that a dataset lacks counts as never recorded: what would be counted from it is None, not zero.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from reports.analyses.groups import Frames, yes

TEXT, WHOLE, REAL = pl.String(), pl.Int64(), pl.Float64()
OPTIONAL: Final[dict[str, pl.DataType]] = {
    "AEBODSYS": TEXT,
    "CQ01NAM": TEXT,
    "AEGRPID": TEXT,
    "AETOXGR": TEXT,
    "ARELFL": TEXT,
    "AEWDFL": TEXT,
    "AEINTFL": TEXT,
    "AESKPFL": TEXT,
    "AEDISFL": TEXT,
    "AESDTH": TEXT,
    "AESER": TEXT,
    "AEACN": TEXT,
    "AEASCERT": TEXT,
    "ADURU": TEXT,
    "ATOXGRN": WHOLE,
    "AEONMIN": WHOLE,
    "AEINFNO": WHOLE,
    "ASTDY": WHOLE,
    "DURCNSR": WHOLE,
    "ADURN": REAL,
    "ASTDT": pl.Date(),
    "TRTSDT": pl.Date(),
}
# Flags of consequences, and what says the same in a dataset that lacks them.
ACTIONS: Final = {"AEINTFL": "DRUG INTERRUPTED", "AEDISFL": "DRUG WITHDRAWN"}
FLAGS: Final = {
    "serious": "AESER",
    "related": "ARELFL",
    "interruptions": "AEINTFL",
    "skipped_doses": "AESKPFL",
    "treatment_withdrawals": "AEDISFL",
    "study_withdrawals": "AEWDFL",
    "deaths": "AESDTH",
}
_SYSTEMATIC, _SPONTANEOUS = ("systematic", "SYSTEMATIC"), ("non_systematic", "NON-SYSTEMATIC", "NON_SYSTEMATIC")


def emergent_events(frames: Frames, *, withhold_special: bool = False) -> pl.DataFrame:
    """Treatment-emergent events of the safety set, one row an event, with every variable that the counts need."""
    events = completed(frames["ADAE"]).filter(yes("TRTEMFL") & yes("SAFFL"))
    if withhold_special:
        events = events.filter(pl.col("CQ01NAM").is_null())
    return one_row_an_event(events)


def completed(adae: pl.DataFrame) -> pl.DataFrame:
    """ADAE with absent variables as nulls, empty text as null, and codes as plain text."""
    absent = [pl.lit(None, kind).alias(name) for name, kind in OPTIONAL.items() if name not in adae.columns]
    present = [pl.col(name).cast(kind) for name, kind in OPTIONAL.items() if name in adae.columns]
    whole = adae.with_columns(*absent, *present)
    texts = [name for name in (*OPTIONAL, "AEDECOD") if whole.schema.get(name) == TEXT]
    whole = whole.with_columns(pl.col(texts).replace("", None))
    derived = [
        pl.when(pl.col("AEACN").is_not_null())
        .then(pl.when(pl.col("AEACN") == action).then(pl.lit("Y")).otherwise(pl.lit("N")))
        .alias(flag)
        for flag, action in ACTIONS.items()
        if flag not in adae.columns
    ]
    in_days = pl.col("ADURU").str.to_uppercase().is_in(["DAY", "DAYS"])
    return whole.with_columns(*derived, ADURN=pl.when(in_days).then("ADURN"))


def one_row_an_event(events: pl.DataFrame) -> pl.DataFrame:
    """Rows that tell of one event in follow-ups, put together."""
    if events["AEGRPID"].null_count() == events.height:
        return events
    single = events.filter(pl.col("AEGRPID").is_null())
    several = events.filter(pl.col("AEGRPID").is_not_null())
    flags = list(FLAGS.values())
    first = ["AEONMIN", "AEINFNO", "ASTDY", "ASTDT"]
    ordered = several.sort("USUBJID", "AEGRPID", "ASTDT", "AESEQ", nulls_last=True)
    joined = ordered.group_by("USUBJID", "AEGRPID", maintain_order=True).agg(
        pl.exclude("USUBJID", "AEGRPID", "ATOXGRN", "ADURN", "DURCNSR", *flags, *first).first(),
        pl.col("ATOXGRN").max(),
        *(pl.col(name).min() for name in first),
        *(
            pl.when(yes(name).any()).then(pl.lit("Y")).otherwise(pl.col(name).drop_nulls().first()).alias(name)
            for name in flags
        ),
        _joined_duration(),
        pl.col("DURCNSR").last(),
    )
    return pl.concat([single, joined.select(single.columns)])


def _joined_duration() -> pl.Expr:
    """From the first onset to the last end; the sum's whole days are counted once where the rows touch."""
    offset = (pl.col("ASTDT") - pl.col("ASTDT").min()).dt.total_days().fill_null(0)
    return (offset + pl.col("ADURN")).max().alias("ADURN")


def never_recorded(events: pl.DataFrame) -> frozenset[str]:
    """Which of the counts in ``FLAGS`` the dataset holds nothing for."""
    if not events.height:
        return frozenset()
    return frozenset(name for name, flag in FLAGS.items() if events[flag].null_count() == events.height)


def found_by(ways: tuple[str, ...]) -> pl.Expr:
    return pl.col("AEASCERT").is_in(list(ways)).fill_null(value=False)


def systematic() -> pl.Expr:
    """Events that the checklist found."""
    return found_by(_SYSTEMATIC)


def spontaneous() -> pl.Expr:
    """Events told unprompted, or to an open question."""
    return found_by(_SPONTANEOUS)
