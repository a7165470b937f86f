"""Values that tell an arm, sealed: AES-256-GCM, padded to one size, bound to the place where they stand.

Layout of a token: version (1 byte), nonce (12), ciphertext with its tag. The plaintext is the value's length
(4 bytes, big-endian), the value, and zeros up to the size.

Invariants
1. All values of one purpose have the same size, so that a length tells nothing.
2. A token opens only at its own place: holder, purpose, part and position are authenticated with it.
3. A token that was altered, cut, moved or swapped raises ``SealBroken``; nothing here answers true or false.

Nonces are random: a data key must not seal more than 2³² values, which no list approaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from randomization.schemes.stream import framed
from randomization.sealing.data_keys import NONCE_SIZE, DataKey
from trial.errors import Conflict, InvalidInput
from trial.ids import Entropy

VALUE_SIZE: Final = 128
BLOB_STEP: Final = 64 * 1024
_VERSION: Final = b"\x01"
_SEALED_FROM: Final = len(_VERSION) + NONCE_SIZE
_LENGTH_BYTES: Final = 4
_EIGHT: Final = (8).to_bytes(8, "big")
_DOMAIN: Final = b"equipoise/sealed-value/v1"


class SealBroken(Conflict):
    """A sealed value does not belong where it stands."""

    code = "seal.broken"


class ValueTooLong(InvalidInput):
    code = "seal.value_too_long"


@dataclass(frozen=True)
class Place:
    """Where a sealed value stands under its holder: what it is for, in which part, at which number."""

    purpose: str
    position: int = 0
    part: str = ""


@dataclass(frozen=True)
class SealedValue:
    """What is stored: bytes that tell nothing without the holder's data key."""

    token: bytes


class Sealer:
    """Seals many values of one purpose in one part: what they share is made once."""

    def __init__(self, key: DataKey, purpose: str, part: str = "", size: int = VALUE_SIZE) -> None:
        self._cipher = AESGCM(key.secret)
        # A frame of a position always begins with its length, eight bytes.
        self._shared = framed(_DOMAIN, key.holder.encode(), purpose.encode(), part.encode()) + _EIGHT
        self._size = size

    def seal(self, position: int, value: bytes, nonce: bytes) -> SealedValue:
        """``value`` at ``position``; a nonce serves once."""
        if len(value) > self._size - _LENGTH_BYTES:
            raise ValueTooLong(f"A sealed value holds at most {self._size - _LENGTH_BYTES} bytes. Use a shorter one.")
        plain = (len(value).to_bytes(_LENGTH_BYTES, "big") + value).ljust(self._size, b"\0")
        bound_to = self._shared + position.to_bytes(8, "big")
        return SealedValue(_VERSION + nonce + self._cipher.encrypt(nonce, plain, bound_to))


class Opener:
    """Opens many values of one purpose: what they share is made once."""

    def __init__(self, key: DataKey, purpose: str) -> None:
        self._cipher = AESGCM(key.secret)
        self._shared = framed(_DOMAIN, key.holder.encode(), purpose.encode())
        self._holder, self._purpose = key.holder, purpose

    def open(self, token: bytes, position: int = 0, part: str = "") -> bytes:
        """The value that was sealed there, or ``SealBroken``."""
        named = part.encode()
        # As ``framed`` says it, without the call: a shelf holds many kits.
        bound_to = b"".join((self._shared, len(named).to_bytes(8, "big"), named, _EIGHT, position.to_bytes(8, "big")))
        if token[:1] != _VERSION:
            raise self._broken(position, part)
        try:
            plain = self._cipher.decrypt(token[1:_SEALED_FROM], token[_SEALED_FROM:], bound_to)
        except (InvalidTag, ValueError):
            raise self._broken(position, part) from None
        return plain[_LENGTH_BYTES : _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")]

    def _broken(self, position: int, part: str) -> SealBroken:
        where = f"{position} of {part}" if part else position
        return SealBroken(
            f"The sealed {self._purpose} {where} in {self._holder} has been altered, moved or "
            "swapped. Nothing was read. Stop using it and restore it from a backup."
        )


def seal_value(key: DataKey, place: Place, value: bytes, entropy: Entropy, size: int = VALUE_SIZE) -> SealedValue:
    """``value`` sealed at ``place``, padded to ``size``; every value of a purpose must use the same size."""
    nonce = entropy.take(NONCE_SIZE, "nonce")
    return Sealer(key, place.purpose, place.part, size).seal(place.position, value, nonce)


def open_value(key: DataKey, place: Place, sealed: SealedValue) -> bytes:
    """The value that was sealed at ``place``, or ``SealBroken``."""
    return Opener(key, place.purpose).open(sealed.token, place.position, place.part)


def seal_blob(key: DataKey, place: Place, blob: bytes, entropy: Entropy) -> SealedValue:
    """A document sealed at ``place``, padded to a multiple of 64 KiB."""
    size = -(-(len(blob) + _LENGTH_BYTES) // BLOB_STEP) * BLOB_STEP
    return seal_value(key, place, blob, entropy, size)


def open_blob(key: DataKey, place: Place, sealed: SealedValue) -> bytes:
    """The document that was sealed at ``place``, or ``SealBroken``."""
    return open_value(key, place, sealed)
