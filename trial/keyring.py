"""The keys that a running installation holds, handed to each session.

Invariants
1. Two keys that never stand in for each other: one for people's secrets (``vault``), one for the strongroom (``sealing``).
2. Only ``randomization`` uses ``sealing``; nothing in ``trial`` does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trial.keys import KeyProvider
from trial.vault import Vault


@dataclass(frozen=True)
class Keyring:
    vault: Vault = field(repr=False)
    sealing: KeyProvider = field(repr=False)
