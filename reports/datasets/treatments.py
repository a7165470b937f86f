"""Who may see which arm in a dataset: the three modes, and the frame of arms that each gives.

    naive       no treatment variables
    dummy       invented arms; every value says DUMMY
    unblinded   the frame that was given, after the strongroom opened it

Invariants
1. A real arm enters a dataset only in the unblinded mode and only from the frame that was passed in.
2. A dummy arm depends on nothing but participant codes and the snapshot's hash, so it can tell nothing.
3. In the unblinded mode every randomized participant has exactly one arm and nobody else has any.
"""

from __future__ import annotations

import hashlib
from typing import Final

import polars as pl

from reports.datasets.shapes import TreatmentMode
from trial.errors import InvalidInput

DUMMY_ARMS: Final = ("DUMMY A", "DUMMY B")


class TreatmentsDoNotFit(InvalidInput):
    code = "treatments.do_not_fit"


def arms_for(
    participants: pl.DataFrame, mode: TreatmentMode, treatments: pl.DataFrame | None, salt: str
) -> pl.DataFrame | None:
    """The frame ``participant, arm`` that datasets of this mode may use, or None for the naive mode."""
    randomized = participants.filter(pl.col("randomized_at").is_not_null())["participant"].to_list()
    if mode == "naive":
        _check_not_given(treatments, mode)
        return None
    if mode == "dummy":
        _check_not_given(treatments, mode)
        return _dummy(randomized, salt)
    return _checked(treatments, randomized)


def _check_not_given(treatments: pl.DataFrame | None, mode: str) -> None:
    if treatments is not None:
        raise TreatmentsDoNotFit(
            f"Datasets in the {mode} mode take no treatments. Leave them out, or ask for 'unblinded'."
        )


def _dummy(randomized: list[str], salt: str) -> pl.DataFrame:
    arms = [DUMMY_ARMS[hashlib.sha256(f"DUMMY:{salt}:{code}".encode()).digest()[0] % 2] for code in randomized]
    return pl.DataFrame(
        {"participant": randomized, "arm": arms}, schema={"participant": pl.String(), "arm": pl.String()}
    )


def _checked(treatments: pl.DataFrame | None, randomized: list[str]) -> pl.DataFrame:
    if treatments is None:
        raise TreatmentsDoNotFit("Unblinded datasets need the frame of treatments (participant, arm).")
    named = treatments["participant"].to_list()
    absent, unknown = set(randomized) - set(named), set(named) - set(randomized)
    if absent or unknown or len(named) != len(set(named)) or treatments["arm"].null_count():
        raise TreatmentsDoNotFit(
            f"The treatments do not fit the snapshot: {len(absent)} randomized without an arm, {len(unknown)} arms"
            " without a randomized participant, or somebody named twice. Take both from the same cut-off."
        )
    return treatments.sort("participant")
