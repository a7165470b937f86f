"""Sealed values: round trips, equal sizes, and attacks by whoever holds the database."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from randomization.sealing import (
    DataKey,
    Place,
    SealBroken,
    SealedValue,
    ValueTooLong,
    open_blob,
    open_value,
    seal_blob,
    seal_value,
)
from trial.ids import UnsafeSeededEntropy

KEY = DataKey("list-1", bytes(range(32)))
PLACE = Place("slot", 7, "opioid=yes&site=S01")


def seal(value=b"KET", place=PLACE, key=KEY):
    return seal_value(key, place, value, UnsafeSeededEntropy(1))


@given(st.binary(max_size=124))
def test_what_was_sealed_opens_at_its_place(value):
    assert open_value(KEY, PLACE, seal(value)) == value


@given(st.binary(max_size=124))
def test_every_value_has_the_same_sealed_size(value):
    assert len(seal(value).token) == 1 + 12 + 128 + 16


def test_a_value_that_would_need_more_room_is_refused():
    with pytest.raises(ValueTooLong, match="at most 124 bytes"):
        seal(bytes(125))


def test_the_layout_is_the_written_one():
    token = seal(b"KET").token
    parts = (b"equipoise/sealed-value/v1", b"list-1", b"slot", b"opioid=yes&site=S01", (7).to_bytes(8, "big"))
    bound_to = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    plain = AESGCM(KEY.secret).decrypt(token[1:13], token[13:], bound_to)
    assert plain == (3).to_bytes(4, "big") + b"KET" + bytes(121)


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, position=8),
        replace(PLACE, part="opioid=no&site=S01"),
        replace(PLACE, part=""),
        replace(PLACE, purpose="kit"),
    ],
)
def test_a_token_moved_to_another_place_does_not_open(place):
    with pytest.raises(SealBroken, match="altered, moved or swapped"):
        open_value(KEY, place, seal())


def test_a_token_moved_to_another_list_does_not_open_even_under_the_same_secret():
    with pytest.raises(SealBroken):
        open_value(DataKey("list-2", KEY.secret), PLACE, seal())


def test_a_token_does_not_open_under_another_key():
    with pytest.raises(SealBroken):
        open_value(DataKey("list-1", bytes(32)), PLACE, seal())


@given(st.integers(0, 8 * 157 - 1))
def test_one_changed_bit_is_found(bit):
    token = bytearray(seal().token)
    token[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealBroken):
        open_value(KEY, PLACE, SealedValue(bytes(token)))


@given(st.integers(0, 156))
def test_a_truncated_token_is_found(size):
    with pytest.raises(SealBroken):
        open_value(KEY, PLACE, SealedValue(seal().token[:size]))


def test_a_prolonged_token_is_found():
    with pytest.raises(SealBroken):
        open_value(KEY, PLACE, SealedValue(seal().token + b"\0"))


def test_the_same_value_never_gives_the_same_token_twice():
    entropy = UnsafeSeededEntropy(1)
    assert seal_value(KEY, PLACE, b"KET", entropy) != seal_value(KEY, PLACE, b"KET", entropy)


@given(st.binary(max_size=300), st.integers(0, 2))
def test_a_document_opens_and_tells_its_length_in_steps_only(tail, steps):
    blob = bytes(steps * 65536) + tail
    sealed = seal_blob(KEY, Place("closed report"), blob, UnsafeSeededEntropy(1))
    assert open_blob(KEY, Place("closed report"), sealed) == blob
    assert (len(sealed.token) - 29) % 65536 == 0


def test_a_document_that_just_fits_and_one_that_does_not():
    for size, steps in [(65532, 1), (65533, 2)]:
        sealed = seal_blob(KEY, Place("closed report"), bytes(size), UnsafeSeededEntropy(1))
        assert len(sealed.token) == 29 + steps * 65536


def test_the_refusal_names_the_place_and_nothing_sealed():
    with pytest.raises(SealBroken) as refused:
        open_value(KEY, PLACE, SealedValue(b""))
    assert "slot 7 of opioid=yes&site=S01 in list-1" in refused.value.sentence
    assert "KET" not in refused.value.sentence
