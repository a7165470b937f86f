"""A statistician with blinded exports: what the invented arms in them tell of the real ones, which is nothing."""

from math import sqrt

import numpy as np
import polars as pl
import pytest

from randomization.schemes import PermutedBlocks, Stream
from reports.datasets.treatments import DUMMY_ARMS, TreatmentsDoNotFit, arms_for

PEOPLE, TRIALS = 60, 200


def _participants() -> pl.DataFrame:
    codes = [f"P-{number:04d}" for number in range(1, PEOPLE + 1)]
    return pl.DataFrame({"participant": codes, "randomized_at": ["2026-03-02"] * PEOPLE})


def _dummy(salt: str) -> np.ndarray:
    frame = arms_for(_participants(), "dummy", None, salt)
    assert frame is not None
    return np.array([DUMMY_ARMS.index(arm) for arm in frame["arm"]])


def test_invented_arms_agree_with_the_real_ones_as_often_as_a_coin():
    blocks, agreements = PermutedBlocks((1, 1), (4, 6)), []
    for number in range(TRIALS):
        real = blocks.generate(Stream(number.to_bytes(32, "big"), "a list", "a stratum"), PEOPLE)
        agreements.append((_dummy(f"snapshot {number}") == np.asarray(real)).mean())
    error = sqrt(0.25 / (PEOPLE * TRIALS))
    assert abs(np.mean(agreements) - 0.5) < 4 * error


def test_two_exports_of_one_trial_do_not_agree_more_than_chance_so_nothing_stands_behind_both():
    agreement = np.mean([(_dummy(f"{number} a") == _dummy(f"{number} b")).mean() for number in range(TRIALS)])
    assert abs(agreement - 0.5) < 4 * sqrt(0.25 / (PEOPLE * TRIALS))
    assert (_dummy("the same") == _dummy("the same")).all()


def test_a_blinded_export_refuses_the_real_arms():
    real = pl.DataFrame({"participant": ["P-0001"], "arm": ["KET"]})
    for mode in ("naive", "dummy"):
        with pytest.raises(TreatmentsDoNotFit):
            arms_for(_participants(), mode, real, "a salt")
