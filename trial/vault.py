"""Encryption at rest of what identifies or authenticates a person: names, contacts, second-factor secrets.

Invariants
1. AES-256-GCM under a key of its own purpose; the purpose and the record's id are associated data, so a value that is
   moved to another record or another column does not open.
2. A value that does not open raises; nothing is ever returned in its place.

What it does not do: hold arms. The strongroom has its own keys.
"""

from __future__ import annotations

import base64
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
        self._cipher = AESGCM(key)

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


def _bound_to(purpose: str, record: UUID) -> bytes:
    return f"equipoise/vault/v1|{purpose}|{record}".encode()
