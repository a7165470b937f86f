"""Where the master keys come from, and how one key serves several purposes without mixing them.

Invariants
1. A master key is 32 bytes from a good source; it is never stored in the database nor in the data directory.
2. A key file that anyone but its owner may read is refused, not repaired: others may know it by now.
3. No purpose sees the master key: each gets its own key, derived by HKDF-SHA256 with the purpose as info.
4. A key's id tells which key it is and nothing about the key.

It does not protect against whoever controls the running host: there the key is in memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trial.errors import Conflict, InvalidInput, Unavailable
from trial.ids import Entropy

KEY_SIZE: Final = 32
COMMAND_SECONDS: Final = 30
_ID_DOMAIN: Final = b"equipoise/key-id/v1"
_DERIVATION_DOMAIN: Final = b"equipoise/key-purpose/v1/"


class KeyMissing(Unavailable):
    code = "keys.missing"


class KeyTooOpen(Unavailable):
    code = "keys.too_open"


class KeyInsideData(Unavailable):
    code = "keys.inside_data_directory"


class KeyMalformed(Unavailable):
    code = "keys.malformed"


class KeyCommandFailed(Unavailable):
    code = "keys.command_failed"


class KeyAlreadyExists(Conflict):
    code = "keys.already_exists"


class KeySourceUnknown(InvalidInput):
    code = "keys.source_unknown"


class KeyPurpose(StrEnum):
    """What a derived key is for. A name is part of the derivation and never changes."""

    SEALING = "sealing"
    CREDENTIALS = "credentials"
    ANCHORS = "anchors"


@dataclass(frozen=True)
class MasterKey:
    """A secret that other keys are derived from."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_SIZE:
            raise KeyMalformed(f"A key is {KEY_SIZE} bytes; this one has {len(self.secret)}. Give the original key.")

    @cached_property
    def key_id(self) -> str:
        """Sixteen hexadecimal digits that name the key."""
        return hashlib.sha256(_ID_DOMAIN + self.secret).hexdigest()[:16]

    def derive(self, purpose: KeyPurpose) -> bytes:
        """The key for one purpose."""
        info = _DERIVATION_DOMAIN + purpose.value.encode()
        return HKDF(algorithm=hashes.SHA256(), length=KEY_SIZE, salt=None, info=info).derive(self.secret)


class KeyProvider(Protocol):
    """A place that holds one master key."""

    def master_key(self) -> MasterKey: ...


@dataclass(frozen=True)
class FileKeyProvider:
    """The key in a file that only its owner may read, outside the data directory."""

    path: Path
    data_directory: Path | None = None

    def master_key(self) -> MasterKey:
        check_outside_data(self.path, self.data_directory)
        return decode_key(_read_private(self.path), f"the key file {self.path}")


@dataclass(frozen=True)
class EnvironmentKeyProvider:
    """The key in an environment variable, as container platforms hand it over."""

    variable: str
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def master_key(self) -> MasterKey:
        if not (text := self.environment.get(self.variable)):
            raise KeyMissing(f"The environment variable {self.variable} is not set. Set it to the key's text.")
        return decode_key(text, f"the environment variable {self.variable}")


@dataclass(frozen=True)
class CommandKeyProvider:
    """The key as printed by a command, for a key management service. The command runs once a process."""

    command: Sequence[str]

    def master_key(self) -> MasterKey:
        return self._key

    @cached_property
    def _key(self) -> MasterKey:
        return decode_key(self._output(), f"the output of {self.command[0]}")

    def _output(self) -> str:
        try:
            ran = subprocess.run(  # noqa: S603 - the operator configures the command; no shell, no user input
                list(self.command), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            # What the command wrote may hold the key, so neither its output nor the cause is passed on.
            raise KeyCommandFailed(
                f"The key command {self.command[0]} gave no key. Run it by hand to see why, then start again."
            ) from None
        return ran.stdout


def key_provider_from(source: str, data_directory: Path | None = None) -> KeyProvider:
    """The provider that a setting names: ``file:PATH``, ``env:VARIABLE`` or ``command:WORDS``."""
    kind, _, rest = source.partition(":")
    if rest and kind == "file":
        return FileKeyProvider(Path(rest), data_directory)
    if rest and kind == "env":
        return EnvironmentKeyProvider(rest)
    if rest.split() and kind == "command":
        return CommandKeyProvider(tuple(rest.split()))
    raise KeySourceUnknown("A key source is file:PATH, env:VARIABLE or command:WORDS. Correct the setting.")


def create_key_file(path: Path, entropy: Entropy, data_directory: Path | None = None) -> MasterKey:
    """Write a new key to ``path``, readable by its owner only; an existing file is never replaced."""
    check_outside_data(path, data_directory)
    key = MasterKey(entropy.take(KEY_SIZE, "master key"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyAlreadyExists(
            f"There is a key file at {path} already. Keep it: without it nothing sealed can be opened. "
            "Name another file."
        ) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(handle, 0o600)
        file.write(encode_key(key) + "\n")
        file.flush()
        os.fsync(handle)
    return key


def encode_key(key: MasterKey) -> str:
    """The key as text, for a key file, an environment variable or an escrow."""
    return base64.b64encode(key.secret).decode("ascii")


def decode_key(text: str, place: str) -> MasterKey:
    """The key that ``text`` holds; ``place`` tells the operator where a bad text stands."""
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_SIZE:
        raise KeyMalformed(
            f"There is no usable key in {place}: a key is {KEY_SIZE} bytes in base64. Restore it from the escrow."
        )
    return MasterKey(secret)


def check_outside_data(path: Path, data_directory: Path | None) -> None:
    """A backup of the data directory must not carry the key that opens it."""
    if data_directory is None:
        return
    if path.resolve().is_relative_to(data_directory.resolve()):
        raise KeyInsideData(
            f"The key file {path} lies inside the data directory {data_directory}, so every backup would "
            "carry it. Move it outside."
        )


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            _check_private(path, os.fstat(file.fileno()).st_mode)
            return file.read(4096).decode("ascii", errors="replace")
    except FileNotFoundError:
        raise KeyMissing(
            f"There is no key file at {path}. Restore it from the escrow, or name the right file."
        ) from None
    except OSError:
        raise KeyMissing(f"The key file {path} cannot be read. Let it belong to the account that runs this.") from None


def _check_private(path: Path, mode: int) -> None:
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyTooOpen(
            f"Others than its owner may read or change the key file {path}. Take the key as known to them: "
            "make a new one and wrap again, or, when nobody can have read it, set its mode to 600."
        )
