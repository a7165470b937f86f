"""A sealed list, and what an administrator with the whole database can do to it."""

from dataclasses import replace

import pytest

from randomization.lists import AdaptiveDesign, Factor, ListDesign, generate_list
from randomization.schemes import Balance, Minimization, PermutedBlocks
from randomization.sealing import (
    ListHolderDiffers,
    SealBroken,
    new_data_key,
    open_adaptive_design,
    open_list_design,
    open_seed,
    open_slot,
    seal_adaptive,
    seal_list,
)
from trial.ids import UnsafeSeededEntropy

SEED = bytes(range(32))
DESIGN = ListDesign(
    ("K", "PLACEBO-WITH-A-LONG-CODE"), PermutedBlocks((2, 1), (3, 6)), 9, (Factor("site", ("S01", "S02")),)
)


@pytest.fixture
def entropy():
    return UnsafeSeededEntropy(1)


@pytest.fixture
def key(entropy):
    return new_data_key("list-1", entropy)


@pytest.fixture
def generated():
    return generate_list(DESIGN, "list-1", SEED)


@pytest.fixture
def sealed(key, generated, entropy):
    return seal_list(key, generated, SEED, entropy)


def test_every_slot_opens_to_its_arm(key, generated, sealed):
    expected = [arm for stratum in generated.strata for arm in generated.arm_codes(stratum)]
    assert [open_slot(key, slot).arm for slot in sealed.slots] == expected
    assert [(slot.stratum, slot.position) for slot in sealed.slots] == [
        (f"site={site}", position) for site in ("S01", "S02") for position in range(1, 10)
    ]


def test_lengths_of_ciphertexts_tell_nothing(key, sealed):
    assert len({open_slot(key, slot).arm for slot in sealed.slots}) == 2
    assert len({len(slot.sealed.token) for slot in sealed.slots}) == 1


def test_the_same_arm_never_shows_twice_in_tokens_or_commitments(sealed):
    assert len({slot.sealed.token for slot in sealed.slots}) == len(sealed.slots)
    assert len(set(sealed.commitment.slots)) == len(sealed.slots)


def test_the_seed_and_the_design_open_again(key, sealed):
    assert open_seed(key, sealed.seed) == SEED
    assert open_list_design(key, sealed.design) == DESIGN


def test_block_sizes_do_not_show_in_the_length_of_a_sealed_design(key, entropy, sealed):
    other = replace(DESIGN, scheme=PermutedBlocks((2, 1), (3, 6, 9, 12, 15)))
    resealed = seal_list(key, generate_list(other, "list-1", SEED), SEED, entropy)
    assert len(resealed.design.token) == len(sealed.design.token)


def test_a_list_cannot_be_sealed_under_the_key_of_another(entropy, generated):
    with pytest.raises(ListHolderDiffers):
        seal_list(new_data_key("list-2", entropy), generated, SEED, entropy)


def test_two_slots_with_swapped_ciphertexts_do_not_open(key, sealed):
    first, second = sealed.slots[:2]
    for slot, other in [(first, second), (second, first)]:
        with pytest.raises(SealBroken):
            open_slot(key, replace(slot, sealed=other.sealed))
        with pytest.raises(SealBroken):
            open_slot(key, replace(slot, sealed=other.sealed, commitment=other.commitment))


def test_a_slot_moved_to_the_same_position_of_another_stratum_does_not_open(key, sealed):
    first, twin = sealed.slots[0], sealed.slots[9]
    assert first.position == twin.position
    with pytest.raises(SealBroken):
        open_slot(key, replace(first, sealed=twin.sealed, commitment=twin.commitment))


def test_a_slot_sealed_again_by_a_holder_of_the_key_fails_its_published_commitment(key, sealed, entropy):
    forged = seal_list(key, generate_list(DESIGN, "list-1", bytes(32)), bytes(32), entropy).slots[0]
    assert open_slot(key, forged)
    with pytest.raises(SealBroken, match="committed to"):
        open_slot(key, replace(forged, commitment=sealed.slots[0].commitment))


def test_an_open_slot_does_not_print_its_arm(key, sealed):
    assert repr(open_slot(key, sealed.slots[0])) == "UnsealedSlot()"


def test_a_scheme_without_a_list_is_sealed_and_committed_to(key, entropy):
    design = AdaptiveDesign(("A", "B"), Minimization((1, 1), (Balance("site"),)))
    sealed = seal_adaptive(key, design, SEED, entropy)
    assert sealed.slots == sealed.commitment.slots == ()
    assert open_seed(key, sealed.seed) == SEED
    assert open_adaptive_design(key, sealed.design) == design
