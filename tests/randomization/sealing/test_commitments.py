"""Commitments against published answers and a recursive twin."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.sealing import canonical_json, design_commitment, merkle_root, slot_commitment

# The leaves and roots that the reference implementation of RFC 6962 (Certificate Transparency) tests with.
RFC_6962_INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
RFC_6962_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_root_is_that_of_rfc_6962(size):
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(text)).digest() for text in RFC_6962_INPUTS[:size]]
    assert merkle_root(leaves).hex() == RFC_6962_ROOTS[size]


def recursive_root(leaves):
    """The definition of RFC 6962, section 2.1: split at the largest power of two below the size."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = recursive_root(leaves[:split]), recursive_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70)


@given(LEAVES)
def test_the_root_equals_that_of_the_recursive_definition(leaves):
    assert merkle_root(leaves) == recursive_root(leaves)


@given(LEAVES, st.data())
def test_a_changed_dropped_or_added_leaf_changes_the_root(leaves, data):
    at = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:at], bytes(byte ^ 1 for byte in leaves[at]), *leaves[at + 1 :]]
    roots = {merkle_root(leaves), merkle_root(changed), merkle_root(leaves[:-1]), merkle_root([*leaves, leaves[-1]])}
    assert len(roots) == 4


def test_a_slot_commitment_follows_the_written_derivation():
    parts = [b"equipoise/slot/v1", b"l", b"site=S01", (3).to_bytes(8, "big"), b"KET", bytes(32)]
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert slot_commitment("l", "site=S01", 3, "KET", bytes(32)) == hashlib.sha256(b"\0" + framed).digest()


def test_everything_about_a_slot_changes_its_commitment():
    slots = [
        ("l", "s", 1, "KET", bytes(32)),
        ("m", "s", 1, "KET", bytes(32)),
        ("l", "t", 1, "KET", bytes(32)),
        ("l", "s", 2, "KET", bytes(32)),
        ("l", "s", 1, "PBO", bytes(32)),
        ("l", "s", 1, "KET", bytes(31) + b"\1"),
        ("l", "sK", 1, "ET", bytes(32)),
    ]
    assert len({slot_commitment(*slot) for slot in slots}) == len(slots)


def test_a_design_commitment_binds_list_seed_and_parameters():
    designs = [("l", bytes(32), {"a": 1}), ("m", bytes(32), {"a": 1}), ("l", bytes(31) + b"1", {"a": 1})]
    designs.append(("l", bytes(32), {"a": 2}))
    assert len({design_commitment(*design) for design in designs}) == len(designs)


def test_canonical_json_does_not_depend_on_the_order_of_a_dict():
    assert canonical_json({"b": [1, "ä"], "a": "x"}) == canonical_json({"a": "x", "b": [1, "ä"]})
    assert canonical_json({"b": [1, "ä"], "a": "x"}) == '{"a":"x","b":[1,"\\u00e4"]}'
