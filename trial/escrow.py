"""The master keys in a second holder's hands: one file, sealed under a passphrase that only that person knows.

    {"format", "holder", "keys": name → key id, "kdf": scrypt's numbers and salt, "nonce", "sealed"}

The key is scrypt(passphrase); what is sealed, by AES-256-GCM with all the other fields authenticated, are the keys' texts.

Invariants
1. The file tells which keys it holds and nothing about them; without the passphrase it is of no use.
2. A file that was altered, or another passphrase, opens nothing: both are the same refusal.
3. What comes out has the ids that the file names.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from trial.errors import InvalidInput
from trial.ids import Entropy
from trial.keys import KEY_SIZE, MasterKey, decode_key, encode_key

FORMAT: Final = "equipoise/key-escrow/v1"
LEAST_PASSPHRASE: Final = 16
_SALT_SIZE, _NONCE_SIZE = 16, 12
_COST: Final = {"n": 1 << 16, "r": 8, "p": 1}  # 64 MiB and about a quarter of a second for each guess


class PassphraseTooShort(InvalidInput):
    code = "escrow.passphrase_too_short"


class EscrowNotOpened(InvalidInput):
    code = "escrow.not_opened"


class EscrowUnreadable(InvalidInput):
    code = "escrow.unreadable"


@dataclass(frozen=True)
class EscrowedKeys:
    """The keys by name, as ``sealing`` and ``credentials``, and for whom they were put into escrow."""

    holder: str
    keys: Mapping[str, MasterKey] = field(repr=False)


def seal_escrow(keys: Mapping[str, MasterKey], holder: str, passphrase: str, entropy: Entropy) -> str:
    """The escrow file's text. Raises ``PassphraseTooShort``."""
    if len(passphrase) < LEAST_PASSPHRASE:
        raise PassphraseTooShort(f"The passphrase needs at least {LEAST_PASSPHRASE} characters. Take six random words.")
    salt, nonce = entropy.take(_SALT_SIZE, "escrow salt"), entropy.take(_NONCE_SIZE, "escrow nonce")
    head = {
        "format": FORMAT,
        "holder": holder,
        "keys": {name: key.key_id for name, key in sorted(keys.items())},
        "kdf": {"name": "scrypt", **_COST, "salt": _text(salt)},
        "nonce": _text(nonce),
    }
    plain = _canonical({name: encode_key(key) for name, key in keys.items()})
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, plain, _canonical(head))
    return json.dumps(head | {"sealed": _text(sealed)}, indent=2) + "\n"


def open_escrow(text: str, passphrase: str) -> EscrowedKeys:
    """The keys. Raises ``EscrowUnreadable``, ``EscrowNotOpened``."""
    try:
        found = json.loads(text)
        sealed = _bytes(found.pop("sealed"))
        salt, nonce, named = _bytes(found["kdf"]["salt"]), _bytes(found["nonce"]), dict(found["keys"])
        known = found["format"] == FORMAT and {name: found["kdf"][name] for name in _COST} == _COST
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _unreadable() from None
    if not known:
        raise _unreadable()
    try:
        plain = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, sealed, _canonical(found))
    except (InvalidTag, ValueError):
        raise EscrowNotOpened("The escrow does not open: another passphrase, or an altered file. Try again.") from None
    keys = {name: decode_key(key, "the escrow") for name, key in json.loads(plain).items()}
    if {name: key.key_id for name, key in keys.items()} != named:
        raise _unreadable()
    return EscrowedKeys(found["holder"], keys)


def _unreadable() -> EscrowUnreadable:
    return EscrowUnreadable("This is no key escrow of Equipoise. Give the file that “equipoise keys escrow” wrote.")


def _stretched(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_SIZE, **_COST).derive(passphrase.encode())


def _canonical(matter: Mapping[str, Any]) -> bytes:
    return json.dumps(matter, sort_keys=True, separators=(",", ":")).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError):
        raise ValueError("no base64") from None
