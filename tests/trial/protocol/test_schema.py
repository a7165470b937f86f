"""Rules of single parts: dates without a day 0, conditions under ignorance, and frozen, closed models."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trial.protocol import NotInProtocol, shipped_protocol
from trial.protocol.schema import (
    Check,
    Condition,
    Criterion,
    Delivery,
    Design,
    Domain,
    EfficacySpending,
    ExpectedInstrument,
    FormField,
    InfusionRule,
    Look,
    ReadingLimit,
    Visit,
    compare,
)

FIRST_DOSE = date(2026, 3, 2)


def visit(**given):
    return Visit(**{"code": "V", "name": "Visit", "period": "follow_up", "anchor": "first_dose"} | given)


def condition(field, comparison, value):
    return Condition(form="f", field=field, comparison=comparison, value=value)


def test_day_1_is_the_anchor_and_the_day_before_it_is_day_minus_1():
    dates = visit(day=1, opens=-1, closes=2).dates(FIRST_DOSE)
    assert (dates.opens, dates.planned, dates.closes) == (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3))


def test_days_after_the_last_dose_may_be_none():
    dates = visit(anchor="last_dose", count="days_after", day=1, opens=0, closes=2).dates(FIRST_DOSE)
    assert (dates.opens, dates.planned, dates.closes) == (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))


def test_a_visit_allowed_on_day_1_closes_on_the_day_of_the_first_dose():
    dates = visit(day=-3, opens=-7, closes=-1, allowed_on_day_1_before_first_dose=True).dates(FIRST_DOSE)
    assert (dates.opens, dates.closes) == (date(2026, 2, 23), FIRST_DOSE)


@pytest.mark.parametrize("days", [{"day": 0, "opens": -1, "closes": 1}, {"day": 1, "opens": 0, "closes": 1}])
def test_there_is_no_study_day_0(days):
    with pytest.raises(ValidationError, match="no study day 0"):
        visit(**days)


def test_a_day_outside_its_window_is_refused():
    with pytest.raises(ValidationError, match="outside its own window"):
        visit(day=30, opens=31, closes=37)


@given(day=st.integers(-400, 400).filter(bool))
def test_study_days_follow_each_other_without_a_gap(day):
    following = day + 1 or 1
    first, second = (visit(day=d, opens=d, closes=d).dates(FIRST_DOSE).planned for d in (day, following))
    assert second - first == timedelta(days=1)


@pytest.mark.parametrize(
    ("combine", "first", "second", "expected"),
    [
        ("all", True, True, True), ("all", True, False, False), ("all", False, None, False), ("all", True, None, None),
        ("any", True, None, True), ("any", False, None, None), ("any", False, False, False), ("any", None, None, None),
    ],
)  # fmt: skip
def test_what_is_not_recorded_stays_unknown(combine, first, second, expected):
    check = Check(combine=combine, conditions=(condition("a", "==", "yes"), condition("b", "==", "yes")))
    words = {True: "yes", False: "no", None: None}
    assert check.holds({("f", "a"): words[first], ("f", "b"): words[second]}) is expected


def test_a_field_that_was_never_recorded_is_unknown_and_not_false():
    assert condition("a", ">", 3).holds({}) is None
    assert condition("a", ">", 3).holds({("f", "a"): "four"}) is None


@pytest.mark.parametrize("value", ["3", True])
def test_order_is_between_numbers(value):
    with pytest.raises(ValidationError, match="needs a number"):
        condition("a", ">", value)
    with pytest.raises(TypeError, match="compares numbers"):
        compare("3", ">", 2)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_comparisons_agree_with_each_other(value, bound):
    assert compare(value, "<", bound) != compare(value, ">=", bound)
    assert compare(value, ">", bound) != compare(value, "<=", bound)
    assert compare(value, "==", bound) != compare(value, "!=", bound)


def test_an_exclusion_that_is_present_does_not_permit():
    check = Check(conditions=(condition("sbp", ">", 160),))
    exclusion = Criterion(id="E1", kind="exclusion", text="High", check=check)
    assert exclusion.permits({("f", "sbp"): 161}) is False
    assert exclusion.permits({("f", "sbp"): 160}) is True
    assert exclusion.permits({}) is None


def test_a_criterion_without_a_check_is_left_to_a_person():
    assert Criterion(id="I1", kind="inclusion", text="Willing").permits({}) is None


def test_a_limit_is_crossed_in_its_own_direction():
    assert ReadingLimit(measure="SYSBP", comparison=">=", value=180).crossed_by(180)
    assert not ReadingLimit(measure="HR", comparison="<", value=45).crossed_by(45)


def test_an_infusion_rule_has_exactly_one_trigger():
    with pytest.raises(ValidationError, match="exactly one"):
        InfusionRule(id="r", action="hold", text="t")
    limit = ReadingLimit(measure="HR", comparison=">", value=130)
    with pytest.raises(ValidationError, match="exactly one"):
        InfusionRule(id="r", action="hold", text="t", reading=limit, unresolved_after_min=10)


def test_rate_follows_from_volume_and_time():
    assert Delivery(route="intravenous", volume_ml=100, minutes=40, rate_ml_per_h=150).volume_ml == 100
    with pytest.raises(ValidationError, match="150 mL/h"):
        Delivery(route="intravenous", volume_ml=100, minutes=40, rate_ml_per_h=140)


def test_a_fixed_design_has_one_analysis():
    fixed = Design(framework="superiority", structure="parallel", alpha_one_sided=0.025, power=0.9, information="all")
    assert fixed.information_fractions == (1.0,)


def test_looks_need_spending_and_spending_needs_looks():
    common = {"framework": "superiority", "structure": "parallel", "alpha_one_sided": 0.025, "power": 0.9}
    look = Look(number=1, name="Look", information_fraction=0.5)
    with pytest.raises(ValidationError, match="if and only if"):
        Design(**common, information="all", looks=(look,))
    with pytest.raises(ValidationError, match="if and only if"):
        Design(**common, information="all", efficacy=EfficacySpending(function="lan_demets_pocock"))


def test_gamma_belongs_to_one_spending_family():
    with pytest.raises(ValidationError, match="needs gamma"):
        EfficacySpending(function="hwang_shih_decani")
    with pytest.raises(ValidationError, match="needs gamma"):
        EfficacySpending(function="lan_demets_pocock", gamma=-4)


def test_only_a_mean_can_do_without_an_item():
    common = {"name": "d", "label": "D", "items": ("a", "b"), "unit": "points", "low": 0, "high": 4, "better": "lower"}
    with pytest.raises(ValidationError, match="only a mean"):
        Domain(**common, method="sum", minimum_answered=1)
    with pytest.raises(ValidationError, match="there are 2 items"):
        Domain(**common, method="mean", minimum_answered=3)


def test_a_choice_has_choices_and_nothing_else_has_them():
    with pytest.raises(ValidationError, match="a choice has choices"):
        FormField(name="a", label="A", kind="choice")
    with pytest.raises(ValidationError, match="limits belong to numbers"):
        FormField(name="a", label="A", kind="text", low=1)


def test_a_bare_instrument_id_means_once():
    assert ExpectedInstrument.model_validate("PCS") == ExpectedInstrument(id="PCS", times=1, days_apart=0)


def test_a_part_never_changes_and_refuses_unknown_fields():
    limit = ReadingLimit(measure="HR", comparison=">", value=130)
    with pytest.raises(ValidationError, match="frozen"):
        limit.value = 1
    with pytest.raises(ValidationError, match="not permitted"):
        ReadingLimit(measure="HR", comparison=">", value=130, valeu=1)


@pytest.mark.parametrize(
    "ask",
    [
        lambda protocol: protocol.arm("X"),
        lambda protocol: protocol.visit("M4"),
        lambda protocol: protocol.visit_of_dose(9),
        lambda protocol: protocol.factor("age"),
        lambda protocol: protocol.form("X"),
        lambda protocol: protocol.criterion("I99"),
        lambda protocol: protocol.instrument("SF-36"),
        lambda protocol: protocol.domain("PCS", "mood"),
        lambda protocol: protocol.endpoint("mood"),
    ],
)
def test_asking_for_what_is_not_in_the_protocol_says_what_is(ask):
    with pytest.raises(NotInProtocol, match=r"The protocol has no .* it has "):
        ask(shipped_protocol("keta-pain"))
