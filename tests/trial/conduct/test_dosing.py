from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.conduct.dosing import (
    DoseFlag,
    DrawnDose,
    HeightNeeded,
    body_mass_index,
    drawn_dose,
    ideal_weight_devine,
    infusion_window,
    must_redose,
    nominal_dose,
)
from trial.protocol.loader import shipped_protocol

PLAN = shipped_protocol("keta-pain").infusions
assert PLAN is not None
WEIGHTS = st.floats(30, 250, allow_nan=False).map(lambda kg: round(kg, 1))
HEIGHTS = st.floats(140, 210, allow_nan=False).map(lambda cm: round(cm, 1))


def test_the_worked_example_of_the_protocol_comes_out():
    order = nominal_dose(PLAN, 82.4, 185.0, "M")
    assert (order.weight_kg, order.dose_mg, order.flags) == (82.4, 41.2, ())
    assert drawn_dose(order.dose_mg, PLAN.dose.stock_mg_per_ml, PLAN.dose.syringe_graduation_ml) == DrawnDose(
        volume_ml=0.82, dose_mg=41.0
    )


def test_from_the_body_mass_index_of_30_on_the_adjusted_weight_is_used():
    # 165 cm, F: Devine 45.5 + 2.3 * (165 / 2.54 - 60) = 56.91; 56.91 + 0.4 * (95 - 56.91) = 72.15 -> 72.1 kg.
    order = nominal_dose(PLAN, 95.0, 165.0, "F")
    assert body_mass_index(95.0, 165.0) > 30
    assert order.weight_kg == pytest.approx(72.1, abs=0.05)
    assert order.dose_mg == pytest.approx(36.05, abs=0.03)
    assert order.flags == (DoseFlag.ADJUSTED_WEIGHT,)


def test_just_below_the_index_the_measured_weight_is_used():
    assert nominal_dose(PLAN, 81.6, 165.0, "F").weight_kg == 81.6


def test_the_cap_comes_after_the_adjusted_weight():
    # 140 kg at 200 cm is an index of 35: adjusted, and still above the weight at which the cap begins.
    order = nominal_dose(PLAN, 170.0, 200.0, "M")
    assert order.dose_mg == 50.0
    assert order.flags == (DoseFlag.WEIGHT_HIGH, DoseFlag.ADJUSTED_WEIGHT, DoseFlag.CAPPED)


def test_without_a_height_the_dose_is_not_guessed():
    with pytest.raises(HeightNeeded):
        nominal_dose(PLAN, 80.0, None, "F")


def test_the_ideal_weight_is_devines():
    assert ideal_weight_devine(60 * 2.54, "M") == pytest.approx(50.0)
    assert ideal_weight_devine(70 * 2.54, "F") == pytest.approx(45.5 + 23)
    assert ideal_weight_devine(120.0, "F") == 45.5


def test_who_is_neither_male_nor_female_gets_the_smaller_ideal_weight():
    assert ideal_weight_devine(170, "INTERSEX") == ideal_weight_devine(170, "F") < ideal_weight_devine(170, "M")


@given(WEIGHTS, HEIGHTS, st.sampled_from("FM"))
def test_no_dose_exceeds_the_cap_or_the_measured_weights_share(weight: float, height: float, sex: str):
    order = nominal_dose(PLAN, weight, height, sex)
    assert 0 < order.dose_mg <= PLAN.dose.cap_mg
    if body_mass_index(weight, height) < PLAN.weight.adjusted.from_bmi:
        assert order.weight_kg == weight
        assert order.dose_mg <= PLAN.dose.mg_per_kg * weight + 0.005


@given(WEIGHTS, WEIGHTS, HEIGHTS, st.sampled_from("FM"))
def test_of_two_adjusted_weights_the_heavier_person_never_gets_less(one: float, other: float, height: float, sex: str):
    light, heavy = sorted((one, other))
    bound = PLAN.weight.adjusted.from_bmi * (height / 100) ** 2
    if light >= bound or heavy < bound:
        assert nominal_dose(PLAN, light, height, sex).dose_mg <= nominal_dose(PLAN, heavy, height, sex).dose_mg


@given(st.floats(0.5, 200, allow_nan=False), st.sampled_from([1, 10, 50, 100]), st.sampled_from([0.01, 0.05, 0.1]))
def test_what_is_drawn_is_the_nearest_graduation(dose: float, stock: float, graduation: float):
    drawn = drawn_dose(round(dose, 2), stock, graduation)
    assert abs(drawn.volume_ml - round(dose, 2) / stock) <= graduation / 2 + 1e-9
    assert drawn.dose_mg == pytest.approx(drawn.volume_ml * stock)
    assert round(drawn.volume_ml / graduation) * graduation == pytest.approx(drawn.volume_ml)


def test_halves_are_drawn_up():
    assert drawn_dose(0.25, 50, 0.01).volume_ml == 0.01
    assert drawn_dose(0.75, 50, 0.01).volume_ml == 0.02


@pytest.mark.parametrize(("weight", "again"), [(90.0, False), (110.0, False), (110.1, True), (89.9, True)])
def test_the_dose_is_computed_again_only_beyond_a_tenth(weight: float, again: bool):
    assert must_redose(PLAN.weight, 100.0, weight) is again


def test_the_first_infusion_may_be_given_on_any_day():
    assert infusion_window(PLAN, 1, {}) is None
    assert infusion_window(PLAN, 3, {}) is None


DAY = date(2026, 3, 2)


@given(st.lists(st.integers(0, 1), min_size=4, max_size=4), st.sets(st.integers(2, 4)))
def test_infusions_that_keep_their_windows_stay_within_the_span(moves: list[int], missed: set[int]):
    given_on = {1: DAY}
    for number, move in zip(range(2, 6), moves, strict=True):
        if number in missed:
            continue
        window = infusion_window(PLAN, number, given_on)
        assert window is not None
        if window.last < window.first:
            return
        assert window.first > max(given_on.values())
        given_on[number] = min(window.first + timedelta(days=move), window.last)
    assert max(given_on.values()) - DAY <= timedelta(days=PLAN.days.all_within_days - 1)


def test_each_infusion_may_move_by_one_day_after_the_one_before():
    window = infusion_window(PLAN, 3, {1: DAY, 2: DAY + timedelta(days=2)})
    assert window is not None
    assert (window.first, window.last) == (DAY + timedelta(days=3), DAY + timedelta(days=4))


def test_a_missed_infusion_is_not_made_up_the_next_keeps_its_own_day():
    window = infusion_window(PLAN, 3, {1: DAY})
    assert window is not None
    assert window.first == DAY + timedelta(days=2)
