"""Scoring, against published tables, hand-made vectors and the traps of each instrument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trial.conduct.instruments import (
    AnswerOutOfRange,
    UnknownItem,
    alerts,
    check_answers,
    improvement,
    is_responder,
    responds,
    score_domain,
    score_instrument,
)
from trial.errors import InvalidInput
from trial.protocol import SHIPPED, shipped_protocol
from trial.protocol.schema import Threshold

PROMIS = shipped_protocol("keta-pain").instrument("PROMIS-29")
SOCIAL = ("SRPPER11_CaPS", "SRPPER18_CaPS", "SRPPER23_CaPS", "SRPPER46_CaPS")
EVERY_INSTRUMENT = [
    pytest.param(instrument, id=f"{name}-{instrument.id}")
    for name in SHIPPED
    for instrument in shipped_protocol(name).instruments
]


def instrument(instrument_id, protocol="keta-pain"):
    return shipped_protocol(protocol).instrument(instrument_id)


def all_answers(described, choose):
    return {item.id: choose(described.answers_of(item)) for item in described.items}


def lowest(described):
    return all_answers(described, lambda answers: answers.low)


def highest(described):
    return all_answers(described, lambda answers: answers.high)


def best_or_worst(described, raw_is_low):
    """Answers that give each item its lowest (or highest) score, reversals undone by hand."""
    return {
        item.id: (described.answers_of(item).low if raw_is_low != item.reversed else described.answers_of(item).high)
        for item in described.items
    }


def scores(described, answers):
    return {score.domain: score for score in score_instrument(described, answers)}


# T-scores of raw 4 and raw 20, typed from the published tables of profile version 2.0.
FLOOR = {
    "physical_function": 22.9, "anxiety": 40.3, "depression": 41.0, "fatigue": 33.7,
    "sleep_disturbance": 32.0, "social_roles_ability": 27.5, "pain_interference": 41.6,
}  # fmt: skip
CEILING = {
    "physical_function": 56.9, "anxiety": 81.6, "depression": 79.4, "fatigue": 75.8,
    "sleep_disturbance": 73.3, "social_roles_ability": 64.2, "pain_interference": 75.6,
}  # fmt: skip


@pytest.mark.parametrize(("raw_is_low", "raw", "expected"), [(True, 4, FLOOR), (False, 20, CEILING)])
def test_the_ends_of_every_promis_table(raw_is_low, raw, expected):
    found = scores(PROMIS, best_or_worst(PROMIS, raw_is_low))
    assert {name: found[name].score for name in expected} == expected
    assert {found[name].raw for name in expected} == {raw}
    assert found["pain_intensity"].score == (0 if raw_is_low else 10)


def test_all_social_role_items_are_reversed_including_the_one_that_a_public_listing_forgets():
    always = dict.fromkeys(SOCIAL, 5)
    assert score_domain(PROMIS, "social_roles_ability", always).raw == 4
    one_never = always | {"SRPPER23_CaPS": 1}
    assert score_domain(PROMIS, "social_roles_ability", one_never).raw == 8


def test_refreshing_sleep_counts_against_sleep_disturbance():
    slept_badly = {"Sleep109": 1, "Sleep116": 1, "Sleep20": 5, "Sleep44": 5}
    assert score_domain(PROMIS, "sleep_disturbance", slept_badly).raw == 20


def test_profile_versions_score_physical_function_from_their_own_table():
    newer = PROMIS.model_copy(update={"version": "2.1"})
    answers = lowest(PROMIS)
    assert score_domain(PROMIS, "physical_function", answers).score == 22.9
    assert score_domain(newer, "physical_function", answers).score == 22.5
    assert score_domain(newer, "anxiety", answers) == score_domain(PROMIS, "anxiety", answers)


def test_a_version_without_a_table_keeps_the_raw_sum_and_says_why_there_is_no_score():
    unknown = PROMIS.model_copy(update={"version": "9.9"})
    found = score_domain(unknown, "fatigue", lowest(PROMIS))
    assert (found.raw, found.score) == (4, None)
    assert "version 9.9" in found.missing_reason


def test_one_missing_item_makes_its_domain_missing_and_no_other():
    answers = lowest(PROMIS) | {"PAININ22": None}
    found = scores(PROMIS, answers)
    assert found["pain_interference"].score is None
    assert found["pain_interference"].missing_reason == "not answered: PAININ22"
    assert all(score.score is not None for name, score in found.items() if name != "pain_interference")


def test_a_worked_promis_example():
    answers = {"PAININ9": 4, "PAININ22": 4, "PAININ31": 3, "PAININ34": 4}
    found = score_domain(PROMIS, "pain_interference", answers)
    assert (found.raw, found.unit) == (15, "T")
    assert found.score == 65.2


def test_catastrophizing_has_a_total_and_three_subscales_that_add_up_to_it():
    pcs = instrument("PCS")
    answers = {f"PCS{number:02d}": number % 5 for number in range(1, 14)}
    found = {name: score.score for name, score in scores(pcs, answers).items()}
    assert found["catastrophizing"] == sum(number % 5 for number in range(1, 14))
    assert found["catastrophizing"] == found["rumination"] + found["magnification"] + found["helplessness"]
    assert found["rumination"] == sum(number % 5 for number in (8, 9, 10, 11))


@pytest.mark.parametrize(
    ("instrument_id", "protocol", "domain", "top"),
    [
        ("PSEQ", "keta-pain", "self_efficacy", 60),
        ("PCS", "keta-pain", "catastrophizing", 52),
        ("CADSS", "keta-pain", "dissociation", 92),
        ("PGIC", "keta-pain", "global_change", 7),
        ("PHQ-9", "second", "depression", 27),
        ("GAD-7", "second", "anxiety", 21),
        ("PAIN-DIARY", "second", "mean_pain", 10),
    ],
)
def test_the_top_of_each_scale(instrument_id, protocol, domain, top):
    described = instrument(instrument_id, protocol)
    assert score_domain(described, domain, highest(described)).score == top


def test_a_diary_of_four_days_has_a_mean_and_one_of_three_has_none():
    diary = instrument("PAIN-DIARY", "second")
    four = {"DIARY1": 6, "DIARY3": 5, "DIARY4": 7, "DIARY7": 4}
    assert score_domain(diary, "mean_pain", four).score == 5.5
    three = {key: four[key] for key in list(four)[:3]}
    assert score_domain(diary, "mean_pain", three).score is None


def test_thoughts_of_self_harm_raise_an_alert_whatever_the_total():
    phq = instrument("PHQ-9", "second")
    assert [alert.item for alert in alerts(phq, lowest(phq) | {"PHQ9": 1})] == ["PHQ9"]
    assert alerts(phq, highest(phq) | {"PHQ9": 0}) == ()


def test_an_answer_to_an_unknown_item_is_refused():
    with pytest.raises(UnknownItem, match="PAININ99"):
        check_answers(PROMIS, {"PAININ99": 1})


@pytest.mark.parametrize("answer", [0, 6, -1, True, 2.5, "3"])
def test_an_answer_outside_the_response_set_is_refused_with_its_range(answer):
    with pytest.raises(AnswerOutOfRange, match="from 1 to 5") as refused:
        check_answers(PROMIS, {"PAININ9": answer})
    assert set(refused.value.fields) == {"PAININ9"}


def test_a_domain_that_does_not_exist_is_refused():
    with pytest.raises(InvalidInput, match="has no domain"):
        score_domain(PROMIS, "mood", {})


@pytest.mark.parametrize("described", EVERY_INSTRUMENT)
@given(data=st.data())
def test_every_score_lies_in_the_range_that_the_protocol_states(described, data):
    answers = {
        item.id: data.draw(st.none() | st.integers(described.answers_of(item).low, described.answers_of(item).high))
        for item in described.items
    }
    for score in score_instrument(described, answers):
        domain = described.domain(score.domain)
        assert (score.score is None) == (score.missing_reason is not None)
        if score.score is not None:
            assert domain.low <= score.score <= domain.high


@pytest.mark.parametrize("described", EVERY_INSTRUMENT)
def test_the_stated_range_is_reached_at_both_ends(described):
    low, high = (scores(described, best_or_worst(described, is_low)) for is_low in (True, False))
    for domain in described.domains:
        assert (low[domain.name].score, high[domain.name].score) == (domain.low, domain.high)


def test_better_has_a_direction():
    assert is_responder(-3.0, 3, "lower")
    assert not is_responder(-3.0, 3, "higher")
    assert is_responder(3.0, 3, "higher")
    assert not is_responder(-2.9, 3, "lower")


def test_a_change_of_exactly_the_threshold_counts_despite_binary_fractions():
    assert 61.1 - 64.1 > -3.0  # the trap is real
    for tenths in range(400, 757):
        baseline, later = tenths / 10, (tenths - 30) / 10
        assert is_responder(later - baseline, 3, "lower"), baseline


def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        is_responder(-1, 0, "lower")


@given(
    change=st.floats(-50, 50, allow_nan=False),
    small=st.floats(0.1, 20),
    large=st.floats(0.1, 20),
    better=st.sampled_from(["higher", "lower"]),
)
def test_who_passes_a_larger_threshold_passes_every_smaller_one(change, small, large, better):
    small, large = sorted((small, large))
    assert is_responder(change, small, better) or not is_responder(change, large, better)


@given(change=st.floats(-50, 50, allow_nan=False))
def test_turning_the_direction_turns_the_improvement(change):
    assert improvement(change, "higher") == -improvement(change, "lower")


def test_a_percentage_responder_is_measured_from_baseline():
    thirty = Threshold(value=30, unit="percent")
    assert responds(10, 7, thirty, "lower") is True
    assert responds(10, 8, thirty, "lower") is False
    assert responds(6, 4, thirty, "lower") is True


@pytest.mark.parametrize(("baseline", "later"), [(None, 4), (4, None), (0, 4)])
def test_a_response_that_cannot_be_known_is_neither_yes_nor_no(baseline, later):
    assert responds(baseline, later, Threshold(value=30, unit="percent"), "lower") is None


def test_a_point_responder_needs_no_baseline_above_zero():
    assert responds(0, 0, Threshold(value=2, unit="points"), "lower") is False
