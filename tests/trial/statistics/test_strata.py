import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.exact_tests import pearson
from trial.statistics.risk_comparisons import UndefinedRatio, odds_ratio, risk_difference, risk_ratio
from trial.statistics.strata import (
    cochran_mantel_haenszel,
    common_odds_ratio,
    common_risk_ratio,
    stratified_risk_difference,
    stratified_score_difference,
)

TABLES = ([20, 15, 8], [50, 40, 20], [12, 10, 5], [50, 41, 22])


@st.composite
def strata(draw):
    size = draw(st.integers(1, 5))
    n1, n0 = ([draw(st.integers(2, 30)) for _ in range(size)] for _ in range(2))
    x1, x0 = ([draw(st.integers(1, n - 1)) for n in sizes] for sizes in (n1, n0))
    return x1, n1, x0, n0


def elsewhere(x1, n1, x0, n0):
    return StratifiedTable(
        [np.array([[a, m - a], [c, n - c]], float) for a, m, c, n in zip(x1, n1, x0, n0, strict=True)]
    )


@settings(max_examples=40, deadline=None)
@given(strata())
def test_the_common_odds_ratio_and_the_test_agree_with_statsmodels(tables):
    other = elsewhere(*tables)
    ours = common_odds_ratio(*tables)
    assert ours.estimate == pytest.approx(other.oddsratio_pooled, rel=1e-10)
    assert ours.standard_error == pytest.approx(other.logodds_pooled_se, rel=1e-10)
    assert (ours.lower, ours.upper) == pytest.approx(other.oddsratio_pooled_confint(), rel=1e-9)
    assert common_risk_ratio(*tables).estimate == pytest.approx(other.riskratio_pooled, rel=1e-10)
    for corrected in (False, True):
        test, theirs = (
            cochran_mantel_haenszel(*tables, continuity=corrected),
            other.test_null_odds(correction=corrected),
        )
        gap = abs(
            sum(
                np.array(tables[0])
                - np.array(tables[1]) * (np.array(tables[0]) + tables[2]) / (np.array(tables[1]) + tables[3])
            )
        )
        if not corrected or gap > 0.5:
            assert (test.statistic, test.p_value) == pytest.approx(
                (theirs.statistic, theirs.pvalue), rel=1e-8, abs=1e-12
            )


@settings(max_examples=30, deadline=None)
@given(strata())
def test_one_stratum_is_the_unstratified_method(tables):
    one = [[column[0]] for column in tables]
    cells = [column[0] for column in tables]
    plain, ours = risk_difference(*cells), stratified_score_difference(*one)
    assert (ours.lower, ours.estimate, ours.upper) == pytest.approx(
        (plain.lower, plain.estimate, plain.upper), abs=1e-10
    )
    total = cells[1] + cells[3]
    test = cochran_mantel_haenszel(*one)
    assert test.statistic == pytest.approx(pearson(*cells).statistic * (total - 1) / total, rel=1e-10, abs=1e-12)
    assert common_odds_ratio(*one).estimate == pytest.approx(odds_ratio(*cells).estimate, rel=1e-10)
    assert common_odds_ratio(*one).standard_error == pytest.approx(odds_ratio(*cells).standard_error, rel=1e-10)
    assert common_risk_ratio(*one).standard_error == pytest.approx(risk_ratio(*cells).standard_error, rel=1e-10)


@settings(max_examples=30, deadline=None)
@given(strata(), st.randoms(use_true_random=False))
def test_the_order_of_strata_changes_nothing_and_arms_mirror(tables, random):
    order = list(range(len(tables[0])))
    random.shuffle(order)
    mixed = [[column[i] for i in order] for column in tables]
    turned = [tables[2], tables[3], tables[0], tables[1]]
    for method in (stratified_risk_difference, stratified_score_difference):
        one, same, other = method(*tables), method(*mixed), method(*turned)
        assert (same.lower, same.upper) == pytest.approx((one.lower, one.upper), abs=1e-9)
        assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower), abs=1e-8)
    assert common_odds_ratio(*turned).estimate == pytest.approx(1 / common_odds_ratio(*tables).estimate, rel=1e-9)


def test_an_empty_arm_of_a_stratum_is_left_out_and_told():
    more = [[*column, extra] for column, extra in zip(TABLES, (3, 5, 0, 0), strict=True)]
    for method in (stratified_score_difference, common_odds_ratio, common_risk_ratio):
        assert method(*more).estimate == pytest.approx(method(*TABLES).estimate)
        assert "1 strata with an empty arm" in method(*more).note
    assert cochran_mantel_haenszel(*more).statistic == pytest.approx(cochran_mantel_haenszel(*TABLES).statistic)


def test_what_has_no_answer_has_an_error():
    with pytest.raises(UndefinedRatio, match="nothing to test"):
        cochran_mantel_haenszel([0], [4], [0], [5])
    with pytest.raises(UndefinedRatio, match="0 or infinite"):
        common_odds_ratio([4], [4], [1], [5])
    with pytest.raises(UndefinedRatio, match="no event"):
        common_risk_ratio([0], [4], [1], [5])
    with pytest.raises(EmptyArm, match="No stratum"):
        stratified_score_difference([1], [4], [0], [0])
    with pytest.raises(OutOfRange, match="events1"):
        cochran_mantel_haenszel([5], [4], [0], [3])


def test_no_events_in_any_stratum_still_has_a_score_interval():
    interval = stratified_score_difference([0, 0], [20, 30], [0, 0], [20, 30])
    assert interval.lower < 0.0 < interval.upper
    assert interval.estimate == 0.0
