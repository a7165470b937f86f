"""A seed of two people, and what each of them could try."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.seeds import (
    Contribution,
    ContributionChanged,
    ContributionInvalid,
    ContributionsNotTwo,
    check_contribution,
    combine_contributions,
    commit_contribution,
)

ADA, BEN = Contribution("ada", bytes(range(32))), Contribution("ben", bytes(range(32, 64)))


def test_the_seed_follows_the_written_derivation():
    parts = [b"equipoise/list-seed/v1", b"ada", ADA.secret, b"ben", BEN.secret]
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert combine_contributions(ADA, BEN) == hashlib.shake_256(framed).digest(32)


@given(st.integers(0, 255), st.sampled_from([0, 1]))
def test_one_bit_of_either_contribution_changes_the_seed(bit, whose):
    people = [ADA, BEN]
    changed = bytearray(people[whose].secret)
    changed[bit // 8] ^= 1 << bit % 8
    people[whose] = Contribution(people[whose].person, bytes(changed))
    assert combine_contributions(*people) != combine_contributions(ADA, BEN)


def test_bytes_moved_from_one_contribution_to_the_other_change_the_seed():
    first = Contribution("ada", ADA.secret + BEN.secret[:1])
    second = Contribution("ben", BEN.secret[1:])
    assert combine_contributions(first, second) != combine_contributions(ADA, BEN)


def test_one_person_cannot_contribute_twice():
    with pytest.raises(ContributionsNotTwo):
        combine_contributions(ADA, Contribution("ada", BEN.secret))


def test_a_copied_contribution_is_refused():
    with pytest.raises(ContributionsNotTwo):
        combine_contributions(ADA, Contribution("ben", ADA.secret))


@pytest.mark.parametrize("secret", [b"", bytes(range(15)), bytes(1025), bytes(32)])
def test_a_contribution_that_cannot_be_random_is_refused(secret):
    with pytest.raises(ContributionInvalid):
        Contribution("ada", secret)


def test_a_contribution_cannot_be_changed_after_the_other_one_is_known():
    commitment = commit_contribution(ADA)
    check_contribution(ADA, commitment)
    with pytest.raises(ContributionChanged):
        check_contribution(Contribution("ada", BEN.secret), commitment)
    with pytest.raises(ContributionChanged):
        check_contribution(Contribution("ben", ADA.secret), commitment)


def test_a_contribution_does_not_print_its_secret():
    assert repr(ADA) == "Contribution(person='ada')"
