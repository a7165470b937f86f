import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, logrank
from statsmodels.duration.survfunc import survdiff

from tests.oracles.reading import cases, rows
from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.rank_tests import NoEvents, log_rank

ORACLES = {case["kind"]: case["result"] for case in cases("survival.json")}


def km_data():
    found = rows("km_data.csv")
    time, status = (np.array([float(row[key]) for row in found]) for key in ("time", "status"))
    return time, status, [row["arm"] for row in found], [row["stratum"] for row in found]


def test_the_stratified_test_agrees_with_r():
    time, status, arm, stratum = km_data()
    ours, theirs = log_rank(time, status, arm, strata=stratum), ORACLES["logrank_stratified"]
    assert ours.observed == pytest.approx(theirs["obs"])
    assert ours.expected == pytest.approx(theirs["exp"], rel=1e-12)
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs["chisq"], theirs["p"]), rel=1e-10)


def test_the_peto_weights_agree_with_r():
    time, status, arm, _ = km_data()
    ours, theirs = log_rank(time, status, arm, rho=1), ORACLES["peto_prentice_rho1"]
    assert (ours.statistic, ours.p_value) == pytest.approx((theirs["chisq"], theirs["p"]), rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5_000), st.integers(2, 4))
def test_any_number_of_groups_agrees_with_statsmodels(seed, groups):
    rng = np.random.default_rng(seed)
    time, status = rng.integers(1, 15, 60).astype(float), rng.integers(0, 2, 60).astype(float)
    group = np.arange(60) % groups
    other = survdiff(time, status, group)
    ours = log_rank(time, status, group)
    assert (ours.statistic, ours.p_value) == pytest.approx(other, rel=1e-8, abs=1e-12)
    assert sum(ours.observed) == pytest.approx(sum(ours.expected))


def test_two_groups_agree_with_scipy():
    time, status, arm, _ = km_data()
    arm = np.array(arm)
    sides = [CensoredData.right_censored(time[arm == a], status[arm == a] == 0) for a in "KP"]
    assert log_rank(time, status, arm).p_value == pytest.approx(logrank(*sides).pvalue, rel=1e-9)


def test_what_cannot_be_compared_has_its_own_error():
    with pytest.raises(EmptyArm, match="At least two groups"):
        log_rank([1.0, 2.0], [1, 1], ["A", "A"])
    with pytest.raises(NoEvents):
        log_rank([1.0, 2.0], [0, 0], ["A", "B"])
    with pytest.raises(NoEvents):
        log_rank([1.0, 2.0], [0, 1], ["A", "B"])
    with pytest.raises(OutOfRange, match="rho"):
        log_rank([1.0, 2.0], [0, 1], ["A", "B"], rho=-1)
    with pytest.raises(OutOfRange, match="lengths differ"):
        log_rank([1.0, 2.0], [0, 1], ["A"])


def test_a_group_that_was_never_at_risk_takes_no_part_instead_of_stopping_the_test():
    time = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    status = [1, 1, 0, 1, 1, 0, 1, 1]
    arm = list("ABABABAB")
    two = log_rank(time, status, arm)
    three = log_rank([*time, 0.5, 0.6], [*status, 0, 0], [*arm, "C", "C"])
    assert (three.statistic, three.df) == (pytest.approx(two.statistic, rel=1e-12), 1)
    assert three.expected[2] == 0.0


def test_groups_that_meet_in_no_stratum_are_compared_within_theirs():
    time, status = np.arange(1.0, 21.0), np.ones(20)
    group = np.array(["A", "B", "C", "D"])[np.arange(20) % 2 + 2 * (np.arange(20) >= 10)]
    both = log_rank(time, status, group, strata=np.arange(20) >= 10)
    parts = [log_rank(time[here], status[here], group[here]) for here in (slice(0, 10), slice(10, 20))]
    assert both.statistic == pytest.approx(sum(part.statistic for part in parts), rel=1e-10)
    assert both.df == 2
