"""Passwords: what counts as one, and Argon2id hashes of them.

Invariants
1. Hashing takes tens of milliseconds and memory by design, so it happens before a transaction opens, and only a few
   at a time: a burst of sign-ins waits instead of exhausting the host.
2. A name that does not exist costs the same work as a wrong password.
3. Parameters are stored with each hash; raising them takes effect at the next sign-in.

Argon2id with m = 64 MiB, t = 3, p = 4 is the second recommended option of RFC 9106, section 4.
"""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass
from functools import cache, cached_property

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from trial.errors import InvalidInput
from trial.ids import Entropy

MIN_LENGTH = 12
MAX_LENGTH = 256
_AT_ONCE = threading.BoundedSemaphore(2)


class PasswordTooWeak(InvalidInput):
    code = "access.password_too_weak"


@dataclass(frozen=True)
class PasswordStrength:
    """Argon2id parameters: memory in KiB, passes, lanes."""

    memory_kib: int = 65536
    passes: int = 3
    lanes: int = 4

    @cached_property
    def hasher(self) -> PasswordHash:
        return PasswordHash((Argon2Hasher(time_cost=self.passes, memory_cost=self.memory_kib, parallelism=self.lanes),))


STRONG = PasswordStrength()
# For the accounts of simulated trials only: hundreds of signatures in seconds, none of which protects a person.
LIGHT_FOR_SIMULATION = PasswordStrength(memory_kib=64, passes=1, lanes=1)


def check_password_acceptable(password: str, username: str) -> None:
    """Raise ``PasswordTooWeak`` for a password too short, too long, or holding the user's name."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise PasswordTooWeak(f"Choose a password of {MIN_LENGTH} to {MAX_LENGTH} characters.")
    if username.lower() in password.lower() or len(set(password)) < 5:
        raise PasswordTooWeak("Choose a password that does not hold your user name and is not one repeated pattern.")


def random_password(entropy: Entropy) -> str:
    """A first password: 100 random bits, in five groups that can be typed."""
    letters = base64.b32encode(entropy.take(13, "first password")).decode().lower()[:20]
    return "-".join(letters[start : start + 4] for start in range(0, 20, 4))


def hash_password(password: str, strength: PasswordStrength = STRONG) -> str:
    with _AT_ONCE:
        return strength.hasher.hash(password)


def password_matches(password: str, stored: str | None, strength: PasswordStrength = STRONG) -> bool:
    """Whether ``password`` is the one behind ``stored``; for ``None`` the same work is done and the answer is no."""
    with _AT_ONCE:
        if stored is None:
            strength.hasher.verify(password, _decoy(strength))
            return False
        return strength.hasher.verify(password, stored)


@cache
def _decoy(strength: PasswordStrength) -> str:
    """A hash that stands in for an account that does not exist."""
    return strength.hasher.hash("no account has this password")
