"""Encryption at rest of what identifies or authenticates a person: names, contacts, second-factor secrets.

Invariants
1. AES-256-GCM under a key of its own purpose; the purpose and the record's id are associated data, so a value that is
   moved to another record or another column does not open.
2. A value that does not open raises; nothing is ever returned in its place.
3. Words that leave the installation and may come back (receipts) are authenticated under a key that seals nothing.

What it does not do: hold arms. The strongroom has its own keys.
"""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trial.errors import Unavailable
from trial.ids import Entropy

_NONCE_BYTES = 12


class VaultClosed(Unavailable):
    code = "vault.closed"


class Vault:
    """Seals short texts. ``key`` is 32 bytes, from the installation's credentials key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("key must hold 32 bytes")
        self._key = key
        self._cipher = AESGCM(key)
        self._words_key = HKDF(hashes.SHA256(), 32, None, b"equipoise/vault/v1|words").derive(key)

    def seal(self, text: str, *, purpose: str, record: UUID, entropy: Entropy) -> str:
        nonce = entropy.take(_NONCE_BYTES, f"vault|{purpose}|{record}")
        sealed = self._cipher.encrypt(nonce, text.encode(), _bound_to(purpose, record))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *, purpose: str, record: UUID) -> str:
        """Raises ``VaultClosed`` for a value made under another key, for another record, or changed since."""
        raw = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(purpose, record)).decode()
        except InvalidTag:
            raise VaultClosed(
                "A protected value does not open with this installation's credentials key. Check that the key file is"
                " the one that this database was set up with."
            ) from None

    def authenticate(self, words: bytes) -> bytes:
        """HMAC-SHA256 of words that go out: who has no key of this installation can make it for no words."""
        return hmac.digest(self._words_key, words, "sha256")

    def derive(self, *, purpose: str, record: UUID) -> bytes:
        """A key of 32 bytes for this purpose and record alone, the same each time; it tells nothing of the vault's own."""
        bound = _bound_to(f"derived|{purpose}", record)
        return HKDF(hashes.SHA256(), length=32, salt=None, info=bound).derive(self._key)


def _bound_to(purpose: str, record: UUID) -> bytes:
    return f"equipoise/vault/v1|{purpose}|{record}".encode()
