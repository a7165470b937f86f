"""Which amendments change how participants are allocated: a list of the one version then serves nobody of the other."""

import pytest

from tests.support.variants import variant
from trial.protocol.loader import load_shipped, parse_protocol, shipped_text
from trial.protocol.schema import Protocol

FIRST = load_shipped("keta-pain").protocol
SECOND = load_shipped("second").protocol


def _second(what: str, to: str) -> Protocol:
    text = shipped_text("second")
    assert what in text
    return parse_protocol(text.replace(what, to)).protocol


def test_the_shipped_amendment_allocates_like_the_version_before():
    amended = load_shipped("keta-pain-1.1").protocol
    assert amended.allocates_like(FIRST)
    assert FIRST.allocates_like(amended)


@pytest.mark.parametrize(
    "changed",
    [
        variant(ratio="{KET: 3, PBO: 1}"),
        variant(ratio="{KET: 2, PBO: 2}"),
        variant(scheme="{name: complete}"),
        variant(scheme="{name: permuted_blocks, sizes: fixed}"),
        variant(ratio="{KET: 1, PBO: 1, MID: 1}", third_arm=True),
    ],
)
def test_another_ratio_scheme_parameter_or_arm_is_another_allocation(changed):
    assert not changed.protocol.allocates_like(FIRST)
    assert not FIRST.allocates_like(changed.protocol)
    assert changed.protocol.allocates_like(changed.protocol.model_copy())


def test_the_probability_of_a_coin_is_a_parameter():
    coins = [variant(scheme=f"{{name: biased_coin, probability: {chance}}}").protocol for chance in ("2/3", 0.8)]
    assert not coins[0].allocates_like(coins[1])


@pytest.mark.parametrize(
    ("what", "to"),
    [
        ("probability_of_best: 0.80", "probability_of_best: 0.90"),
        ("{factor: low_mood, weight: 1}", "{factor: low_mood, weight: 3}"),
        ("distance: range", "distance: variance"),
        ("{code: grade_4, label: Grade 4}", "{code: grade_5, label: Grade 4}"),
    ],
)
def test_another_rule_of_minimization_or_another_level_is_another_allocation(what: str, to: str):
    changed = SECOND.model_copy(update={"randomization": _changed_randomization(what, to)})
    assert not changed.allocates_like(SECOND)


def _changed_randomization(what: str, to: str):
    if "grade" not in what:
        return _second(what, to).randomization
    grade, mood = SECOND.randomization.factors
    levels = (*grade.levels[:-1], grade.levels[-1].model_copy(update={"code": "grade_5"}))
    return SECOND.randomization.model_copy(update={"factors": (grade.model_copy(update={"levels": levels}), mood)})


def test_the_site_as_a_factor_is_part_of_the_allocation():
    apart = FIRST.randomization.model_copy(update={"site_is_factor": False})
    assert not FIRST.model_copy(update={"randomization": apart}).allocates_like(FIRST)


def test_words_caps_warnings_and_order_are_no_part_of_it():
    relabelled = tuple(factor.model_copy(update={"label": "Otherwise"}) for factor in FIRST.randomization.factors)
    other = FIRST.randomization.model_copy(
        update={"factors": relabelled[::-1], "warn_at_slots": 30, "site_cap_fraction": 0.9}
    )
    amended = FIRST.model_copy(update={"randomization": other, "arms": FIRST.arms[::-1]})
    assert amended.allocates_like(FIRST)
