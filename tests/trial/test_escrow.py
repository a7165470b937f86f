"""The escrow file: what comes out is what went in, and nothing else ever does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trial.escrow import EscrowNotOpened, EscrowUnreadable, open_escrow, seal_escrow
from trial.ids import UnsafeSeededEntropy
from trial.keys import KeyMalformed, MasterKey

PHRASE = "correct horse battery staple"
KEYS = {"sealing": MasterKey(b"s" * 32), "credentials": MasterKey(b"c" * 32)}
FILE = seal_escrow(KEYS, "R. Holder", PHRASE, UnsafeSeededEntropy(1))


def test_what_comes_out_is_what_went_in():
    found = open_escrow(FILE, PHRASE)
    assert (found.holder, dict(found.keys)) == ("R. Holder", KEYS)
    assert "secret" not in repr(found)


def test_the_file_names_its_keys_and_tells_nothing_else_of_them():
    assert json.loads(FILE)["keys"] == {name: key.key_id for name, key in KEYS.items()}
    assert "c2Nzc3" not in FILE


@given(st.integers(0, len(FILE) - 1), st.sampled_from("0123456789abcdefABCDEF+/= "))
@settings(max_examples=40, deadline=None)
def test_whatever_character_is_changed_the_right_keys_come_out_or_none(place, character):
    changed = FILE[:place] + character + FILE[place + 1 :]
    try:
        found = open_escrow(changed, PHRASE)
    except (EscrowNotOpened, EscrowUnreadable, KeyMalformed):
        return
    assert dict(found.keys) == KEYS


@pytest.mark.parametrize(
    "file", ["", "{}", "[]", "null", '{"format": 1}', FILE.replace("65536", "2"), FILE.replace("v1", "v2")]
)
def test_what_is_no_escrow_is_refused(file):
    with pytest.raises(EscrowUnreadable):
        open_escrow(file, PHRASE)
