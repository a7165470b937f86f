"""The shipped protocol with one thing or another written differently."""

from __future__ import annotations

import re
from functools import cache

from trial.protocol.loader import LoadedProtocol, load_protocol, shipped_text

_SUPPLY = r"  kit: [^\n]*\n  units_per_kit: 5\n  dispensed_at: \[INF1\]\n  replacements_numbered_apart: true\n"


@cache
def variant(*, ratio: str = "", kits: bool = True, code_to: str = "") -> LoadedProtocol:
    """``ratio`` as YAML; without ``kits`` the pharmacist prepares; ``code_to``: who is shown an emergency break."""
    text = shipped_text("keta-pain")
    if ratio:
        text = _changed(text, r"ratio: \{KET: 1, PBO: 1\}", f"ratio: {ratio}")
    if not kits:
        text = _changed(text, _SUPPLY, "  numbered_kits: false\n")
    if code_to:
        text = _changed(text, r"  level: double\n", f"  level: double\n  emergency_code_to: {code_to}\n")
    return load_protocol(text)


def without_kits() -> LoadedProtocol:
    """A trial in which the unblinded pharmacist prepares each dose."""
    return variant(kits=False)


def _changed(text: str, what: str, to: str) -> str:
    changed, found = re.subn(what, to, text)
    assert found == 1, "the shipped protocol is written in another way now"
    return changed
