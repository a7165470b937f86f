"""The guessing game: who sees all that a coordinator sees guesses no better than the theory of random blocks allows.

Two attackers. One knows every earlier arm of the stratum and follows the convergence strategy, which is the best there is
without the block's length: it guesses the arm that was given less often so far, and tosses a coin at a tie. Blackwell and
Hodges (1957): in a block of 2m with one to one, m + (4^m / C(2m, m) - 1) / 2 guesses are right on average. The other one
knows no arm, but every kit number, the order and the packing lists, as the people at a site do. For that one the numbers
must tell nothing: a participant's arm, and whether two participants have the same, are a coin's and the blocks' alone.
"""

from datetime import date
from functools import cache
from math import comb, sqrt
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest

from randomization.kits import shelves
from randomization.kits.contents import UnsealedContent
from randomization.kits.kits import draw_number
from randomization.kits.shelves import OpenShelf, ShelvedKit
from randomization.kits.shipments import _shuffle
from randomization.schemes import PermutedBlocks, Stream
from trial.ids import UnsafeSeededEntropy

BLOCKS = PermutedBlocks((1, 1), (4, 6))
LISTS, SLOTS = 300, 600
SITES, KITS_OF_EACH, GIVEN = 250, 16, 24


def generated(lists: int, slots: int) -> np.ndarray:
    seeds = (number.to_bytes(32, "big") for number in range(1, lists + 1))
    return np.array([BLOCKS.generate(Stream(seed, "a list", "a stratum"), slots) for seed in seeds], dtype=np.int8)


def right_by_convergence(arms: np.ndarray, coin: np.ndarray) -> np.ndarray:
    """Which guesses are right, of an attacker who knows every arm before."""
    steps = np.where(arms == 1, 1, -1)
    lead = np.cumsum(steps, axis=1) - steps
    guess = np.where(lead == 0, coin, (lead < 0).astype(np.int8))
    return guess == arms


def blackwell_hodges(size: int) -> float:
    """Right guesses expected in a block of this size."""
    half = size // 2
    return half + (4**half / comb(size, half) - 1) / 2


def test_convergence_on_blocks_of_four_and_six_is_right_as_often_as_theory_says():
    arms = generated(LISTS, SLOTS)
    coin = np.random.default_rng(1).integers(0, 2, arms.shape, dtype=np.int8)
    by_list = right_by_convergence(arms, coin).mean(axis=1)
    expected = sum(map(blackwell_hodges, BLOCKS.sizes)) / sum(BLOCKS.sizes)
    error = by_list.std(ddof=1) / sqrt(LISTS)
    assert error < 0.002
    assert abs(by_list.mean() - expected) < 4 * error


@cache
def right_in_a_block(often: int, rarely: int) -> float:
    """Right guesses in a block with so many of each arm left, of who knows the block and guesses the more frequent one."""
    left = often + rarely
    if not left:
        return 0.0
    right = max(often, rarely) / left
    right += often / left * right_in_a_block(often - 1, rarely) if often else 0.0
    return right + (rarely / left * right_in_a_block(often, rarely - 1) if rarely else 0.0)


def right_by_the_ratio(arms: np.ndarray) -> np.ndarray:
    """Which guesses are right at 2:1, of an attacker who knows every arm before, and no block."""
    rare = np.cumsum(arms, axis=1) - arms
    often = np.cumsum(1 - arms, axis=1) - (1 - arms)
    return (often > 2 * rare) == (arms == 1)


def test_counting_a_block_out_agrees_with_blackwell_and_hodges():
    for half in range(1, 6):
        assert right_in_a_block(half, half) == pytest.approx(blackwell_hodges(2 * half))


def test_at_two_to_one_with_random_blocks_nobody_beats_who_knows_the_blocks():
    """The best there is knows where each block ends; one who sees every arm and no block stays below, above the ratio."""
    blocks = PermutedBlocks((2, 1), (3, 6))
    seeds = (number.to_bytes(32, "big") for number in range(1, LISTS + 1))
    arms = np.array([blocks.generate(Stream(seed, "a list", "a stratum"), SLOTS) for seed in seeds], dtype=np.int8)
    by_list = right_by_the_ratio(arms).mean(axis=1)
    best = sum(right_in_a_block(2 * size // 3, size // 3) for size in blocks.sizes) / sum(blocks.sizes)
    error = by_list.std(ddof=1) / sqrt(LISTS)
    assert 2 / 3 - 4 * error < by_list.mean() < best + 4 * error
    assert abs((1 - arms).mean() - 2 / 3) < 0.005


def test_an_attacker_who_knows_no_arm_does_as_well_as_a_coin():
    """By the place in the list, which is all that is left: every slot is each arm equally often."""
    share = generated(LISTS, SLOTS).mean(axis=0)
    limit = 5 * sqrt(0.25 / LISTS)
    assert np.abs(share - 0.5).max() < limit
    assert abs(share.mean() - 0.5) < 0.002


class Shelf:
    """A site's kits, packed, numbered, and taken by the product's own code; only the database's answer is given here."""

    def __init__(self, seed: int) -> None:
        self.entropy = UnsafeSeededEntropy(seed)
        contents = [UnsealedContent(arm, "lot", date(2027, 6, 30)) for arm in "AB" for _ in range(KITS_OF_EACH)]
        _shuffle(contents, self.entropy)
        numbers = [draw_number(self.entropy) for _ in contents]
        self.packed = [(number, content.arm) for number, content in zip(numbers, contents, strict=True)]
        self.left = {arm: sorted(number for number, of in self.packed if of == arm) for arm in "AB"}

    def take(self, arm: str) -> int:
        kits = [ShelvedKit(str(UUID(int=int(number))), number) for number in self.left[arm]]
        session = SimpleNamespace(entropy=self.entropy, run_sql=lambda *_given, **_named: [True])
        taken = shelves.take_kit(session, OpenShelf({arm: kits}), arm).number
        self.left[arm].remove(taken)
        return int(taken)


def played() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arms and kit numbers in the order of randomization, and each number's rank among what was on the shelf then."""
    arms = generated(SITES, GIVEN)
    numbers, ranks = np.empty(arms.shape, dtype=np.int64), np.empty(arms.shape)
    for site, row in enumerate(arms):
        shelf = Shelf(site)
        for place, arm in enumerate(row):
            before = sorted(int(number) for kits in shelf.left.values() for number in kits)
            numbers[site, place] = shelf.take("AB"[arm])
            ranks[site, place] = before.index(numbers[site, place]) / (len(before) - 1)
    return arms, numbers, ranks


def strength_of(claims: dict[str, np.ndarray], arms: np.ndarray) -> dict[str, float]:
    """How many standard errors better than nothing each claim about arms does.

    A claim about single slots is true, false or silent (nan) for each; a claim about neighbours is about whether two that
    follow each other differ, and is measured against how often neighbours differ anyhow.
    """
    differ = arms[:, 1:] != arms[:, :-1]
    return {name: _score(claim, arms == 1 if claim.shape == arms.shape else differ) for name, claim in claims.items()}


def _score(claim: np.ndarray, truth: np.ndarray) -> float:
    yes, no = truth[claim == 1], truth[claim == 0]
    spread = sqrt(truth.var() * (1 / len(yes) + 1 / len(no)))
    return abs(yes.mean() - no.mean()) / spread


def claims_from(numbers: np.ndarray, ranks: np.ndarray) -> dict[str, np.ndarray]:
    """What an attacker may believe a kit number to tell: of its own slot, of the next one, of neighbours."""
    first = numbers[:, 1:].astype(float), numbers[:, :-1].astype(float)
    high = (numbers > np.median(numbers)).astype(float)
    nothing = np.full((len(numbers), 1), np.nan)
    return {
        "a high number is one arm": high,
        "an odd number is one arm": (numbers // 10 % 2).astype(float),
        "a kit from the upper end of the shelf is one arm": (ranks > 0.5).astype(float),
        "after a high number the next is the other arm": np.hstack([nothing, 1 - high[:, :-1]]),
        "after a kit from the upper end the next is the other arm": np.hstack([nothing, (ranks[:, :-1] <= 0.5) * 1.0]),
        "a descent is a change of arm": (first[0] < first[1]) * 1.0,
        "a far jump is a change of arm": (np.abs(first[0] - first[1]) > 3_000_000) * 1.0,
        "a jump over half the shelf is a change of arm": (np.abs(np.diff(ranks, axis=1)) > 0.5) * 1.0,
    }


def test_kit_numbers_tell_neither_an_arm_nor_the_next_one_nor_a_change():
    arms, numbers, ranks = played()
    strengths = strength_of(claims_from(numbers, ranks), arms)
    assert max(strengths.values()) < 4, strengths


def test_kits_that_are_taken_in_order_give_every_descent_away(monkeypatch):
    real = shelves.take_kit
    monkeypatch.setattr(
        shelves, "take_kit", lambda session, shelf, arm: real(session, OpenShelf({arm: shelf.kits[arm][:1]}), arm)
    )
    arms, numbers, ranks = played()
    descents = numbers[:, 1:] < numbers[:, :-1]
    assert (arms[:, 1:] != arms[:, :-1])[descents].all()
    assert strength_of(claims_from(numbers, ranks), arms)["a descent is a change of arm"] > 10


@pytest.mark.parametrize("claim", ["a high number is one arm", "a far jump is a change of arm"])
def test_numbers_that_range_by_arm_are_given_away(monkeypatch, claim: str):
    real = Shelf.take
    monkeypatch.setattr(Shelf, "take", lambda self, arm: real(self, arm) // 2 + (arm == "B") * 5_000_000)
    arms = generated(60, GIVEN)
    numbers = np.array(
        [[shelf.take("AB"[arm]) for arm in row] for shelf, row in zip(map(Shelf, range(60)), arms, strict=True)]
    )
    assert strength_of(claims_from(numbers, np.random.default_rng(1).random(numbers.shape)), arms)[claim] > 5
