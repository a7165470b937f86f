"""The second factor: time-based one-time codes (RFC 6238, 30-second steps, six digits, SHA-1 as authenticator apps expect).

Invariants
1. A code is accepted once: the step that it was made for is stored, and no step up to it is accepted again.
2. One step of drift is allowed to either side.
"""

from __future__ import annotations

import base64
from datetime import datetime

import pyotp

from trial.ids import Entropy

_STEP_SECONDS = 30


def new_code_secret(entropy: Entropy) -> str:
    """A 160-bit secret in base32, as an authenticator app takes it."""
    return base64.b32encode(entropy.take(20, "totp")).decode()


def provisioning_uri(secret: str, username: str) -> str:
    """The ``otpauth://`` address that an authenticator app reads from a QR picture."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name="Equipoise"))


def code_at(secret: str, when: datetime) -> str:
    return str(pyotp.TOTP(secret).at(when))


def accepted_step(secret: str, code: str, when: datetime, last_step: int) -> int | None:
    """The step for which ``code`` is right and not yet used; ``None`` when it is wrong, too old or used."""
    now_step = int(when.timestamp()) // _STEP_SECONDS
    for step in (now_step, now_step - 1, now_step + 1):
        if step > last_step and pyotp.utils.strings_equal(code.strip(), pyotp.TOTP(secret).at(step * _STEP_SECONDS)):
            return step
    return None
