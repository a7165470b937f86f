import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.reading import cases, rows
from trial.statistics.checks import EmptyArm, OutOfRange
from trial.statistics.survival import kaplan_meier


@pytest.mark.parametrize("arm", ["K", "P"])
def test_the_curve_its_risk_sets_and_its_error_agree_with_r(arm):
    data = [row for row in rows("km_data.csv") if row["arm"] == arm]
    curve = kaplan_meier([float(r["time"]) for r in data], [float(r["status"]) for r in data])
    oracle = cases("survival.json")[0]["result"]
    here = [i for i, stratum in enumerate(oracle["strata"]) if stratum == f"arm={arm}"]
    with_events = curve.events > 0
    for ours, theirs in (
        (curve.times, "time"),
        (curve.at_risk, "n_risk"),
        (curve.events, "n_event"),
        (curve.survival, "surv"),
        (curve.standard_error, "std_err"),
    ):
        expected = [oracle[theirs][i] for i in here]
        assert ours[with_events] == pytest.approx(np.array(expected, float), rel=1e-12)
    medians = oracle["median_table"]["median"]
    assert curve.median == medians[0 if arm == "K" else 1]


def test_limits_are_symmetric_on_the_log_log_scale():
    data = rows("km_data.csv")
    curve = kaplan_meier([float(r["time"]) for r in data], [float(r["status"]) for r in data], level=0.9)
    inside = (curve.survival > 0) & (curve.survival < 1)
    s, error = curve.survival[inside], curve.standard_error[inside]
    for limit, sign in ((curve.lower[inside], 1.0), (curve.upper[inside], -1.0)):
        moved = np.log(-np.log(limit)) - np.log(-np.log(s))
        assert moved == pytest.approx(sign * 1.6448536269514722 * error / (s * -np.log(s)), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40))
def test_the_curve_equals_its_product_over_participants_and_stays_in_its_limits(people):
    time, event = np.array([t for t, _ in people], float), np.array([e for _, e in people], float)
    curve = kaplan_meier(time, event)
    for at, s, low, high in zip(curve.times, curve.survival, curve.lower, curve.upper, strict=True):
        product = 1.0
        for moment in sorted(set(time[(event == 1) & (time <= at)])):
            product *= 1.0 - (event[time == moment].sum() / (time >= moment).sum())
        assert s == pytest.approx(product, abs=1e-12)
        assert 0.0 <= low <= s + 1e-15
        assert s - 1e-15 <= high <= 1.0
    assert np.all(np.diff(curve.survival) <= 0)
    assert curve.at_risk[0] == len(people)


def test_without_events_the_curve_stays_at_one():
    curve = kaplan_meier([1.0, 2.0], [0, 0])
    assert curve.at(5.0) == (1.0, 1.0, 1.0)
    assert curve.median is None


def test_when_all_have_the_event_the_curve_ends_at_zero_with_the_last_upper_limit():
    curve = kaplan_meier([1.0, 2.0, 3.0], [1, 1, 1])
    assert curve.survival[-1] == 0.0
    assert (curve.lower[-1], curve.upper[-1]) == (0.0, curve.upper[-2])


def test_one_participant_with_the_event_has_a_curve_of_full_uncertainty():
    assert kaplan_meier([2.0], [1]).at(2.0) == (0.0, 0.0, 1.0)


def test_before_the_first_time_everybody_is_free_of_the_event():
    assert kaplan_meier([2.0, 3.0], [1, 0]).at(1.9) == (1.0, 1.0, 1.0)


def test_nobody_and_impossible_times_are_refused():
    with pytest.raises(EmptyArm):
        kaplan_meier([], [])
    with pytest.raises(OutOfRange, match="event must be 0 or 1"):
        kaplan_meier([1.0], [2])
    with pytest.raises(OutOfRange, match="time must be"):
        kaplan_meier([-1.0], [1])
    with pytest.raises(OutOfRange, match="finite"):
        kaplan_meier([np.nan], [1])


def test_the_curve_prints_as_one_line():
    assert str(kaplan_meier([1.0, 2.0], [1, 0])).startswith("2 participants, 1 events, median 1 ")


@pytest.mark.parametrize("arm", ["K", "P"])
def test_plain_limits_and_the_median_s_interval_agree_with_r(arm):
    data = [row for row in rows("km_data.csv") if row["arm"] == arm]
    curve = kaplan_meier([float(r["time"]) for r in data], [float(r["status"]) for r in data], interval="plain")
    oracle = next(case for case in cases("survival.json") if case["kind"] == "km_plain")["result"]
    here = [i for i, stratum in enumerate(oracle["strata"]) if stratum == f"arm={arm}"]
    shown = curve.events > 0
    for ours, theirs in ((curve.lower, "lower"), (curve.upper, "upper")):
        expected = np.array([float(oracle[theirs][i]) for i in here])
        assert ours[shown] == pytest.approx(expected, rel=1e-10)
    table, place = oracle["median_table"], 0 if arm == "K" else 1
    assert curve.median_interval == (table["0.95LCL"][place], table["0.95UCL"][place])


def test_a_curve_level_at_one_half_has_its_median_in_the_middle():
    assert kaplan_meier([1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1]).median == 2.5
    assert kaplan_meier([1.0, 2.0, 3.0, 4.0], [1, 1, 0, 0]).median == 2.0


def test_log_limits_are_symmetric_on_the_log_scale_until_one():
    curve = kaplan_meier([1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 1, 0], interval="log")
    free = curve.upper < 1.0
    assert (curve.lower * curve.upper)[free] == pytest.approx((curve.survival**2)[free])
    with pytest.raises(OutOfRange, match="interval"):
        kaplan_meier([1.0], [1], interval="arcsin")


def test_a_curve_that_falls_to_0_at_once_has_a_median_without_limits():
    curve = kaplan_meier([10.0, 10.0, 12.0], [0, 0, 1])
    assert curve.median == 12.0
    assert curve.median_interval == (None, None)
