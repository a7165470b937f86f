"""An opened list proves itself; and every way to cheat names the first bad slot."""

import hashlib
import pickle
from dataclasses import replace
from itertools import product

import pytest

from randomization.lists import (
    AdaptiveDesign,
    Factor,
    ListDesign,
    ListDesignInvalid,
    adaptive_stream,
    generate_list,
)
from randomization.schemes import Balance, Minimization, PermutedBlocks
from randomization.sealing import (
    ListCommitment,
    design_commitment,
    merkle_root,
    new_data_key,
    open_slot,
    seal_adaptive,
    seal_list,
    slot_commitment,
)
from randomization.verification import (
    CommitmentBroken,
    DesignDiffers,
    DrawNotFromSeed,
    OpenedDraw,
    OpenedList,
    OpenedListUnreadable,
    OpenedSlot,
    SlotDiffers,
    SlotNotFromSeed,
    SlotOutOfPlace,
    verify_draws,
    verify_opened_list,
)
from trial.ids import UnsafeSeededEntropy

SEED = bytes(range(32))
DESIGN = ListDesign(
    ("KET", "PBO"),
    PermutedBlocks((1, 1), (4, 6)),
    15,
    (Factor("site", ("S01", "S02")), Factor("opioid", ("no", "yes"))),
)


def open_all(key, sealed):
    for slot in sealed.slots:
        unsealed = open_slot(key, slot)
        yield OpenedSlot(slot.stratum, slot.position, unsealed.arm, unsealed.salt)


@pytest.fixture
def opened_and_published():
    entropy = UnsafeSeededEntropy(1)
    key = new_data_key("list-1", entropy)
    sealed = seal_list(key, generate_list(DESIGN, "list-1", SEED), SEED, entropy)
    return OpenedList("list-1", SEED, DESIGN.parameters(), tuple(open_all(key, sealed))), sealed.commitment


def committed(opened: OpenedList) -> ListCommitment:
    """What a cheat would publish for this list from the start."""
    leaves = tuple(slot_commitment(opened.list_id, s.stratum, s.position, s.arm, s.salt) for s in opened.slots)
    design = design_commitment(opened.list_id, opened.seed, dict(opened.parameters))
    return ListCommitment(opened.list_id, design, merkle_root(leaves), leaves)


def with_slot(opened, index, **changes):
    slots = list(opened.slots)
    slots[index] = replace(slots[index], **changes)
    return replace(opened, slots=tuple(slots))


def other(arm):
    return "PBO" if arm == "KET" else "KET"


def test_an_honest_list_verifies(opened_and_published):
    verify_opened_list(*opened_and_published)


def test_an_arm_changed_after_sealing_is_named(opened_and_published):
    opened, published = opened_and_published
    changed = with_slot(opened, 20, arm=other(opened.slots[20].arm))
    with pytest.raises(SlotDiffers) as found:
        verify_opened_list(with_slot(changed, 40, arm=other(opened.slots[40].arm)), published)
    assert (found.value.stratum, found.value.position) == ("opioid=yes&site=S01", 6)
    assert "Slot 6 of opioid=yes&site=S01" in found.value.sentence


def test_a_false_salt_is_named(opened_and_published):
    opened, published = opened_and_published
    with pytest.raises(SlotDiffers) as found:
        verify_opened_list(with_slot(opened, 0, salt=bytes(32)), published)
    assert found.value.position == 1


def test_two_swapped_arms_are_named(opened_and_published):
    opened, published = opened_and_published
    first = next(i for i, slot in enumerate(opened.slots) if slot.arm != opened.slots[i + 1].arm)
    one, two = opened.slots[first : first + 2]
    swapped = with_slot(with_slot(opened, first, arm=two.arm, salt=two.salt), first + 1, arm=one.arm, salt=one.salt)
    with pytest.raises(SlotDiffers) as found:
        verify_opened_list(swapped, published)
    assert found.value.position == one.position


def test_a_list_written_by_hand_and_honestly_committed_to_does_not_come_from_its_seed(opened_and_published):
    opened, _ = opened_and_published
    shopped = with_slot(opened, 17, arm=other(opened.slots[17].arm))
    with pytest.raises(SlotNotFromSeed) as found:
        verify_opened_list(shopped, committed(shopped))
    assert (found.value.stratum, found.value.position) == ("opioid=yes&site=S01", 3)


def test_another_seed_or_other_block_sizes_are_not_those_committed_to(opened_and_published):
    opened, published = opened_and_published
    with pytest.raises(DesignDiffers):
        verify_opened_list(replace(opened, seed=bytes(32)), published)
    larger = replace(DESIGN, scheme=PermutedBlocks((1, 1), (4, 6, 8)))
    with pytest.raises(DesignDiffers):
        verify_opened_list(replace(opened, parameters=larger.parameters()), published)


def test_a_list_shown_for_another_is_refused(opened_and_published):
    opened, published = opened_and_published
    with pytest.raises(DesignDiffers):
        verify_opened_list(replace(opened, list_id="list-2"), published)
    with pytest.raises(DesignDiffers):
        verify_opened_list(opened, replace(published, list_id="list-2"))


def test_commitments_rewritten_to_fit_do_not_give_the_published_root(opened_and_published):
    opened, published = opened_and_published
    changed = with_slot(opened, 3, arm=other(opened.slots[3].arm))
    with pytest.raises(CommitmentBroken):
        verify_opened_list(changed, replace(published, slots=committed(changed).slots))


@pytest.mark.parametrize(
    ("cut", "stratum", "position"),
    [
        (lambda slots: slots[:-1], "opioid=yes&site=S02", 15),
        (lambda slots: slots[:20] + slots[21:], "opioid=yes&site=S01", 6),
        (lambda slots: (*slots, slots[0]), "opioid=no&site=S01", 1),
        (lambda slots: slots[15:30] + slots[:15] + slots[30:], "opioid=no&site=S01", 1),
        (lambda slots: slots[:0], "opioid=no&site=S01", 1),
    ],
    ids=["truncated", "one taken out", "one added", "strata exchanged", "empty"],
)
def test_missing_added_and_moved_slots_are_named(opened_and_published, cut, stratum, position):
    opened, published = opened_and_published
    with pytest.raises(SlotOutOfPlace) as found:
        verify_opened_list(replace(opened, slots=cut(opened.slots)), published)
    assert (found.value.stratum, found.value.position) == (stratum, position)


def test_a_commitment_to_more_slots_than_the_design_has_is_refused(opened_and_published):
    opened, published = opened_and_published
    leaves = (*published.slots, bytes(32))
    with pytest.raises(SlotOutOfPlace) as found:
        verify_opened_list(opened, replace(published, slots=leaves, root=merkle_root(leaves)))
    assert found.value.position == 16


def test_a_commitment_to_fewer_slots_than_the_design_has_is_refused(opened_and_published):
    opened, published = opened_and_published
    leaves = published.slots[:-1]
    with pytest.raises(SlotDiffers) as found:
        verify_opened_list(opened, replace(published, slots=leaves, root=merkle_root(leaves)))
    assert found.value.position == 15


def test_parameters_that_describe_no_list_are_refused(opened_and_published):
    opened, _ = opened_and_published
    broken = replace(opened, parameters={"arms": ["KET", "PBO"]})
    with pytest.raises(OpenedListUnreadable):
        verify_opened_list(broken, committed(broken))
    with pytest.raises(OpenedListUnreadable):
        verify_draws("list-1", SEED, broken.parameters, [], replace(committed(broken), root=merkle_root(()), slots=()))


def test_a_problem_survives_pickling_as_workers_need():
    again = pickle.loads(pickle.dumps(SlotDiffers("site=S01", 4)))
    assert (type(again), again.stratum, again.position) == (SlotDiffers, "site=S01", 4)


def list_by_the_standard_library(seed, list_id, parameters):
    """What an outsider writes: the whole derivation from the revealed seed, with hashlib alone."""

    def framed(*parts):
        return b"".join(len(part).to_bytes(8, "big") + part for part in parts)

    def words(stratum, use):
        domain = parameters["stream"].encode()
        prefix, block = framed(domain, seed, list_id.encode(), stratum.encode(), use.encode()), 0
        while True:
            squeezed = hashlib.shake_256(prefix + block.to_bytes(8, "big")).digest(8192)
            yield from (int.from_bytes(squeezed[at : at + 8], "big") for at in range(0, 8192, 8))
            block += 1

    ratio, sizes = parameters["scheme"]["ratio"], sorted(parameters["scheme"]["sizes"])
    limit = 2**64 // len(sizes) * len(sizes)
    for combination in product(*(levels for _, levels in parameters["factors"])):
        names = (name for name, _ in parameters["factors"])
        stratum = "&".join(f"{name}={level}" for name, level in sorted(zip(names, combination, strict=True)))
        choices = (word % len(sizes) for word in words(stratum, "block sizes") if word < limit)
        keys = {size: words(stratum, f"blocks of {size}") for size in sizes}
        arms = []
        while len(arms) < parameters["slots_per_stratum"]:
            size = sizes[next(choices)]
            template = [arm for arm, share in enumerate(ratio) for _ in range(share * size // sum(ratio))]
            ranks = [next(keys[size]) >> 8 for _ in range(size)]
            arms += [template[place] for place in sorted(range(size), key=ranks.__getitem__)]
        for position in range(parameters["slots_per_stratum"]):
            yield stratum, position + 1, parameters["arms"][arms[position]]


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1)])
def test_an_outsider_derives_the_same_list_with_the_standard_library(ratio):
    unit = sum(ratio)
    design = replace(DESIGN, scheme=PermutedBlocks(ratio, (unit, 2 * unit, 3 * unit)), slots_per_stratum=500)
    generated = generate_list(design, "list-1", SEED)
    expected = [
        (stratum.key, position, arm)
        for stratum in generated.strata
        for position, arm in enumerate(generated.arm_codes(stratum), start=1)
    ]
    assert list(list_by_the_standard_library(SEED, "list-1", design.parameters())) == expected


@pytest.fixture
def minimized():
    design = AdaptiveDesign(("A", "B", "C"), Minimization((2, 1, 1), (Balance("site"), Balance("sex"))))
    entropy = UnsafeSeededEntropy(2)
    sealed = seal_adaptive(new_data_key("list-2", entropy), design, SEED, entropy)
    levels = [{"site": site, "sex": sex} for site, sex in product(("S01", "S02"), "FM")] * 5
    seats = design.scheme.replay(adaptive_stream("list-2", SEED), levels)
    arms = [design.arms[design.scheme.arm_of(seat)] for seat in seats]
    draws = [OpenedDraw(level, arm) for level, arm in zip(levels, arms, strict=True)]
    return design.parameters(), draws, sealed.commitment


def test_an_honest_minimization_verifies(minimized):
    parameters, draws, published = minimized
    verify_draws("list-2", SEED, parameters, draws, published)


def test_an_arm_that_minimization_did_not_give_is_named(minimized):
    parameters, draws, published = minimized
    draws[11] = OpenedDraw(draws[11].levels, "B" if draws[11].arm != "B" else "C")
    with pytest.raises(DrawNotFromSeed) as found:
        verify_draws("list-2", SEED, parameters, draws, published)
    assert found.value.position == 12


def test_a_minimization_with_another_seed_is_not_the_one_committed_to(minimized):
    parameters, draws, published = minimized
    with pytest.raises(DesignDiffers):
        verify_draws("list-2", bytes(32), parameters, draws, published)


def test_a_list_shown_as_a_minimization_is_refused(opened_and_published):
    opened, published = opened_and_published
    with pytest.raises(ListDesignInvalid, match="makes a list"):
        verify_draws("list-1", SEED, opened.parameters, [], published)
