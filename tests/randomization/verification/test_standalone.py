"""The stand-alone verifier: every scheme, in an empty directory, isolated; and every way to cheat is named."""

import copy
import json
import subprocess
import sys
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from randomization.lists import AdaptiveDesign, Factor, ListDesign, adaptive_stream, generate_list
from randomization.schemes import (
    LIST_SCHEMES,
    Balance,
    BiasedCoin,
    BigStick,
    BlockUrn,
    Complete,
    Imbalance,
    MaximalProcedure,
    Minimization,
    PermutedBlocks,
    RandomAllocationRule,
    UploadedList,
    Urn,
)
from randomization.sealing import (
    design_commitment,
    merkle_root,
    new_data_key,
    open_slot,
    seal_adaptive,
    seal_list,
    slot_commitment,
)
from randomization.unblinding.opening import OpenedAllocation
from randomization.verification import (
    NotAsCommitted,
    OpenedDraw,
    OpenedList,
    OpenedListUnreadable,
    OpenedSlot,
    as_file,
    standalone,
    verifier_text,
    verify_file,
)
from trial.ids import UnsafeSeededEntropy

SEED = bytes(range(32))
FACTORS = (Factor("site", ("S 01", "S=02")), Factor("Überweisung", ("no", "yes")))
STRATA = ListDesign(("A", "B"), Complete((1, 1)), 1, FACTORS).strata()
SCHEMES = (
    PermutedBlocks((1, 1), (4, 6)),
    Complete((2, 1)),
    RandomAllocationRule((1, 2)),
    BiasedCoin(probability=Fraction(2, 3)),
    BigStick(3),
    Urn((1, 1, 1), 1, 2),
    BlockUrn((2, 1, 1), 2),
    MaximalProcedure(3),
    UploadedList((1, 1), tuple((key, (0, 1, 1, 0)[: 2 + place % 3]) for place, key in enumerate(STRATA))),
)


def published(scheme, seed=SEED, slots=12):
    """A list sealed, committed to and laid open: what the world gets to see."""
    arms = ("KET", "PBO", "MID")[: len(scheme.ratio)]
    if isinstance(scheme, UploadedList):
        slots = max(len(held) for _, held in scheme.strata)
    design = ListDesign(arms, scheme, slots, FACTORS)
    entropy = UnsafeSeededEntropy(1)
    key = new_data_key("list-1", entropy)
    sealed = seal_list(key, generate_list(design, "list-1", seed), seed, entropy)
    opened = [(slot, open_slot(key, slot)) for slot in sealed.slots]
    laid_open = tuple(OpenedSlot(slot.stratum, slot.position, one.arm, one.salt) for slot, one in opened)
    return OpenedAllocation(sealed.commitment, OpenedList("list-1", seed, design.parameters(), laid_open), ())


def minimized(imbalance=Imbalance.RANGE, ratio=(2, 1, 1), overall=Fraction(1, 2), participants=40):
    balances = (Balance("site", Fraction(2)), Balance("sex", Fraction(1, 3)))
    design = AdaptiveDesign(
        ("A", "B", "C")[: len(ratio)], Minimization(ratio, balances, Fraction(4, 5), imbalance, overall)
    )
    entropy = UnsafeSeededEntropy(2)
    sealed = seal_adaptive(new_data_key("list-2", entropy), design, SEED, entropy)
    cells = list(product(("S01", "S02", "S03"), "FM"))
    levels = [dict(zip(("site", "sex"), cells[(7 * n * n) % 6], strict=True)) for n in range(participants)]
    seats = design.scheme.replay(adaptive_stream("list-2", SEED), levels)
    draws = [OpenedDraw(one, design.arms[design.scheme.arm_of(seat)]) for one, seat in zip(levels, seats, strict=True)]
    return OpenedAllocation(sealed.commitment, OpenedList("list-2", SEED, design.parameters(), ()), tuple(draws))


def run(directory, *arguments):
    """The one file, isolated: no path of this project, no environment, no site directory of the user."""
    (directory / "verify_list.py").write_text(verifier_text(), encoding="utf-8")
    return subprocess.run(  # noqa: PLW1510 - the exit code is what the tests look at
        [sys.executable, "-I", "-S", "verify_list.py", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        env={},
    )


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_an_honest_list_of_any_scheme_verifies(scheme):
    document = json.loads(published(scheme).file)
    assert standalone.verify(document) == len(document["commitment"]["slots"]) > 0


def test_every_scheme_that_makes_lists_is_verified():
    assert {type(scheme) for scheme in SCHEMES} == set(LIST_SCHEMES)


@pytest.mark.parametrize("imbalance", list(Imbalance))
@pytest.mark.parametrize("ratio", [(1, 1), (2, 1, 1), (3, 2)])
def test_an_honest_minimization_verifies(imbalance, ratio):
    assert standalone.verify(json.loads(minimized(imbalance, ratio).file)) == 40


@given(
    st.sampled_from([one for one in SCHEMES if not isinstance(one, UploadedList)]), st.binary(min_size=32, max_size=32)
)
@settings(max_examples=60, deadline=None)
def test_both_derivations_agree_for_any_seed(scheme, seed):
    assert standalone.verify(json.loads(published(scheme, seed, slots=120).file)) == 480


def test_the_stand_alone_file_runs_isolated_in_an_empty_directory(tmp_path):
    opened = published(SCHEMES[0])
    (tmp_path / "opened.json").write_bytes(opened.file)
    (tmp_path / "commitment.json").write_text(json.dumps(json.loads(opened.file)["commitment"]))
    ran = run(tmp_path, "opened.json", "--commitment", "commitment.json", "--root", opened.published.root.hex())
    assert (ran.returncode, ran.stderr) == (0, "")
    assert opened.published.root.hex() in ran.stdout
    assert "All 48 allocations" in ran.stdout


def test_the_stand_alone_file_imports_the_standard_library_only():
    imported = [line for line in verifier_text().splitlines() if line.startswith(("import ", "from "))]
    names = {line.split()[1].split(".")[0] for line in imported}
    assert names <= set(sys.stdlib_module_names) | {"__future__"}


def swap(one, other):
    one[0], other[0] = other[0], one[0]
    one[1], other[1] = other[1], one[1]


def first_change(slots):
    return next(place for place in range(len(slots)) if slots[place][0] != slots[place + 1][0])


def change_a_slot(document):
    slot = document["strata"][1][1][4]
    slot[0] = "PBO" if slot[0] == "KET" else "KET"


def swap_two_slots(document):
    slots = document["strata"][2][1]
    at = first_change(slots)
    swap(slots[at], slots[at + 1])


def commit_to_the_cheat(document):
    """A cheat who wrote the list by hand and committed to it from the start."""
    change_a_slot(document)
    leaves = [
        slot_commitment(document["list"], key, position, arm, bytes.fromhex(salt))
        for key, slots in document["strata"]
        for position, (arm, salt) in enumerate(slots, start=1)
    ]
    document["commitment"] |= {"slots": [leaf.hex() for leaf in leaves], "root": merkle_root(leaves).hex()}


def rewrite_the_leaves(document):
    commit_to_the_cheat(root_kept := copy.deepcopy(document))
    document["strata"] = root_kept["strata"]
    document["commitment"]["slots"] = root_kept["commitment"]["slots"]


def another_seed(document):
    document["seed"] = bytes(32).hex()


def commit_to_the_design(document):
    seed = bytes.fromhex(document["seed"])
    found = design_commitment(document["list"], seed, document["parameters"])
    document["commitment"]["design"] = found.hex()


def another_seed_committed_to(document):
    another_seed(document)
    commit_to_the_design(document)


ATTACKS = [
    (change_a_slot, "slot_differs", "Slot 5 of"),
    (swap_two_slots, "slot_differs", "Slot "),
    (lambda document: document["strata"].pop(1), "slot_out_of_place", "is missing"),
    (lambda document: document["strata"].append(["all", []]), "slot_out_of_place", "was added"),
    (lambda document: document["strata"].reverse(), "slot_out_of_place", "not in its place"),
    (lambda document: document["strata"][3][1].pop(), "slot_out_of_place", "Slot 12 of"),
    (lambda document: document["strata"][0][1].append(["KET", "00"]), "slot_out_of_place", "Slot 13 of"),
    (another_seed, "design_differs", "seed"),
    (another_seed_committed_to, "slot_not_from_seed", "Slot "),
    (commit_to_the_cheat, "slot_not_from_seed", "Slot 5 of"),
    (rewrite_the_leaves, "root_differs", "root"),
    (lambda document: document["parameters"]["scheme"].update(sizes=[4, 6, 8]), "design_differs", "parameters"),
    (lambda document: document.update(list="list-2"), "design_differs", "id"),
    (lambda document: document["strata"][0][1][0].__setitem__(1, "00" * 32), "slot_differs", "Slot 1 of"),
]


@pytest.mark.parametrize(("tamper", "code", "words"), ATTACKS, ids=[f"{n}-{one[1]}" for n, one in enumerate(ATTACKS)])
def test_a_tampered_list_is_refused_and_the_place_named(tmp_path, tamper, code, words):
    document = json.loads(published(SCHEMES[0]).file)
    tamper(document)
    file = tmp_path / "opened.json"
    file.write_bytes(as_file(document))
    with pytest.raises(NotAsCommitted) as refused:
        verify_file(file)
    assert refused.value.how == code
    assert words in refused.value.sentence


@pytest.mark.parametrize("tamper", [change_a_slot, swap_two_slots, another_seed], ids=lambda one: one.__name__)
def test_an_outsider_sees_the_same_refusal(tmp_path, tamper):
    document = json.loads(published(SCHEMES[0]).file)
    tamper(document)
    (tmp_path / "opened.json").write_bytes(as_file(document))
    ran = run(tmp_path, "opened.json")
    assert ran.returncode == 1
    assert ran.stdout.startswith("NOT AS COMMITTED")


def test_a_whole_list_exchanged_with_its_commitment_differs_from_what_was_first_published(tmp_path):
    honest, shopped = published(SCHEMES[0]), published(SCHEMES[0], seed=bytes(32))
    (tmp_path / "opened.json").write_bytes(shopped.file)
    (tmp_path / "commitment.json").write_bytes(as_file(json.loads(honest.file)["commitment"]))
    assert run(tmp_path, "opened.json").returncode == 0
    assert run(tmp_path, "opened.json", "--commitment", "commitment.json").returncode == 1
    assert run(tmp_path, "opened.json", "--root", honest.published.root.hex()).returncode == 1
    assert run(tmp_path, "opened.json", "--design", honest.published.design.hex()).returncode == 1


def test_an_arm_that_minimization_did_not_give_is_named():
    document = json.loads(minimized().file)
    document["draws"][11][1] = "B" if document["draws"][11][1] != "B" else "C"
    with pytest.raises(standalone.NotAsCommitted, match="Slot 12 of all") as refused:
        standalone.verify(document)
    assert refused.value.code == "draw_not_from_seed"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_one_value_is_changed_the_list_is_refused(data):
    """Every single hexadecimal digit, arm and key of the opened list counts."""
    honest = published(SCHEMES[0]).file
    place = data.draw(st.integers(0, len(honest) - 2))
    digit = data.draw(st.sampled_from(b"0123456789abcdef"))
    changed = honest[:place] + bytes([digit]) + honest[place + 1 :]
    try:
        document = json.loads(changed)
    except ValueError:
        return
    if document != json.loads(honest):
        with pytest.raises((standalone.NotAsCommitted, standalone.Unreadable)):
            published_file = json.loads(honest)["commitment"]
            standalone.verify(document, standalone.trusted(document, published_file, None, None))


@pytest.mark.parametrize("size", [0, 1])
def test_blocks_that_hold_nobody_are_unreadable_and_do_not_run_for_ever(size):
    document = json.loads(published(SCHEMES[0]).file)
    document["parameters"]["scheme"]["sizes"] = [size]
    commit_to_the_design(document)
    with pytest.raises(standalone.Unreadable, match="block"):
        standalone.verify(document)


def test_more_strata_than_fit_in_memory_are_refused_at_the_first_that_is_missing():
    document = json.loads(published(SCHEMES[0]).file)
    document["parameters"]["factors"] += [[f"factor {n}", [str(level) for level in range(100)]] for n in range(8)]
    commit_to_the_design(document)
    with pytest.raises(standalone.NotAsCommitted, match="is missing"):
        standalone.verify(document)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"format": "equipoise/opened-list/v1"}', b"[" * 100_000],
    ids=["empty", "list", "nothing", "no text", "no commitment", "deep"],
)
def test_what_is_no_opened_list_is_unreadable_and_no_traceback(tmp_path, content):
    (tmp_path / "opened.json").write_bytes(content)
    ran = run(tmp_path, "opened.json")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Cannot be checked: ")
    with pytest.raises(OpenedListUnreadable):
        verify_file(tmp_path / "opened.json")
