"""Stratified lists: strata, their keys, their independence, and the diagnostics."""

import string
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.lists import (
    AdaptiveDesign,
    Factor,
    ListDesign,
    ListDesignInvalid,
    StratumSlots,
    StratumUnknown,
    balance_of,
    diagnose,
    generate_list,
    generate_stratum,
    minimization,
    permuted_blocks,
    stratum_key,
    stratum_levels,
)
from randomization.schemes import Balance, Imbalance, Minimization, PermutedBlocks

SEED = bytes(range(32))
SITE = Factor("site", ("S01", "S02"))
OPIOID = Factor("opioid", ("no", "yes"))
PAIN = Factor("pain_type", ("neuropathic", "nociplastic", "nociceptive"))
BLOCKS = PermutedBlocks((1, 1), (4, 6))
TEXTS = st.text(min_size=1, max_size=8).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text))


def design(factors=(SITE, OPIOID, PAIN), slots=24, arms=("KET", "PBO"), scheme=BLOCKS):
    return ListDesign(arms, scheme, slots, factors)


def test_a_list_has_a_stratum_for_each_combination_in_the_order_of_the_design():
    strata = design().strata()
    assert len(strata) == 12
    assert strata[0] == "opioid=no&pain_type=neuropathic&site=S01"
    assert strata[-1] == "opioid=yes&pain_type=nociceptive&site=S02"
    assert [stratum.key for stratum in generate_list(design(), "l", SEED).strata] == list(strata)


def test_a_design_without_factors_has_one_stratum():
    assert design(()).strata() == ("all",)
    assert design(()).stratum_of({}) == "all"


@given(st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_a_key_names_its_levels_whatever_characters_they_hold(levels):
    key = stratum_key(levels)
    assert stratum_levels(key) == levels
    assert set(key) <= set(string.ascii_letters + string.digits + "_.-~%=&")


@given(st.permutations([("site", "S01"), ("opioid", "yes"), ("pain_type", "nociplastic")]))
def test_a_key_does_not_depend_on_the_order_of_a_dict(pairs):
    assert stratum_key(dict(pairs)) == "opioid=yes&pain_type=nociplastic&site=S01"


def test_a_participant_finds_the_stratum():
    assert design().stratum_of({"opioid": "no", "site": "S02", "pain_type": "nociplastic"}) in design().strata()


@pytest.mark.parametrize(
    "levels",
    [
        {"opioid": "no", "site": "S02"},
        {"opioid": "no", "site": "S03", "pain_type": "nociplastic"},
        {"opioid": "no", "site": "S02", "pain_type": "nociplastic", "sex": "F"},
    ],
)
def test_levels_that_name_no_stratum_are_refused(levels):
    with pytest.raises(StratumUnknown):
        design().stratum_of(levels)


@given(st.binary(min_size=32, max_size=32))
def test_a_new_site_changes_no_slot_of_the_others(seed):
    wider = design((Factor("site", ("S00", "S01", "S02", "S03")), OPIOID, PAIN))
    before = {stratum.key: stratum.arms.tolist() for stratum in generate_list(design(), "l", seed).strata}
    after = {stratum.key: stratum.arms.tolist() for stratum in generate_list(wider, "l", seed).strata}
    assert before.items() <= after.items()


@given(st.permutations([SITE, OPIOID, PAIN]))
def test_the_order_of_factors_moves_strata_but_changes_none(factors):
    for key in design(tuple(factors)).strata():
        found = generate_stratum(design(tuple(factors)), "l", SEED, key)
        assert found.arms.tolist() == generate_stratum(design(), "l", SEED, key).arms.tolist()


@given(st.integers(1, 60), st.integers(0, 60))
def test_more_slots_prolong_each_stratum(slots, more):
    short = generate_list(design(slots=slots), "l", SEED)
    long = generate_list(design(slots=slots + more), "l", SEED)
    for first, second in zip(short.strata, long.strata, strict=True):
        assert first.arms.tolist() == second.arms[:slots].tolist()


def test_another_list_of_the_same_seed_is_another_list():
    first, second = (generate_list(design(slots=100), list_id, SEED) for list_id in ("l", "m"))
    pairs = zip(first.strata, second.strata, strict=True)
    assert all(one.arms.tolist() != other.arms.tolist() for one, other in pairs)


def test_a_stratum_is_given_in_the_codes_of_the_arms():
    generated = generate_list(design(), "l", SEED)
    stratum = generated.strata[3]
    assert generated.arm_codes(stratum) == [("KET", "PBO")[arm] for arm in stratum.arms]


def test_an_open_list_does_not_print_its_arms():
    generated = generate_list(design(arms=("KETAMINE-CODE", "PLACEBO-CODE")), "l", SEED)
    assert "array" not in repr(generated)
    assert "array" not in repr(generated.strata[0])


def test_diagnostics_of_a_stratum_written_by_hand():
    # Shares 2/3 and 1/3. After four times arm 1 its count is 4, due 4/3: 8/3 apart. At the end 4 of 6, due 2.
    stratum = StratumSlots("all", np.array([1, 1, 1, 1, 0, 0], dtype=np.uint8))
    balance = balance_of(stratum, (2, 1))
    assert balance.counts == (2, 4)
    assert balance.largest_departure == pytest.approx(8 / 3)
    assert balance.final_departure == pytest.approx(2)


def test_diagnostics_of_an_empty_stratum_are_zero():
    balance = balance_of(StratumSlots("all", np.empty(0, dtype=np.uint8)), (1, 1))
    assert (balance.counts, balance.largest_departure, balance.final_departure) == ((0, 0), 0.0, 0.0)


def test_permuted_blocks_stay_within_half_their_largest_block():
    for balance in diagnose(generate_list(design(slots=200), "l", SEED)):
        assert balance.largest_departure <= 1.5
        assert sum(balance.counts) == 200


def test_parameters_give_the_same_design_back():
    assert ListDesign.from_parameters(design().parameters()) == design()
    adaptive = AdaptiveDesign(("A", "B", "C"), Minimization((2, 1, 1), (Balance("site"),)))
    assert AdaptiveDesign.from_parameters(adaptive.parameters()) == adaptive


def test_a_probability_is_read_as_it_is_written():
    scheme = minimization((1, 1), {"site": 2, "sex": 0.1}, 0.8, "variance")
    balances = (Balance("site", Fraction(2)), Balance("sex", Fraction(1, 10)))
    assert scheme == Minimization((1, 1), balances, Fraction(4, 5), Imbalance.VARIANCE)


def test_a_scheme_of_the_other_kind_is_refused():
    with pytest.raises(ListDesignInvalid, match="makes a list"):
        AdaptiveDesign.from_parameters(design().parameters())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: design(arms=("KET", "KET")), "code of its own"),
        (lambda: design(arms=("KET", "")), "code of its own"),
        (lambda: design(arms=("KET", "PBO", "MID")), "3 arms and 2 shares"),
        (lambda: design((SITE, SITE)), "named twice"),
        (lambda: design(slots=0), "between 1 and"),
        (lambda: design(slots=1_000_000), "between 1 and"),
        (lambda: Factor("", ("a",)), "needs a name"),
        (lambda: Factor("site", ()), "needs a name"),
        (lambda: Factor("site", ("a", "a")), "names a level twice"),
        (lambda: permuted_blocks((1, 1), (3,)), "multiples of 2"),
        (lambda: minimization((1, 1), {"site": 1}, 0.3, "range"), "probability must lie in"),
        (lambda: minimization((1, 1), {"site": 1}, 0.8, "distance"), "not a valid Imbalance"),
    ],
)
def test_a_design_out_of_range_is_refused_with_the_remedy(make, sentence):
    with pytest.raises(ListDesignInvalid, match=sentence):
        make()
