"""Wrapping, unwrapping, rotating; and attacks on what is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomization.sealing import WrappedKey, WrappedKeyBroken, WrongKey, new_data_key, rewrap, unwrap, wrap
from trial.ids import UnsafeSeededEntropy
from trial.keys import EnvironmentKeyProvider, MasterKey, encode_key


def provider(byte: int) -> EnvironmentKeyProvider:
    return EnvironmentKeyProvider("KEY", {"KEY": encode_key(MasterKey(bytes([byte]) * 32))})


@pytest.fixture
def entropy():
    return UnsafeSeededEntropy(1)


def test_a_wrapped_key_opens_for_its_holder(entropy):
    key = new_data_key("list-1", entropy)
    wrapped = wrap(key, provider(1), entropy)
    assert unwrap(wrapped, "list-1", provider(1)) == key
    assert key.secret not in wrapped.token


def test_rotation_keeps_the_data_key_and_ends_the_old_master_key(entropy):
    key = new_data_key("list-1", entropy)
    rotated = rewrap(wrap(key, provider(1), entropy), "list-1", provider(1), provider(2), entropy)
    assert unwrap(rotated, "list-1", provider(2)) == key
    with pytest.raises(WrongKey, match="Give the right key"):
        unwrap(rotated, "list-1", provider(1))


def test_a_wrong_master_key_that_claims_to_be_the_right_one_opens_nothing(entropy):
    wrapped = wrap(new_data_key("list-1", entropy), provider(1), entropy)
    renamed = WrappedKey(provider(2).master_key().key_id, wrapped.token)
    with pytest.raises(WrappedKeyBroken):
        unwrap(renamed, "list-1", provider(2))


def test_the_key_of_one_list_cannot_be_put_in_place_of_anothers(entropy):
    wrapped = wrap(new_data_key("list-1", entropy), provider(1), entropy)
    with pytest.raises(WrappedKeyBroken):
        unwrap(wrapped, "list-2", provider(1))


@given(st.integers(0, 8 * 60 - 1))
def test_one_changed_bit_of_a_wrapped_key_is_found(bit):
    entropy = UnsafeSeededEntropy(1)
    wrapped = wrap(new_data_key("list-1", entropy), provider(1), entropy)
    assert len(wrapped.token) == 60
    token = bytearray(wrapped.token)
    token[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WrappedKeyBroken):
        unwrap(WrappedKey(wrapped.key_id, bytes(token)), "list-1", provider(1))


@given(st.integers(0, 59))
def test_a_truncated_wrapped_key_is_found(size):
    entropy = UnsafeSeededEntropy(1)
    wrapped = wrap(new_data_key("list-1", entropy), provider(1), entropy)
    with pytest.raises(WrappedKeyBroken):
        unwrap(WrappedKey(wrapped.key_id, wrapped.token[:size]), "list-1", provider(1))


def test_a_data_key_does_not_print_its_secret(entropy):
    assert repr(new_data_key("list-1", entropy)) == "DataKey(holder='list-1')"
