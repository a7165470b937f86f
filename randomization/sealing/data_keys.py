"""A key for each list, kept only wrapped by the master key.

Invariants
1. A wrapped key opens only for its own holder (a list, a shipment, a document) and only under its master key.
2. Rotation wraps the same data key again: nothing that it sealed is opened or written anew.
3. What does not open raises; nothing here answers true or false.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from randomization.schemes.stream import framed
from trial.errors import Conflict, Unavailable
from trial.ids import Entropy
from trial.keys import KEY_SIZE, KeyProvider, KeyPurpose

NONCE_SIZE: Final = 12
_DOMAIN: Final = b"equipoise/data-key/v1"


class WrongKey(Unavailable):
    """The master key at hand is not the one that wrapped this data key."""

    code = "keys.wrong_key"


class WrappedKeyBroken(Conflict):
    """The right master key refuses the wrapped key: it was altered, or belongs to another holder."""

    code = "seal.wrapped_key_broken"


@dataclass(frozen=True)
class DataKey:
    """The open key of one holder: the id of a list, or of whatever else is sealed."""

    holder: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class WrappedKey:
    """What is stored: ``key_id`` names the master key, ``token`` is nonce and ciphertext."""

    key_id: str
    token: bytes


def new_data_key(holder: str, entropy: Entropy) -> DataKey:
    return DataKey(holder, entropy.take(KEY_SIZE, "data key"))


def wrap(data_key: DataKey, provider: KeyProvider, entropy: Entropy) -> WrappedKey:
    """The data key, sealed under the provider's master key."""
    master = provider.master_key()
    nonce = entropy.take(NONCE_SIZE, "nonce")
    cipher = AESGCM(master.derive(KeyPurpose.SEALING))
    sealed = cipher.encrypt(nonce, data_key.secret, _bound_to(data_key.holder, master.key_id))
    return WrappedKey(master.key_id, nonce + sealed)


def unwrap(wrapped: WrappedKey, holder: str, provider: KeyProvider) -> DataKey:
    """The data key of ``holder``, or a refusal."""
    master = provider.master_key()
    if master.key_id != wrapped.key_id:
        raise WrongKey(
            f"This was sealed under the key {wrapped.key_id}; the key in use is {master.key_id}. "
            "Give the right key, or wrap again with both."
        )
    cipher = AESGCM(master.derive(KeyPurpose.SEALING))
    nonce, sealed = wrapped.token[:NONCE_SIZE], wrapped.token[NONCE_SIZE:]
    try:
        secret = cipher.decrypt(nonce, sealed, _bound_to(holder, master.key_id))
    except (InvalidTag, ValueError):
        raise WrappedKeyBroken(
            f"The stored key of {holder} has been altered or belongs to something else. "
            "Stop using it and restore it from a backup."
        ) from None
    return DataKey(holder, secret)


def rewrap(wrapped: WrappedKey, holder: str, old: KeyProvider, new: KeyProvider, entropy: Entropy) -> WrappedKey:
    """The same data key under another master key."""
    return wrap(unwrap(wrapped, holder, old), new, entropy)


def _bound_to(holder: str, key_id: str) -> bytes:
    return framed(_DOMAIN, holder.encode(), key_id.encode())
